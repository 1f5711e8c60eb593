// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../attestation/IQuoteVerifier.sol";
import {IAVSDirectory, IBLSSignatureCheckerTypes} from "./IEigenLayer.sol";

/// @title IMultiProverServiceManager
/// @notice The AVS as operators, aggregators and readers of confirmed states know it. Structs, events and
///         errors that the deployed multi-prover AVS has keep their names and shapes.
interface IMultiProverServiceManager is IBLSSignatureCheckerTypes {
    /// @notice A state that is to be confirmed.
    /// @param committeeId                Whose task it is.
    /// @param metadata                   The range (`RangeMetadata`).
    /// @param state                      What its provers found (`PoeState`).
    /// @param quorumNumbers              The committee's quorums, one byte each, strictly ascending.
    /// @param quorumThresholdPercentages Percent of each quorum's stake that signed, at least.
    /// @param referenceBlockNumber       Block at which stakes count.
    struct StateHeader {
        uint256 committeeId;
        bytes metadata;
        bytes state;
        bytes quorumNumbers;
        bytes quorumThresholdPercentages;
        uint32 referenceBlockNumber;
    }

    /// @notice What operators sign the hash of.
    /// @param committeeId          Whose task it is.
    /// @param metadata             The range.
    /// @param state                What the operator's prover found.
    /// @param referenceBlockNumber Block at which stakes count.
    struct ReducedStateHeader {
        uint256 committeeId;
        bytes metadata;
        bytes state;
        uint32 referenceBlockNumber;
    }

    /// @notice Operators that handle the same tasks.
    /// @param id               From 1.
    /// @param description      For people.
    /// @param metadata         For example the code that provers run.
    /// @param teeQuorumNumbers Its quorums, one byte each, strictly ascending.
    struct Committee {
        uint256 id;
        string description;
        bytes metadata;
        bytes teeQuorumNumbers;
    }

    /// @notice A quorum whose operators run one kind of environment.
    /// @param teeType      The kind.
    /// @param quorumNumber Number at the RegistryCoordinator.
    struct TEEQuorum {
        TEE teeType;
        uint8 quorumNumber;
    }

    /// @notice Which rollup a committee is asked about, and which ranges are tasks without being created.
    /// @param l2ChainId        EIP-155 id of the rollup.
    /// @param rollupConfigHash Hash of its configuration.
    /// @param oracle           Holds outputs that were proven (`IL2OutputOracle`); zero: none.
    /// @param firstBlock       First block of range 0, from 1.
    /// @param interval         Blocks of a range; zero: only created tasks.
    /// @param l2GenesisTime    Unix seconds of L2 block 0.
    /// @param l2BlockTime      Seconds between L2 blocks.
    /// @param window           Seconds from a range's last block in which it can be confirmed.
    /// @param minimumReward    Least reward with which anyone may create a task.
    /// @param reward           Reward of a range by policy, out of the reserve.
    /// @param rewardToken      What rewards are paid in; zero: there are none.
    struct RollupPolicy {
        uint256 l2ChainId;
        bytes32 rollupConfigHash;
        address oracle;
        uint64 firstBlock;
        uint64 interval;
        uint64 l2GenesisTime;
        uint32 l2BlockTime;
        uint32 window;
        uint96 minimumReward;
        uint96 reward;
        address rewardToken;
    }

    /// @notice A task that was created or confirmed.
    /// @param creator          Who created it; zero: it is a task by policy.
    /// @param deadline         Unix seconds until which it can be confirmed, inclusive.
    /// @param reward           What its signers share.
    /// @param rewardToken      In what.
    /// @param confirmedAt      Unix seconds; zero: it is not.
    /// @param confirmedBlock   Block of the confirmation.
    /// @param referenceBlock   Block at which stakes counted.
    /// @param settled          Whether the reward was paid or taken back.
    /// @param outputRoot       Output root of the last block.
    /// @param batchHash        What range it is, and up to which L1 head.
    /// @param recordHash       keccak256(keccak256(abi.encode(StateHeader)) ‖ signatory record hash ‖
    ///                         uint32 block of the confirmation).
    struct Task {
        address creator;
        uint64 deadline;
        uint96 reward;
        address rewardToken;
        uint64 confirmedAt;
        uint32 confirmedBlock;
        uint32 referenceBlock;
        bool settled;
        bytes32 outputRoot;
        bytes32 batchHash;
        bytes32 recordHash;
    }

    /// @notice Emitted when a state is confirmed.
    /// @param committeeId Whose task it was.
    /// @param metadata    The range.
    /// @param state       What was found.
    event StateConfirmed(uint256 indexed committeeId, bytes metadata, bytes state);

    /// @notice Emitted when a state is confirmed: what others need to check and to settle it.
    /// @param taskId              keccak256(abi.encode(committeeId, start, end)).
    /// @param committeeId         Whose task it was.
    /// @param endBlock            Last block of the range.
    /// @param startBlock          First block of the range.
    /// @param outputRoot          Output root of the last block.
    /// @param referenceBlock      Block at which stakes counted.
    /// @param nonSigners          Ids of the operators that did not sign, ascending.
    /// @param signedStakes        Signed stake of each of the committee's quorums.
    /// @param totalStakes         Total stake of each.
    event TaskConfirmed(
        bytes32 indexed taskId,
        uint256 indexed committeeId,
        uint64 indexed endBlock,
        uint64 startBlock,
        bytes32 outputRoot,
        uint32 referenceBlock,
        bytes32[] nonSigners,
        uint96[] signedStakes,
        uint96[] totalStakes
    );

    /// @notice Emitted when a task is created.
    /// @param taskId      Its name.
    /// @param committeeId Whose it is.
    /// @param creator     Who pays.
    /// @param startBlock  First block of the range.
    /// @param endBlock    Last block of the range.
    /// @param deadline    Unix seconds.
    /// @param reward      What its signers will share.
    event TaskCreated(
        bytes32 indexed taskId,
        uint256 indexed committeeId,
        address indexed creator,
        uint64 startBlock,
        uint64 endBlock,
        uint64 deadline,
        uint96 reward
    );

    /// @notice Emitted when the reward of a task that was not confirmed goes back to who created it.
    /// @param taskId  The task.
    /// @param creator Who gets it.
    /// @param reward  How much.
    event TaskRefunded(bytes32 indexed taskId, address indexed creator, uint96 reward);

    /// @notice Emitted when the state confirmer changes.
    /// @param previousConfirmer Before.
    /// @param currentConfirmer  From now on.
    event StateConfirmerUpdated(address previousConfirmer, address currentConfirmer);

    /// @notice Emitted when the manager of the allow-list changes.
    /// @param previousPoaManager Before.
    /// @param currentPoaManager  From now on.
    event PoAManagerUpdated(address previousPoaManager, address currentPoaManager);

    /// @notice Emitted when the manager of committees changes.
    /// @param previousCommitteeManager Before.
    /// @param currentCommitteeManager  From now on.
    event CommitteeManagerUpdated(
        address previousCommitteeManager, address currentCommitteeManager
    );

    /// @notice Emitted when the allow-list is switched.
    /// @param enabled Whether it counts.
    event PoAEnabled(bool enabled);

    /// @notice Emitted when an operator is put on the allow-list or taken off.
    /// @param operator The operator.
    /// @param listed   Whether it is on it.
    event OperatorListed(address indexed operator, bool listed);

    /// @notice Emitted when a committee is added or changed.
    /// @param committeeId      The committee.
    /// @param teeQuorumNumbers Its quorums.
    event CommitteeSet(uint256 indexed committeeId, bytes teeQuorumNumbers);

    /// @notice Emitted when a committee is removed.
    /// @param committeeId The committee.
    event CommitteeRemoved(uint256 indexed committeeId);

    /// @notice Emitted when a TEE quorum is added; NONE when it is removed.
    /// @param quorumNumber The quorum.
    /// @param teeType      Its kind of environment.
    event TEEQuorumSet(uint8 indexed quorumNumber, TEE teeType);

    /// @notice Emitted when a committee's rollup changes.
    /// @param committeeId The committee.
    /// @param policy      From now on.
    event RollupPolicySet(uint256 indexed committeeId, RollupPolicy policy);

    /// @notice Emitted when a quorum's least threshold changes.
    /// @param quorumNumber The quorum.
    /// @param percentage   From now on.
    event QuorumThresholdSet(uint8 indexed quorumNumber, uint8 percentage);

    /// @notice Emitted when the greatest age of reference blocks changes.
    /// @param blocks From now on.
    event MaxReferenceAgeSet(uint32 blocks);

    /// @notice Emitted when a helper of the AVS changes.
    /// @param kind    Which: livenessVerifier, slasher or rewards.
    /// @param account From now on.
    event ModuleSet(bytes32 indexed kind, address account);

    /// @notice Emitted when rewards of tasks by policy are funded.
    /// @param token  The token.
    /// @param amount How much.
    event ReserveFunded(address indexed token, uint256 amount);

    /// @notice Emitted when what may be paused changes.
    /// @param account         Who did it.
    /// @param newPausedStatus Bit i set: part i is paused.
    event Paused(address indexed account, uint256 newPausedStatus);

    /// @notice Emitted when a pause ends.
    /// @param account         Who did it.
    /// @param newPausedStatus Bit i set: part i is paused.
    event Unpaused(address indexed account, uint256 newPausedStatus);

    error NoPermission();
    error NotWhitelisted();
    error InvalidQuorumParam();
    error InvalidQuorum();
    error InsufficientThreshold();
    error ZeroAddr();
    error ZeroId();
    error CommitteeNotExist();
    error CommitteeExist();
    error TEEQuorumNotExist();
    error TEEQuorumExist();
    error TEEQuorumUsed();

    /// @notice Part `index` is paused.
    error CurrentlyPaused(uint8 index);

    /// @notice A pause may only add bits, its end only take some away.
    error InvalidPausedStatus();

    /// @notice A threshold is below the quorum's least, or no percentage.
    error ThresholdTooLow(uint8 quorumNumber, uint8 expected, uint8 actual);

    /// @notice All of the committee's quorums must sign.
    error QuorumMissing(uint256 expected, uint256 actual);

    /// @notice The reference block is too old.
    error ReferenceBlockTooOld(uint256 expected, uint256 actual);

    /// @notice The stakes of a quorum were not brought up to date within the time that is allowed.
    error StaleStakes(uint8 quorumNumber, uint256 updatedAt);

    /// @notice The range is no task of the committee.
    error UnknownTask(bytes32 taskId);

    /// @notice The task's time is over.
    error TaskExpired(uint256 deadline);

    /// @notice The task was confirmed before.
    error TaskAlreadyConfirmed(bytes32 taskId);

    /// @notice The task was created before, or is one by policy.
    error TaskExists(bytes32 taskId);

    /// @notice The task cannot be settled: not confirmed, not over, or settled before.
    error NotSettleable(bytes32 taskId);

    /// @notice A reward is below the committee's least.
    error RewardTooLow(uint256 expected, uint256 actual);

    /// @notice A deadline is over, or too far away.
    error InvalidDeadline(uint256 actual);

    /// @notice The signer's prover is not live, was not at the reference block, or is of another kind
    ///         than its quorum.
    error ProverNotLive(bytes32 operatorId, uint8 quorumNumber);

    /// @notice A value of the rollup's policy cannot be.
    error InvalidPolicy(bytes32 field);

    /// @notice Confirms a state that the committee's quorums signed. For the state confirmer.
    /// @param stateHeader                What is confirmed.
    /// @param nonSignerStakesAndSignature Who signed.
    function confirmState(
        StateHeader calldata stateHeader,
        NonSignerStakesAndSignature calldata nonSignerStakesAndSignature
    ) external;

    /// @notice Adds a committee. For the committee manager.
    /// @param committee The committee.
    function addCommittee(Committee calldata committee) external;

    /// @notice Changes a committee. For the committee manager.
    /// @param committee The committee.
    function updateCommittee(Committee calldata committee) external;

    /// @notice Removes a committee. For the committee manager.
    /// @param committeeId The committee.
    function removeCommittee(uint256 committeeId) external;

    /// @notice Binds a quorum to a kind of environment. For the committee manager.
    /// @param teeQuorum The quorum.
    function addTEEQuorum(TEEQuorum calldata teeQuorum) external;

    /// @notice Undoes that; no committee may have it. For the committee manager.
    /// @param quorumNumber The quorum.
    function removeTEEQuorum(uint8 quorumNumber) external;

    /// @notice Registers an operator at the AVSDirectory (M2). For the RegistryCoordinator.
    /// @param operator          The operator.
    /// @param operatorSignature Its consent.
    function registerOperatorToAVS(
        address operator,
        IAVSDirectory.SignatureWithSaltAndExpiry calldata operatorSignature
    ) external;

    /// @notice Takes an operator out there. For the RegistryCoordinator.
    /// @param operator The operator.
    function deregisterOperatorFromAVS(address operator) external;
}
