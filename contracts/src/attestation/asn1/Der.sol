// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Der
/// @notice Reads ASN.1 values in their distinguished encoding, without recursion. Every length is
///         held against the end of the value around it, and must have its shortest form.
library Der {
    uint8 internal constant BOOLEAN = 0x01;
    uint8 internal constant INTEGER = 0x02;
    uint8 internal constant BIT_STRING = 0x03;
    uint8 internal constant OCTET_STRING = 0x04;
    uint8 internal constant OBJECT_IDENTIFIER = 0x06;
    uint8 internal constant SEQUENCE = 0x30;
    uint8 internal constant UTC_TIME = 0x17;
    uint8 internal constant GENERALIZED_TIME = 0x18;

    /// @dev Lengths of a common year's months, a byte each: January's is the second from the right.
    uint256 private constant MONTHS = 0x1f1e1f1e1f1f1e1f1e1f1c1f00;
    /// @dev Days from the first of January of the year 1 to that of 1970.
    uint256 private constant DAYS_TO_1970 = 719_162;

    /// @notice The bytes at an offset are not what they must be.
    /// @param offset Where, from the start of the structure.
    error DerInvalid(uint256 offset);

    /// @notice A date or time of day that no calendar has, or one before 1970.
    error DateInvalid();

    /// @notice Reads the head of a value.
    /// @param der   The structure.
    /// @param pos    Offset of the value.
    /// @param limit End of what encloses it; not past the end of `der`.
    /// @return tag   Its tag.
    /// @return start Offset of its content.
    /// @return end   Offset after its content.
    function read(bytes memory der, uint256 pos, uint256 limit)
        internal
        pure
        returns (uint8 tag, uint256 start, uint256 end)
    {
        if (limit > der.length || pos + 2 > limit) revert DerInvalid(pos);
        unchecked {
            uint256 head = word(der, pos);
            tag = uint8(head >> 248);
            uint256 length = (head >> 240) & 0xff;
            start = pos + 2;
            if (length >= 0x80) {
                uint256 octets = length & 0x7f;
                if (octets == 0 || octets > 2 || start + octets > limit) revert DerInvalid(pos);
                length = octets == 1 ? (head >> 232) & 0xff : (head >> 224) & 0xffff;
                if (length < (octets == 1 ? 0x80 : 0x100)) revert DerInvalid(pos);
                start += octets;
            }
            end = start + length;
            if (end > limit) revert DerInvalid(pos);
        }
    }

    /// @notice Reads the head of a value that must have a certain tag.
    /// @param der   The structure.
    /// @param pos    Offset of the value.
    /// @param limit End of what encloses it.
    /// @param tag   The tag.
    /// @return start Offset of its content.
    /// @return end   Offset after its content.
    function expect(bytes memory der, uint256 pos, uint256 limit, uint8 tag)
        internal
        pure
        returns (uint256 start, uint256 end)
    {
        uint8 actual;
        (actual, start, end) = read(der, pos, limit);
        if (actual != tag) revert DerInvalid(pos);
    }

    /// @notice Reads an INTEGER that is not negative.
    /// @param der   The structure.
    /// @param pos    Offset of the value.
    /// @param limit End of what encloses it.
    /// @param bits  Largest size, at most 256.
    /// @return value The number.
    /// @return end   Offset after it.
    function readUint(bytes memory der, uint256 pos, uint256 limit, uint256 bits)
        internal
        pure
        returns (uint256 value, uint256 end)
    {
        uint256 start;
        (start, end) = expect(der, pos, limit, INTEGER);
        uint256 length = end - start;
        if (length == 0) revert DerInvalid(pos);
        uint256 first = uint8(der[start]);
        if (first >= 0x80) revert DerInvalid(pos);
        if (first == 0 && length > 1) {
            if (uint8(der[start + 1]) < 0x80) revert DerInvalid(pos);
            ++start;
            --length;
        }
        if (length > 32) revert DerInvalid(pos);
        value = slice(der, start, length);
        if (bits < 256 && value >> bits != 0) revert DerInvalid(pos);
    }

    /// @notice Reads the times of X.509: UTCTime (1950 to 2049) or GeneralizedTime, in seconds and Z.
    /// @param der   The structure.
    /// @param pos    Offset of the value.
    /// @param limit End of what encloses it.
    /// @return time Unix seconds.
    /// @return end  Offset after it.
    function readTime(bytes memory der, uint256 pos, uint256 limit)
        internal
        pure
        returns (uint64 time, uint256 end)
    {
        uint8 tag;
        uint256 start;
        (tag, start, end) = read(der, pos, limit);
        uint256 length = end - start;
        uint256 year;
        if (tag == UTC_TIME && length == 13) {
            year = digits(der, start, 2);
            year += year < 50 ? 2000 : 1900;
            start += 2;
        } else if (tag == GENERALIZED_TIME && length == 15) {
            year = digits(der, start, 4);
            start += 4;
        } else {
            revert DerInvalid(pos);
        }
        if (der[end - 1] != "Z") revert DerInvalid(pos);
        time = unixDay(year, digits(der, start, 2), digits(der, start + 2, 2));
        time += secondsOfDay(
            digits(der, start + 4, 2), digits(der, start + 6, 2), digits(der, start + 8, 2)
        );
    }

    /// @notice The start of a day of the Gregorian calendar from 1970 on.
    /// @param year  Year, at most 9999.
    /// @param month 1 to 12.
    /// @param day   1 to the length of the month.
    /// @return Unix seconds.
    function unixDay(uint256 year, uint256 month, uint256 day) internal pure returns (uint64) {
        if (year < 1970 || month == 0 || month > 12) revert DateInvalid();
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (day == 0 || day > _monthLength(month, leap)) revert DateInvalid();
        uint256 past = year - 1;
        uint256 count = past * 365 + past / 4 - past / 100 + past / 400 + day - 1;
        for (uint256 i = 1; i < month; ++i) {
            count += _monthLength(i, leap);
        }
        return uint64((count - DAYS_TO_1970) * 1 days);
    }

    /// @notice Seconds since midnight.
    /// @param hour   0 to 23.
    /// @param minute 0 to 59.
    /// @param second 0 to 59.
    /// @return The seconds.
    function secondsOfDay(uint256 hour, uint256 minute, uint256 second)
        internal
        pure
        returns (uint64)
    {
        if (hour > 23 || minute > 59 || second > 59) revert DateInvalid();
        return uint64(hour * 3600 + minute * 60 + second);
    }

    /// @notice Reads decimal digits.
    /// @param text  The bytes.
    /// @param pos    Offset of the first digit.
    /// @param count How many.
    /// @return value The number.
    function digits(bytes memory text, uint256 pos, uint256 count)
        internal
        pure
        returns (uint256 value)
    {
        for (uint256 i = pos; i < pos + count; ++i) {
            uint256 digit = uint8(text[i]);
            if (digit < 0x30 || digit > 0x39) revert DerInvalid(i);
            value = value * 10 + digit - 0x30;
        }
    }

    /// @notice Up to 32 bytes as a number, the last byte lowest.
    /// @param data   The bytes.
    /// @param pos     Offset of the first; `at + length` is not past the end.
    /// @param length How many.
    /// @return The number.
    function slice(bytes memory data, uint256 pos, uint256 length) internal pure returns (uint256) {
        unchecked {
            return word(data, pos) >> (256 - 8 * length);
        }
    }

    /// @notice The 32 bytes from an offset on; those past the end are arbitrary.
    /// @param data The bytes.
    /// @param pos   Offset of the first.
    /// @return value The bytes, the first one highest.
    function word(bytes memory data, uint256 pos) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), pos))
        }
    }

    /// @notice keccak256 of a part.
    /// @param data  The bytes.
    /// @param start Offset of the part.
    /// @param end   Offset after it.
    /// @return digest The digest.
    function hash(bytes memory data, uint256 start, uint256 end)
        internal
        pure
        returns (bytes32 digest)
    {
        assembly ("memory-safe") {
            digest := keccak256(add(add(data, 0x20), start), sub(end, start))
        }
    }

    /// @notice SHA-256 of a part, by the precompile.
    /// @param data  The bytes.
    /// @param start Offset of the part.
    /// @param end   Offset after it.
    /// @return digest The digest.
    function sha256Of(bytes memory data, uint256 start, uint256 end)
        internal
        view
        returns (bytes32 digest)
    {
        bool success;
        assembly ("memory-safe") {
            success := staticcall(
                gas(),
                2,
                add(add(data, 0x20), start),
                sub(end, start),
                0x00,
                0x20
            )
            success := and(success, eq(returndatasize(), 0x20))
            digest := mload(0x00)
        }
        if (!success) revert DerInvalid(start);
    }

    /// @notice Whether a part is a constant.
    /// @param data   The bytes.
    /// @param start  Offset of the part.
    /// @param end    Offset after it.
    /// @param digest keccak256 of the constant.
    /// @return True when it is.
    function equals(bytes memory data, uint256 start, uint256 end, bytes32 digest)
        internal
        pure
        returns (bool)
    {
        return hash(data, start, end) == digest;
    }

    function _monthLength(uint256 month, bool leap) private pure returns (uint256) {
        return month == 2 && leap ? 29 : (MONTHS >> (8 * month)) & 0xff;
    }
}
