// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {QuoteClaims, TEE} from "../src/attestation/IQuoteVerifier.sol";
import {P256Fallback} from "../src/attestation/P256Fallback.sol";
import {P256Verifier} from "../src/attestation/P256Verifier.sol";
import {DcapCollateral} from "../src/attestation/dcap/DcapCollateral.sol";
import {DcapPki} from "../src/attestation/dcap/DcapPki.sol";
import {DcapVerifier} from "../src/attestation/dcap/DcapVerifier.sol";
import {DevChains} from "../src/dev/DevChains.sol";
import {DcapFixtures as F} from "./fixtures/DcapFixtures.sol";
import {DcapTestBase} from "./support/DcapTestBase.sol";

/// @title DcapTest
/// @notice Registered collateral over time: expiry, renewal, revocation, and who may do what.
/// forge-config: default.evm_version = "osaka"
contract DcapTest is DcapTestBase {
    uint256 private constant END = F.START + 30 days;

    function setUp() public {
        deployDcap();
        registerAll();
    }

    function test_claimsOfAnSgxQuote() public view {
        QuoteClaims memory claims = dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
        check(claims.tee == TEE.INTEL_SGX && claims.tcbStatus == 0, "an enclave, up to date");
        check(claims.simulated, "simulated");
        check(claims.reportDigest == bytes32(F.REPORT_DIGEST), "report data");
        check(claims.validUntil == END - 1, "until the revocation lists end");
        check(claims.securityVersion == 1, "security version");
    }

    function test_allVersionsAndBodies() public view {
        dcap.verify(evidenceOf(F.QUOTE_SGX_V4));
        check(dcap.verify(evidenceOf(F.QUOTE_TD10_V4)).tee == TEE.INTEL_TDX, "TD 1.0");
        check(dcap.verify(evidenceOf(F.QUOTE_TD15_V5)).tee == TEE.INTEL_TDX, "TD 1.5");
    }

    function test_holdsUpToItsLastSecondOnly() public {
        vm.warp(END - 1);
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
        vm.warp(END);
        vm.expectPartialRevert(DcapPki.CrlNotCurrent.selector);
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
        vm.warp(F.START - 1);
        vm.expectPartialRevert(DcapPki.CrlNotCurrent.selector);
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
    }

    function test_expiredCertificates() public {
        vm.warp(F.LIFETIME_END + 1);
        vm.expectPartialRevert(DcapPki.CertificateNotCurrent.selector);
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
    }

    function test_renewalMovesTheEnd() public {
        vm.warp(F.START + 1 days);
        registerNewerTcbInfo();
        collateral.registerCrl(CA_ID, F.LATER_PCK_CRL);
        check(dcap.verify(evidenceOf(F.QUOTE_SGX_V3)).validUntil == END - 1, "the rest ends first");
        vm.warp(END);
        vm.expectPartialRevert(DcapPki.CrlNotCurrent.selector);
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
    }

    function test_nothingGoesBack() public {
        vm.expectPartialRevert(DcapCollateral.DocumentNotNewer.selector);
        registerSgxTcbInfo();
        vm.warp(F.START + 1 days);
        registerNewerTcbInfo();
        vm.expectPartialRevert(DcapCollateral.DocumentNotNewer.selector);
        registerSgxTcbInfo();
        collateral.registerCrl(CA_ID, F.LATER_PCK_CRL);
        vm.expectPartialRevert(DcapPki.CrlNotNewer.selector);
        collateral.registerCrl(CA_ID, F.PCK_CRL);
    }

    function test_aRevokedPlatformIsRefusedFromThenOn() public {
        vm.warp(F.START + 1 days);
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
        collateral.registerCrl(CA_ID, F.REVOKING_PCK_CRL);
        vm.expectRevert(abi.encodePacked(DcapPki.CertificateRevoked.selector));
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
    }

    function test_aRevokedCaIsRefusedFromThenOn() public {
        vm.warp(F.START + 1 days);
        collateral.registerCrl(ROOT_ID, F.REVOKING_ROOT_CRL);
        vm.expectRevert(abi.encodePacked(DcapPki.CertificateRevoked.selector));
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
        vm.expectRevert(abi.encodePacked(DcapPki.CertificateRevoked.selector));
        collateral.registerCrl(CA_ID, F.LATER_PCK_CRL);
    }

    function test_whatIsThereStaysOnce() public {
        vm.expectRevert(abi.encodeWithSelector(DcapPki.AlreadyRegistered.selector, PLATFORM_ID));
        collateral.registerPlatform(CA_ID, F.PLATFORM);
        vm.expectRevert(abi.encodeWithSelector(DcapPki.AlreadyRegistered.selector, CA_ID));
        collateral.registerAuthority(F.PLATFORM_CA);
    }

    function test_unknownPlatform() public {
        bytes32 other = keccak256("other");
        vm.expectRevert(abi.encodeWithSelector(DcapCollateral.UnknownPlatform.selector, other));
        dcap.verify(abi.encode(other, F.QUOTE_SGX_V3));
    }

    function test_aPlatformNeedsItsCasList() public {
        deployDcap();
        collateral.registerCrl(ROOT_ID, F.ROOT_CRL);
        collateral.registerAuthority(F.PLATFORM_CA);
        vm.expectRevert(
            abi.encodeWithSelector(DcapPki.CrlNotCurrent.selector, uint64(0), uint64(0))
        );
        collateral.registerPlatform(CA_ID, F.PLATFORM);
    }

    function test_aCaNeedsTheRootsList() public {
        deployDcap();
        vm.expectRevert(
            abi.encodeWithSelector(DcapPki.CrlNotCurrent.selector, uint64(0), uint64(0))
        );
        collateral.registerAuthority(F.PLATFORM_CA);
    }

    function test_aCaSignsNoDocument() public {
        vm.warp(F.START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(DcapPki.UnknownAuthority.selector, CA_ID));
        collateral.registerTcbInfo(F.NEWER_TCB_INFO, F.NEWER_TCB_INFO_R, F.NEWER_TCB_INFO_S, CA_ID);
    }

    function test_aCertificateIsWhatItsNameSays() public {
        vm.expectRevert(abi.encodePacked(DcapPki.WrongName.selector));
        collateral.registerPlatform(CA_ID, F.SIGNER);
        vm.expectRevert(abi.encodePacked(DcapPki.WrongName.selector));
        collateral.registerAuthority(F.PLATFORM);
        deployDcap();
        registerPki();
        vm.expectRevert(abi.encodeWithSelector(DcapPki.UnknownAuthority.selector, SIGNER_ID));
        collateral.registerPlatform(SIGNER_ID, F.PLATFORM);
    }

    function test_aCaIsNoRoot() public {
        vm.expectRevert(abi.encodePacked(DcapPki.RootInvalid.selector));
        new DcapCollateral(F.PLATFORM_CA, P256Fallback(address(0)));
    }

    function test_aSignerIssuesNoList() public {
        vm.expectRevert(abi.encodeWithSelector(DcapPki.UnknownAuthority.selector, SIGNER_ID));
        collateral.registerCrl(SIGNER_ID, F.LATER_PCK_CRL);
    }

    function test_aSimulationIsDeadOnRealChains() public {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(DevChains.NotADevChain.selector, uint256(1)));
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
        vm.expectRevert(abi.encodeWithSelector(DevChains.NotADevChain.selector, uint256(1)));
        new DcapCollateral(F.ROOT, P256Fallback(address(0)));
    }

    function testFuzz_anyOtherByteIsRefused(uint256 at, uint8 bit) public {
        bytes memory quote = F.QUOTE_SGX_V3;
        at = bound(at, 0, quote.length - 1);
        quote[at] = bytes1(uint8(quote[at]) ^ uint8(1 << (bit % 8)));
        (bool accepted, bytes memory answer) =
            address(dcap).staticcall(abi.encodeCall(DcapVerifier.verify, (evidenceOf(quote))));
        check(!accepted && answer.length >= 4, "a named error");
    }

    function testFuzz_noiseIsNoEvidence(bytes calldata noise) public {
        (bool accepted, bytes memory answer) =
            address(dcap).staticcall(abi.encodeCall(DcapVerifier.verify, (noise)));
        check(!accepted && answer.length >= 4, "a named error");
    }

    function testFuzz_noiseIsNoCollateral(bytes memory noise) public {
        vm.warp(F.START + 1 days);
        // Forge also tries the constants of this test, some of which are genuine.
        noise = bytes.concat(noise, hex"00");
        expectNamed(abi.encodeCall(DcapPki.registerAuthority, (noise)));
        expectNamed(abi.encodeCall(DcapPki.registerCrl, (CA_ID, noise)));
        expectNamed(abi.encodeCall(DcapCollateral.registerPlatform, (CA_ID, noise)));
        expectNamed(abi.encodeCall(DcapCollateral.registerTcbInfo, (noise, 1, 1, SIGNER_ID)));
    }

    /// @dev With a byte changed, or cut short: parsers end in an error of theirs, never in a panic.
    function testFuzz_damagedCollateralIsRefused(uint256 at, uint8 bit, bool cut) public {
        vm.warp(F.START + 1 days);
        expectNamed(
            abi.encodeCall(DcapPki.registerAuthority, (damaged(F.PROCESSOR_CA, at, bit, cut)))
        );
        expectNamed(
            abi.encodeCall(DcapPki.registerCrl, (CA_ID, damaged(F.REVOKING_PCK_CRL, at, bit, cut)))
        );
        expectNamed(
            abi.encodeCall(
                DcapCollateral.registerTcbInfo,
                (
                    damaged(F.NEWER_TCB_INFO, at, bit, cut),
                    F.NEWER_TCB_INFO_R,
                    F.NEWER_TCB_INFO_S,
                    SIGNER_ID
                )
            )
        );
    }

    /// @dev The documents' reader without the signature that stands before it.
    function testFuzz_damagedDocumentsMeetNamedErrorsOrAreDocuments(uint256 at, uint8 bit, bool cut)
        public
        view
    {
        bytes memory json = damaged(F.TDX_TCB_INFO, at, bit, cut);
        (bool read, bytes memory answer) = address(collateral.DOCUMENTS())
            .staticcall(abi.encodeWithSignature("readTcbInfo(bytes)", json));
        check(read ? !cut : answer.length >= 4 && bytes4(answer) != PANIC, "a named error");
    }

    bytes4 private constant PANIC = 0x4e487b71;

    function expectNamed(bytes memory data) private {
        (bool accepted, bytes memory answer) = address(collateral).call(data);
        check(!accepted && answer.length >= 4 && bytes4(answer) != PANIC, "a named error");
    }

    function damaged(bytes memory data, uint256 at, uint8 bit, bool cut)
        private
        pure
        returns (bytes memory)
    {
        at = bound(at, 0, data.length - 1);
        data[at] = bytes1(uint8(data[at]) ^ uint8(1 << (bit % 8)));
        if (cut) {
            assembly ("memory-safe") {
                mstore(data, at)
            }
        }
        return data;
    }
}

/// @title P256Test
/// @notice Signatures on chains without the precompile.
contract P256Test is DcapTestBase {
    uint256 private constant N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;

    function test_withoutPrecompileAFallbackIsNeeded() public {
        vm.warp(NOW);
        vm.expectRevert(abi.encodePacked(P256Verifier.P256Unavailable.selector));
        new DcapCollateral(F.ROOT, P256Fallback(address(0)));
        vm.expectRevert(abi.encodePacked(P256Verifier.P256Unavailable.selector));
        new DcapCollateral(F.ROOT, P256Fallback(address(0xdead)));
    }

    function test_aPrecompileThatAlwaysSaysYesIsNone() public {
        vm.warp(NOW);
        // PUSH1 1, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN
        vm.etch(address(0x100), hex"60015f5260205ff3");
        vm.expectRevert(abi.encodePacked(P256Verifier.P256Unavailable.selector));
        new DcapCollateral(F.ROOT, P256Fallback(address(0)));
    }

    function test_aFallbackThatAlwaysSaysYesIsNone() public {
        vm.warp(NOW);
        vm.etch(address(0xbeef), hex"60015f5260205ff3");
        vm.expectRevert(abi.encodePacked(P256Verifier.P256Unavailable.selector));
        new DcapCollateral(F.ROOT, P256Fallback(address(0xbeef)));
    }

    function test_theFallbackVerifiesAllOfIt() public {
        vm.warp(NOW);
        P256Fallback fallbackVerifier = new P256Fallback();
        collateral = new DcapCollateral(F.ROOT, fallbackVerifier);
        dcap = new DcapVerifier(collateral, fallbackVerifier);
        check(address(dcap.P256_FALLBACK()) == address(fallbackVerifier), "in use");
        registerAll();
        dcap.verify(evidenceOf(F.QUOTE_SGX_V3));
        bytes memory quote = F.QUOTE_SGX_V3;
        quote[112] ^= 0x01;
        vm.expectRevert(abi.encodePacked(DcapVerifier.QuoteSignatureInvalid.selector));
        dcap.verify(evidenceOf(quote));
    }

    function test_theFallbackTakesBothHalvesOfS() public {
        P256Fallback verifier = new P256Fallback();
        (uint256 r, uint256 s) = (F.SGX_TCB_INFO_R, F.SGX_TCB_INFO_S);
        (uint256 x, uint256 y) = signerKey();
        bytes32 digest = sha256(F.SGX_TCB_INFO);
        check(verifier.verify(digest, r, s, x, y), "as signed");
        check(verifier.verify(digest, r, N - s, x, y), "the other one");
        check(!verifier.verify(digest, r, 0, x, y), "zero");
        check(!verifier.verify(digest, r, N, x, y), "the order");
        check(!verifier.verify(digest, r, s ^ 1, x, y), "another");
    }

    function signerKey() private returns (uint256 x, uint256 y) {
        vm.warp(NOW);
        collateral = new DcapCollateral(F.ROOT, new P256Fallback());
        registerPki();
        DcapPki.Authority memory signer = collateral.authorityOf(SIGNER_ID);
        return (signer.x, signer.y);
    }
}
