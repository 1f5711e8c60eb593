// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BLSSignatureChecker} from "./BLSSignatureChecker.sol";
import {Poe, PoeState} from "./PoeState.sol";
import {RangeMetadata} from "./RangeMetadata.sol";
import {IBLSApkRegistry, IRegistryCoordinator, IStakeRegistry} from "./interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "./interfaces/IMultiProverServiceManager.sol";

/// @notice What a header says that was signed, and who signed it.
/// @param startBlock   First block of the range.
/// @param endBlock     Last block of the range.
/// @param outputRoot   Output root of the last block.
/// @param batchHash    What range it is, and up to which L1 head.
/// @param recordHash   keccak256 of the header's hash, the signatory record's and this block, packed.
/// @param nonSigners   Ids of those who did not sign, strictly ascending.
/// @param signedStakes Signed stake of each quorum.
/// @param totalStakes  Total stake of each quorum.
struct SignedHeader {
    uint64 startBlock;
    uint64 endBlock;
    bytes32 outputRoot;
    bytes32 batchHash;
    bytes32 recordHash;
    bytes32[] nonSigners;
    uint96[] signedStakes;
    uint96[] totalStakes;
}

/// @title StateChecker
/// @notice Reads what operators of the multi-prover AVS signed, and checks that they did. It keeps
///         nothing and decides nothing: the service manager asks it, and so may others.
contract StateChecker is BLSSignatureChecker {
    /// @notice Sets the registries, which are those of one coordinator.
    /// @param coordinator Who is in which quorum.
    /// @param stakes      Stakes.
    /// @param keys        Keys.
    constructor(IRegistryCoordinator coordinator, IStakeRegistry stakes, IBLSApkRegistry keys)
        BLSSignatureChecker(coordinator, stakes, keys)
    {}

    /// @notice Reads a header and checks its signature; reverts when something does not hold.
    /// @param header What was signed.
    /// @param params Who signed.
    /// @return found What it says.
    function checkState(
        IMultiProverServiceManager.StateHeader calldata header,
        NonSignerStakesAndSignature calldata params
    ) external view returns (SignedHeader memory found) {
        (found.startBlock, found.endBlock) = RangeMetadata.decode(header.metadata);
        Poe memory poe = PoeState.decode(header.state);
        (found.outputRoot, found.batchHash) = (poe.newStateRoot, poe.batchHash);
        QuorumStakeTotals memory totals;
        (totals, found.nonSigners) =
            check(digestOf(header), header.quorumNumbers, header.referenceBlockNumber, params);
        found.signedStakes = totals.signedStakeForQuorum;
        found.totalStakes = totals.totalStakeForQuorum;
        found.recordHash = keccak256(
            abi.encodePacked(
                keccak256(abi.encode(header)),
                keccak256(abi.encodePacked(header.referenceBlockNumber, found.nonSigners)),
                uint32(block.number)
            )
        );
    }

    /// @notice What operators sign.
    /// @param header The state.
    /// @return keccak256 of the ABI-encoded ReducedStateHeader.
    function digestOf(IMultiProverServiceManager.StateHeader calldata header)
        public
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                IMultiProverServiceManager.ReducedStateHeader({
                    committeeId: header.committeeId,
                    metadata: header.metadata,
                    state: header.state,
                    referenceBlockNumber: header.referenceBlockNumber
                })
            )
        );
    }
}
