// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../attestation/IQuoteVerifier.sol";
import {AvsRoles} from "./AvsRoles.sol";
import {IMultiProverServiceManager} from "./interfaces/IMultiProverServiceManager.sol";

/// @title Committees
/// @notice Committees, their quorums, and the rollup that each is asked about.
abstract contract Committees is AvsRoles {
    /// @notice Least percentage that a quorum's threshold can be: two states cannot both have it.
    uint8 public constant MIN_THRESHOLD = 51;

    /// @notice Percentage of a quorum for which none was set.
    uint8 public constant DEFAULT_THRESHOLD = 67;

    /// @notice Least reward: so much can be split without leaving an operator nothing.
    uint96 public constant LEAST_REWARD = 1e9;

    /// @notice Kind of environment of each quorum; NONE: it is not a TEE quorum.
    mapping(uint8 quorumNumber => TEE) public teeQuorums;

    /// @notice The committee that has a quorum; zero: none.
    mapping(uint8 quorumNumber => uint256) public quorumIdToCommitteeId;

    mapping(uint256 committeeId => Committee) internal _committees;

    mapping(uint256 committeeId => RollupPolicy) internal _policies;

    mapping(uint8 quorumNumber => uint8) private _thresholds;

    /// @dev Room for later versions.
    uint256[45] private __gapCommittees;

    /// @inheritdoc IMultiProverServiceManager
    function addCommittee(Committee calldata committee) external onlyCommitteeManager {
        if (committee.id == 0) revert ZeroId();
        if (_committees[committee.id].id != 0) revert CommitteeExist();
        _setCommittee(committee);
    }

    /// @inheritdoc IMultiProverServiceManager
    function updateCommittee(Committee calldata committee) external onlyCommitteeManager {
        _freeQuorums(committee.id);
        _setCommittee(committee);
    }

    /// @inheritdoc IMultiProverServiceManager
    function removeCommittee(uint256 committeeId) external onlyCommitteeManager {
        _freeQuorums(committeeId);
        delete _committees[committeeId];
        emit CommitteeRemoved(committeeId);
    }

    /// @inheritdoc IMultiProverServiceManager
    function addTEEQuorum(TEEQuorum calldata teeQuorum) external onlyCommitteeManager {
        if (teeQuorum.teeType == TEE.NONE) revert InvalidQuorumParam();
        // EigenLayer has 192 quorums at most.
        if (teeQuorum.quorumNumber >= 192) revert InvalidQuorumParam();
        if (teeQuorums[teeQuorum.quorumNumber] != TEE.NONE) revert TEEQuorumExist();
        teeQuorums[teeQuorum.quorumNumber] = teeQuorum.teeType;
        emit TEEQuorumSet(teeQuorum.quorumNumber, teeQuorum.teeType);
    }

    /// @inheritdoc IMultiProverServiceManager
    function removeTEEQuorum(uint8 quorumNumber) external onlyCommitteeManager {
        if (teeQuorums[quorumNumber] == TEE.NONE) revert TEEQuorumNotExist();
        if (quorumIdToCommitteeId[quorumNumber] != 0) revert TEEQuorumUsed();
        delete teeQuorums[quorumNumber];
        emit TEEQuorumSet(quorumNumber, TEE.NONE);
    }

    /// @notice Says which rollup a committee is asked about. For the committee manager.
    /// @param committeeId The committee.
    /// @param policy      The rollup and its ranges.
    function setRollupPolicy(uint256 committeeId, RollupPolicy calldata policy)
        external
        onlyCommitteeManager
    {
        if (_committees[committeeId].id == 0) revert CommitteeNotExist();
        if (policy.l2ChainId == 0) revert InvalidPolicy("l2ChainId");
        if (policy.rollupConfigHash == bytes32(0)) revert InvalidPolicy("rollupConfigHash");
        if (policy.firstBlock == 0) revert InvalidPolicy("firstBlock");
        if (policy.l2BlockTime == 0) revert InvalidPolicy("l2BlockTime");
        if (policy.window == 0) revert InvalidPolicy("window");
        if (policy.reward > 0) {
            if (policy.rewardToken == address(0)) revert InvalidPolicy("rewardToken");
            if (policy.reward < LEAST_REWARD) revert InvalidPolicy("reward");
        }
        _policies[committeeId] = policy;
        emit RollupPolicySet(committeeId, policy);
    }

    /// @notice Sets the least percentage of a quorum's stake that must sign. For the owner.
    /// @param quorumNumber The quorum.
    /// @param percentage   51 to 100.
    function setQuorumThreshold(uint8 quorumNumber, uint8 percentage) external onlyOwner {
        if (percentage < MIN_THRESHOLD || percentage > 100) {
            revert ThresholdTooLow(quorumNumber, MIN_THRESHOLD, percentage);
        }
        _thresholds[quorumNumber] = percentage;
        emit QuorumThresholdSet(quorumNumber, percentage);
    }

    /// @notice A committee; its id is zero when there is none.
    /// @param committeeId The committee.
    /// @return The committee.
    function committees(uint256 committeeId) external view returns (Committee memory) {
        return _committees[committeeId];
    }

    /// @notice The rollup that a committee is asked about.
    /// @param committeeId The committee.
    /// @return The rollup and its ranges.
    function rollupPolicy(uint256 committeeId) external view returns (RollupPolicy memory) {
        return _policies[committeeId];
    }

    /// @notice Least percentage of a quorum's stake that must sign.
    /// @param quorumNumber The quorum.
    /// @return Percentage.
    function quorumThreshold(uint8 quorumNumber) public view returns (uint8) {
        uint8 percentage = _thresholds[quorumNumber];
        return percentage == 0 ? DEFAULT_THRESHOLD : percentage;
    }

    /// @dev That the header names all quorums of its committee, each with threshold enough.
    function _checkQuorums(StateHeader calldata header) internal view {
        bytes calldata quorums = header.quorumNumbers;
        if (quorums.length != header.quorumThresholdPercentages.length) {
            revert InvalidQuorumParam();
        }
        Committee storage committee = _committees[header.committeeId];
        if (committee.id == 0) revert CommitteeNotExist();
        uint256 expected = committee.teeQuorumNumbers.length;
        if (quorums.length != expected) revert QuorumMissing(expected, quorums.length);
        for (uint256 i = 0; i < quorums.length; ++i) {
            uint8 quorum = uint8(quorums[i]);
            if (quorumIdToCommitteeId[quorum] != header.committeeId) revert InvalidQuorum();
            uint8 least = quorumThreshold(quorum);
            uint8 percentage = uint8(header.quorumThresholdPercentages[i]);
            if (percentage < least || percentage > 100) {
                revert ThresholdTooLow(quorum, least, percentage);
            }
        }
    }

    function _setCommittee(Committee calldata committee) private {
        bytes calldata quorums = committee.teeQuorumNumbers;
        if (quorums.length == 0) revert InvalidQuorumParam();
        for (uint256 i = 0; i < quorums.length; ++i) {
            uint8 quorum = uint8(quorums[i]);
            if (i > 0 && quorum <= uint8(quorums[i - 1])) revert InvalidQuorumParam();
            if (teeQuorums[quorum] == TEE.NONE) revert TEEQuorumNotExist();
            if (quorumIdToCommitteeId[quorum] != 0) revert TEEQuorumUsed();
            quorumIdToCommitteeId[quorum] = committee.id;
        }
        _committees[committee.id] = committee;
        emit CommitteeSet(committee.id, quorums);
    }

    function _freeQuorums(uint256 committeeId) private {
        Committee storage committee = _committees[committeeId];
        if (committee.id == 0) revert CommitteeNotExist();
        bytes memory quorums = committee.teeQuorumNumbers;
        for (uint256 i = 0; i < quorums.length; ++i) {
            delete quorumIdToCommitteeId[uint8(quorums[i])];
        }
    }
}
