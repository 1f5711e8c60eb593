// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ProverBinding} from "../attestation/ProverBinding.sol";
import {IL2OutputOracle} from "../interfaces/IL2OutputOracle.sol";
import {BN254} from "./BN254.sol";
import {MultiProverServiceManager} from "./MultiProverServiceManager.sol";
import {Poe, PoeState} from "./PoeState.sol";
import {RangeMetadata} from "./RangeMetadata.sol";
import {SignedRecord} from "./SignedRecord.sol";
import {IAllocationManager, IRegistryCoordinator} from "./interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "./interfaces/IMultiProverServiceManager.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title AvsSlasher
/// @notice Punishes operators of the multi-prover AVS for what they signed, on evidence that anyone may
///         bring. A state follows from its range and L1 head alone, so two states of one are proof by
///         themselves; a state that a ZK proof contradicts is wrong. The AVS must have appointed this
///         contract for `slashOperator`.
contract AvsSlasher is Ownable {
    using BN254 for BN254.G1Point;

    /// @notice What an operator is punished for.
    enum Offence {
        EQUIVOCATION,
        CONTRADICTS_QUORUM,
        PROVEN_WRONG
    }

    /// @notice A state that an operator signed.
    /// @param state                What it signed (`PoeState`).
    /// @param referenceBlockNumber Block that it signed along.
    /// @param signature            Its signature.
    struct SignedState {
        bytes state;
        uint32 referenceBlockNumber;
        BN254.G1Point signature;
    }

    /// @notice Keys of who signed.
    /// @param g1 Its key in G1.
    /// @param g2 Its key in G2.
    struct Signer {
        BN254.G1Point g1;
        BN254.G2Point g2;
    }

    /// @notice An L1 block that a range was derived up to.
    /// @param number Its number.
    /// @param hash   Its hash.
    struct L1Head {
        uint64 number;
        bytes32 hash;
    }

    /// @dev Oldest block whose hash EIP-2935 keeps.
    uint256 private constant _HISTORY_BLOCKS = 8191;

    /// @notice The AVS.
    MultiProverServiceManager public immutable serviceManager;

    /// @notice Who is in which quorum.
    IRegistryCoordinator public immutable registryCoordinator;

    /// @notice Slashes.
    IAllocationManager public immutable allocationManager;

    /// @notice Part of what is allocated that an offence costs, 1e18 for all.
    mapping(Offence offence => uint256) public wads;

    /// @notice Whether an operator was slashed for a task: once is enough.
    mapping(bytes32 taskId => mapping(bytes32 operatorId => bool)) public isSlashed;

    /// @notice Emitted when an operator is slashed.
    /// @param operator   The operator.
    /// @param taskId     The task that it signed a wrong state of.
    /// @param offence    What for.
    /// @param operatorId Id of its key.
    /// @param quorums    Quorums in which something was slashed.
    event OperatorSlashed(
        address indexed operator,
        bytes32 indexed taskId,
        Offence indexed offence,
        bytes32 operatorId,
        bytes quorums
    );

    /// @notice Emitted when an offence's price changes.
    /// @param offence The offence.
    /// @param wad     Part of what is allocated.
    event WadSet(Offence indexed offence, uint256 wad);

    /// @notice A part is more than all.
    error InvalidWad(uint256 wad);

    /// @notice The signature is not the signer's.
    error NotSigned(bytes32 operatorId);

    /// @notice The states are of different ranges or L1 heads: neither proves the other wrong.
    error DifferentRanges(bytes32 expected, bytes32 actual);

    /// @notice The states are the same.
    error NotContradictory();

    /// @notice No operator has that key.
    error UnknownOperator(bytes32 operatorId);

    /// @notice The operator was slashed for this task.
    error AlreadySlashed(bytes32 operatorId, bytes32 taskId);

    /// @notice The operator did not sign: it is among the non-signers, or was in no signing quorum.
    error NotASigner(bytes32 operatorId);

    /// @notice The committee's rollup has no oracle, or that has no final output of the block.
    error NoOutput(uint256 l2Block);

    /// @notice Nothing of the operator can be slashed any more.
    error NothingToSlash(address operator);

    /// @notice Sets the AVS and the prices.
    /// @param owner_  Sets prices.
    /// @param manager The AVS.
    /// @param wad     Price of each offence at first.
    constructor(address owner_, MultiProverServiceManager manager, uint256 wad) Ownable(owner_) {
        serviceManager = manager;
        registryCoordinator = manager.registryCoordinator();
        allocationManager = manager.allocationManager();
        _setWad(Offence.EQUIVOCATION, wad);
        _setWad(Offence.CONTRADICTS_QUORUM, wad);
        _setWad(Offence.PROVEN_WRONG, wad);
    }

    /// @notice Sets what an offence costs. For the owner.
    /// @param offence The offence.
    /// @param wad     Part of what is allocated, 1e18 for all.
    function setWad(Offence offence, uint256 wad) external onlyOwner {
        _setWad(offence, wad);
    }

    /// @notice Slashes an operator that signed two states of one range under one L1 head.
    /// @param committeeId The committee.
    /// @param metadata    The range.
    /// @param first       What it signed.
    /// @param second      What else it signed.
    /// @param signer      Its keys.
    function slashEquivocation(
        uint256 committeeId,
        bytes calldata metadata,
        SignedState calldata first,
        SignedState calldata second,
        Signer calldata signer
    ) external {
        bytes32 taskId = _taskId(committeeId, metadata);
        _requireContradictory(first.state, second.state);
        bytes32 operatorId = _requireSigned(committeeId, metadata, first, signer);
        _requireSigned(committeeId, metadata, second, signer);
        _slash(committeeId, taskId, operatorId, Offence.EQUIVOCATION);
    }

    /// @notice Slashes an operator that signed another state than was confirmed under the same L1 head.
    /// @param header     What was confirmed.
    /// @param nonSigners Ids of the operators that did not sign that.
    /// @param other      What the operator signed.
    /// @param signer     Its keys.
    function slashContradiction(
        IMultiProverServiceManager.StateHeader calldata header,
        bytes32[] calldata nonSigners,
        SignedState calldata other,
        Signer calldata signer
    ) external {
        (bytes32 taskId,) = SignedRecord.open(serviceManager, header, nonSigners);
        _requireContradictory(header.state, other.state);
        bytes32 operatorId = _requireSigned(header.committeeId, header.metadata, other, signer);
        _slash(header.committeeId, taskId, operatorId, Offence.CONTRADICTS_QUORUM);
    }

    /// @notice Slashes an operator that signed a state which a proven output contradicts.
    /// @param committeeId The committee.
    /// @param metadata    The range.
    /// @param wrong       What it signed.
    /// @param signer      Its keys.
    /// @param l1Head      L1 block that the state was derived up to.
    function slashProvenWrong(
        uint256 committeeId,
        bytes calldata metadata,
        SignedState calldata wrong,
        Signer calldata signer,
        L1Head calldata l1Head
    ) external {
        bytes32 taskId = _taskId(committeeId, metadata);
        bytes32 operatorId = _requireSigned(committeeId, metadata, wrong, signer);
        _requireProvenWrong(committeeId, metadata, wrong.state, l1Head);
        _slash(committeeId, taskId, operatorId, Offence.PROVEN_WRONG);
    }

    /// @notice Slashes an operator that is among the signers of a confirmed state which a proven output
    ///         contradicts. Its own signature is not needed: the record tells who signed.
    /// @param header     What was confirmed.
    /// @param nonSigners Ids of the operators that did not sign.
    /// @param operatorId Whom to slash.
    /// @param index      Place in its history of quorums at the reference block.
    /// @param l1Head     L1 block that the state was derived up to.
    function slashConfirmedWrong(
        IMultiProverServiceManager.StateHeader calldata header,
        bytes32[] calldata nonSigners,
        bytes32 operatorId,
        uint256 index,
        L1Head calldata l1Head
    ) external {
        (bytes32 taskId,) = SignedRecord.open(serviceManager, header, nonSigners);
        if (SignedRecord.contains(nonSigners, operatorId)) revert NotASigner(operatorId);
        uint256 bitmap = registryCoordinator.getQuorumBitmapAtBlockNumberByIndex(
            operatorId, header.referenceBlockNumber, index
        );
        bool wasInQuorum = false;
        for (uint256 i = 0; i < header.quorumNumbers.length; ++i) {
            if (bitmap >> uint8(header.quorumNumbers[i]) & 1 == 1) wasInQuorum = true;
        }
        if (!wasInQuorum) revert NotASigner(operatorId);
        _requireProvenWrong(header.committeeId, header.metadata, header.state, l1Head);
        _slash(header.committeeId, taskId, operatorId, Offence.PROVEN_WRONG);
    }

    function _taskId(uint256 committeeId, bytes calldata metadata) private view returns (bytes32) {
        (uint64 start, uint64 end) = RangeMetadata.decode(metadata);
        return serviceManager.taskIdOf(committeeId, start, end);
    }

    /// @dev Two states of one range and L1 head that differ.
    function _requireContradictory(bytes calldata first, bytes calldata second) private pure {
        bytes32 expected = PoeState.decode(first).batchHash;
        bytes32 actual = PoeState.decode(second).batchHash;
        if (expected != actual) revert DifferentRanges(expected, actual);
        if (keccak256(first) == keccak256(second)) revert NotContradictory();
    }

    function _requireSigned(
        uint256 committeeId,
        bytes calldata metadata,
        SignedState calldata signed,
        Signer calldata signer
    ) private view returns (bytes32 operatorId) {
        bytes32 digest = keccak256(
            abi.encode(
                IMultiProverServiceManager.ReducedStateHeader({
                    committeeId: committeeId,
                    metadata: metadata,
                    state: signed.state,
                    referenceBlockNumber: signed.referenceBlockNumber
                })
            )
        );
        operatorId = BN254.hashG1Point(signer.g1);
        if (!BN254.isSignedBy(digest, signer.g1, signer.g2, signed.signature)) {
            revert NotSigned(operatorId);
        }
    }

    /// @dev That a final output of the oracle says otherwise about a range of the committee's rollup,
    ///      which was derived from this L1 chain and no fork of it.
    function _requireProvenWrong(
        uint256 committeeId,
        bytes calldata metadata,
        bytes calldata state,
        L1Head calldata l1Head
    ) private view {
        IMultiProverServiceManager.RollupPolicy memory policy =
            serviceManager.rollupPolicy(committeeId);
        (uint64 start, uint64 end) = RangeMetadata.decode(metadata);
        Poe memory poe = PoeState.decode(state);
        bytes32 expected = PoeState.batchHash(
            policy.l2ChainId, policy.rollupConfigHash, l1Head.hash, start - 1, end
        );
        if (expected != poe.batchHash) revert DifferentRanges(expected, poe.batchHash);
        ProverBinding.checkBlock(l1Head.number, l1Head.hash, _HISTORY_BLOCKS);
        bytes32 before = _output(policy.oracle, start - 1);
        bytes32 afterwards = _output(policy.oracle, end);
        if (before == poe.prevStateRoot && afterwards == poe.newStateRoot) {
            revert NotContradictory();
        }
    }

    function _output(address oracle, uint64 l2Block) private view returns (bytes32) {
        if (oracle.code.length == 0) revert NoOutput(l2Block);
        IL2OutputOracle.OutputProposal memory output =
            IL2OutputOracle(oracle).getL2OutputAfter(l2Block);
        bool isFinal = output.timestamp + IL2OutputOracle(oracle).FINALIZATION_PERIOD_SECONDS()
            <= block.timestamp;
        if (output.l2BlockNumber != l2Block || !isFinal) revert NoOutput(l2Block);
        return output.outputRoot;
    }

    /// @dev Slashes in each of the committee's operator sets in which something can be.
    function _slash(uint256 committeeId, bytes32 taskId, bytes32 operatorId, Offence offence)
        private
    {
        address operator = registryCoordinator.getOperatorFromId(operatorId);
        if (operator == address(0)) revert UnknownOperator(operatorId);
        if (isSlashed[taskId][operatorId]) revert AlreadySlashed(operatorId, taskId);
        isSlashed[taskId][operatorId] = true;
        bytes memory quorums = serviceManager.committees(committeeId).teeQuorumNumbers;
        bytes memory slashedIn;
        for (uint256 i = 0; i < quorums.length; ++i) {
            uint32 set = uint8(quorums[i]);
            if (_slashIn(operator, set, offence)) {
                slashedIn = abi.encodePacked(slashedIn, quorums[i]);
            }
        }
        if (slashedIn.length == 0) revert NothingToSlash(operator);
        emit OperatorSlashed(operator, taskId, offence, operatorId, slashedIn);
    }

    function _slashIn(address operator, uint32 set, Offence offence) private returns (bool) {
        IAllocationManager.OperatorSet memory operatorSet =
            IAllocationManager.OperatorSet({avs: address(serviceManager), id: set});
        if (!allocationManager.isOperatorSlashable(operator, operatorSet)) return false;
        address[] memory strategies =
            _sorted(allocationManager.getStrategiesInOperatorSet(operatorSet));
        uint256[] memory parts = new uint256[](strategies.length);
        for (uint256 i = 0; i < parts.length; ++i) {
            parts[i] = wads[offence];
        }
        allocationManager.slashOperator(
            address(serviceManager),
            IAllocationManager.SlashingParams({
                operator: operator,
                operatorSetId: set,
                strategies: strategies,
                wadsToSlash: parts,
                description: _description(offence)
            })
        );
        return true;
    }

    function _description(Offence offence) private pure returns (string memory) {
        if (offence == Offence.EQUIVOCATION) return "signed two states of one task";
        if (offence == Offence.PROVEN_WRONG) return "signed a state that a proof contradicts";
        return "signed another state than was confirmed";
    }

    function _sorted(address[] memory list) private pure returns (address[] memory) {
        for (uint256 i = 1; i < list.length; ++i) {
            address item = list[i];
            uint256 j = i;
            for (; j > 0 && list[j - 1] > item; --j) {
                list[j] = list[j - 1];
            }
            list[j] = item;
        }
        return list;
    }

    function _setWad(Offence offence, uint256 wad) private {
        if (wad == 0 || wad > 1e18) revert InvalidWad(wad);
        wads[offence] = wad;
        emit WadSet(offence, wad);
    }
}
