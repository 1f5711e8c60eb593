// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BN254} from "../BN254.sol";

// The parts of EigenLayer's contracts that the AVS calls, as they are deployed. Names of functions and
// structs are theirs.

/// @title IRegistryCoordinator
/// @notice Who is in which quorum.
interface IRegistryCoordinator {
    /// @notice An operator's quorums at a block; reverts when the index is not that block's.
    /// @param operatorId  keccak256 of its G1 key.
    /// @param blockNumber Block to look at.
    /// @param index       Place in the operator's history.
    /// @return Bit q is set for quorum q.
    function getQuorumBitmapAtBlockNumberByIndex(
        bytes32 operatorId,
        uint32 blockNumber,
        uint256 index
    ) external view returns (uint192);

    /// @notice The account of an operator id.
    /// @param operatorId keccak256 of its G1 key.
    /// @return The operator.
    function getOperatorFromId(bytes32 operatorId) external view returns (address);

    /// @notice The block at which all stakes of a quorum were brought up to date last.
    /// @param quorumNumber The quorum.
    /// @return Block number.
    function quorumUpdateBlockNumber(uint8 quorumNumber) external view returns (uint256);

    /// @notice Takes an operator out of quorums; for the ejector.
    /// @param operator      The operator.
    /// @param quorumNumbers One byte each.
    function ejectOperator(address operator, bytes calldata quorumNumbers) external;
}

/// @title IStakeRegistry
/// @notice Stakes and their history.
interface IStakeRegistry {
    /// @notice An operator's stake at a block; reverts when the index is not that block's.
    /// @param quorumNumber The quorum.
    /// @param blockNumber  Block to look at.
    /// @param operatorId   keccak256 of its G1 key.
    /// @param index        Place in the operator's history.
    /// @return Stake.
    function getStakeAtBlockNumberAndIndex(
        uint8 quorumNumber,
        uint32 blockNumber,
        bytes32 operatorId,
        uint256 index
    ) external view returns (uint96);

    /// @notice A quorum's total stake at a block; reverts when the index is not that block's.
    /// @param quorumNumber The quorum.
    /// @param blockNumber  Block to look at.
    /// @param index        Place in the quorum's history.
    /// @return Stake.
    function getTotalStakeAtBlockNumberFromIndex(
        uint8 quorumNumber,
        uint32 blockNumber,
        uint256 index
    ) external view returns (uint96);
}

/// @title IBLSApkRegistry
/// @notice Keys and sums of keys.
interface IBLSApkRegistry {
    /// @notice Hash of a quorum's summed key at a block; reverts when the index is not that block's.
    /// @param quorumNumber The quorum.
    /// @param blockNumber  Block to look at.
    /// @param index        Place in the quorum's history.
    /// @return First 24 bytes of keccak256 of its coordinates.
    function getApkHashAtBlockNumberAndIndex(uint8 quorumNumber, uint32 blockNumber, uint256 index)
        external
        view
        returns (bytes24);
}

/// @title IIndexRegistry
/// @notice Lists of operators and their history.
interface IIndexRegistry {
    /// @notice The operators of a quorum at a block.
    /// @param quorumNumber The quorum.
    /// @param blockNumber  Block to look at.
    /// @return Operator ids, in no order.
    function getOperatorListAtBlockNumber(uint8 quorumNumber, uint32 blockNumber)
        external
        view
        returns (bytes32[] memory);
}

/// @title IPauserRegistry
/// @notice Who may pause.
interface IPauserRegistry {
    /// @notice Whether an account may pause.
    /// @param pauser The account.
    /// @return True when it may.
    function isPauser(address pauser) external view returns (bool);

    /// @notice Who may end a pause.
    /// @return The account.
    function unpauser() external view returns (address);
}

/// @title IAVSDirectory
/// @notice Registration as EigenLayer had it before operator sets (M2).
interface IAVSDirectory {
    /// @notice Where an operator stands with an AVS.
    enum OperatorAVSRegistrationStatus {
        UNREGISTERED,
        REGISTERED
    }

    /// @notice An operator's consent.
    /// @param signature Over the registration's EIP-712 digest.
    /// @param salt      Makes it unique.
    /// @param expiry    Unix seconds.
    struct SignatureWithSaltAndExpiry {
        bytes signature;
        bytes32 salt;
        uint256 expiry;
    }

    /// @notice Registers an operator with the calling AVS.
    /// @param operator          The operator.
    /// @param operatorSignature Its consent.
    function registerOperatorToAVS(
        address operator,
        SignatureWithSaltAndExpiry calldata operatorSignature
    ) external;

    /// @notice Takes an operator out of the calling AVS.
    /// @param operator The operator.
    function deregisterOperatorFromAVS(address operator) external;

    /// @notice Where an operator stands with an AVS.
    /// @param avs      The AVS.
    /// @param operator The operator.
    /// @return Its status.
    function avsOperatorStatus(address avs, address operator)
        external
        view
        returns (OperatorAVSRegistrationStatus);
}

/// @title IAllocationManager
/// @notice Operator sets, allocations and slashing.
interface IAllocationManager {
    /// @notice A slashing.
    /// @param operator      Whom.
    /// @param operatorSetId In which set of the AVS.
    /// @param strategies    Ascending, of the set.
    /// @param wadsToSlash   Part of what is allocated for each, 1e18 for all of it.
    /// @param description   For people.
    struct SlashingParams {
        address operator;
        uint32 operatorSetId;
        address[] strategies;
        uint256[] wadsToSlash;
        string description;
    }

    /// @notice An operator set.
    /// @param avs The AVS.
    /// @param id  Its number there.
    struct OperatorSet {
        address avs;
        uint32 id;
    }

    /// @notice Slashes an operator; for the AVS and whom it appointed.
    /// @param avs    The AVS.
    /// @param params What to slash.
    function slashOperator(address avs, SlashingParams calldata params) external;

    /// @notice Whether an operator can be slashed in a set: it is a member, or left a short while ago.
    /// @param operator    The operator.
    /// @param operatorSet The set.
    /// @return True when it can.
    function isOperatorSlashable(address operator, OperatorSet calldata operatorSet)
        external
        view
        returns (bool);

    /// @notice The strategies of an operator set.
    /// @param operatorSet The set.
    /// @return Their addresses.
    function getStrategiesInOperatorSet(OperatorSet calldata operatorSet)
        external
        view
        returns (address[] memory);
}

/// @title IRewardsCoordinator
/// @notice Rewards that EigenLayer distributes.
interface IRewardsCoordinator {
    /// @notice How a strategy counts.
    /// @param strategy   The strategy.
    /// @param multiplier Its weight.
    struct StrategyAndMultiplier {
        address strategy;
        uint96 multiplier;
    }

    /// @notice What one operator gets.
    /// @param operator The operator.
    /// @param amount   Of the token.
    struct OperatorReward {
        address operator;
        uint256 amount;
    }

    /// @notice Rewards whose split among operators the AVS decided.
    /// @param strategiesAndMultipliers How an operator's stakers share, strategies ascending.
    /// @param token                    What is paid.
    /// @param operatorRewards          Who gets what, operators ascending.
    /// @param startTimestamp           Multiple of the coordinator's interval, in the past.
    /// @param duration                 Multiple of the interval.
    /// @param description              For people.
    struct OperatorDirectedRewardsSubmission {
        StrategyAndMultiplier[] strategiesAndMultipliers;
        address token;
        OperatorReward[] operatorRewards;
        uint32 startTimestamp;
        uint32 duration;
        string description;
    }

    /// @notice Takes rewards from the caller; for the AVS and whom it appointed.
    /// @param avs         The AVS.
    /// @param submissions The rewards.
    function createOperatorDirectedAVSRewardsSubmission(
        address avs,
        OperatorDirectedRewardsSubmission[] calldata submissions
    ) external;

    /// @notice Unit of times and durations.
    /// @return Seconds.
    function CALCULATION_INTERVAL_SECONDS() external view returns (uint32);
}

/// @title IBLSSignatureCheckerTypes
/// @notice What is given to check an aggregated signature.
interface IBLSSignatureCheckerTypes {
    /// @notice Everything about signers and non-signers. Lists are ordered as the signing quorums are.
    /// @param nonSignerQuorumBitmapIndices Places in each non-signer's history of quorums.
    /// @param nonSignerPubkeys             Non-signers of any of the quorums, strictly ascending by the
    ///                                     hash of their key.
    /// @param quorumApks                   Summed key of each quorum.
    /// @param apkG2                        Summed key of the signers, each as often as it is in a
    ///                                     signing quorum.
    /// @param sigma                        Summed signature, with the same multiplicity.
    /// @param quorumApkIndices             Places in each quorum's history of keys.
    /// @param totalStakeIndices            Places in each quorum's history of stakes.
    /// @param nonSignerStakeIndices        For each quorum, places in the history of stakes of each
    ///                                     non-signer that is in it.
    struct NonSignerStakesAndSignature {
        uint32[] nonSignerQuorumBitmapIndices;
        BN254.G1Point[] nonSignerPubkeys;
        BN254.G1Point[] quorumApks;
        BN254.G2Point apkG2;
        BN254.G1Point sigma;
        uint32[] quorumApkIndices;
        uint32[] totalStakeIndices;
        uint32[][] nonSignerStakeIndices;
    }

    /// @notice Stakes of the signing quorums, in their order.
    /// @param signedStakeForQuorum Of those who signed.
    /// @param totalStakeForQuorum  Of all.
    struct QuorumStakeTotals {
        uint96[] signedStakeForQuorum;
        uint96[] totalStakeForQuorum;
    }
}
