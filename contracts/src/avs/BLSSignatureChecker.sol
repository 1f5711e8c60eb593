// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BN254} from "./BN254.sol";
import {
    IBLSApkRegistry,
    IBLSSignatureCheckerTypes,
    IRegistryCoordinator,
    IStakeRegistry
} from "./interfaces/IEigenLayer.sol";

/// @title BLSSignatureChecker
/// @notice Whether operators of quorums signed a digest, and with how much stake, against EigenLayer's
///         registries at a past block. Those who did not sign are named; the others' key is what is
///         left of the quorums' sums.
/// @dev    An operator in k of the signing quorums is in k sums: it enters key and signature k times,
///         and a non-signer is taken out k times.
abstract contract BLSSignatureChecker is IBLSSignatureCheckerTypes {
    using BN254 for BN254.G1Point;

    /// @notice Registry of who is in which quorum.
    IRegistryCoordinator public immutable registryCoordinator;

    /// @notice Registry of stakes.
    IStakeRegistry public immutable stakeRegistry;

    /// @notice Registry of keys.
    IBLSApkRegistry public immutable blsApkRegistry;

    /// @notice Lists that belong together differ in length.
    error InputArrayLengthMismatch();

    /// @notice No quorum was named.
    error InputEmptyQuorumNumbers();

    /// @notice Quorums are not strictly ascending.
    error QuorumsNotSorted();

    /// @notice Non-signers are not strictly ascending by the hash of their key.
    error NonSignerPubkeysNotSorted();

    /// @notice A non-signer is in none of the signing quorums.
    error NonSignerNotInQuorums(bytes32 operatorId);

    /// @notice The reference block is not in the past.
    error InvalidReferenceBlocknumber();

    /// @notice A quorum's key is not what the registry has for the reference block.
    error InvalidQuorumApkHash();

    /// @notice The signature is not that of the signers' key, or nobody signed.
    error InvalidBLSSignature();

    /// @notice Sets the registries, which are those of one coordinator.
    /// @param coordinator Who is in which quorum.
    /// @param stakes      Stakes.
    /// @param keys        Keys.
    constructor(IRegistryCoordinator coordinator, IStakeRegistry stakes, IBLSApkRegistry keys) {
        registryCoordinator = coordinator;
        stakeRegistry = stakes;
        blsApkRegistry = keys;
    }

    /// @notice Checks an aggregated signature; reverts when it does not hold.
    /// @param msgHash              What is signed.
    /// @param quorumNumbers        Signing quorums, one byte each, strictly ascending.
    /// @param referenceBlockNumber Block at which keys and stakes count.
    /// @param params               Signers and non-signers.
    /// @return totals              Stakes of the quorums.
    /// @return signatoryRecordHash keccak256 of the reference block and the non-signers' ids, packed.
    function checkSignatures(
        bytes32 msgHash,
        bytes calldata quorumNumbers,
        uint32 referenceBlockNumber,
        NonSignerStakesAndSignature memory params
    ) external view returns (QuorumStakeTotals memory totals, bytes32 signatoryRecordHash) {
        bytes32[] memory nonSigners;
        (totals, nonSigners) = check(msgHash, quorumNumbers, referenceBlockNumber, params);
        signatoryRecordHash = keccak256(abi.encodePacked(referenceBlockNumber, nonSigners));
    }

    /// @notice Checks an aggregated signature; reverts when it does not hold.
    /// @param msgHash              What is signed.
    /// @param quorumNumbers        Signing quorums, one byte each, strictly ascending.
    /// @param referenceBlockNumber Block at which keys and stakes count.
    /// @param params               Signers and non-signers.
    /// @return totals     Stakes of the quorums.
    /// @return nonSigners Ids of those who did not sign, strictly ascending.
    function check(
        bytes32 msgHash,
        bytes calldata quorumNumbers,
        uint32 referenceBlockNumber,
        NonSignerStakesAndSignature memory params
    ) public view returns (QuorumStakeTotals memory totals, bytes32[] memory nonSigners) {
        _checkLengths(quorumNumbers.length, params);
        if (referenceBlockNumber >= block.number) revert InvalidReferenceBlocknumber();
        uint256 signing = _bitmapOf(quorumNumbers);

        BN254.G1Point memory apk;
        uint256[] memory bitmaps;
        (apk, nonSigners, bitmaps) = _nonSigners(signing, referenceBlockNumber, params);
        apk = apk.negate();
        totals.totalStakeForQuorum = new uint96[](quorumNumbers.length);
        totals.signedStakeForQuorum = new uint96[](quorumNumbers.length);
        for (uint256 i = 0; i < quorumNumbers.length; ++i) {
            uint8 quorum = uint8(quorumNumbers[i]);
            apk = apk.plus(_quorumApk(quorum, referenceBlockNumber, params, i));
            uint96 total = stakeRegistry.getTotalStakeAtBlockNumberFromIndex(
                quorum, referenceBlockNumber, params.totalStakeIndices[i]
            );
            totals.totalStakeForQuorum[i] = total;
            totals.signedStakeForQuorum[i] = total
                - _nonSignerStake(
                    quorum,
                    referenceBlockNumber,
                    nonSigners,
                    bitmaps,
                    params.nonSignerStakeIndices[i]
                );
        }
        if (!BN254.isSignedBy(msgHash, apk, params.apkG2, params.sigma)) {
            revert InvalidBLSSignature();
        }
    }

    function _bitmapOf(bytes calldata quorumNumbers) private pure returns (uint256 bitmap) {
        for (uint256 i = 0; i < quorumNumbers.length; ++i) {
            if (i > 0 && uint8(quorumNumbers[i]) <= uint8(quorumNumbers[i - 1])) {
                revert QuorumsNotSorted();
            }
            bitmap |= 1 << uint8(quorumNumbers[i]);
        }
    }

    function _checkLengths(uint256 quorums, NonSignerStakesAndSignature memory params)
        private
        pure
    {
        if (quorums == 0) revert InputEmptyQuorumNumbers();
        if (
            params.quorumApks.length != quorums || params.quorumApkIndices.length != quorums
                || params.totalStakeIndices.length != quorums
                || params.nonSignerStakeIndices.length != quorums
                || params.nonSignerPubkeys.length != params.nonSignerQuorumBitmapIndices.length
        ) revert InputArrayLengthMismatch();
    }

    /// @dev The sum of non-signers' keys, each as often as it is in a signing quorum; their ids; and
    ///      their signing quorums.
    function _nonSigners(
        uint256 signing,
        uint32 referenceBlockNumber,
        NonSignerStakesAndSignature memory params
    )
        private
        view
        returns (BN254.G1Point memory sum, bytes32[] memory ids, uint256[] memory bitmaps)
    {
        uint256 count = params.nonSignerPubkeys.length;
        ids = new bytes32[](count);
        bitmaps = new uint256[](count);
        for (uint256 j = 0; j < count; ++j) {
            ids[j] = params.nonSignerPubkeys[j].hashG1Point();
            if (j > 0 && uint256(ids[j]) <= uint256(ids[j - 1])) {
                revert NonSignerPubkeysNotSorted();
            }
            bitmaps[j] = signing
                & registryCoordinator.getQuorumBitmapAtBlockNumberByIndex(
                    ids[j], referenceBlockNumber, params.nonSignerQuorumBitmapIndices[j]
                );
            if (bitmaps[j] == 0) revert NonSignerNotInQuorums(ids[j]);
            uint256 times = _bits(bitmaps[j]);
            BN254.G1Point memory key = params.nonSignerPubkeys[j];
            sum = sum.plus(times == 1 ? key : key.times(times));
        }
    }

    function _quorumApk(
        uint8 quorum,
        uint32 referenceBlockNumber,
        NonSignerStakesAndSignature memory params,
        uint256 i
    ) private view returns (BN254.G1Point memory apk) {
        apk = params.quorumApks[i];
        bytes24 expected = blsApkRegistry.getApkHashAtBlockNumberAndIndex(
            quorum, referenceBlockNumber, params.quorumApkIndices[i]
        );
        if (bytes24(apk.hashG1Point()) != expected) revert InvalidQuorumApkHash();
    }

    function _nonSignerStake(
        uint8 quorum,
        uint32 referenceBlockNumber,
        bytes32[] memory nonSigners,
        uint256[] memory bitmaps,
        uint32[] memory indices
    ) private view returns (uint96 stake) {
        uint256 next = 0;
        for (uint256 j = 0; j < nonSigners.length; ++j) {
            if (bitmaps[j] >> quorum & 1 == 0) continue;
            if (next == indices.length) revert InputArrayLengthMismatch();
            stake += stakeRegistry.getStakeAtBlockNumberAndIndex(
                quorum, referenceBlockNumber, nonSigners[j], indices[next]
            );
            ++next;
        }
        if (next != indices.length) revert InputArrayLengthMismatch();
    }

    function _bits(uint256 bitmap) private pure returns (uint256 count) {
        for (; bitmap != 0; bitmap &= bitmap - 1) {
            ++count;
        }
    }
}
