// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IQuoteVerifier, QuoteClaims, TEE} from "../IQuoteVerifier.sol";
import {P256Fallback} from "../P256Fallback.sol";
import {P256Verifier} from "../P256Verifier.sol";
import {Der} from "../asn1/Der.sol";
import {CollateralStore} from "./CollateralStore.sol";
import {DcapQuote} from "./DcapQuote.sol";
import {IDcapCollateral} from "./IDcapCollateral.sol";
import {QeIdentity} from "./QeIdentity.sol";
import {TcbInfo} from "./TcbInfo.sol";
import {TcbStatus} from "./TcbStatus.sol";
import {TdxModules} from "./TdxModules.sol";

/// @title DcapVerifier
/// @notice Verifies SGX quotes (versions 3 to 5) and TDX quotes (versions 4 and 5) of platforms whose
///         PCK certificate is registered, against registered collateral, with two P-256 checks.
/// @dev    Evidence is abi.encode(bytes32 platform, bytes quote): keccak256 of the PCK certificate and
///         the quote as DcapQuote strips it. There is one encoding for a quote: both signatures have
///         the lower s, and nothing is left over.
contract DcapVerifier is IQuoteVerifier, P256Verifier {
    /// @notice The registered collateral.
    IDcapCollateral public immutable COLLATERAL;
    /// @notice Whether its root is another one than Intel's.
    bool public immutable SIMULATED;

    /// @notice The evidence is not the encoding of a platform and a quote.
    error EvidenceMalformed();
    /// @notice A signature has the higher of s and n - s: anybody could have made it of the other.
    error SignatureMalleable();
    /// @notice Header and body are not signed by the attestation key.
    error QuoteSignatureInvalid();
    /// @notice The QE report is not signed by the platform's PCK.
    error QeSignatureInvalid();
    /// @notice The QE report does not bind the attestation key.
    error QeBindingWrong();
    /// @notice The second half of the QE's report data is not zero.
    error QeReportDataTail();
    /// @notice The quoting enclave's MRSIGNER is another one.
    error QeSignerWrong();
    /// @notice The quoting enclave's product id is another one.
    error QeProductWrong();
    /// @notice The quoting enclave is in debug mode or not initialised.
    error QeModeWrong();
    /// @notice The quoting enclave's attributes are others, under the mask.
    error QeAttributesWrong();
    /// @notice The quoting enclave's MISCSELECT is another one, under the mask.
    error QeMiscSelectWrong();
    /// @notice The quoting enclave's security version is below all levels.
    /// @param svn Its ISVSVN.
    error QeVersionUnrecognized(uint256 svn);
    /// @notice The enclave is in debug mode.
    error EnclaveInDebugMode();
    /// @notice The enclave is not initialised.
    error EnclaveNotInitialized();
    /// @notice The TD is in debug mode, or otherwise open to its host.
    error TdInDebugMode();
    /// @notice A reserved attribute of the TD is set.
    error TdAttributesReserved();
    /// @notice The TD lets its host inject #VE exceptions.
    error SeptVeNotDisabled();
    /// @notice A service TD is bound to the TD.
    error ServiceTdBound();
    /// @notice No identity is known for the TDX module.
    /// @param version Its major version.
    error TdxModuleUnknown(uint256 version);
    /// @notice The TDX module's MRSIGNER is another one.
    error TdxModuleSignerWrong();
    /// @notice The TDX module's attributes are others.
    error TdxModuleAttributesWrong();
    /// @notice The TDX module's security version is below all levels.
    /// @param svn Its ISVSVN.
    error TdxModuleVersionUnrecognized(uint256 svn);
    /// @notice The platform has the versions of no TCB level.
    error TcbUnrecognized();
    /// @notice The TCB level of the platform, its quoting enclave or its TDX module was revoked.
    error TcbRevoked();
    /// @notice The second half of the report data is not zero.
    error ReportDataTail();

    /// @dev Attributes of a TD as eight bytes: TUD, whose bits must all be clear.
    uint256 private constant TD_DEBUG = 0xff00000000000000;
    /// @dev SEPT_VE_DISABLE, bit 28.
    uint256 private constant TD_SEPT_VE_DISABLE = 0x0000001000000000;
    /// @dev All that are defined: TUD, bits 28, 30 (PKS), 31 (KL) and 63 (PERFMON).
    uint256 private constant TD_KNOWN = 0xff0000d000000080;

    /// @param collateral       The registered collateral.
    /// @param fallbackVerifier P-256 for chains without the precompile, or zero.
    constructor(IDcapCollateral collateral, P256Fallback fallbackVerifier)
        P256Verifier(fallbackVerifier)
    {
        COLLATERAL = collateral;
        SIMULATED = collateral.SIMULATED();
    }

    /// @inheritdoc IQuoteVerifier
    function verify(bytes calldata evidence) external view returns (QuoteClaims memory claims) {
        (bytes32 platform, bytes memory quote) = _decode(evidence);
        DcapQuote.Parts memory parts = DcapQuote.parse(quote);
        IDcapCollateral.Endorsement memory endorsed = COLLATERAL.endorsement(platform, parts.isTdx);
        uint256 reportData = parts.body + (parts.isTdx ? 520 : 320);
        _checkSignatures(quote, parts, endorsed);
        uint8 qeStatus = _checkQe(quote, parts.signature, CollateralStore.read(endorsed.qeIdentity));
        if (parts.isTdx) _checkTd(quote, parts);
        else _checkEnclave(quote, parts.body);
        if (Der.word(quote, reportData + 32) != 0) revert ReportDataTail();
        claims = parts.isTdx ? _tdClaims(quote, parts.body) : _sgxClaims(quote, parts.body);
        claims.reportDigest = bytes32(Der.word(quote, reportData));
        claims.tcbStatus = _status(quote, parts, endorsed, qeStatus);
        claims.validUntil = endorsed.validUntil;
        claims.replayKey = Der.hash(quote, 0, parts.signature - 4);
        claims.simulated = SIMULATED;
    }

    /// @dev Refuses all encodings of a platform and a quote but the shortest.
    function _decode(bytes calldata evidence)
        private
        pure
        returns (bytes32 platform, bytes memory quote)
    {
        if (evidence.length < 96) revert EvidenceMalformed();
        platform = bytes32(evidence[:32]);
        uint256 length = uint256(bytes32(evidence[64:96]));
        unchecked {
            if (length > evidence.length || evidence.length != 96 + (length + 31) / 32 * 32) {
                revert EvidenceMalformed();
            }
            bytes calldata padding = evidence[96 + length:];
            if (uint256(bytes32(evidence[32:64])) != 64 || bytes32(padding) != 0) {
                revert EvidenceMalformed();
            }
            quote = evidence[96:96 + length];
        }
    }

    /// @dev The attestation key signs the quote; the PCK signs the QE report, which binds that key.
    function _checkSignatures(
        bytes memory quote,
        DcapQuote.Parts memory parts,
        IDcapCollateral.Endorsement memory endorsed
    ) private view {
        uint256 pos = parts.signature;
        uint256 report = pos + DcapQuote.QE_REPORT;
        uint256 s = Der.word(quote, pos + 32);
        uint256 qeS = Der.word(quote, pos + DcapQuote.QE_SIGNATURE + 32);
        if (!_isLow(s) || !_isLow(qeS)) revert SignatureMalleable();
        if (!_verifyP256(
                Der.sha256Of(quote, report, report + 384),
                Der.word(quote, pos + DcapQuote.QE_SIGNATURE),
                qeS,
                endorsed.x,
                endorsed.y
            )) revert QeSignatureInvalid();
        bytes32 bound = sha256(
            abi.encodePacked(
                Der.word(quote, pos + DcapQuote.KEY),
                Der.word(quote, pos + DcapQuote.KEY + 32),
                Der.word(quote, pos + DcapQuote.AUTH_SIZE + 2)
            )
        );
        if (bound != bytes32(Der.word(quote, report + 320))) revert QeBindingWrong();
        if (Der.word(quote, report + 352) != 0) revert QeReportDataTail();
        if (!_verifyP256(
                Der.sha256Of(quote, 0, pos - 4),
                Der.word(quote, pos),
                s,
                Der.word(quote, pos + DcapQuote.KEY),
                Der.word(quote, pos + DcapQuote.KEY + 32)
            )) revert QuoteSignatureInvalid();
    }

    /// @dev The quoting enclave is what Intel's identity says; returns its status.
    function _checkQe(bytes memory quote, uint256 signature, bytes memory identity)
        private
        pure
        returns (uint8 status)
    {
        uint256 report = signature + DcapQuote.QE_REPORT;
        if (Der.word(quote, report + 128) != Der.word(identity, 44)) revert QeSignerWrong();
        if (DcapQuote.readU16(quote, report + 256) != Der.slice(identity, 76, 2)) {
            revert QeProductWrong();
        }
        if (uint8(quote[report + 48]) & 3 != 1) revert QeModeWrong();
        uint256 different = Der.slice(quote, report + 48, 16) ^ Der.slice(identity, 12, 16);
        if (different & Der.slice(identity, 28, 16) != 0) revert QeAttributesWrong();
        different = Der.slice(quote, report + 16, 4) ^ Der.slice(identity, 4, 4);
        if (different & Der.slice(identity, 8, 4) != 0) revert QeMiscSelectWrong();
        uint256 svn = DcapQuote.readU16(quote, report + 258);
        status = QeIdentity.statusOf(identity, svn);
        if (status == TcbStatus.UNRECOGNIZED) revert QeVersionUnrecognized(svn);
    }

    function _checkEnclave(bytes memory quote, uint256 body) private pure {
        uint256 flags = uint8(quote[body + 48]);
        if (flags & 2 != 0) revert EnclaveInDebugMode();
        if (flags & 1 == 0) revert EnclaveNotInitialized();
    }

    function _checkTd(bytes memory quote, DcapQuote.Parts memory parts) private pure {
        uint256 attributes = Der.slice(quote, parts.body + 120, 8);
        if (attributes & TD_DEBUG != 0) revert TdInDebugMode();
        if (attributes & ~TD_KNOWN != 0) revert TdAttributesReserved();
        if (attributes & TD_SEPT_VE_DISABLE == 0) revert SeptVeNotDisabled();
        if (!parts.isTd15) return;
        uint256 serviceTd = parts.body + 600;
        if (Der.word(quote, serviceTd) | Der.slice(quote, serviceTd + 32, 16) != 0) {
            revert ServiceTdBound();
        }
    }

    /// @dev The merged status of platform, quoting enclave and TDX module.
    function _status(
        bytes memory quote,
        DcapQuote.Parts memory parts,
        IDcapCollateral.Endorsement memory endorsed,
        uint8 qeStatus
    ) private view returns (uint8 status) {
        bytes memory info = CollateralStore.read(endorsed.tcbInfo);
        uint256 components = uint256(uint128(endorsed.components)) << 128;
        if (parts.isTdx) components |= Der.slice(quote, parts.body, 16);
        status = TcbInfo.statusOf(info, components, endorsed.pceSvn);
        if (status == TcbStatus.UNRECOGNIZED) revert TcbUnrecognized();
        status = TcbStatus.merge(status, qeStatus);
        if (parts.isTdx) status = _mergeModule(quote, parts.body, info, status);
        if (status == TcbStatus.REVOKED) revert TcbRevoked();
    }

    function _mergeModule(bytes memory quote, uint256 body, bytes memory info, uint8 status)
        private
        pure
        returns (uint8)
    {
        uint256 version = uint8(quote[body + 1]);
        uint256 module = TdxModules.find(info, TcbInfo.modulesAt(info), version);
        if (module == 0) revert TdxModuleUnknown(version);
        if (!TdxModules.isSigner(info, module, quote, body + 64)) revert TdxModuleSignerWrong();
        if (Der.slice(quote, body + 112, 8) != TdxModules.attributesOf(info, module)) {
            revert TdxModuleAttributesWrong();
        }
        if (!TdxModules.hasLevels(info, module)) return status;
        uint256 svn = uint8(quote[body]);
        uint8 moduleStatus = TdxModules.statusOf(info, module, svn);
        if (moduleStatus == TcbStatus.UNRECOGNIZED) revert TdxModuleVersionUnrecognized(svn);
        return TcbStatus.merge(status, moduleStatus);
    }

    function _sgxClaims(bytes memory quote, uint256 body)
        private
        pure
        returns (QuoteClaims memory claims)
    {
        claims.tee = TEE.INTEL_SGX;
        claims.measurement =
            keccak256(abi.encodePacked(uint8(TEE.INTEL_SGX), Der.word(quote, body + 64)));
        claims.signer = bytes32(Der.word(quote, body + 128));
        claims.securityVersion = uint32(DcapQuote.readU16(quote, body + 258));
    }

    /// @dev MRTD and the four RTMRs; a TD has neither signer nor security version.
    function _tdClaims(bytes memory quote, uint256 body)
        private
        pure
        returns (QuoteClaims memory claims)
    {
        claims.tee = TEE.INTEL_TDX;
        bytes memory measured = new bytes(241);
        measured[0] = bytes1(uint8(TEE.INTEL_TDX));
        assembly ("memory-safe") {
            let source := add(add(quote, 0x20), body)
            mcopy(add(measured, 0x21), add(source, 136), 48)
            mcopy(add(measured, 0x51), add(source, 328), 192)
        }
        claims.measurement = keccak256(measured);
    }
}
