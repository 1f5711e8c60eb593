// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OutputOracleBase} from "./OutputOracleBase.sol";
import {ISP1Verifier} from "./interfaces/ISP1Verifier.sol";

/// @custom:proxied
/// @title L2OutputOracle
/// @notice The list of L2 outputs that a rollup settles on L1, first generation. An output enters
///         with a proof that links it to the output before it, or, in optimistic mode, on the word
///         of an approved proposer until the finalization period ends.
/// @dev    Speaks the ABI of OPSuccinctL2OutputOracle v1.0.0 and keeps its storage slots, so that
///         tools written for it work unchanged and a live proxy can be upgraded in place.
contract L2OutputOracle is OutputOracleBase {
    /// @notice What `initialize` takes.
    /// @param challenger                May delete outputs that are not final.
    /// @param proposer                  First approved proposer; zero: anyone may propose.
    /// @param owner                     May change keys, roles and modes.
    /// @param finalizationPeriodSeconds Seconds until an output is final.
    /// @param l2BlockTime               Seconds between two L2 blocks.
    /// @param aggregationVkey           Verification key of the aggregation program.
    /// @param rangeVkeyCommitment       Commitment to the verification key of the range program.
    /// @param rollupConfigHash          Hash of the rollup configuration.
    /// @param startingOutputRoot        Output of the starting block.
    /// @param startingBlockNumber       L2 block at which the list begins.
    /// @param startingTimestamp         Time of the starting block, in seconds.
    /// @param submissionInterval        Least number of L2 blocks from one output to the next.
    /// @param verifier                  SP1 verifier or gateway.
    struct InitParams {
        address challenger;
        address proposer;
        address owner;
        uint256 finalizationPeriodSeconds;
        uint256 l2BlockTime;
        bytes32 aggregationVkey;
        bytes32 rangeVkeyCommitment;
        bytes32 rollupConfigHash;
        bytes32 startingOutputRoot;
        uint256 startingBlockNumber;
        uint256 startingTimestamp;
        uint256 submissionInterval;
        address verifier;
    }

    /// @notice What the aggregation program commits to.
    /// @param l1Head              L1 block up to which the L2 chain was derived.
    /// @param l2PreRoot           Output that the proof starts from.
    /// @param claimRoot           Output that it proves.
    /// @param claimBlockNum       L2 block of that output.
    /// @param rollupConfigHash    Hash of the rollup configuration.
    /// @param rangeVkeyCommitment Commitment to the verification key of the range program.
    struct AggregationOutputs {
        bytes32 l1Head;
        bytes32 l2PreRoot;
        bytes32 claimRoot;
        uint256 claimBlockNum;
        bytes32 rollupConfigHash;
        bytes32 rangeVkeyCommitment;
    }

    /// @notice Version of the initializer, for upgrades.
    uint8 public constant initializerVersion = 1;

    /// @notice Semantic version: the one whose ABI this is, then our own.
    /// @custom:semver v1.0.0-rc2+coprove.2
    string public constant version = "v1.0.0-rc2+coprove.2";

    /// @dev Room for later versions.
    uint256[32] private __gap;

    /// @notice Emitted when the verification key of the aggregation program changes.
    /// @param oldAggregationVkey The key before.
    /// @param newAggregationVkey The key now.
    event AggregationVkeyUpdated(
        bytes32 indexed oldAggregationVkey, bytes32 indexed newAggregationVkey
    );

    /// @notice Emitted when the commitment to the range program's key changes.
    /// @param oldRangeVkeyCommitment The commitment before.
    /// @param newRangeVkeyCommitment The commitment now.
    event RangeVkeyCommitmentUpdated(
        bytes32 indexed oldRangeVkeyCommitment, bytes32 indexed newRangeVkeyCommitment
    );

    /// @notice Emitted when the rollup configuration's hash changes.
    /// @param oldRollupConfigHash The hash before.
    /// @param newRollupConfigHash The hash now.
    event RollupConfigHashUpdated(
        bytes32 indexed oldRollupConfigHash, bytes32 indexed newRollupConfigHash
    );

    /// @notice Sets the parameters, and the starting output when the list is empty. On an upgrade
    ///         the outputs, the starting block and its time stay as they are.
    /// @param _initParams The parameters.
    function initialize(InitParams memory _initParams) public reinitializer(initializerVersion) {
        _initializeShared(
            SharedParams({
                challenger: _initParams.challenger,
                proposer: _initParams.proposer,
                owner: _initParams.owner,
                finalizationPeriodSeconds: _initParams.finalizationPeriodSeconds,
                l2BlockTime: _initParams.l2BlockTime,
                startingOutputRoot: _initParams.startingOutputRoot,
                startingBlockNumber: _initParams.startingBlockNumber,
                startingTimestamp: _initParams.startingTimestamp,
                submissionInterval: _initParams.submissionInterval,
                verifier: _initParams.verifier
            })
        );
        aggregationVkey = _initParams.aggregationVkey;
        rangeVkeyCommitment = _initParams.rangeVkeyCommitment;
        rollupConfigHash = _initParams.rollupConfigHash;
    }

    /// @notice Proposes an output with a proof that the chain leads from the latest output to it.
    ///         For approved proposers, outside optimistic mode.
    /// @param _outputRoot    Output to propose.
    /// @param _l2BlockNumber Its L2 block, at or above `nextBlockNumber()`.
    /// @param _l1BlockNumber Checkpointed L1 block that the proof's l1Head is.
    /// @param _proof         Proof of the aggregation program, as the verifier reads it.
    function proposeL2Output(
        bytes32 _outputRoot,
        uint256 _l2BlockNumber,
        uint256 _l1BlockNumber,
        bytes memory _proof
    ) external payable whenNotOptimistic {
        _requireProposer(_isApproved(msg.sender));
        _requireNext(_l2BlockNumber);
        _requireProposable(_outputRoot, _l2BlockNumber);

        AggregationOutputs memory publicValues = AggregationOutputs({
            l1Head: _checkpointed(_l1BlockNumber),
            l2PreRoot: _latestOutputRoot(),
            claimRoot: _outputRoot,
            claimBlockNum: _l2BlockNumber,
            rollupConfigHash: rollupConfigHash,
            rangeVkeyCommitment: rangeVkeyCommitment
        });
        ISP1Verifier(verifier).verifyProof(aggregationVkey, abi.encode(publicValues), _proof);

        _accept(_outputRoot, _l2BlockNumber);
    }

    /// @notice Sets the verification key of the aggregation program. For the owner.
    /// @param _aggregationVkey The key.
    function updateAggregationVkey(bytes32 _aggregationVkey) external onlyOwner {
        emit AggregationVkeyUpdated(aggregationVkey, _aggregationVkey);
        aggregationVkey = _aggregationVkey;
    }

    /// @notice Sets the commitment to the range program's key. For the owner.
    /// @param _rangeVkeyCommitment The commitment.
    function updateRangeVkeyCommitment(bytes32 _rangeVkeyCommitment) external onlyOwner {
        emit RangeVkeyCommitmentUpdated(rangeVkeyCommitment, _rangeVkeyCommitment);
        rangeVkeyCommitment = _rangeVkeyCommitment;
    }

    /// @notice Sets the hash of the rollup configuration. For the owner.
    /// @param _rollupConfigHash The hash.
    function updateRollupConfigHash(bytes32 _rollupConfigHash) external onlyOwner {
        emit RollupConfigHashUpdated(rollupConfigHash, _rollupConfigHash);
        rollupConfigHash = _rollupConfigHash;
    }

    /// @notice The submission interval, under its older name.
    /// @return L2 blocks.
    /// @custom:legacy
    function SUBMISSION_INTERVAL() external view returns (uint256) {
        return submissionInterval;
    }

    /// @notice The L2 block time, under its older name.
    /// @return Seconds.
    /// @custom:legacy
    function L2_BLOCK_TIME() external view returns (uint256) {
        return l2BlockTime;
    }

    /// @notice The challenger, under its older name.
    /// @return Address of the challenger.
    /// @custom:legacy
    function CHALLENGER() external view returns (address) {
        return challenger;
    }

    /// @notice The deprecated single proposer, under its older name.
    /// @return The zero address.
    /// @custom:legacy
    function PROPOSER() external view returns (address) {
        return proposer;
    }
}
