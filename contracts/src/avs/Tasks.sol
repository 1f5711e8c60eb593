// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committees} from "./Committees.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Tasks
/// @notice What committees are asked: ranges by their rollup's policy, and ranges that somebody pays
///         for. One range of a committee is one task, and is confirmed once.
abstract contract Tasks is Committees {
    using SafeERC20 for IERC20;

    /// @notice Longest time that a created task may be open.
    uint64 public constant MAX_TASK_TIME = 30 days;

    /// @notice What is left to pay rewards of tasks by policy, by token.
    mapping(address token => uint256) public reserve;

    /// @notice Pays rewards.
    address public rewards;

    mapping(bytes32 taskId => Task) internal _tasks;

    /// @dev Room for later versions.
    uint256[45] private __gapTasks;

    /// @notice The name of a range as a committee's task.
    /// @param committeeId The committee.
    /// @param startBlock  First block that is executed.
    /// @param endBlock    Last block that is executed.
    /// @return keccak256 of the three, ABI-encoded.
    function taskIdOf(uint256 committeeId, uint64 startBlock, uint64 endBlock)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(committeeId, startBlock, endBlock));
    }

    /// @notice Asks a committee about a range and pays for the answer.
    /// @param committeeId The committee.
    /// @param startBlock  First block that is executed, from 1.
    /// @param endBlock    Last block that is executed.
    /// @param deadline    Unix seconds until which the answer counts, inclusive.
    /// @param reward      What its signers share, taken from the caller in the rollup's token.
    /// @return taskId     The task's name.
    function createTask(
        uint256 committeeId,
        uint64 startBlock,
        uint64 endBlock,
        uint64 deadline,
        uint96 reward
    ) external onlyWhenNotPaused(PAUSED_CREATE_TASK) returns (bytes32 taskId) {
        if (_committees[committeeId].id == 0) revert CommitteeNotExist();
        RollupPolicy storage policy = _policies[committeeId];
        taskId = taskIdOf(committeeId, startBlock, endBlock);
        address token = policy.rewardToken;
        if (token == address(0) || startBlock == 0 || endBlock < startBlock) {
            revert UnknownTask(taskId);
        }
        uint256 least = policy.minimumReward < LEAST_REWARD ? LEAST_REWARD : policy.minimumReward;
        if (reward < least) revert RewardTooLow(least, reward);
        if (deadline <= block.timestamp || deadline > block.timestamp + MAX_TASK_TIME) {
            revert InvalidDeadline(deadline);
        }
        Task storage task = _tasks[taskId];
        if (
            task.creator != address(0) || task.confirmedAt != 0
                || _isByPolicy(policy, startBlock, endBlock)
        ) revert TaskExists(taskId);
        task.creator = msg.sender;
        task.deadline = deadline;
        task.reward = reward;
        task.rewardToken = token;
        emit TaskCreated(taskId, committeeId, msg.sender, startBlock, endBlock, deadline, reward);
        _collect(token, reward);
    }

    /// @notice Gives the reward of a created task back that was not confirmed in time.
    /// @param taskId The task.
    function refundTask(bytes32 taskId) external {
        Task storage task = _tasks[taskId];
        bool isOver = task.creator != address(0) && task.confirmedAt == 0
            && block.timestamp > task.deadline && !task.settled;
        if (!isOver) revert NotSettleable(taskId);
        task.settled = true;
        emit TaskRefunded(taskId, task.creator, task.reward);
        IERC20(task.rewardToken).safeTransfer(task.creator, task.reward);
    }

    /// @notice Pays in for rewards of tasks by policy.
    /// @param token  What rewards are paid in.
    /// @param amount How much, taken from the caller.
    function fundReserve(address token, uint256 amount) external {
        reserve[token] += amount;
        emit ReserveFunded(token, amount);
        _collect(token, amount);
    }

    /// @notice Hands the reward of a confirmed task over, once. For the rewards contract.
    /// @param taskId The task.
    /// @return token What it is paid in.
    /// @return amount How much.
    function takeReward(bytes32 taskId) external returns (address token, uint96 amount) {
        _requireIs(rewards);
        Task storage task = _tasks[taskId];
        if (task.confirmedAt == 0 || task.settled || task.reward == 0) {
            revert NotSettleable(taskId);
        }
        task.settled = true;
        (token, amount) = (task.rewardToken, task.reward);
        IERC20(token).safeTransfer(msg.sender, amount);
    }

    /// @notice A task that was created or confirmed; empty when it was neither.
    /// @param taskId The task.
    /// @return The task.
    function taskOf(bytes32 taskId) external view returns (Task memory) {
        return _tasks[taskId];
    }

    /// @notice Until when a range can be confirmed.
    /// @param committeeId The committee.
    /// @param startBlock  First block of the range.
    /// @param endBlock    Last block of the range.
    /// @return Unix seconds, inclusive; zero when the range is no task.
    function deadlineOf(uint256 committeeId, uint64 startBlock, uint64 endBlock)
        public
        view
        returns (uint256)
    {
        Task storage task = _tasks[taskIdOf(committeeId, startBlock, endBlock)];
        if (task.creator != address(0)) return task.deadline;
        RollupPolicy storage policy = _policies[committeeId];
        if (!_isByPolicy(policy, startBlock, endBlock)) return 0;
        return
            uint256(policy.l2GenesisTime) + uint256(endBlock) * policy.l2BlockTime + policy.window;
    }

    /// @dev Opens a task's record for its confirmation.
    function _toConfirm(uint256 committeeId, uint64 startBlock, uint64 endBlock)
        internal
        returns (bytes32 taskId, Task storage task)
    {
        taskId = taskIdOf(committeeId, startBlock, endBlock);
        task = _tasks[taskId];
        if (task.confirmedAt != 0) revert TaskAlreadyConfirmed(taskId);
        uint256 deadline = deadlineOf(committeeId, startBlock, endBlock);
        if (deadline == 0) revert UnknownTask(taskId);
        // A refund needs the same deadline to be over: no task is both refunded and confirmed.
        if (block.timestamp > deadline) revert TaskExpired(deadline);
        if (task.creator == address(0)) {
            RollupPolicy storage policy = _policies[committeeId];
            uint96 reward = policy.reward;
            // A task is confirmed whether or not there is something left to pay for it.
            if (reward > 0 && reserve[policy.rewardToken] >= reward) {
                reserve[policy.rewardToken] -= reward;
                task.reward = reward;
                task.rewardToken = policy.rewardToken;
            }
        }
    }

    function _collect(address token, uint256 amount) private {
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    function _isByPolicy(RollupPolicy storage policy, uint64 startBlock, uint64 endBlock)
        private
        view
        returns (bool)
    {
        (uint64 first, uint64 interval) = (policy.firstBlock, policy.interval);
        return interval != 0 && startBlock >= first && (startBlock - first) % interval == 0
            && endBlock >= startBlock && endBlock - startBlock == interval - 1;
    }
}
