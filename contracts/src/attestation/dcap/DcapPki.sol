// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevChains} from "../../dev/DevChains.sol";
import {P256Fallback} from "../P256Fallback.sol";
import {P256Verifier} from "../P256Verifier.sol";
import {X509} from "../asn1/X509.sol";
import {X509Crl} from "../asn1/X509Crl.sol";
import {IDcapCollateral} from "./IDcapCollateral.sol";

/// @title DcapPki
/// @notice The certificates and revocation lists above platforms: root, PCK CAs and signers of TCB
///         info. Anyone may register what the root or a CA has signed; nobody can take anything back.
/// @dev    A root other than Intel's is one of a simulation and lives on development chains alone.
abstract contract DcapPki is P256Verifier, IDcapCollateral {
    /// @notice What a certificate may do.
    /// @custom:value NONE   Nothing: it is not registered.
    /// @custom:value ROOT   Issue CAs and signers.
    /// @custom:value PCK_CA Issue platforms' certificates.
    /// @custom:value SIGNER Sign TCB info and QE identities.
    enum Role {
        NONE,
        ROOT,
        PCK_CA,
        SIGNER
    }

    /// @notice A registered certificate, with the list of what it has revoked.
    /// @param role       What it may do.
    /// @param revoked    Whether the root has revoked it.
    /// @param notBefore  Start of validity, Unix seconds.
    /// @param notAfter   End of validity, inclusive.
    /// @param thisUpdate Date of its revocation list; zero when none is registered.
    /// @param nextUpdate End of the list's validity, exclusive.
    /// @param x          Public key, first coordinate.
    /// @param y          Second coordinate.
    /// @param name       Hash of its subject.
    /// @param keyId      Hash of its key identifier.
    struct Authority {
        Role role;
        bool revoked;
        uint40 notBefore;
        uint40 notAfter;
        uint40 thisUpdate;
        uint40 nextUpdate;
        uint256 x;
        uint256 y;
        bytes32 name;
        bytes32 keyId;
    }

    /// @notice SHA-256 of Intel's SGX Root CA certificate.
    bytes32 public constant INTEL_ROOT =
        0x44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3;
    /// @dev Place of the root among the authorities.
    uint16 internal constant ROOT_INDEX = 1;

    bytes32 private constant ROOT_NAME = keccak256("Intel SGX Root CA");
    bytes32 private constant PLATFORM_CA_NAME = keccak256("Intel SGX PCK Platform CA");
    bytes32 private constant PROCESSOR_CA_NAME = keccak256("Intel SGX PCK Processor CA");
    bytes32 private constant SIGNER_NAME = keccak256("Intel SGX TCB Signing");

    /// @inheritdoc IDcapCollateral
    bool public immutable override SIMULATED;
    /// @notice keccak256 of the root certificate.
    bytes32 public immutable ROOT_ID;

    /// @notice Certificates by their place; the root's is 1.
    mapping(uint16 => Authority) internal _authorities;
    /// @notice Place of a certificate by its keccak256; 0 when it is not registered.
    mapping(bytes32 => uint16) public authorityIndex;
    /// @notice How many certificates are registered.
    uint16 public authorityCount;
    /// @notice Whether the issuer at a place has revoked a serial.
    mapping(uint16 => mapping(uint256 => bool)) public isRevoked;
    /// @dev Place of the root's certificates by their serial.
    mapping(uint256 => uint16) private _authorityBySerial;

    /// @notice Emitted when a CA or signer is registered.
    /// @param id   keccak256 of the certificate.
    /// @param role What it may do.
    event AuthorityRegistered(bytes32 indexed id, Role role);

    /// @notice Emitted when a revocation list is registered.
    /// @param issuer     keccak256 of the issuer's certificate.
    /// @param thisUpdate Its date, Unix seconds.
    /// @param nextUpdate End of its validity, exclusive.
    /// @param added      How many serials were not revoked before.
    event CrlRegistered(
        bytes32 indexed issuer, uint64 thisUpdate, uint64 nextUpdate, uint256 added
    );

    /// @notice The certificate is registered already.
    /// @param id keccak256 of the certificate.
    error AlreadyRegistered(bytes32 id);
    /// @notice No such certificate is registered for that purpose.
    /// @param id keccak256 of the certificate.
    error UnknownAuthority(bytes32 id);
    /// @notice The root has given a serial to two certificates.
    /// @param serial The serial.
    error SerialNotUnique(uint256 serial);
    /// @notice The root is not one: not self-signed, or of another name or purpose.
    error RootInvalid();
    /// @notice The issuer's name is not that of the certificate it is said to be from.
    error WrongIssuer();
    /// @notice The key identifiers of issuer and issued differ, or one is missing.
    error WrongKeyIdentifier();
    /// @notice The CN is not one that the root gives to CAs and signers.
    error WrongName();
    /// @notice The certificate may not do what its name stands for: CA, key usage or path length.
    error WrongPurpose();
    /// @notice A certificate, list or document is not signed by the key it is said to be from.
    error SignatureInvalid();
    /// @notice A certificate is not valid yet, or expired.
    /// @param notBefore Start of validity.
    /// @param notAfter  End of validity, inclusive.
    error CertificateNotCurrent(uint64 notBefore, uint64 notAfter);
    /// @notice A revocation list is not valid yet, expired or missing.
    /// @param thisUpdate Start of validity; 0 when there is none.
    /// @param nextUpdate End of validity, exclusive.
    error CrlNotCurrent(uint64 thisUpdate, uint64 nextUpdate);
    /// @notice A newer list of this issuer is registered.
    /// @param thisUpdate Date of the registered one.
    error CrlNotNewer(uint64 thisUpdate);
    /// @notice The certificate was revoked.
    error CertificateRevoked();

    /// @param root             The root certificate, DER.
    /// @param fallbackVerifier P-256 for chains without the precompile, or zero.
    constructor(bytes memory root, P256Fallback fallbackVerifier) P256Verifier(fallbackVerifier) {
        SIMULATED = sha256(root) != INTEL_ROOT;
        if (SIMULATED) DevChains.check();
        ROOT_ID = keccak256(root);
        X509.Certificate memory certificate = X509.parse(root);
        if (certificate.commonName != ROOT_NAME || !_isCa(certificate, 1)) revert RootInvalid();
        if (certificate.subjectKeyId == 0) revert RootInvalid();
        _add(keccak256(root), Role.ROOT, certificate);
        _checkIssued(certificate, _authorities[ROOT_INDEX]);
    }

    /// @notice Registers a PCK CA or a signer of TCB info, whichever its name says. The root's list
    ///         must be registered and valid.
    /// @param der The certificate.
    /// @return id keccak256 of it.
    function registerAuthority(bytes calldata der) external returns (bytes32 id) {
        id = keccak256(der);
        if (authorityIndex[id] != 0) revert AlreadyRegistered(id);
        X509.Certificate memory certificate = X509.parse(der);
        Role role = _roleOf(certificate);
        Authority storage root = _authorities[ROOT_INDEX];
        _checkCurrent(root);
        _checkCrlCurrent(root);
        _checkIssued(certificate, root);
        if (isRevoked[ROOT_INDEX][certificate.serial]) revert CertificateRevoked();
        _add(id, role, certificate);
    }

    /// @notice Registers a revocation list, which must be newer than the issuer's last one. A serial
    ///         that was revoked once stays revoked.
    /// @param issuer keccak256 of the certificate of the root or a PCK CA.
    /// @param der    The list.
    function registerCrl(bytes32 issuer, bytes calldata der) external {
        uint16 index = authorityIndex[issuer];
        Authority storage authority = _authorities[index];
        if (authority.role != Role.ROOT && authority.role != Role.PCK_CA) {
            revert UnknownAuthority(issuer);
        }
        _checkCurrent(authority);
        X509Crl.Crl memory crl = X509Crl.parse(der);
        if (crl.issuer != authority.name) revert WrongIssuer();
        if (crl.authorityKeyId != authority.keyId) revert WrongKeyIdentifier();
        if (!_verifyP256(crl.digest, crl.r, crl.s, authority.x, authority.y)) {
            revert SignatureInvalid();
        }
        if (crl.thisUpdate <= authority.thisUpdate) revert CrlNotNewer(authority.thisUpdate);
        authority.thisUpdate = uint40(crl.thisUpdate);
        authority.nextUpdate = uint40(crl.nextUpdate);
        _checkCrlCurrent(authority);
        uint256 added = _revoke(index, crl.revoked);
        emit CrlRegistered(issuer, crl.thisUpdate, crl.nextUpdate, added);
    }

    /// @notice A registered certificate.
    /// @param id keccak256 of it.
    /// @return What is kept of it.
    function authorityOf(bytes32 id) external view returns (Authority memory) {
        return _authorities[authorityIndex[id]];
    }

    /// @dev Refuses an authority that was revoked or is not valid now; returns until when it is.
    function _checkCurrent(Authority storage authority) internal view returns (uint64 notAfter) {
        if (authority.revoked) revert CertificateRevoked();
        notAfter = authority.notAfter;
        _checkValidity(authority.notBefore, notAfter);
    }

    function _checkValidity(uint64 notBefore, uint64 notAfter) internal view {
        if (block.timestamp < notBefore || block.timestamp > notAfter) {
            revert CertificateNotCurrent(notBefore, notAfter);
        }
    }

    /// @dev Refuses an authority without a revocation list that is valid now; returns until when it is.
    function _checkCrlCurrent(Authority storage authority) internal view returns (uint64) {
        (uint64 thisUpdate, uint64 nextUpdate) = (authority.thisUpdate, authority.nextUpdate);
        if (block.timestamp < thisUpdate || block.timestamp >= nextUpdate) {
            revert CrlNotCurrent(thisUpdate, nextUpdate);
        }
        unchecked {
            // It ends after now.
            return nextUpdate - 1;
        }
    }

    /// @dev Refuses a certificate that an authority did not issue or that is not valid now.
    function _checkIssued(X509.Certificate memory certificate, Authority storage issuer)
        internal
        view
    {
        if (certificate.issuer != issuer.name) revert WrongIssuer();
        if (certificate.subjectKeyId == 0 || certificate.authorityKeyId != issuer.keyId) {
            revert WrongKeyIdentifier();
        }
        if (!_verifyP256(certificate.digest, certificate.r, certificate.s, issuer.x, issuer.y)) {
            revert SignatureInvalid();
        }
        _checkValidity(certificate.notBefore, certificate.notAfter);
    }

    /// @dev Whether a certificate is an end entity that signs data.
    function _signsData(X509.Certificate memory certificate) internal pure returns (bool) {
        return !certificate.isCa && certificate.keyUsage & X509.SIGNS_DATA != 0
            && certificate.keyUsage & X509.SIGNS_CERTIFICATES == 0;
    }

    /// @dev Whether a certificate is a CA with at least so many CAs allowed below it.
    function _isCa(X509.Certificate memory certificate, uint256 below) private pure returns (bool) {
        uint256 usage = X509.SIGNS_CERTIFICATES | X509.SIGNS_CRLS;
        return certificate.isCa && certificate.keyUsage & usage == usage
            && certificate.pathLength >= below;
    }

    function _roleOf(X509.Certificate memory certificate) private pure returns (Role) {
        bytes32 name = certificate.commonName;
        if (name == SIGNER_NAME) {
            if (!_signsData(certificate)) revert WrongPurpose();
            return Role.SIGNER;
        }
        if (name != PLATFORM_CA_NAME && name != PROCESSOR_CA_NAME) revert WrongName();
        if (!_isCa(certificate, 0)) revert WrongPurpose();
        return Role.PCK_CA;
    }

    /// @dev Anyone can make a second encoding of a certificate, with n - s in place of s. It gets the
    ///      place of the first, so that a revocation meets both.
    function _add(bytes32 id, Role role, X509.Certificate memory certificate) private {
        Authority memory authority = Authority({
            role: role,
            revoked: false,
            notBefore: uint40(certificate.notBefore),
            notAfter: uint40(certificate.notAfter),
            thisUpdate: 0,
            nextUpdate: 0,
            x: certificate.x,
            y: certificate.y,
            name: certificate.subject,
            keyId: certificate.subjectKeyId
        });
        uint16 index = _authorityBySerial[certificate.serial];
        if (index == 0) {
            index = ++authorityCount;
            _authorityBySerial[certificate.serial] = index;
            _authorities[index] = authority;
        } else if (!_isSame(authority, _authorities[index])) {
            revert SerialNotUnique(certificate.serial);
        }
        authorityIndex[id] = index;
        emit AuthorityRegistered(id, role);
    }

    /// @dev Whether two are one certificate but for the encoding of its signature.
    function _isSame(Authority memory one, Authority storage other) private view returns (bool) {
        return one.role == other.role && one.x == other.x && one.y == other.y
            && one.name == other.name && one.keyId == other.keyId
            && one.notBefore == other.notBefore && one.notAfter == other.notAfter;
    }

    function _revoke(uint16 index, uint256[] memory serials) private returns (uint256 added) {
        for (uint256 i = 0; i < serials.length; ++i) {
            if (isRevoked[index][serials[i]]) continue;
            isRevoked[index][serials[i]] = true;
            ++added;
            uint16 revoked = index == ROOT_INDEX ? _authorityBySerial[serials[i]] : 0;
            if (revoked != 0) _authorities[revoked].revoked = true;
        }
    }
}
