// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Der} from "../asn1/Der.sol";

/// @title DcapQuote
/// @notice Offsets and rules of quotes without their certificates. A quote of version 3, 4 or 5 is
///         stripped by dropping the outer certification header of versions 4 and 5 and everything
///         behind the QE's authentication data, and writing the size of what is left behind the body.
/// @dev    Header 48; in version 5 body type u16 and size u32; body 384 (SGX), 584 (TD 1.0) or 648
///         (TD 1.5); size u32; signature 64; attestation key 64; QE report 384; its signature 64;
///         size of the authentication data u16, 32; authentication data 32. Integers are
///         little-endian.
library DcapQuote {
    /// @notice Where the parts of a quote are.
    /// @param isTdx     Whether it is a TD's.
    /// @param isTd15    Whether the body is that of TDX module 1.5.
    /// @param body      Offset of the body.
    /// @param signature Offset of the signature, behind body and size.
    struct Parts {
        bool isTdx;
        bool isTd15;
        uint256 body;
        uint256 signature;
    }

    /// @notice Offset of the attestation key from the signature.
    uint256 internal constant KEY = 64;
    /// @notice Offset of the QE report from the signature.
    uint256 internal constant QE_REPORT = 128;
    /// @notice Offset of the QE report's signature from the quote's.
    uint256 internal constant QE_SIGNATURE = 512;
    /// @notice Offset of the authentication data's size from the signature.
    uint256 internal constant AUTH_SIZE = 576;
    /// @notice Size of all that follows the body and its size.
    uint256 internal constant SIGNATURE_DATA = 610;

    bytes16 private constant INTEL_VENDOR = 0x939a7233f79c4ca9940a0db3957f0607;
    uint256 private constant SGX_SIZE = 384;
    uint256 private constant TD10_SIZE = 584;
    uint256 private constant TD15_SIZE = 648;

    /// @notice The quote is shorter than a header.
    error QuoteTooShort();
    /// @notice The quote's version is none of 3, 4 and 5.
    /// @param version The version.
    error QuoteVersionUnknown(uint256 version);
    /// @notice The attestation key is not of the kind ECDSA on P-256.
    /// @param keyType The kind.
    error KeyTypeUnknown(uint256 keyType);
    /// @notice The TEE type is not that of the version or body.
    /// @param teeType The type.
    error TeeTypeWrong(uint256 teeType);
    /// @notice The quoting enclave's vendor is not Intel.
    error VendorUnknown();
    /// @notice The body's type is none of 1, 2 and 3, or has another size.
    error BodyTypeWrong();
    /// @notice The quote ends early or late.
    /// @param expected Its size.
    /// @param actual   What came.
    error QuoteSizeWrong(uint256 expected, uint256 actual);
    /// @notice The size behind the body, or that of the authentication data, is another one.
    error SignatureSizeWrong();
    /// @notice A reserved field of an SGX report is not zero.
    error ReservedNotZero();

    /// @notice Finds the parts of a quote and refuses one that breaks a rule.
    /// @param quote The stripped quote.
    /// @return parts Where its parts are.
    function parse(bytes memory quote) internal pure returns (Parts memory parts) {
        if (quote.length < 54) revert QuoteTooShort();
        uint256 size;
        (size, parts) = _readHead(quote);
        parts.signature = parts.body + size + 4;
        uint256 expected = parts.signature + SIGNATURE_DATA;
        if (quote.length != expected) revert QuoteSizeWrong(expected, quote.length);
        if (
            readU32(quote, parts.signature - 4) != SIGNATURE_DATA
                || readU16(quote, parts.signature + AUTH_SIZE) != 32
        ) revert SignatureSizeWrong();
        if (!parts.isTdx) _checkReserved(quote, parts.body);
        _checkReserved(quote, parts.signature + QE_REPORT);
    }

    /// @notice Reads a little-endian number of two bytes.
    /// @param data The bytes.
    /// @param pos  Offset; the number is not past the end.
    /// @return The number.
    function readU16(bytes memory data, uint256 pos) internal pure returns (uint256) {
        uint256 value = Der.slice(data, pos, 2);
        return value >> 8 | (value & 0xff) << 8;
    }

    /// @notice Reads a little-endian number of four bytes.
    /// @param data The bytes.
    /// @param pos  Offset; the number is not past the end.
    /// @return The number.
    function readU32(bytes memory data, uint256 pos) internal pure returns (uint256) {
        unchecked {
            return readU16(data, pos) | readU16(data, pos + 2) << 16;
        }
    }

    function _readHead(bytes memory quote) private pure returns (uint256 size, Parts memory parts) {
        uint256 version = readU16(quote, 0);
        uint256 keyType = readU16(quote, 2);
        uint256 teeType = readU32(quote, 4);
        if (version < 3 || version > 5) revert QuoteVersionUnknown(version);
        if (keyType != 2) revert KeyTypeUnknown(keyType);
        if (bytes16(uint128(Der.slice(quote, 12, 16))) != INTEL_VENDOR) revert VendorUnknown();
        parts.body = version == 5 ? 54 : 48;
        uint256 bodyType = teeType == 0 ? 1 : 2;
        if (version == 5) bodyType = readU16(quote, 48);
        if (bodyType == 0 || bodyType > 3) revert BodyTypeWrong();
        parts.isTdx = bodyType > 1;
        parts.isTd15 = bodyType == 3;
        if (teeType != (parts.isTdx ? 0x81 : 0) || (parts.isTdx && version == 3)) {
            revert TeeTypeWrong(teeType);
        }
        size = parts.isTd15 ? TD15_SIZE : parts.isTdx ? TD10_SIZE : SGX_SIZE;
        if (version == 5 && readU32(quote, 50) != size) revert BodyTypeWrong();
    }

    /// @dev The fields that an SGX report keeps at zero: 28 bytes at 20, 32 at 96, 96 at 160, 60 at 260.
    function _checkReserved(bytes memory quote, uint256 report) private pure {
        unchecked {
            uint256 bits = Der.slice(quote, report + 20, 28) | Der.word(quote, report + 96)
                | Der.word(quote, report + 160) | Der.word(quote, report + 192)
                | Der.word(quote, report + 224) | Der.word(quote, report + 260)
                | Der.slice(quote, report + 292, 28);
            if (bits != 0) revert ReservedNotZero();
        }
    }
}
