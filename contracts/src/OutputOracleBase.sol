// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SlotZeroInitializable} from "./SlotZeroInitializable.sol";
import {IL2OutputOracle} from "./interfaces/IL2OutputOracle.sol";

/// @title OutputOracleBase
/// @notice What the two generations of the L2 output oracle share: the list of outputs, optimistic
///         mode, checkpoints, roles. How a proof is checked, and who may bring it, is theirs.
/// @dev    Slots 0 to 16 are those of OPSuccinctL2OutputOracle, the same in all its versions.
abstract contract OutputOracleBase is SlotZeroInitializable, IL2OutputOracle {
    /// @notice What every generation is initialized with.
    /// @param challenger                May delete outputs that are not final.
    /// @param proposer                  First approved proposer; zero: anyone may propose.
    /// @param owner                     May change keys, roles and modes.
    /// @param finalizationPeriodSeconds Seconds until an output is final.
    /// @param l2BlockTime               Seconds between two L2 blocks.
    /// @param startingOutputRoot        Output of the starting block.
    /// @param startingBlockNumber       L2 block at which the list begins.
    /// @param startingTimestamp         Time of the starting block, in seconds.
    /// @param submissionInterval        Least number of L2 blocks from one output to the next.
    /// @param verifier                  SP1 verifier or gateway.
    struct SharedParams {
        address challenger;
        address proposer;
        address owner;
        uint256 finalizationPeriodSeconds;
        uint256 l2BlockTime;
        bytes32 startingOutputRoot;
        uint256 startingBlockNumber;
        uint256 startingTimestamp;
        uint256 submissionInterval;
        address verifier;
    }

    /// @notice L2 block at which the list begins.
    uint256 public startingBlockNumber;

    /// @notice Time of the starting block, in seconds.
    uint256 public startingTimestamp;

    /// @notice The outputs, in ascending order of their L2 blocks.
    OutputProposal[] internal l2Outputs;

    /// @notice Least number of L2 blocks from one output to the next.
    uint256 public submissionInterval;

    /// @notice Seconds between two L2 blocks.
    uint256 public l2BlockTime;

    /// @notice May delete outputs that are not final.
    address public challenger;

    /// @notice Always zero: `approvedProposers` took its place.
    /// @custom:deprecated
    address public proposer;

    /// @notice Seconds until an output is final.
    uint256 public finalizationPeriodSeconds;

    /// @notice Verification key of the aggregation program; the second generation keeps it in its
    ///         named configs.
    bytes32 public aggregationVkey;

    /// @notice Commitment to the verification key of the range program: its eight words as 32
    ///         bytes.
    bytes32 public rangeVkeyCommitment;

    /// @notice SP1 verifier or gateway.
    address public verifier;

    /// @notice Hash of the rollup configuration; binds a proof to this chain.
    bytes32 public rollupConfigHash;

    /// @notice May change keys, roles and modes.
    address public owner;

    /// @notice Who may propose. When the zero address is approved, anyone may.
    mapping(address => bool) public approvedProposers;

    /// @notice Hashes of L1 blocks that were checkpointed, by number; zero where none was.
    mapping(uint256 => bytes32) public historicBlockHashes;

    /// @notice Whether outputs are accepted without a proof.
    bool public optimisticMode;

    /// @notice Emitted when the verifier changes.
    /// @param oldVerifier The verifier before.
    /// @param newVerifier The verifier now.
    event VerifierUpdated(address indexed oldVerifier, address indexed newVerifier);

    /// @notice Emitted when the owner changes.
    /// @param previousOwner The owner before.
    /// @param newOwner      The owner now.
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    /// @notice Emitted when a proposer is added or removed.
    /// @param proposer The proposer.
    /// @param added    True when added, false when removed.
    event ProposerUpdated(address indexed proposer, bool added);

    /// @notice Emitted when the submission interval changes.
    /// @param oldSubmissionInterval The interval before, in L2 blocks.
    /// @param newSubmissionInterval The interval now, in L2 blocks.
    event SubmissionIntervalUpdated(uint256 oldSubmissionInterval, uint256 newSubmissionInterval);

    /// @notice Emitted when optimistic mode is switched.
    /// @param enabled                   Whether it is on now.
    /// @param finalizationPeriodSeconds The finalization period from now on, in seconds.
    event OptimisticModeToggled(bool indexed enabled, uint256 finalizationPeriodSeconds);

    /// @notice The hash of the L1 block cannot be read: it is not one of the last 256 blocks.
    error L1BlockHashNotAvailable();

    /// @notice The L1 block named by a proposal was not checkpointed.
    error L1BlockHashNotCheckpointed();

    /// @dev Lets the owner alone pass.
    modifier onlyOwner() {
        require(msg.sender == owner, "L2OutputOracle: caller is not the owner");
        _;
    }

    /// @dev Passes while outputs need no proof.
    modifier whenOptimistic() {
        require(optimisticMode, "L2OutputOracle: optimistic mode is not enabled");
        _;
    }

    /// @dev Passes while outputs need a proof.
    modifier whenNotOptimistic() {
        require(!optimisticMode, "L2OutputOracle: optimistic mode is enabled");
        _;
    }

    /// @notice Locks the implementation: only a proxy can be initialized.
    constructor() {
        _disableInitializers();
    }

    /// @notice Proposes an output without a proof. For approved proposers, in optimistic mode.
    /// @param _outputRoot    Output to propose.
    /// @param _l2BlockNumber Its L2 block, equal to `nextBlockNumber()`.
    /// @param _l1BlockHash   L1 block that must be in the chain for the proposal to stand; zero
    ///                       leaves the check out.
    /// @param _l1BlockNumber Number of that block, one of the last 256.
    function proposeL2Output(
        bytes32 _outputRoot,
        uint256 _l2BlockNumber,
        bytes32 _l1BlockHash,
        uint256 _l1BlockNumber
    ) external payable whenOptimistic {
        _requireProposer(_isApproved(msg.sender));
        require(
            _l2BlockNumber == nextBlockNumber(),
            "L2OutputOracle: block number must be equal to next expected block number"
        );
        _requireProposable(_outputRoot, _l2BlockNumber);
        require(
            _l1BlockHash == bytes32(0) || blockhash(_l1BlockNumber) == _l1BlockHash,
            "L2OutputOracle: block hash does not match the hash at the expected height"
        );

        _accept(_outputRoot, _l2BlockNumber);
    }

    /// @notice Records the hash of a recent L1 block, for proofs to refer to. Anyone may call it.
    /// @param _blockNumber L1 block, one of the last 256 before the current one.
    function checkpointBlockHash(uint256 _blockNumber) external {
        bytes32 hash = blockhash(_blockNumber);
        if (hash == bytes32(0)) revert L1BlockHashNotAvailable();
        historicBlockHashes[_blockNumber] = hash;
    }

    /// @notice Deletes an output that is not final, and all after it. For the challenger.
    /// @param _l2OutputIndex Index of the first output to delete; the starting output stays.
    function deleteL2Outputs(uint256 _l2OutputIndex) external {
        require(
            msg.sender == challenger,
            "L2OutputOracle: only the challenger address can delete outputs"
        );
        require(_l2OutputIndex > 0, "L2OutputOracle: cannot delete genesis output");
        uint256 length = l2Outputs.length;
        require(
            _l2OutputIndex < length,
            "L2OutputOracle: cannot delete outputs after the latest output index"
        );
        require(
            block.timestamp - l2Outputs[_l2OutputIndex].timestamp < finalizationPeriodSeconds,
            "L2OutputOracle: cannot delete outputs that have already been finalized"
        );

        // Only the length shrinks; a slot above it is written again before it can be read.
        assembly ("memory-safe") {
            sstore(l2Outputs.slot, _l2OutputIndex)
        }
        emit OutputsDeleted(length, _l2OutputIndex);
    }

    /// @notice Sets the least number of L2 blocks from one output to the next. For the owner.
    /// @param _submissionInterval L2 blocks, at least 1.
    function updateSubmissionInterval(uint256 _submissionInterval) external onlyOwner {
        require(
            _submissionInterval > 0, "L2OutputOracle: submission interval must be greater than 0"
        );
        emit SubmissionIntervalUpdated(submissionInterval, _submissionInterval);
        submissionInterval = _submissionInterval;
    }

    /// @notice Sets the verifier. For the owner.
    /// @param _verifier SP1 verifier or gateway.
    function updateVerifier(address _verifier) external onlyOwner {
        emit VerifierUpdated(verifier, _verifier);
        verifier = _verifier;
    }

    /// @notice Hands the contract to another owner. For the owner.
    /// @param _owner The new owner.
    function transferOwnership(address _owner) external onlyOwner {
        emit OwnershipTransferred(owner, _owner);
        owner = _owner;
    }

    /// @notice Approves a proposer; the zero address stands for everyone. For the owner.
    /// @param _proposer The proposer.
    function addProposer(address _proposer) external onlyOwner {
        approvedProposers[_proposer] = true;
        emit ProposerUpdated(_proposer, true);
    }

    /// @notice Takes a proposer's approval back. For the owner.
    /// @param _proposer The proposer.
    function removeProposer(address _proposer) external onlyOwner {
        approvedProposers[_proposer] = false;
        emit ProposerUpdated(_proposer, false);
    }

    /// @notice Accepts outputs without proofs from now on. For the owner.
    /// @param _finalizationPeriodSeconds Finalization period from now on, in seconds.
    function enableOptimisticMode(uint256 _finalizationPeriodSeconds)
        external
        onlyOwner
        whenNotOptimistic
    {
        _setOptimisticMode(true, _finalizationPeriodSeconds);
    }

    /// @notice Asks for proofs again. For the owner.
    /// @param _finalizationPeriodSeconds Finalization period from now on, in seconds.
    function disableOptimisticMode(uint256 _finalizationPeriodSeconds)
        external
        onlyOwner
        whenOptimistic
    {
        _setOptimisticMode(false, _finalizationPeriodSeconds);
    }

    /// @inheritdoc IL2OutputOracle
    function getL2Output(uint256 _l2OutputIndex) external view returns (OutputProposal memory) {
        return l2Outputs[_l2OutputIndex];
    }

    /// @inheritdoc IL2OutputOracle
    function getL2OutputAfter(uint256 _l2BlockNumber)
        external
        view
        returns (OutputProposal memory)
    {
        return l2Outputs[getL2OutputIndexAfter(_l2BlockNumber)];
    }

    /// @inheritdoc IL2OutputOracle
    /// @custom:legacy
    function FINALIZATION_PERIOD_SECONDS() external view returns (uint256) {
        return finalizationPeriodSeconds;
    }

    /// @inheritdoc IL2OutputOracle
    function getL2OutputIndexAfter(uint256 _l2BlockNumber) public view returns (uint256) {
        require(
            _l2BlockNumber <= latestBlockNumber(),
            "L2OutputOracle: cannot get output for a block that has not been proposed"
        );
        require(
            l2Outputs.length > 0,
            "L2OutputOracle: cannot get output as no outputs have been proposed yet"
        );

        // Invariant: every output below `low` is under the block, every one from `high` on is not.
        uint256 low = 0;
        uint256 high = l2Outputs.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (l2Outputs[middle].l2BlockNumber < _l2BlockNumber) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// @inheritdoc IL2OutputOracle
    function latestOutputIndex() public view returns (uint256) {
        return l2Outputs.length - 1;
    }

    /// @inheritdoc IL2OutputOracle
    function nextOutputIndex() public view returns (uint256) {
        return l2Outputs.length;
    }

    /// @inheritdoc IL2OutputOracle
    function latestBlockNumber() public view returns (uint256) {
        uint256 length = l2Outputs.length;
        return length == 0 ? startingBlockNumber : l2Outputs[length - 1].l2BlockNumber;
    }

    /// @inheritdoc IL2OutputOracle
    function nextBlockNumber() public view returns (uint256) {
        return latestBlockNumber() + submissionInterval;
    }

    /// @inheritdoc IL2OutputOracle
    function computeL2Timestamp(uint256 _l2BlockNumber) public view returns (uint256) {
        return startingTimestamp + (_l2BlockNumber - startingBlockNumber) * l2BlockTime;
    }

    /// @dev Sets the shared parameters, and the starting output when the list is empty. On an
    ///      upgrade the outputs, the starting block and its time stay as they are.
    /// @param _params The parameters.
    function _initializeShared(SharedParams memory _params) internal {
        require(
            _params.submissionInterval > 0,
            "L2OutputOracle: submission interval must be greater than 0"
        );
        require(_params.l2BlockTime > 0, "L2OutputOracle: L2 block time must be greater than 0");
        require(
            _params.startingTimestamp <= block.timestamp,
            "L2OutputOracle: starting L2 timestamp must be less than current time"
        );

        if (l2Outputs.length == 0) {
            startingBlockNumber = _params.startingBlockNumber;
            startingTimestamp = _params.startingTimestamp;
            _push(
                _params.startingOutputRoot, _params.startingBlockNumber, _params.startingTimestamp
            );
        }

        submissionInterval = _params.submissionInterval;
        l2BlockTime = _params.l2BlockTime;
        finalizationPeriodSeconds = _params.finalizationPeriodSeconds;
        challenger = _params.challenger;
        owner = _params.owner;
        approvedProposers[_params.proposer] = true;
        verifier = _params.verifier;
    }

    /// @dev The root that a proof must start from.
    /// @return The latest output's root.
    function _latestOutputRoot() internal view returns (bytes32) {
        return l2Outputs[latestOutputIndex()].outputRoot;
    }

    /// @dev The hash of a checkpointed L1 block; reverts when it was not checkpointed.
    /// @param _l1BlockNumber L1 block.
    /// @return hash Its hash.
    function _checkpointed(uint256 _l1BlockNumber) internal view returns (bytes32 hash) {
        hash = historicBlockHashes[_l1BlockNumber];
        if (hash == bytes32(0)) revert L1BlockHashNotCheckpointed();
    }

    /// @dev Whether an account is on the list of proposers, or everyone is.
    /// @param _account The account.
    /// @return True when it is.
    function _isApproved(address _account) internal view returns (bool) {
        return approvedProposers[_account] || approvedProposers[address(0)];
    }

    /// @dev Switches the mode and sets the period that goes with it.
    function _setOptimisticMode(bool _enabled, uint256 _finalizationPeriodSeconds) private {
        finalizationPeriodSeconds = _finalizationPeriodSeconds;
        optimisticMode = _enabled;
        emit OptimisticModeToggled(_enabled, _finalizationPeriodSeconds);
    }

    /// @dev Appends an output proposed now.
    /// @param _outputRoot    The output.
    /// @param _l2BlockNumber Its L2 block.
    function _accept(bytes32 _outputRoot, uint256 _l2BlockNumber) internal {
        emit OutputProposed(_outputRoot, nextOutputIndex(), _l2BlockNumber, block.timestamp);
        _push(_outputRoot, _l2BlockNumber, block.timestamp);
    }

    /// @dev Appends an output. Both numbers fit: an L2 block number is bounded by its timestamp,
    ///      which is not in the future.
    function _push(bytes32 _outputRoot, uint256 _l2BlockNumber, uint256 _timestamp) private {
        l2Outputs.push(
            OutputProposal({
                outputRoot: _outputRoot,
                // forge-lint: disable-next-line(unsafe-typecast)
                timestamp: uint128(_timestamp),
                // forge-lint: disable-next-line(unsafe-typecast)
                l2BlockNumber: uint128(_l2BlockNumber)
            })
        );
    }

    /// @dev Reverts unless an account is allowed to propose.
    /// @param _isAllowed What the generation's rule says.
    function _requireProposer(bool _isAllowed) internal pure {
        require(_isAllowed, "L2OutputOracle: only approved proposers can propose new outputs");
    }

    /// @dev Reverts when a proven output would come too early in the list.
    /// @param _l2BlockNumber L2 block of the output.
    function _requireNext(uint256 _l2BlockNumber) internal view {
        require(
            _l2BlockNumber >= nextBlockNumber(),
            "L2OutputOracle: block number must be greater than or equal to next expected block number"
        );
    }

    /// @dev Reverts when the block is not yet due or the output is zero.
    /// @param _outputRoot    The output.
    /// @param _l2BlockNumber Its L2 block.
    function _requireProposable(bytes32 _outputRoot, uint256 _l2BlockNumber) internal view {
        require(
            computeL2Timestamp(_l2BlockNumber) < block.timestamp,
            "L2OutputOracle: cannot propose L2 output in the future"
        );
        require(
            _outputRoot != bytes32(0), "L2OutputOracle: L2 output proposal cannot be the zero hash"
        );
    }
}
