// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Der} from "../asn1/Der.sol";

/// @title PckExtension
/// @notice Reads Intel's extension of PCK certificates: which platform, at which TCB. Object
///         identifiers below 1.2.840.113741.1.13.1.
library PckExtension {
    /// @notice The platform.
    /// @param components Security versions of the sixteen components (.2.1 to .2.16).
    /// @param pceSvn     Security version of the provisioning certification enclave (.2.17).
    /// @param pceId      Its kind (.3).
    /// @param fmspc      Kind of platform (.4).
    struct Platform {
        bytes16 components;
        uint16 pceSvn;
        bytes2 pceId;
        bytes6 fmspc;
    }

    /// @dev 1.2.840.113741.1.13.1, nine bytes.
    uint256 private constant BASE = 0x2a864886f84d010d01;

    /// @notice The extension is not as Intel's profile has it.
    /// @param field Number of the field, those of the TCB from 0x200 on; 0 for the whole.
    error PckExtensionInvalid(uint256 field);

    /// @notice Reads the extension.
    /// @param der The certificate.
    /// @param pos  Offset of the extension's value.
    /// @param end Offset after it.
    /// @return platform The platform.
    function parse(bytes memory der, uint256 pos, uint256 end)
        internal
        pure
        returns (Platform memory platform)
    {
        uint256 stop;
        (pos, stop) = Der.expect(der, pos, end, Der.SEQUENCE);
        if (stop != end) revert PckExtensionInvalid(0);
        uint256 seen;
        while (pos < end) {
            uint256 field;
            (field, pos, stop) = _readEntry(der, pos, end, BASE);
            if (field == 0 || seen & (1 << field) != 0) revert PckExtensionInvalid(field);
            seen |= 1 << field;
            if (field == 1) _octets(der, pos, stop, 16);
            if (field == 2) _readTcb(der, pos, stop, platform);
            if (field == 3) platform.pceId = bytes2(uint16(_octets(der, pos, stop, 2)));
            if (field == 4) platform.fmspc = bytes6(uint48(_octets(der, pos, stop, 6)));
            if (field == 5) _checkType(der, pos, stop);
            if (field > 5) _checkOne(der, pos, stop, field);
            pos = stop;
        }
        if (seen & 0x3e != 0x3e) revert PckExtensionInvalid(0);
    }

    function _readTcb(bytes memory der, uint256 pos, uint256 end, Platform memory platform)
        private
        pure
    {
        uint256 stop;
        (pos, stop) = Der.expect(der, pos, end, Der.SEQUENCE);
        if (stop != end) revert PckExtensionInvalid(2);
        uint256 seen;
        uint256 components;
        uint256 cpuSvn;
        while (pos < end) {
            uint256 field;
            (field, pos, stop) = _readEntry(der, pos, end, (BASE << 8) | 2);
            if (field == 0 || field > 18 || seen & (1 << field) != 0) {
                revert PckExtensionInvalid(0x200 + field);
            }
            seen |= 1 << field;
            if (field == 18) {
                cpuSvn = _octets(der, pos, stop, 16);
            } else {
                uint256 svn;
                (svn, pos) = Der.readUint(der, pos, stop, field == 17 ? 16 : 8);
                if (pos != stop) revert PckExtensionInvalid(0x200 + field);
                if (field == 17) platform.pceSvn = uint16(svn);
                else components |= svn << (8 * (16 - field));
            }
            pos = stop;
        }
        if (seen != 0x7fffe || cpuSvn != components) revert PckExtensionInvalid(0x200);
        platform.components = bytes16(uint128(components));
    }

    /// @dev One SEQUENCE of an OID below `base` and a value; the last arc, 0 when it is another OID.
    function _readEntry(bytes memory der, uint256 pos, uint256 limit, uint256 base)
        private
        pure
        returns (uint256 field, uint256 start, uint256 end)
    {
        (pos, end) = Der.expect(der, pos, limit, Der.SEQUENCE);
        uint256 stop;
        (pos, stop) = Der.expect(der, pos, end, Der.OBJECT_IDENTIFIER);
        uint256 oid = stop - pos > 32 ? 0 : Der.slice(der, pos, stop - pos);
        field = oid >> 8 == base && oid & 0x80 == 0 ? oid & 0xff : 0;
        start = stop;
    }

    function _octets(bytes memory der, uint256 pos, uint256 end, uint256 size)
        private
        pure
        returns (uint256)
    {
        (uint256 start, uint256 stop) = Der.expect(der, pos, end, Der.OCTET_STRING);
        if (stop != end || stop - start != size) revert PckExtensionInvalid(0);
        return Der.slice(der, start, size);
    }

    /// @dev The instance id and the configuration: one value, whichever.
    function _checkOne(bytes memory der, uint256 pos, uint256 end, uint256 field) private pure {
        (,, uint256 stop) = Der.read(der, pos, end);
        if (stop != end) revert PckExtensionInvalid(field);
    }

    /// @dev ENUMERATED: 0 standard, 1 scalable, 2 scalable with integrity.
    function _checkType(bytes memory der, uint256 pos, uint256 end) private pure {
        (uint256 start, uint256 stop) = Der.expect(der, pos, end, 0x0a);
        if (stop != end || stop - start != 1 || uint8(der[start]) > 2) {
            revert PckExtensionInvalid(5);
        }
    }
}
