// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPauserRegistry} from "../../avs/interfaces/IEigenLayer.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

// Small parts of EigenLayer that its published artifacts lack, for development chains.

/// @title DevSocketRegistry
/// @notice Where operators say that they can be reached.
contract DevSocketRegistry {
    /// @notice The RegistryCoordinator.
    address public immutable registryCoordinator;

    /// @notice An operator's socket.
    mapping(bytes32 operatorId => string) public getOperatorSocket;

    /// @notice Only the coordinator may.
    error OnlyRegistryCoordinator();

    /// @notice Belongs to one coordinator.
    /// @param coordinator The RegistryCoordinator.
    constructor(address coordinator) {
        registryCoordinator = coordinator;
    }

    /// @notice Notes an operator's socket.
    /// @param operatorId The operator.
    /// @param socket     Where it is reached.
    function setOperatorSocket(bytes32 operatorId, string calldata socket) external {
        if (msg.sender != registryCoordinator) revert OnlyRegistryCoordinator();
        getOperatorSocket[operatorId] = socket;
    }
}

/// @title DevPauserRegistry
/// @notice One account pauses and ends pauses.
contract DevPauserRegistry is IPauserRegistry {
    /// @inheritdoc IPauserRegistry
    address public immutable unpauser;

    /// @notice Sets the account.
    /// @param account Pauses and ends pauses.
    constructor(address account) {
        unpauser = account;
    }

    /// @inheritdoc IPauserRegistry
    function isPauser(address pauser) external view returns (bool) {
        return pauser == unpauser;
    }
}

/// @title DevEigenPodManager
/// @notice Nobody has restaked at the beacon chain.
contract DevEigenPodManager {
    /// @notice Shares of a staker.
    /// @return None.
    function stakerDepositShares(address, address) external pure returns (uint256) {
        return 0;
    }

    /// @notice Shares of a pod's owner.
    /// @return None.
    function podOwnerDepositShares(address) external pure returns (int256) {
        return 0;
    }

    /// @notice What the beacon chain left of a staker's shares.
    /// @return All, and that it was never slashed.
    function beaconChainSlashingFactor(address) external pure returns (uint64) {
        return 1e18;
    }
}

/// @title DevToken
/// @notice A token that its maker has all of.
contract DevToken is ERC20 {
    /// @notice Makes the token.
    /// @param supply All of it, for the caller.
    constructor(uint256 supply) ERC20("Development stake", "DEV") {
        _mint(msg.sender, supply);
    }
}

/// @title DevStrategy
/// @notice Holds what is deposited through the StrategyManager; one share is one unit of the token.
contract DevStrategy {
    using SafeERC20 for IERC20;

    /// @notice The StrategyManager.
    address public immutable strategyManager;

    /// @notice What is deposited.
    IERC20 public immutable underlyingToken;

    /// @notice Shares of all stakers.
    uint256 public totalShares;

    /// @notice Only the StrategyManager may.
    error OnlyStrategyManager();

    /// @notice Another token is held here.
    error OnlyUnderlyingToken();

    /// @notice More is asked for than there is.
    error WithdrawalAmountExceedsTotalDeposits();

    /// @notice Belongs to one manager and token.
    /// @param manager The StrategyManager.
    /// @param token   What is deposited.
    constructor(address manager, IERC20 token) {
        strategyManager = manager;
        underlyingToken = token;
    }

    modifier onlyManager() {
        if (msg.sender != strategyManager) revert OnlyStrategyManager();
        _;
    }

    /// @notice Notes a deposit that the manager moved here before.
    /// @param token  The token.
    /// @param amount How much.
    /// @return newShares As many shares.
    function deposit(IERC20 token, uint256 amount)
        external
        onlyManager
        returns (uint256 newShares)
    {
        if (address(token) != address(underlyingToken)) {
            revert OnlyUnderlyingToken();
        }
        totalShares += amount;
        return amount;
    }

    /// @notice Pays out shares.
    /// @param recipient    Who gets it.
    /// @param token        The token.
    /// @param amountShares How many.
    function withdraw(address recipient, IERC20 token, uint256 amountShares) external onlyManager {
        if (address(token) != address(underlyingToken)) revert OnlyUnderlyingToken();
        if (amountShares > totalShares) revert WithdrawalAmountExceedsTotalDeposits();
        totalShares -= amountShares;
        token.safeTransfer(recipient, amountShares);
    }

    /// @notice What shares are worth.
    /// @param amountShares How many.
    /// @return As many of the token.
    function sharesToUnderlyingView(uint256 amountShares) external pure returns (uint256) {
        return amountShares;
    }

    /// @notice A staker's shares at the manager.
    /// @param staker The staker.
    /// @return Number of shares.
    function shares(address staker) external view returns (uint256) {
        (bool success, bytes memory answer) = strategyManager.staticcall(
            abi.encodeWithSignature("stakerDepositShares(address,address)", staker, address(this))
        );
        return success && answer.length == 32 ? abi.decode(answer, (uint256)) : 0;
    }
}
