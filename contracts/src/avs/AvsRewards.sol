// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MultiProverServiceManager} from "./MultiProverServiceManager.sol";
import {SignedRecord} from "./SignedRecord.sol";
import {
    IIndexRegistry,
    IRegistryCoordinator,
    IRewardsCoordinator,
    IStakeRegistry
} from "./interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "./interfaces/IMultiProverServiceManager.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title AvsRewards
/// @notice Splits a task's reward among the operators that signed its confirmed state and hands it to
///         EigenLayer. Anyone may call; the split follows from the chain alone: each quorum gets an equal
///         part, and each of its signers as much of that as it has of the signed stake. What division
///         leaves goes to the operator with the lowest address. The AVS must have appointed this contract
///         for `createOperatorDirectedAVSRewardsSubmission`.
contract AvsRewards is Ownable {
    using SafeERC20 for IERC20;

    /// @notice The AVS.
    MultiProverServiceManager public immutable serviceManager;

    /// @notice EigenLayer's distributor.
    IRewardsCoordinator public immutable rewardsCoordinator;

    /// @notice Who is in which quorum.
    IRegistryCoordinator public immutable registryCoordinator;

    /// @notice Stakes.
    IStakeRegistry public immutable stakeRegistry;

    /// @notice Lists of operators.
    IIndexRegistry public immutable indexRegistry;

    /// @notice How many intervals before that of the confirmation a reward is for: EigenLayer takes what
    ///         is for a whole interval that is over, and an interval has at least a day.
    uint32 public immutable intervalsBefore;

    IRewardsCoordinator.StrategyAndMultiplier[] private _strategies;

    /// @notice Emitted when a task's reward is handed to EigenLayer.
    /// @param taskId    The task.
    /// @param token     What is paid.
    /// @param operators Who gets it, ascending.
    /// @param amounts   How much each.
    event RewardSettled(
        bytes32 indexed taskId, address indexed token, address[] operators, uint256[] amounts
    );

    /// @notice Emitted when it changes how an operator's stakers share.
    /// @param strategies From now on.
    event StrategiesSet(IRewardsCoordinator.StrategyAndMultiplier[] strategies);

    /// @notice EigenLayer takes rewards of an interval that is over.
    error TooEarly(uint256 from);

    /// @notice A list of stakes does not have one for each operator.
    error StakesMismatch(uint256 expected, uint256 actual);

    /// @notice Strategies are not strictly ascending, or there is none.
    error InvalidStrategies();

    /// @notice Sets the AVS and EigenLayer's distributor.
    /// @param owner_      Sets how stakers share.
    /// @param manager     The AVS.
    /// @param coordinator The distributor.
    /// @param strategies  How stakers share, strictly ascending.
    /// @param intervals   0: stakers of the confirmation's own interval share, once it is over; 1: those
    ///                    of the one before, at once.
    constructor(
        address owner_,
        MultiProverServiceManager manager,
        IRewardsCoordinator coordinator,
        IRewardsCoordinator.StrategyAndMultiplier[] memory strategies,
        uint32 intervals
    ) Ownable(owner_) {
        intervalsBefore = intervals;
        serviceManager = manager;
        rewardsCoordinator = coordinator;
        registryCoordinator = manager.registryCoordinator();
        stakeRegistry = manager.stakeRegistry();
        indexRegistry = manager.indexRegistry();
        _setStrategies(strategies);
    }

    /// @notice Sets how an operator's stakers share what it gets. For the owner.
    /// @param strategies Strictly ascending.
    function setStrategies(IRewardsCoordinator.StrategyAndMultiplier[] memory strategies)
        external
        onlyOwner
    {
        _setStrategies(strategies);
    }

    /// @notice Hands the reward of a confirmed task to EigenLayer, once.
    /// @param header       What was confirmed.
    /// @param nonSigners   Ids of the operators that did not sign.
    /// @param stakeIndices For each quorum, and each operator in the order of the IndexRegistry's list at
    ///                     the reference block, the place in its history of stakes; not read for
    ///                     non-signers.
    function settle(
        IMultiProverServiceManager.StateHeader calldata header,
        bytes32[] calldata nonSigners,
        uint32[][] calldata stakeIndices
    ) external {
        (bytes32 taskId, IMultiProverServiceManager.Task memory task) =
            SignedRecord.open(serviceManager, header, nonSigners);
        uint32 interval = rewardsCoordinator.CALCULATION_INTERVAL_SECONDS();
        uint256 start = (task.confirmedAt / interval - intervalsBefore) * interval;
        if (block.timestamp <= start + interval) revert TooEarly(start + interval + 1);
        (address token, uint96 amount) = serviceManager.takeReward(taskId);
        IRewardsCoordinator.OperatorReward[] memory split =
            splitOf(header, nonSigners, stakeIndices, amount);

        IRewardsCoordinator.OperatorDirectedRewardsSubmission[] memory submissions =
            new IRewardsCoordinator.OperatorDirectedRewardsSubmission[](1);
        submissions[0] = IRewardsCoordinator.OperatorDirectedRewardsSubmission({
            strategiesAndMultipliers: _strategies,
            token: token,
            operatorRewards: split,
            startTimestamp: uint32(start),
            duration: interval,
            description: "multi-prover task"
        });
        IERC20(token).forceApprove(address(rewardsCoordinator), amount);
        rewardsCoordinator.createOperatorDirectedAVSRewardsSubmission(
            address(serviceManager), submissions
        );
        (address[] memory operators, uint256[] memory amounts) = _columns(split);
        emit RewardSettled(taskId, token, operators, amounts);
    }

    /// @notice How an amount is split among a header's signers.
    /// @param header       The header.
    /// @param nonSigners   Ids of the operators that did not sign.
    /// @param stakeIndices As for `settle`.
    /// @param amount       What is split.
    /// @return split       Operators ascending by address, each with more than nothing.
    function splitOf(
        IMultiProverServiceManager.StateHeader calldata header,
        bytes32[] calldata nonSigners,
        uint32[][] calldata stakeIndices,
        uint256 amount
    ) public view returns (IRewardsCoordinator.OperatorReward[] memory split) {
        uint256 quorums = header.quorumNumbers.length;
        if (stakeIndices.length != quorums) revert StakesMismatch(quorums, stakeIndices.length);
        uint256 paid = 0;
        for (uint256 i = 0; i < quorums; ++i) {
            IRewardsCoordinator.OperatorReward[] memory stakes = _signedStakes(
                uint8(header.quorumNumbers[i]),
                header.referenceBlockNumber,
                nonSigners,
                stakeIndices[i]
            );
            uint256 signed = 0;
            for (uint256 j = 0; j < stakes.length; ++j) {
                signed += stakes[j].amount;
            }
            for (uint256 j = 0; j < stakes.length; ++j) {
                uint256 part = amount / quorums * stakes[j].amount / signed;
                paid += part;
                if (part > 0) split = _added(split, stakes[j].operator, part);
            }
        }
        split[0].amount += amount - paid;
    }

    /// @notice How an operator's stakers share what it gets.
    /// @return Strategies with their weights.
    function strategiesAndMultipliers()
        external
        view
        returns (IRewardsCoordinator.StrategyAndMultiplier[] memory)
    {
        return _strategies;
    }

    /// @dev A quorum's signers with their stakes at the reference block.
    function _signedStakes(
        uint8 quorum,
        uint32 referenceBlock,
        bytes32[] calldata nonSigners,
        uint32[] calldata indices
    ) private view returns (IRewardsCoordinator.OperatorReward[] memory stakes) {
        bytes32[] memory ids = indexRegistry.getOperatorListAtBlockNumber(quorum, referenceBlock);
        if (indices.length != ids.length) revert StakesMismatch(ids.length, indices.length);
        stakes = new IRewardsCoordinator.OperatorReward[](ids.length);
        for (uint256 j = 0; j < ids.length; ++j) {
            if (SignedRecord.contains(nonSigners, ids[j])) continue;
            stakes[j] = IRewardsCoordinator.OperatorReward({
                operator: registryCoordinator.getOperatorFromId(ids[j]),
                amount: stakeRegistry.getStakeAtBlockNumberAndIndex(
                    quorum, referenceBlock, ids[j], indices[j]
                )
            });
        }
    }

    /// @dev A list with one more reward, still ascending by operator and each once.
    function _added(
        IRewardsCoordinator.OperatorReward[] memory list,
        address operator,
        uint256 amount
    ) private pure returns (IRewardsCoordinator.OperatorReward[] memory longer) {
        uint256 place = 0;
        while (place < list.length && list[place].operator < operator) ++place;
        if (place < list.length && list[place].operator == operator) {
            list[place].amount += amount;
            return list;
        }
        longer = new IRewardsCoordinator.OperatorReward[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i < place ? i : i + 1] = list[i];
        }
        longer[place] = IRewardsCoordinator.OperatorReward({operator: operator, amount: amount});
    }

    function _columns(IRewardsCoordinator.OperatorReward[] memory split)
        private
        pure
        returns (address[] memory operators, uint256[] memory amounts)
    {
        operators = new address[](split.length);
        amounts = new uint256[](split.length);
        for (uint256 i = 0; i < split.length; ++i) {
            (operators[i], amounts[i]) = (split[i].operator, split[i].amount);
        }
    }

    function _setStrategies(IRewardsCoordinator.StrategyAndMultiplier[] memory strategies) private {
        if (strategies.length == 0) revert InvalidStrategies();
        delete _strategies;
        for (uint256 i = 0; i < strategies.length; ++i) {
            if (i > 0 && strategies[i].strategy <= strategies[i - 1].strategy) {
                revert InvalidStrategies();
            }
            _strategies.push(strategies[i]);
        }
        emit StrategiesSet(strategies);
    }
}
