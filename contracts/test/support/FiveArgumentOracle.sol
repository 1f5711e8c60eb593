// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OutputOracleBase} from "../../src/OutputOracleBase.sol";
import {ISP1Verifier} from "../../src/interfaces/ISP1Verifier.sol";

/// @title FiveArgumentOracle
/// @notice Stands for OPSuccinctL2OutputOracle v2, which came between the two generations: the ABI,
///         the checks and the storage of its v2.3.1, for tests of tools that must serve it.
contract FiveArgumentOracle is OutputOracleBase {
    /// @notice What `initialize` takes; as in the first generation.
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

    /// @notice Version of the initializer.
    uint8 public constant initializerVersion = 2;

    /// @notice Semantic version, the same in all releases from v2.0.0 to v2.3.1.
    string public constant version = "v2.0.0";

    /// @notice Sets the parameters.
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

    /// @notice Proposes an output with a proof that commits to a prover's address.
    /// @param _outputRoot    Output to propose.
    /// @param _l2BlockNumber Its L2 block.
    /// @param _l1BlockNumber Checkpointed L1 block.
    /// @param _proof         Proof of the aggregation program.
    /// @param _proverAddress Prover that the proof commits to.
    function proposeL2Output(
        bytes32 _outputRoot,
        uint256 _l2BlockNumber,
        uint256 _l1BlockNumber,
        bytes memory _proof,
        address _proverAddress
    ) external payable whenNotOptimistic {
        _requireProposer(_isApproved(tx.origin));
        _requireNext(_l2BlockNumber);
        _requireProposable(_outputRoot, _l2BlockNumber);
        bytes memory publicValues = abi.encode(
            _checkpointed(_l1BlockNumber),
            _latestOutputRoot(),
            _outputRoot,
            _l2BlockNumber,
            rollupConfigHash,
            rangeVkeyCommitment,
            _proverAddress
        );
        ISP1Verifier(verifier).verifyProof(aggregationVkey, publicValues, _proof);
        _accept(_outputRoot, _l2BlockNumber);
    }
}

/// @title FiveArgumentGame
/// @notice Stands for OPSuccinctDisputeGame as it is with that oracle. The factory clones it with
///         immutable arguments: creator 0, root claim 20, L1 head 52, then L2 block 84, L1 block
///         116, prover 148, proof 168 to the end, in bytes; two bytes of length follow.
contract FiveArgumentGame {
    address private immutable ORACLE;

    /// @notice Binds the game to its oracle.
    /// @param _l2OutputOracle Proxy of the oracle.
    constructor(address _l2OutputOracle) {
        ORACLE = _l2OutputOracle;
    }

    /// @notice Brings the proof to the oracle; reverts with its reason.
    function initialize() external payable {
        uint256 size = msg.data.length;
        bytes calldata given = msg.data[size - uint16(bytes2(msg.data[size - 2:])):size - 2];
        FiveArgumentOracle(ORACLE)
            .proposeL2Output(
                bytes32(given[20:52]),
                uint256(bytes32(given[84:116])),
                uint256(bytes32(given[116:148])),
                given[168:],
                address(bytes20(given[148:168]))
            );
    }

    /// @notice The oracle that the game proposes to; games before v2.3 do not tell.
    /// @return Its proxy.
    function l2OutputOracle() external view returns (address) {
        return ORACLE;
    }
}
