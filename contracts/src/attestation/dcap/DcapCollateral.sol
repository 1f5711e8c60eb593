// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevChains} from "../../dev/DevChains.sol";
import {P256Fallback} from "../P256Fallback.sol";
import {X509} from "../asn1/X509.sol";
import {CollateralStore} from "./CollateralStore.sol";
import {DcapDocuments} from "./DcapDocuments.sol";
import {DcapPki} from "./DcapPki.sol";
import {IDcapCollateral} from "./IDcapCollateral.sol";
import {PckExtension} from "./PckExtension.sol";
import {QeIdentity} from "./QeIdentity.sol";
import {TcbInfo} from "./TcbInfo.sol";

/// @title DcapCollateral
/// @notice Everything that Intel signs and a quote's verification needs: certificates, revocation
///         lists, TCB info, QE identities, and the PCK certificate of each platform. Registered
///         rarely, by anyone, and verified here; read with each quote.
contract DcapCollateral is DcapPki {
    /// @notice A signed document.
    /// @param packed     Account whose code holds it.
    /// @param issueDate  Unix seconds.
    /// @param nextUpdate Unix seconds, inclusive.
    /// @param signer     Place of who signed it.
    struct Document {
        address packed;
        uint40 issueDate;
        uint40 nextUpdate;
        uint16 signer;
    }

    /// @notice A platform, as its PCK certificate has it.
    /// @param x          Public key, first coordinate.
    /// @param y          Second coordinate.
    /// @param components Security versions of the sixteen components.
    /// @param pceSvn     PCESVN.
    /// @param pceId      Kind of provisioning certification enclave.
    /// @param fmspc      Kind of platform.
    /// @param notBefore  Start of the certificate's validity, Unix seconds.
    /// @param notAfter   End of its validity, inclusive.
    /// @param serial     Its serial.
    /// @param issuer     Place of the PCK CA that issued it.
    struct Platform {
        uint256 x;
        uint256 y;
        bytes16 components;
        uint16 pceSvn;
        bytes2 pceId;
        bytes6 fmspc;
        uint40 notBefore;
        uint40 notAfter;
        uint160 serial;
        uint16 issuer;
    }

    bytes32 private constant PCK_NAME = keccak256("Intel SGX PCK Certificate");

    /// @notice Reads the signed documents.
    DcapDocuments public immutable DOCUMENTS = new DcapDocuments();

    /// @dev Platforms by keccak256 of their certificate.
    mapping(bytes32 => Platform) private _platforms;
    /// @dev TCB info by FMSPC, PCEID and whether it is for TDX.
    mapping(bytes32 => Document) private _tcbInfos;
    /// @dev QE identities by whether they are for TDX.
    mapping(bool => Document) private _qeIdentities;

    /// @notice Emitted when a platform is registered.
    /// @param id    keccak256 of its PCK certificate.
    /// @param fmspc Kind of platform.
    event PlatformRegistered(bytes32 indexed id, bytes6 indexed fmspc);

    /// @notice Emitted when TCB info is registered.
    /// @param fmspc            Kind of platform.
    /// @param isTdx            Whether it is for TDX.
    /// @param evaluationNumber tcbEvaluationDataNumber.
    /// @param issueDate        Unix seconds.
    /// @param nextUpdate       Unix seconds.
    event TcbInfoRegistered(
        bytes6 indexed fmspc,
        bool isTdx,
        uint32 evaluationNumber,
        uint64 issueDate,
        uint64 nextUpdate
    );

    /// @notice Emitted when a QE identity is registered.
    /// @param isTdx            Whether it is for TDX.
    /// @param evaluationNumber tcbEvaluationDataNumber.
    /// @param issueDate        Unix seconds.
    /// @param nextUpdate       Unix seconds.
    event QeIdentityRegistered(
        bool isTdx, uint32 evaluationNumber, uint64 issueDate, uint64 nextUpdate
    );

    /// @notice No platform with this certificate is registered.
    /// @param id keccak256 of a PCK certificate.
    error UnknownPlatform(bytes32 id);
    /// @notice No TCB info is registered for this kind of platform.
    /// @param fmspc Kind of platform.
    /// @param pceId Kind of provisioning certification enclave.
    /// @param isTdx Whether it is for TDX.
    error UnknownTcbInfo(bytes6 fmspc, bytes2 pceId, bool isTdx);
    /// @notice No QE identity is registered.
    /// @param isTdx Whether it is for TDX.
    error UnknownQeIdentity(bool isTdx);
    /// @notice A document is not valid yet, or expired.
    /// @param issueDate  Start of validity.
    /// @param nextUpdate End of validity, inclusive.
    error DocumentNotCurrent(uint64 issueDate, uint64 nextUpdate);
    /// @notice A document of a later evaluation or date is registered.
    /// @param evaluationNumber Of the registered one.
    /// @param issueDate        Of the registered one.
    error DocumentNotNewer(uint32 evaluationNumber, uint64 issueDate);

    /// @param root             The root certificate, DER.
    /// @param fallbackVerifier P-256 for chains without the precompile, or zero.
    constructor(bytes memory root, P256Fallback fallbackVerifier) DcapPki(root, fallbackVerifier) {}

    /// @notice Registers the PCK certificate of a platform, once. The revocation lists above it must
    ///         be registered and valid.
    /// @param issuer keccak256 of the PCK CA's certificate.
    /// @param der    The certificate.
    /// @return id keccak256 of it: the platform's name in evidence.
    function registerPlatform(bytes32 issuer, bytes calldata der) external returns (bytes32 id) {
        id = keccak256(der);
        if (_platforms[id].issuer != 0) revert AlreadyRegistered(id);
        uint16 index = _indexOf(issuer, Role.PCK_CA);
        X509.Certificate memory certificate = X509.parse(der);
        if (certificate.commonName != PCK_NAME) revert WrongName();
        if (!_signsData(certificate)) revert WrongPurpose();
        _checkIssued(certificate, _authorities[index]);
        PckExtension.Platform memory platform =
            PckExtension.parse(der, certificate.sgxStart, certificate.sgxEnd);
        _platforms[id] = Platform({
            x: certificate.x,
            y: certificate.y,
            components: platform.components,
            pceSvn: platform.pceSvn,
            pceId: platform.pceId,
            fmspc: platform.fmspc,
            notBefore: uint40(certificate.notBefore),
            notAfter: uint40(certificate.notAfter),
            serial: uint160(certificate.serial),
            issuer: index
        });
        _checkPlatform(_platforms[id]);
        emit PlatformRegistered(id, platform.fmspc);
    }

    /// @notice Registers TCB info, which must be of a later date or evaluation than the last one for
    ///         its kind of platform, and of no earlier one.
    /// @param json   The exact bytes that are signed.
    /// @param r      First half of the signature.
    /// @param s      Second half.
    /// @param signer keccak256 of the signer's certificate.
    function registerTcbInfo(bytes calldata json, uint256 r, uint256 s, bytes32 signer) external {
        uint16 index = _checkSigned(json, r, s, signer);
        TcbInfo.Document memory info = DOCUMENTS.readTcbInfo(json);
        bytes32 key = _tcbInfoKey(info.fmspc, info.pceId, info.isTdx);
        _tcbInfos[key] = _renewed(
            _tcbInfos[key],
            info.packed,
            info.evaluationNumber,
            info.issueDate,
            info.nextUpdate,
            index
        );
        emit TcbInfoRegistered(
            info.fmspc, info.isTdx, info.evaluationNumber, info.issueDate, info.nextUpdate
        );
    }

    /// @notice Registers a QE identity, which must be of a later date or evaluation than the last one
    ///         of its kind, and of no earlier one.
    /// @param json   The exact bytes that are signed.
    /// @param r      First half of the signature.
    /// @param s      Second half.
    /// @param signer keccak256 of the signer's certificate.
    function registerQeIdentity(bytes calldata json, uint256 r, uint256 s, bytes32 signer)
        external
    {
        uint16 index = _checkSigned(json, r, s, signer);
        QeIdentity.Document memory identity = DOCUMENTS.readQeIdentity(json);
        _qeIdentities[identity.isTdx] = _renewed(
            _qeIdentities[identity.isTdx],
            identity.packed,
            identity.evaluationNumber,
            identity.issueDate,
            identity.nextUpdate,
            index
        );
        emit QeIdentityRegistered(
            identity.isTdx, identity.evaluationNumber, identity.issueDate, identity.nextUpdate
        );
    }

    /// @inheritdoc IDcapCollateral
    function endorsement(bytes32 id, bool isTdx) external view returns (Endorsement memory answer) {
        if (SIMULATED) DevChains.check();
        Platform memory platform = _platforms[id];
        if (platform.issuer == 0) revert UnknownPlatform(id);
        Document memory info = _tcbInfos[_tcbInfoKey(platform.fmspc, platform.pceId, isTdx)];
        if (info.packed == address(0)) {
            revert UnknownTcbInfo(platform.fmspc, platform.pceId, isTdx);
        }
        Document memory identity = _qeIdentities[isTdx];
        if (identity.packed == address(0)) revert UnknownQeIdentity(isTdx);
        answer.x = platform.x;
        answer.y = platform.y;
        answer.components = platform.components;
        answer.pceSvn = platform.pceSvn;
        answer.tcbInfo = info.packed;
        answer.qeIdentity = identity.packed;
        answer.validUntil = _earlier(
            _checkPlatform(platform), _earlier(_checkDocument(info), _checkDocument(identity))
        );
    }

    /// @notice A platform.
    /// @param id keccak256 of its PCK certificate.
    /// @return What is kept of it; all zero when it is not registered.
    function platformOf(bytes32 id) external view returns (Platform memory) {
        return _platforms[id];
    }

    /// @notice The TCB info for a kind of platform.
    /// @param fmspc Kind of platform.
    /// @param pceId Kind of provisioning certification enclave.
    /// @param isTdx Whether it is for TDX.
    /// @return What is kept of it; all zero when there is none.
    function tcbInfoOf(bytes6 fmspc, bytes2 pceId, bool isTdx)
        external
        view
        returns (Document memory)
    {
        return _tcbInfos[_tcbInfoKey(fmspc, pceId, isTdx)];
    }

    /// @notice The QE identity.
    /// @param isTdx Whether it is for TDX.
    /// @return What is kept of it; all zero when there is none.
    function qeIdentityOf(bool isTdx) external view returns (Document memory) {
        return _qeIdentities[isTdx];
    }

    /// @dev Refuses a platform when it or one above it was revoked or is not valid now; returns until
    ///      when they are.
    function _checkPlatform(Platform memory platform) private view returns (uint64) {
        Authority storage root = _authorities[ROOT_INDEX];
        Authority storage issuer = _authorities[platform.issuer];
        uint64 above = _earlier(_checkCurrent(root), _checkCrlCurrent(root));
        uint64 beside = _earlier(_checkCurrent(issuer), _checkCrlCurrent(issuer));
        _checkValidity(platform.notBefore, platform.notAfter);
        if (isRevoked[platform.issuer][platform.serial]) revert CertificateRevoked();
        return _earlier(platform.notAfter, _earlier(above, beside));
    }

    /// @dev Refuses a document that is not valid now or whose signer is not; returns until when they
    ///      are.
    function _checkDocument(Document memory document) private view returns (uint64) {
        _checkDates(document.issueDate, document.nextUpdate);
        return _earlier(document.nextUpdate, _checkCurrent(_authorities[document.signer]));
    }

    function _checkDates(uint64 issueDate, uint64 nextUpdate) private view {
        if (block.timestamp < issueDate || block.timestamp > nextUpdate) {
            revert DocumentNotCurrent(issueDate, nextUpdate);
        }
    }

    function _checkSigned(bytes calldata json, uint256 r, uint256 s, bytes32 signer)
        private
        view
        returns (uint16 index)
    {
        index = _indexOf(signer, Role.SIGNER);
        Authority storage authority = _authorities[index];
        _checkCurrent(_authorities[ROOT_INDEX]);
        _checkCrlCurrent(_authorities[ROOT_INDEX]);
        _checkCurrent(authority);
        if (!_verifyP256(sha256(json), r, s, authority.x, authority.y)) revert SignatureInvalid();
    }

    /// @dev A document in the place of another one.
    function _renewed(
        Document memory last,
        bytes memory packed,
        uint32 evaluationNumber,
        uint64 issueDate,
        uint64 nextUpdate,
        uint16 signer
    ) private returns (Document memory) {
        _checkDates(issueDate, nextUpdate);
        if (last.packed != address(0)) {
            uint32 lastNumber = uint32(bytes4(CollateralStore.read(last.packed)));
            bool older = evaluationNumber < lastNumber || issueDate < last.issueDate;
            bool same = evaluationNumber == lastNumber && issueDate == last.issueDate;
            if (older || same) revert DocumentNotNewer(lastNumber, last.issueDate);
        }
        return Document({
            packed: CollateralStore.write(packed),
            issueDate: uint40(issueDate),
            nextUpdate: uint40(nextUpdate),
            signer: signer
        });
    }

    function _indexOf(bytes32 id, Role role) private view returns (uint16 index) {
        index = authorityIndex[id];
        if (_authorities[index].role != role) revert UnknownAuthority(id);
    }

    function _tcbInfoKey(bytes6 fmspc, bytes2 pceId, bool isTdx) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(fmspc, pceId, isTdx));
    }

    function _earlier(uint64 one, uint64 other) private pure returns (uint64) {
        return one < other ? one : other;
    }
}
