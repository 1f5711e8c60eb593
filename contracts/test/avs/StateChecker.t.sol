// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TEE} from "../../src/attestation/IQuoteVerifier.sol";
import {BLSSignatureChecker} from "../../src/avs/BLSSignatureChecker.sol";
import {BN254} from "../../src/avs/BN254.sol";
import {SignedHeader} from "../../src/avs/StateChecker.sol";
import {IBLSSignatureCheckerTypes} from "../../src/avs/interfaces/IEigenLayer.sol";
import {IMultiProverServiceManager} from "../../src/avs/interfaces/IMultiProverServiceManager.sol";
import {AvsTestBase} from "./AvsTestBase.sol";
import {G2} from "./G2.sol";

/// @notice Signatures of quorums, with operators in one and in both of them.
contract StateCheckerTest is AvsTestBase {
    using BN254 for BN254.G1Point;

    /// @dev Operators 0 to 2 in quorum 0, 3 to 5 in quorum 1, 6 and 7 in both.
    function addOperators() internal override {
        for (uint256 i = 0; i < 8; ++i) {
            uint192 quorums = i < 3 ? 1 : i < 6 ? 2 : 3;
            addOperator(i, quorums, uint96(100 * (i + 1)), TEE.INTEL_SGX);
        }
    }

    function test_hashToG1_vector() public view {
        BN254.G1Point memory point =
            BN254.hashToG1(0x36f32846c5b3ffc7839fcb0a6ad7176f4916eedfc6b7d1dbf83c3ecb1b3cbce5);
        check(
            point.X == 2966272766268964274315960143599241100796305620759703516242910491205127094178,
            "x"
        );
        check(
            point.Y == 6306532870924298438021476987858709178483069593819531071136485490529870152114,
            "y"
        );
    }

    function test_digest_vector() public view {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.metadata = "{\"batch_id\":2000,\"start_block\":1,\"end_block\":2}";
        header.state = hex"0102";
        header.referenceBlockNumber = 12345;
        check(
            checker.digestOf(header)
                == 0x36f32846c5b3ffc7839fcb0a6ad7176f4916eedfc6b7d1dbf83c3ecb1b3cbce5,
            "digest"
        );
    }

    /// @notice Whoever is absent: stakes are what a naive sum says, and an operator in both quorums
    ///         counts in both.
    function testFuzz_check_countsAsANaiveSum(uint8 absent) public view {
        vm.assume(absent != 255);
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        SignedHeader memory found = checker.checkState(header, signed(header, absent));
        for (uint8 q = 0; q < 2; ++q) {
            uint256 signedStake = 0;
            uint256 total = 0;
            for (uint256 i = 0; i < ids.length; ++i) {
                if (!isIn(i, q)) continue;
                total += 100 * (i + 1);
                if (absent >> i & 1 == 0) signedStake += 100 * (i + 1);
            }
            check(found.signedStakes[q] == signedStake, "signed");
            check(found.totalStakes[q] == total, "total");
        }
        check(found.outputRoot == rootOf(10), "root");
        check(found.startBlock == 1 && found.endBlock == 10, "range");
    }

    /// @notice An absent operator that is not named as such, or a present one that is, breaks the
    ///         signature.
    function testFuzz_check_refusesAnotherSetOfSigners(uint8 absent, uint8 other) public {
        vm.assume(absent != other && absent != 255);
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, other);
        if (other != 255) {
            IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory mine =
                signed(header, absent);
            (nss.sigma, nss.apkG2) = (mine.sigma, mine.apkG2);
        }
        vm.expectRevert(abi.encodeWithSelector(BLSSignatureChecker.InvalidBLSSignature.selector));
        checker.checkState(header, nss);
    }

    /// @notice A signature over one state does not confirm another.
    function testFuzz_check_bindsAllThatIsSigned(uint8 field) public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        if (field % 4 == 0) header.committeeId = 2;
        if (field % 4 == 1) header.metadata = metadataOf(1, 11);
        if (field % 4 == 2) header.state = stateOf(batchOf(1, 10), rootOf(0), rootOf(11));
        if (field % 4 == 3) header.referenceBlockNumber = REFERENCE - 1;
        vm.expectRevert(abi.encodeWithSelector(BLSSignatureChecker.InvalidBLSSignature.selector));
        checker.checkState(header, nss);
    }

    function test_check_refusesAnEmptySetOfSigners() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 255);
        nss.sigma = BN254.G1Point(0, 0);
        vm.expectRevert(abi.encodeWithSelector(BLSSignatureChecker.InvalidBLSSignature.selector));
        checker.checkState(header, nss);
    }

    /// @notice A key in G2 of others, with a signature by them.
    function test_check_bindsBothFormsOfTheKey() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        nss.apkG2 = G2.times(77);
        nss.sigma = BN254.hashToG1(digestOf(header)).times(77);
        vm.expectRevert(abi.encodeWithSelector(BLSSignatureChecker.InvalidBLSSignature.selector));
        checker.checkState(header, nss);
    }

    function test_check_refusesAQuorumKeyOfItsOwn() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        nss.quorumApks[1] = keyOf(9);
        vm.expectRevert(abi.encodeWithSelector(BLSSignatureChecker.InvalidQuorumApkHash.selector));
        checker.checkState(header, nss);
    }

    function test_check_refusesUnsortedNonSigners() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 3);
        (nss.nonSignerPubkeys[0], nss.nonSignerPubkeys[1]) =
        (nss.nonSignerPubkeys[1], nss.nonSignerPubkeys[0]);
        vm.expectRevert(
            abi.encodeWithSelector(BLSSignatureChecker.NonSignerPubkeysNotSorted.selector)
        );
        checker.checkState(header, nss);
    }

    /// @notice Named twice, an absent operator's stake would be taken out twice.
    function test_check_refusesANonSignerTwice() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 3);
        nss.nonSignerPubkeys[1] = nss.nonSignerPubkeys[0];
        vm.expectRevert(
            abi.encodeWithSelector(BLSSignatureChecker.NonSignerPubkeysNotSorted.selector)
        );
        checker.checkState(header, nss);
    }

    function test_check_refusesANonSignerOfNoQuorum() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumNumbers = hex"00";
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 1);
        nss.nonSignerPubkeys[0] = keyOf(4);
        vm.expectRevert(
            abi.encodeWithSelector(BLSSignatureChecker.NonSignerNotInQuorums.selector, ids[4])
        );
        checker.checkState(header, nss);
    }

    function test_check_refusesQuorumsTwiceOrUnsorted() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.quorumNumbers = hex"0100";
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        vm.expectRevert(abi.encodeWithSelector(BLSSignatureChecker.QuorumsNotSorted.selector));
        checker.checkState(header, nss);
        header.quorumNumbers = hex"0000";
        nss = signed(header, 0);
        vm.expectRevert(abi.encodeWithSelector(BLSSignatureChecker.QuorumsNotSorted.selector));
        checker.checkState(header, nss);
    }

    function test_check_refusesNoQuorum() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss;
        header.quorumNumbers = "";
        vm.expectRevert(
            abi.encodeWithSelector(BLSSignatureChecker.InputEmptyQuorumNumbers.selector)
        );
        checker.checkState(header, nss);
    }

    function test_check_refusesAReferenceBlockThatIsNotPast() public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        header.referenceBlockNumber = uint32(block.number);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 0);
        vm.expectRevert(
            abi.encodeWithSelector(BLSSignatureChecker.InvalidReferenceBlocknumber.selector)
        );
        checker.checkState(header, nss);
    }

    /// @notice Every list has a length that follows from quorums and non-signers.
    function testFuzz_check_refusesLengthsThatDiffer(uint8 which) public {
        IMultiProverServiceManager.StateHeader memory header = headerOf(1, 10);
        IBLSSignatureCheckerTypes.NonSignerStakesAndSignature memory nss = signed(header, 1);
        uint256 list = which % 11;
        if (list == 0) nss.quorumApks = new BN254.G1Point[](1);
        if (list == 1) nss.quorumApkIndices = new uint32[](1);
        if (list == 2) nss.totalStakeIndices = new uint32[](3);
        if (list == 3) nss.nonSignerStakeIndices = new uint32[][](1);
        if (list == 4) nss.nonSignerQuorumBitmapIndices = new uint32[](2);
        if (list == 5) nss.nonSignerStakeIndices[0] = new uint32[](0);
        if (list == 6) nss.nonSignerStakeIndices[1] = new uint32[](1);
        // One too many, with the right ones before it.
        if (list == 7) nss.quorumApks = longer(nss.quorumApks);
        if (list == 8) nss.quorumApkIndices = longer(nss.quorumApkIndices);
        if (list == 9) nss.nonSignerStakeIndices = longer(nss.nonSignerStakeIndices);
        if (list == 10) {
            nss.nonSignerQuorumBitmapIndices = longer(nss.nonSignerQuorumBitmapIndices);
        }
        vm.expectRevert(
            abi.encodeWithSelector(BLSSignatureChecker.InputArrayLengthMismatch.selector)
        );
        checker.checkState(header, nss);
    }

    function longer(uint32[] memory list) internal pure returns (uint32[] memory more) {
        more = new uint32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            more[i] = list[i];
        }
    }

    function longer(uint32[][] memory list) internal pure returns (uint32[][] memory more) {
        more = new uint32[][](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            more[i] = list[i];
        }
    }

    function longer(BN254.G1Point[] memory list)
        internal
        pure
        returns (BN254.G1Point[] memory more)
    {
        more = new BN254.G1Point[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            more[i] = list[i];
        }
    }

    /// @notice Points that are none never pass.
    function testFuzz_isSignedBy_refusesJunk(bytes32 digest, uint256 x, uint256 y) public view {
        BN254.G2Point memory key = G2.times(5);
        try this.isSignedBy(digest, keyOf(0), key, BN254.G1Point(x, y)) returns (bool holds) {
            check(!holds, "junk signed");
        } catch {}
    }

    function plus(BN254.G1Point memory a, BN254.G1Point memory b)
        external
        view
        returns (BN254.G1Point memory)
    {
        return BN254.plus(a, b);
    }

    function times(BN254.G1Point memory a, uint256 s) external view returns (BN254.G1Point memory) {
        return BN254.times(a, s);
    }

    /// @notice What is no point is refused, and never counted as nothing. A precompile that refuses
    ///         keeps all gas that it was given.
    function test_points_areOfTheCurve() public {
        BN254.G1Point[3] memory wrong =
            [BN254.G1Point(1, 1), BN254.G1Point(BN254.P, 0), BN254.G1Point(1, 2 + BN254.P)];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(BN254.PrecompileFailed.selector, 6));
            this.plus{gas: 100_000}(BN254.G1Point(1, 2), wrong[i]);
            vm.expectRevert(abi.encodeWithSelector(BN254.PrecompileFailed.selector, 7));
            this.times{gas: 100_000}(wrong[i], 2);
        }
    }

    function isSignedBy(
        bytes32 digest,
        BN254.G1Point memory key,
        BN254.G2Point memory keyG2,
        BN254.G1Point memory signature
    ) external view returns (bool) {
        return BN254.isSignedBy(digest, key, keyG2, signature);
    }

    function testFuzz_isSignedBy_oneKey(bytes32 digest, uint64 secret) public view {
        vm.assume(secret != 0);
        BN254.G1Point memory key = BN254.G1Point(1, 2).times(secret);
        BN254.G1Point memory signature = BN254.hashToG1(digest).times(secret);
        check(BN254.isSignedBy(digest, key, G2.times(secret), signature), "its own");
        check(
            !BN254.isSignedBy(keccak256(abi.encode(digest)), key, G2.times(secret), signature),
            "another digest"
        );
        check(
            !BN254.isSignedBy(digest, key, G2.times(uint256(secret) + 1), signature), "another key"
        );
    }
}
