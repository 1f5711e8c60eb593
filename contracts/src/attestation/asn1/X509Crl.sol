// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Der} from "./Der.sol";
import {X509} from "./X509.sol";

/// @title X509Crl
/// @notice Reads certificate revocation lists of version 2, complete and by the issuer itself, signed
///         with ECDSA and SHA-256. Nothing is verified here.
library X509Crl {
    /// @notice A list's parts.
    /// @param digest         SHA-256 of the part that the issuer signs.
    /// @param r              First half of the issuer's signature.
    /// @param s              Second half.
    /// @param issuer         keccak256 of the issuer's name in DER.
    /// @param authorityKeyId keccak256 of the issuer's key identifier.
    /// @param thisUpdate     Start of validity, Unix seconds.
    /// @param nextUpdate     End of validity, Unix seconds, exclusive.
    /// @param revoked        Serial numbers.
    struct Crl {
        bytes32 digest;
        uint256 r;
        uint256 s;
        bytes32 issuer;
        bytes32 authorityKeyId;
        uint64 thisUpdate;
        uint64 nextUpdate;
        uint256[] revoked;
    }

    bytes32 private constant OID_CRL_NUMBER = keccak256(hex"551d14");

    /// @notice The list is not of the kind that is read here.
    error CrlInvalid();

    /// @notice Reads a list that fills the bytes.
    /// @param der The list.
    /// @return crl Its parts.
    function parse(bytes memory der) internal view returns (Crl memory crl) {
        (uint256 pos, uint256 end) = Der.expect(der, 0, der.length, Der.SEQUENCE);
        if (end != der.length) revert CrlInvalid();
        (uint256 start, uint256 tbsEnd) = Der.expect(der, pos, end, Der.SEQUENCE);
        crl.digest = Der.sha256Of(der, pos, tbsEnd);
        (crl.r, crl.s) = X509.readSignature(der, tbsEnd, end);
        pos = _readHead(der, start, tbsEnd, crl);
        if (pos < tbsEnd && uint8(der[pos]) == Der.SEQUENCE) {
            (start, pos) = Der.expect(der, pos, tbsEnd, Der.SEQUENCE);
            crl.revoked = _readEntries(der, start, pos);
        } else {
            crl.revoked = new uint256[](0);
        }
        (start, end) = Der.expect(der, pos, tbsEnd, 0xa0);
        if (end != tbsEnd) revert CrlInvalid();
        (start, end) = Der.expect(der, start, tbsEnd, Der.SEQUENCE);
        if (end != tbsEnd) revert CrlInvalid();
        crl.authorityKeyId = _readExtensions(der, start, end);
    }

    /// @dev Version, algorithm, issuer and dates.
    function _readHead(bytes memory der, uint256 pos, uint256 limit, Crl memory crl)
        private
        pure
        returns (uint256)
    {
        uint256 version;
        (version, pos) = Der.readUint(der, pos, limit, 8);
        if (version != 1) revert CrlInvalid();
        pos = X509.readAlgorithm(der, pos, limit);
        (, uint256 end) = Der.expect(der, pos, limit, Der.SEQUENCE);
        crl.issuer = Der.hash(der, pos, end);
        (crl.thisUpdate, pos) = Der.readTime(der, end, limit);
        (crl.nextUpdate, pos) = Der.readTime(der, pos, limit);
        return pos;
    }

    function _readEntries(bytes memory der, uint256 pos, uint256 end)
        private
        pure
        returns (uint256[] memory revoked)
    {
        uint256 count;
        uint256 next;
        for (uint256 i = pos; i < end; i = next) {
            (, next) = Der.expect(der, i, end, Der.SEQUENCE);
            ++count;
        }
        revoked = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            (pos, next) = Der.expect(der, pos, end, Der.SEQUENCE);
            (revoked[i], pos) = Der.readUint(der, pos, next, 160);
            (, pos) = Der.readTime(der, pos, next);
            if (pos < next) (, pos) = Der.expect(der, pos, next, Der.SEQUENCE);
            if (pos != next) revert CrlInvalid();
        }
    }

    /// @dev The key identifier of the issuer; a CRL number is allowed beside it, anything else would
    ///      change what the list means.
    function _readExtensions(bytes memory der, uint256 pos, uint256 end)
        private
        pure
        returns (bytes32 authorityKeyId)
    {
        while (pos < end) {
            (bytes32 oid,, uint256 start, uint256 stop) = X509.readExtension(der, pos, end);
            if (oid == X509.OID_AUTHORITY_KEY_ID && authorityKeyId == 0) {
                authorityKeyId = X509.readAuthorityKeyId(der, start, stop);
            } else if (oid != OID_CRL_NUMBER) {
                revert CrlInvalid();
            }
            pos = stop;
        }
    }
}
