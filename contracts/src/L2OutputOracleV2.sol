// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OutputOracleBase} from "./OutputOracleBase.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";
import {ISP1Verifier} from "./interfaces/ISP1Verifier.sol";

/// @custom:proxied
/// @title L2OutputOracleV2
/// @notice The list of L2 outputs that a rollup settles on L1, second generation. A proof is made
///         for one of several named configs, commits to a prover's address, and may come through a
///         DisputeGameFactory. When no output has come for the fallback timeout, anyone may
///         propose.
/// @dev    Speaks the ABI of OPSuccinctL2OutputOracle v3.0.0 and keeps its storage slots, so that
///         tools written for it work unchanged and a live proxy of either generation can be
///         upgraded in place.
contract L2OutputOracleV2 is OutputOracleBase {
    /// @notice What a proof is bound to.
    /// @param aggregationVkey     Verification key of the aggregation program.
    /// @param rangeVkeyCommitment Commitment to the verification key of the range program.
    /// @param rollupConfigHash    Hash of the rollup configuration.
    struct OpSuccinctConfig {
        bytes32 aggregationVkey;
        bytes32 rangeVkeyCommitment;
        bytes32 rollupConfigHash;
    }

    /// @notice What `initialize` takes.
    /// @param challenger                May delete outputs that are not final.
    /// @param proposer                  First approved proposer; zero: anyone may propose.
    /// @param owner                     May change configs, roles and modes.
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
    /// @param fallbackTimeout           Seconds without an output after which anyone may propose.
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
        uint256 fallbackTimeout;
    }

    /// @notice What the aggregation program commits to.
    /// @param l1Head              L1 block up to which the L2 chain was derived.
    /// @param l2PreRoot           Output that the proof starts from.
    /// @param claimRoot           Output that it proves.
    /// @param claimBlockNum       L2 block of that output.
    /// @param rollupConfigHash    Hash of the rollup configuration.
    /// @param rangeVkeyCommitment Commitment to the verification key of the range program.
    /// @param proverAddress       Who is credited with the proof.
    struct AggregationOutputs {
        bytes32 l1Head;
        bytes32 l2PreRoot;
        bytes32 claimRoot;
        uint256 claimBlockNum;
        bytes32 rollupConfigHash;
        bytes32 rangeVkeyCommitment;
        address proverAddress;
    }

    /// @notice Version of the initializer, for upgrades.
    uint8 public constant initializerVersion = 3;

    /// @notice Semantic version: the one whose ABI this is, then our own.
    /// @custom:semver v3.0.0+coprove.1
    string public constant version = "v3.0.0+coprove.1";

    /// @notice Name of the config that `initialize` sets.
    bytes32 public constant GENESIS_CONFIG_NAME = keccak256("opsuccinct_genesis");

    /// @dev The kind of game that carries a validity proof.
    uint32 private constant GAME_TYPE = 6;

    /// @notice Seconds without an output after which anyone may propose, outside optimistic mode.
    uint256 public fallbackTimeout;

    /// @notice The configs that proofs may be made for, by the hash of their name.
    mapping(bytes32 => OpSuccinctConfig) public opSuccinctConfigs;

    /// @notice The factory that every proven output comes through; zero: they come directly.
    address public disputeGameFactory;

    /// @dev Whether this contract waits for the factory to create a game.
    bool internal _enteredDGFCreate;

    /// @notice Emitted when a config is added.
    /// @param configName          Hash of its name.
    /// @param aggregationVkey     Verification key of the aggregation program.
    /// @param rangeVkeyCommitment Commitment to the verification key of the range program.
    /// @param rollupConfigHash    Hash of the rollup configuration.
    event OpSuccinctConfigUpdated(
        bytes32 indexed configName,
        bytes32 aggregationVkey,
        bytes32 rangeVkeyCommitment,
        bytes32 rollupConfigHash
    );

    /// @notice Emitted when a config is deleted.
    /// @param configName Hash of its name.
    event OpSuccinctConfigDeleted(bytes32 indexed configName);

    /// @notice Emitted when the factory is set.
    /// @param disputeGameFactory The factory; zero for none.
    event DisputeGameFactorySet(address indexed disputeGameFactory);

    /// @notice Sets the parameters and the genesis config, and the starting output when the list is
    ///         empty. On an upgrade the outputs, the starting block and its time stay as they are;
    ///         proposals come directly again until a factory is set.
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
        fallbackTimeout = _initParams.fallbackTimeout;
        opSuccinctConfigs[GENESIS_CONFIG_NAME] = OpSuccinctConfig({
            aggregationVkey: _initParams.aggregationVkey,
            rangeVkeyCommitment: _initParams.rangeVkeyCommitment,
            rollupConfigHash: _initParams.rollupConfigHash
        });
        disputeGameFactory = address(0);
        _enteredDGFCreate = false;
    }

    /// @notice Proposes an output with a proof that the chain leads from the latest output to it.
    ///         For approved proposers, for everyone after the fallback timeout; outside optimistic
    ///         mode. While a factory is set, only the game that it creates gets through.
    /// @dev    The proposer is the origin of the transaction, since a game is the sender on the
    ///         factory's route. A proposer must not call contracts that it does not trust.
    /// @param _configName    Hash of the name of the config that the proof is made for.
    /// @param _outputRoot    Output to propose.
    /// @param _l2BlockNumber Its L2 block, at or above `nextBlockNumber()`.
    /// @param _l1BlockNumber Checkpointed L1 block that the proof's l1Head is.
    /// @param _proof         Proof of the aggregation program, as the verifier reads it.
    /// @param _proverAddress Prover that the proof commits to; it need not be the proposer.
    function proposeL2Output(
        bytes32 _configName,
        bytes32 _outputRoot,
        uint256 _l2BlockNumber,
        uint256 _l1BlockNumber,
        bytes memory _proof,
        address _proverAddress
    ) external whenNotOptimistic {
        _requireProposer(_isApproved(tx.origin) || _isFallbackOpen());
        _requireNext(_l2BlockNumber);
        _requireRoute();
        _requireProposable(_outputRoot, _l2BlockNumber);

        OpSuccinctConfig memory config = opSuccinctConfigs[_configName];
        require(
            isValidOpSuccinctConfig(config), "L2OutputOracle: invalid OP Succinct configuration"
        );
        AggregationOutputs memory publicValues = AggregationOutputs({
            l1Head: _checkpointed(_l1BlockNumber),
            l2PreRoot: _latestOutputRoot(),
            claimRoot: _outputRoot,
            claimBlockNum: _l2BlockNumber,
            rollupConfigHash: config.rollupConfigHash,
            rangeVkeyCommitment: config.rangeVkeyCommitment,
            proverAddress: _proverAddress
        });
        ISP1Verifier(verifier).verifyProof(config.aggregationVkey, abi.encode(publicValues), _proof);

        _accept(_outputRoot, _l2BlockNumber);
    }

    /// @notice Proposes an output through the dispute game factory: the game that it creates brings
    ///         the proof back to `proposeL2Output`, in the same transaction.
    /// @param _configName    As in `proposeL2Output`, like all that follow.
    /// @param _outputRoot    Output to propose.
    /// @param _l2BlockNumber Its L2 block.
    /// @param _l1BlockNumber Checkpointed L1 block.
    /// @param _proof         Proof of the aggregation program.
    /// @param _proverAddress Prover that the proof commits to.
    /// @return _game The game.
    function dgfProposeL2Output(
        bytes32 _configName,
        bytes32 _outputRoot,
        uint256 _l2BlockNumber,
        uint256 _l1BlockNumber,
        bytes memory _proof,
        address _proverAddress
    ) external payable whenNotOptimistic returns (IDisputeGame _game) {
        require(disputeGameFactory != address(0), "L2OutputOracle: dispute game factory is not set");
        uint256 index = nextOutputIndex();
        _enteredDGFCreate = true;
        _game = IDisputeGameFactory(disputeGameFactory).create{value: msg.value}(
            GAME_TYPE,
            _outputRoot,
            abi.encodePacked(_l2BlockNumber, _l1BlockNumber, _proverAddress, _configName, _proof)
        );
        _enteredDGFCreate = false;
        require(
            nextOutputIndex() == index + 1, "L2OutputOracle: the dispute game proposed no output"
        );
    }

    /// @notice Adds a config under a name that is free. For the owner.
    /// @param _configName          Hash of its name, not zero.
    /// @param _rollupConfigHash    Hash of the rollup configuration, not zero.
    /// @param _aggregationVkey     Verification key of the aggregation program, not zero.
    /// @param _rangeVkeyCommitment Commitment to the range program's key, not zero.
    function addOpSuccinctConfig(
        bytes32 _configName,
        bytes32 _rollupConfigHash,
        bytes32 _aggregationVkey,
        bytes32 _rangeVkeyCommitment
    ) external onlyOwner {
        require(_configName != bytes32(0), "L2OutputOracle: config name cannot be empty");
        require(
            !isValidOpSuccinctConfig(opSuccinctConfigs[_configName]),
            "L2OutputOracle: config already exists"
        );
        OpSuccinctConfig memory config = OpSuccinctConfig({
            aggregationVkey: _aggregationVkey,
            rangeVkeyCommitment: _rangeVkeyCommitment,
            rollupConfigHash: _rollupConfigHash
        });
        require(
            isValidOpSuccinctConfig(config),
            "L2OutputOracle: invalid OP Succinct configuration parameters"
        );
        opSuccinctConfigs[_configName] = config;
        emit OpSuccinctConfigUpdated(
            _configName, _aggregationVkey, _rangeVkeyCommitment, _rollupConfigHash
        );
    }

    /// @notice Deletes a config: no proof made for it is accepted any more. For the owner.
    /// @param _configName Hash of its name.
    function deleteOpSuccinctConfig(bytes32 _configName) external onlyOwner {
        delete opSuccinctConfigs[_configName];
        emit OpSuccinctConfigDeleted(_configName);
    }

    /// @notice Has proposals come through a factory from now on, or directly. For the owner.
    /// @param _disputeGameFactory The factory; zero for none.
    function setDisputeGameFactory(address _disputeGameFactory) external onlyOwner {
        disputeGameFactory = _disputeGameFactory;
        emit DisputeGameFactorySet(_disputeGameFactory);
    }

    /// @notice L1 time of the latest output; the starting block's time while it stands alone.
    /// @return Seconds since 1970.
    function lastProposalTimestamp() public view returns (uint256) {
        uint256 length = l2Outputs.length;
        return length == 0 ? startingTimestamp : l2Outputs[length - 1].timestamp;
    }

    /// @notice Whether a config can be proposed with: none of its parts is zero.
    /// @param _config The config.
    /// @return True when it can.
    function isValidOpSuccinctConfig(OpSuccinctConfig memory _config) public pure returns (bool) {
        return _config.aggregationVkey != bytes32(0) && _config.rangeVkeyCommitment != bytes32(0)
            && _config.rollupConfigHash != bytes32(0);
    }

    /// @dev Whether no output has come for longer than the fallback timeout.
    function _isFallbackOpen() private view returns (bool) {
        return block.timestamp - lastProposalTimestamp() > fallbackTimeout;
    }

    /// @dev Reverts unless the call comes the way that is set: from inside the factory, or directly.
    function _requireRoute() private view {
        if (disputeGameFactory != address(0)) {
            require(
                _enteredDGFCreate,
                "L2OutputOracle: cannot propose L2 output from outside DisputeGameFactory.create while disputeGameFactory is set"
            );
        } else {
            require(
                !_enteredDGFCreate,
                "L2OutputOracle: cannot propose L2 output from inside DisputeGameFactory.create without setting disputeGameFactory"
            );
        }
    }
}
