// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPauserRegistry} from "./interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "./interfaces/IMultiProverServiceManager.sol";
import {
    OwnableUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";

/// @title AvsRoles
/// @notice Who may do what in the AVS: owner, confirmer, managers, the allow-list, pausers.
abstract contract AvsRoles is OwnableUpgradeable, IMultiProverServiceManager {
    /// @notice Part that confirms states.
    uint8 public constant PAUSED_SUBMIT_STATE = 0;

    /// @notice Part that registers operators (M2).
    uint8 public constant PAUSED_OPERATOR_REGISTRATION = 1;

    /// @notice Part that creates tasks.
    uint8 public constant PAUSED_CREATE_TASK = 2;

    /// @notice Who may pause.
    IPauserRegistry public pauserRegistry;

    /// @notice Who confirms states; a contract may.
    address public stateConfirmer;

    /// @notice Who keeps the allow-list.
    address public poaManager;

    /// @notice Who keeps committees and quorums.
    address public committeeManager;

    /// @notice Whether only listed operators count.
    bool public poaEnabled;

    /// @notice The allow-list.
    mapping(address operator => bool) public operatorWhitelist;

    uint256 private _paused;

    /// @dev Room for later versions.
    uint256[43] private __gapRoles;

    modifier onlyWhenNotPaused(uint8 index) {
        _requireNotPaused(index);
        _;
    }

    modifier onlyCommitteeManager() {
        _requireIs(committeeManager);
        _;
    }

    modifier onlyPoAManager() {
        _requireIs(poaManager);
        _;
    }

    /// @notice Pauses parts. For a pauser.
    /// @param newPausedStatus Bit i set: part i is paused; what is paused stays so.
    function pause(uint256 newPausedStatus) external {
        if (!pauserRegistry.isPauser(msg.sender)) revert NoPermission();
        if (_paused & newPausedStatus != _paused) revert InvalidPausedStatus();
        _setPaused(newPausedStatus);
        emit Paused(msg.sender, newPausedStatus);
    }

    /// @notice Ends pauses. For the unpauser.
    /// @param newPausedStatus Bit i set: part i stays paused; none is added.
    function unpause(uint256 newPausedStatus) external {
        if (msg.sender != pauserRegistry.unpauser()) revert NoPermission();
        if (newPausedStatus & ~_paused != 0) revert InvalidPausedStatus();
        _setPaused(newPausedStatus);
        emit Unpaused(msg.sender, newPausedStatus);
    }

    /// @notice Whether a part is paused.
    /// @param index The part.
    /// @return True when it is.
    function paused(uint8 index) public view returns (bool) {
        return _paused >> index & 1 == 1;
    }

    /// @notice What is paused.
    /// @return Bit i set: part i is.
    function paused() external view returns (uint256) {
        return _paused;
    }

    /// @notice Sets who confirms states. For the owner.
    /// @param confirmer From now on.
    function setStateConfirmer(address confirmer) external onlyOwner {
        _setStateConfirmer(confirmer);
    }

    /// @notice Sets who keeps the allow-list. For the owner.
    /// @param manager From now on.
    function setPoAManager(address manager) external onlyOwner {
        _setPoAManager(manager);
    }

    /// @notice Sets who keeps committees. For the owner.
    /// @param manager From now on.
    function setCommitteeManager(address manager) external onlyOwner {
        _setCommitteeManager(manager);
    }

    /// @notice Lets only listed operators count. For the PoA manager.
    function enablePoA() external onlyPoAManager {
        _setPoAEnabled(true);
    }

    /// @notice Lets all operators count. For the PoA manager.
    function disablePoA() external onlyPoAManager {
        _setPoAEnabled(false);
    }

    /// @notice Puts an operator on the allow-list. For the PoA manager.
    /// @param operator The operator.
    function whitelistOperator(address operator) external onlyPoAManager {
        if (operator == address(0)) revert ZeroAddr();
        operatorWhitelist[operator] = true;
        emit OperatorListed(operator, true);
    }

    /// @notice Takes an operator off the allow-list. For the PoA manager.
    /// @param operator The operator.
    function blacklistOperator(address operator) external onlyPoAManager {
        operatorWhitelist[operator] = false;
        emit OperatorListed(operator, false);
    }

    function __AvsRoles_init(
        IPauserRegistry pausers,
        uint256 pausedStatus,
        address owner_,
        address confirmer,
        address poaManager_,
        address committeeManager_,
        bool isPoaEnabled
    ) internal onlyInitializing {
        __Ownable_init(owner_);
        if (address(pausers) == address(0)) revert ZeroAddr();
        pauserRegistry = pausers;
        _setPaused(pausedStatus);
        emit Paused(msg.sender, pausedStatus);
        _setStateConfirmer(confirmer);
        _setPoAManager(poaManager_);
        _setCommitteeManager(committeeManager_);
        _setPoAEnabled(isPoaEnabled);
    }

    /// @dev Whether the allow-list lets an operator count.
    function _isListed(address operator) internal view returns (bool) {
        return !poaEnabled || operatorWhitelist[operator];
    }

    function _requireIs(address account) internal view {
        if (msg.sender != account) revert NoPermission();
    }

    function _requireNotPaused(uint8 index) private view {
        if (paused(index)) revert CurrentlyPaused(index);
    }

    function _setPaused(uint256 status) private {
        _paused = status;
    }

    function _setPoAEnabled(bool enabled) private {
        poaEnabled = enabled;
        emit PoAEnabled(enabled);
    }

    function _setStateConfirmer(address account) private {
        if (account == address(0)) revert ZeroAddr();
        emit StateConfirmerUpdated(stateConfirmer, account);
        stateConfirmer = account;
    }

    function _setPoAManager(address account) private {
        if (account == address(0)) revert ZeroAddr();
        emit PoAManagerUpdated(poaManager, account);
        poaManager = account;
    }

    function _setCommitteeManager(address account) private {
        if (account == address(0)) revert ZeroAddr();
        emit CommitteeManagerUpdated(committeeManager, account);
        committeeManager = account;
    }
}
