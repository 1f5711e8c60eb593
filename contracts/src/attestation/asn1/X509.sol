// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Der} from "./Der.sol";

/// @title X509
/// @notice Reads X.509 certificates of the one kind that Intel's SGX PKI has: version 3, keys on
///         P-256, signatures with ECDSA and SHA-256. Nothing is verified here.
library X509 {
    /// @notice A certificate's parts. Names and identifiers are kept as keccak256 of their bytes.
    /// @param digest         SHA-256 of the part that the issuer signs.
    /// @param r              First half of the issuer's signature.
    /// @param s              Second half.
    /// @param serial         Serial number, above zero, at most 20 bytes.
    /// @param issuer         Hash of the issuer's name in DER.
    /// @param subject        Hash of the subject's name in DER.
    /// @param commonName     Hash of the subject's one CN.
    /// @param notBefore      Start of validity, Unix seconds.
    /// @param notAfter       End of validity, Unix seconds, inclusive.
    /// @param x              Public key, first coordinate.
    /// @param y              Public key, second coordinate.
    /// @param authorityKeyId Hash of the issuer's key identifier; zero when there is none.
    /// @param subjectKeyId   Hash of the own key identifier; zero when there is none.
    /// @param isCa           BasicConstraints cA.
    /// @param pathLength     BasicConstraints pathLenConstraint; the largest number when there is none.
    /// @param keyUsage       First byte of KeyUsage.
    /// @param sgxStart       Offset of Intel's extension in the certificate; 0 when there is none.
    /// @param sgxEnd         Offset after it.
    struct Certificate {
        bytes32 digest;
        uint256 r;
        uint256 s;
        uint256 serial;
        bytes32 issuer;
        bytes32 subject;
        bytes32 commonName;
        uint64 notBefore;
        uint64 notAfter;
        uint256 x;
        uint256 y;
        bytes32 authorityKeyId;
        bytes32 subjectKeyId;
        bool isCa;
        uint256 pathLength;
        uint256 keyUsage;
        uint256 sgxStart;
        uint256 sgxEnd;
    }

    /// @notice KeyUsage digitalSignature.
    uint256 internal constant SIGNS_DATA = 0x80;
    /// @notice KeyUsage keyCertSign.
    uint256 internal constant SIGNS_CERTIFICATES = 0x04;
    /// @notice KeyUsage cRLSign.
    uint256 internal constant SIGNS_CRLS = 0x02;

    uint256 private constant MAX_SIZE = 4096;
    /// @dev SEQUENCE of the OID ecdsa-with-SHA256.
    bytes32 private constant ECDSA_SHA256 = keccak256(hex"300a06082a8648ce3d040302");
    /// @dev SubjectPublicKeyInfo of a point of P-256, up to its coordinates.
    bytes32 private constant P256_KEY =
        keccak256(hex"3059301306072a8648ce3d020106082a8648ce3d030107034200" hex"04");
    bytes32 private constant OID_COMMON_NAME = keccak256(hex"550403");
    bytes32 private constant OID_SUBJECT_KEY_ID = keccak256(hex"551d0e");
    bytes32 private constant OID_KEY_USAGE = keccak256(hex"551d0f");
    bytes32 private constant OID_BASIC_CONSTRAINTS = keccak256(hex"551d13");
    bytes32 private constant OID_CRL_DISTRIBUTION = keccak256(hex"551d1f");
    bytes32 internal constant OID_AUTHORITY_KEY_ID = keccak256(hex"551d23");
    bytes32 private constant OID_SGX = keccak256(hex"2a864886f84d010d01");

    /// @notice The certificate is not of the kind that is read here.
    /// @param field What is not as it must be.
    error CertificateInvalid(string field);

    /// @notice An extension that must be understood is not known, or one occurs twice.
    error ExtensionInvalid();

    /// @notice Reads a certificate that fills the bytes.
    /// @param der The certificate.
    /// @return certificate Its parts.
    function parse(bytes memory der) internal view returns (Certificate memory certificate) {
        if (der.length > MAX_SIZE) revert CertificateInvalid("size");
        (uint256 pos, uint256 end) = Der.expect(der, 0, der.length, Der.SEQUENCE);
        if (end != der.length) revert CertificateInvalid("trailing bytes");
        uint256 tbsEnd = _readSigned(der, pos, end, certificate);
        (pos,) = Der.expect(der, pos, end, Der.SEQUENCE);
        pos = _readHead(der, pos, tbsEnd, certificate);
        pos = _readKey(der, pos, tbsEnd, certificate);
        (pos, end) = Der.expect(der, pos, tbsEnd, 0xa3);
        if (end != tbsEnd) revert CertificateInvalid("trailing fields");
        (pos, end) = Der.expect(der, pos, tbsEnd, Der.SEQUENCE);
        if (end != tbsEnd) revert CertificateInvalid("trailing fields");
        _readExtensions(der, pos, end, certificate);
    }

    /// @notice Reads the algorithm and the signature at the end of a certificate or CRL.
    /// @param der The structure.
    /// @param pos  Offset of the algorithm.
    /// @param end End of the structure.
    /// @return r First half of the signature.
    /// @return s Second half.
    function readSignature(bytes memory der, uint256 pos, uint256 end)
        internal
        pure
        returns (uint256 r, uint256 s)
    {
        pos = readAlgorithm(der, pos, end);
        uint256 stop;
        (pos, stop) = Der.expect(der, pos, end, Der.BIT_STRING);
        if (stop != end || pos == end || der[pos] != 0) revert CertificateInvalid("signature");
        (pos, stop) = Der.expect(der, pos + 1, end, Der.SEQUENCE);
        if (stop != end) revert CertificateInvalid("signature");
        (r, pos) = Der.readUint(der, pos, end, 256);
        (s, pos) = Der.readUint(der, pos, end, 256);
        if (pos != end) revert CertificateInvalid("signature");
    }

    /// @notice Reads the algorithm ecdsa-with-SHA256.
    /// @param der   The structure.
    /// @param pos    Offset of the algorithm.
    /// @param limit End of what encloses it.
    /// @return end Offset after it.
    function readAlgorithm(bytes memory der, uint256 pos, uint256 limit)
        internal
        pure
        returns (uint256 end)
    {
        (, end) = Der.expect(der, pos, limit, Der.SEQUENCE);
        if (!Der.equals(der, pos, end, ECDSA_SHA256)) revert CertificateInvalid("algorithm");
    }

    /// @notice Reads one extension's head.
    /// @param der   The structure.
    /// @param pos    Offset of the extension.
    /// @param limit End of what encloses it.
    /// @return oid      Hash of its identifier.
    /// @return critical Whether it must be understood.
    /// @return start    Offset of its value.
    /// @return end      Offset after it.
    function readExtension(bytes memory der, uint256 pos, uint256 limit)
        internal
        pure
        returns (bytes32 oid, bool critical, uint256 start, uint256 end)
    {
        (pos, end) = Der.expect(der, pos, limit, Der.SEQUENCE);
        (start, pos) = Der.expect(der, pos, end, Der.OBJECT_IDENTIFIER);
        oid = Der.hash(der, start, pos);
        if (pos < end && uint8(der[pos]) == Der.BOOLEAN) {
            (start, pos) = Der.expect(der, pos, end, Der.BOOLEAN);
            // FALSE is the default and not written.
            if (pos - start != 1 || der[start] != 0xff) revert ExtensionInvalid();
            critical = true;
        }
        (start, pos) = Der.expect(der, pos, end, Der.OCTET_STRING);
        if (pos != end) revert ExtensionInvalid();
    }

    /// @notice Reads the key identifier of an AuthorityKeyIdentifier.
    /// @param der   The structure.
    /// @param pos    Offset of the extension's value.
    /// @param end   Offset after it.
    /// @return Hash of the identifier.
    function readAuthorityKeyId(bytes memory der, uint256 pos, uint256 end)
        internal
        pure
        returns (bytes32)
    {
        uint256 stop;
        (pos, stop) = Der.expect(der, pos, end, Der.SEQUENCE);
        if (stop != end) revert ExtensionInvalid();
        (pos, stop) = Der.expect(der, pos, end, 0x80);
        if (stop != end) revert ExtensionInvalid();
        return Der.hash(der, pos, stop);
    }

    /// @dev Algorithm and signature behind the signed part; returns the latter's end.
    function _readSigned(bytes memory der, uint256 pos, uint256 end, Certificate memory certificate)
        private
        view
        returns (uint256 tbsEnd)
    {
        (, tbsEnd) = Der.expect(der, pos, end, Der.SEQUENCE);
        certificate.digest = Der.sha256Of(der, pos, tbsEnd);
        (certificate.r, certificate.s) = readSignature(der, tbsEnd, end);
    }

    /// @dev Version, serial, algorithm, issuer, validity and subject.
    function _readHead(bytes memory der, uint256 pos, uint256 limit, Certificate memory certificate)
        private
        pure
        returns (uint256)
    {
        (uint256 start, uint256 end) = Der.expect(der, pos, limit, 0xa0);
        (start, pos) = Der.readUint(der, start, end, 8);
        if (start != 2 || pos != end) revert CertificateInvalid("version");
        (certificate.serial, pos) = Der.readUint(der, pos, limit, 160);
        if (certificate.serial == 0) revert CertificateInvalid("serial");
        pos = readAlgorithm(der, pos, limit);
        (, end) = Der.expect(der, pos, limit, Der.SEQUENCE);
        certificate.issuer = Der.hash(der, pos, end);
        (start, pos) = Der.expect(der, end, limit, Der.SEQUENCE);
        (certificate.notBefore, start) = Der.readTime(der, start, pos);
        (certificate.notAfter, start) = Der.readTime(der, start, pos);
        if (start != pos) revert CertificateInvalid("validity");
        (start, end) = Der.expect(der, pos, limit, Der.SEQUENCE);
        certificate.subject = Der.hash(der, pos, end);
        certificate.commonName = _readCommonName(der, start, end);
        return end;
    }

    function _readCommonName(bytes memory der, uint256 pos, uint256 end)
        private
        pure
        returns (bytes32 commonName)
    {
        while (pos < end) {
            (uint256 start, uint256 stop) = Der.expect(der, pos, end, 0x31);
            pos = stop;
            (start, stop) = Der.expect(der, start, pos, Der.SEQUENCE);
            if (stop != pos) revert CertificateInvalid("subject");
            uint256 value;
            (start, value) = Der.expect(der, start, stop, Der.OBJECT_IDENTIFIER);
            bool isCommonName = Der.equals(der, start, value, OID_COMMON_NAME);
            uint8 tag;
            (tag, start, value) = Der.read(der, value, stop);
            if (value != stop) revert CertificateInvalid("subject");
            if (!isCommonName) continue;
            // UTF8String or PrintableString.
            if (commonName != 0 || (tag != 0x0c && tag != 0x13)) revert CertificateInvalid("CN");
            commonName = Der.hash(der, start, stop);
        }
    }

    function _readKey(bytes memory der, uint256 pos, uint256 limit, Certificate memory certificate)
        private
        pure
        returns (uint256 end)
    {
        (, end) = Der.expect(der, pos, limit, Der.SEQUENCE);
        if (end - pos != 91 || !Der.equals(der, pos, pos + 27, P256_KEY)) {
            revert CertificateInvalid("key");
        }
        certificate.x = Der.word(der, pos + 27);
        certificate.y = Der.word(der, pos + 59);
    }

    function _readExtensions(
        bytes memory der,
        uint256 pos,
        uint256 end,
        Certificate memory certificate
    ) private pure {
        certificate.pathLength = type(uint256).max;
        uint256 seen;
        while (pos < end) {
            (bytes32 oid, bool critical, uint256 start, uint256 stop) = readExtension(der, pos, end);
            uint256 known = _readKnown(der, start, stop, oid, critical, certificate);
            if ((critical && known == 0) || seen & known != 0) revert ExtensionInvalid();
            seen |= known;
            pos = stop;
        }
        // Basic constraints and key usage.
        if (seen & 3 != 3) revert ExtensionInvalid();
    }

    /// @dev Returns a bit for each extension that is known.
    function _readKnown(
        bytes memory der,
        uint256 pos,
        uint256 end,
        bytes32 oid,
        bool critical,
        Certificate memory certificate
    ) private pure returns (uint256) {
        if (oid == OID_BASIC_CONSTRAINTS) {
            if (!critical) revert ExtensionInvalid();
            (certificate.isCa, certificate.pathLength) = _readConstraints(der, pos, end);
            return 1;
        }
        if (oid == OID_KEY_USAGE) {
            if (!critical) revert ExtensionInvalid();
            certificate.keyUsage = _readKeyUsage(der, pos, end);
            return 2;
        }
        if (oid == OID_AUTHORITY_KEY_ID) {
            certificate.authorityKeyId = readAuthorityKeyId(der, pos, end);
            return 4;
        }
        if (oid == OID_SUBJECT_KEY_ID) {
            (uint256 start, uint256 stop) = Der.expect(der, pos, end, Der.OCTET_STRING);
            if (stop != end) revert ExtensionInvalid();
            certificate.subjectKeyId = Der.hash(der, start, stop);
            return 8;
        }
        if (oid == OID_SGX) {
            (certificate.sgxStart, certificate.sgxEnd) = (pos, end);
            return 16;
        }
        return oid == OID_CRL_DISTRIBUTION ? 32 : 0;
    }

    function _readConstraints(bytes memory der, uint256 pos, uint256 end)
        private
        pure
        returns (bool isCa, uint256 pathLength)
    {
        pathLength = type(uint256).max;
        uint256 stop;
        (pos, stop) = Der.expect(der, pos, end, Der.SEQUENCE);
        if (stop != end) revert ExtensionInvalid();
        if (pos == end) return (isCa, pathLength);
        uint256 start;
        (start, pos) = Der.expect(der, pos, end, Der.BOOLEAN);
        if (pos - start != 1 || der[start] != 0xff) revert ExtensionInvalid();
        isCa = true;
        if (pos < end) (pathLength, pos) = Der.readUint(der, pos, end, 8);
        if (pos != end) revert ExtensionInvalid();
    }

    function _readKeyUsage(bytes memory der, uint256 pos, uint256 end)
        private
        pure
        returns (uint256)
    {
        uint256 stop;
        (pos, stop) = Der.expect(der, pos, end, Der.BIT_STRING);
        if (stop != end || stop - pos < 2) revert ExtensionInvalid();
        return uint8(der[pos + 1]);
    }
}
