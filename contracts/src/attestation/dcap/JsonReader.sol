// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Der} from "../asn1/Der.sol";

/// @title JsonReader
/// @notice Reads JSON as Intel signs it: without white space, escapes, signs and fractions. Positions
///         go from one call to the next; what follows a document's end is the caller's to refuse.
library JsonReader {
    /// @dev Deepest nesting of a value that is skipped.
    uint256 private constant MAX_DEPTH = 32;

    /// @notice The text is not as it must be.
    /// @param pos Where.
    error JsonInvalid(uint256 pos);

    /// @notice Takes one character.
    /// @param json The text.
    /// @param pos   Position.
    /// @param char What must be there.
    /// @return Position after it.
    function expect(bytes memory json, uint256 pos, bytes1 char) internal pure returns (uint256) {
        if (pos >= json.length || json[pos] != char) revert JsonInvalid(pos);
        return pos + 1;
    }

    /// @notice Takes a comma or a closing bracket.
    /// @param json  The text.
    /// @param pos    Position.
    /// @param close The bracket.
    /// @return more Whether it was a comma.
    /// @return next Position after it.
    function more(bytes memory json, uint256 pos, bytes1 close)
        internal
        pure
        returns (bool, uint256 next)
    {
        if (pos >= json.length) revert JsonInvalid(pos);
        if (json[pos] == ",") return (true, pos + 1);
        return (false, expect(json, pos, close));
    }

    /// @notice Takes a member's name and the colon.
    /// @param json The text.
    /// @param pos   Position.
    /// @return name keccak256 of the name.
    /// @return next Position of the value.
    function readName(bytes memory json, uint256 pos)
        internal
        pure
        returns (bytes32 name, uint256 next)
    {
        (name, next) = readHash(json, pos);
        next = expect(json, next, ":");
    }

    /// @notice Takes a string.
    /// @param json The text.
    /// @param pos   Position.
    /// @return hash keccak256 of its characters.
    /// @return next Position after it.
    function readHash(bytes memory json, uint256 pos)
        internal
        pure
        returns (bytes32 hash, uint256 next)
    {
        (uint256 start, uint256 end) = readString(json, pos);
        return (Der.hash(json, start, end), end + 1);
    }

    /// @notice Takes a string.
    /// @param json The text.
    /// @param pos   Position.
    /// @return start Position of its first character.
    /// @return end   Position of the closing quotation mark.
    function readString(bytes memory json, uint256 pos)
        internal
        pure
        returns (uint256 start, uint256 end)
    {
        start = expect(json, pos, '"');
        end = start;
        uint256 length = json.length;
        bool ended;
        assembly ("memory-safe") {
            let text := add(json, 0x20)
            for {} lt(end, length) { end := add(end, 1) } {
                let char := byte(0, mload(add(text, end)))
                if eq(char, 0x22) {
                    ended := 1
                    break
                }
                // Control characters and escapes.
                if or(lt(char, 0x20), eq(char, 0x5c)) { break }
            }
        }
        if (!ended) revert JsonInvalid(end);
    }

    /// @notice Takes a number without sign, fraction and exponent.
    /// @param json The text.
    /// @param pos   Position.
    /// @param most Largest value, below 2^64.
    /// @return value The number.
    /// @return next  Position after it.
    function readUint(bytes memory json, uint256 pos, uint256 most)
        internal
        pure
        returns (uint256 value, uint256 next)
    {
        next = pos;
        while (next < json.length && next - pos < 20) {
            uint256 digit = uint8(json[next]);
            if (digit < 0x30 || digit > 0x39) break;
            value = value * 10 + digit - 0x30;
            ++next;
        }
        if (next == pos || value > most) revert JsonInvalid(pos);
        if (json[pos] == "0" && next - pos > 1) revert JsonInvalid(pos);
    }

    /// @notice Takes a string of hexadecimal digits.
    /// @param json The text.
    /// @param pos   Position.
    /// @param size Bytes, at most 32.
    /// @return value The bytes as a number.
    /// @return next  Position after the string.
    function readHex(bytes memory json, uint256 pos, uint256 size)
        internal
        pure
        returns (uint256 value, uint256 next)
    {
        (uint256 start, uint256 end) = readString(json, pos);
        if (end - start != 2 * size) revert JsonInvalid(pos);
        return (hexAt(json, start, size), end + 1);
    }

    /// @notice Reads hexadecimal digits.
    /// @param json The text.
    /// @param pos   Position of the first.
    /// @param size Bytes, at most 32.
    /// @return value The bytes as a number.
    function hexAt(bytes memory json, uint256 pos, uint256 size)
        internal
        pure
        returns (uint256 value)
    {
        for (uint256 i = pos; i < pos + 2 * size; ++i) {
            uint256 char = uint8(json[i]);
            uint256 digit;
            if (char >= 0x30 && char <= 0x39) {
                digit = char - 0x30;
            } else {
                // Lower case.
                char |= 0x20;
                if (char < 0x61 || char > 0x66) revert JsonInvalid(i);
                digit = char - 0x57;
            }
            value = (value << 4) | digit;
        }
    }

    /// @notice Takes a date such as "2025-06-19T10:56:11Z".
    /// @param json The text.
    /// @param pos   Position.
    /// @return time Unix seconds.
    /// @return next Position after the string.
    function readDate(bytes memory json, uint256 pos)
        internal
        pure
        returns (uint64 time, uint256 next)
    {
        (uint256 start, uint256 end) = readString(json, pos);
        if (end - start != 20) revert JsonInvalid(pos);
        uint256 text = Der.word(json, start);
        // The characters between the digits: two hyphens, T, two colons, Z.
        uint256 mask = uint256(bytes32(hex"00000000ff0000ff0000ff0000ff0000ff0000ff"));
        uint256 marks = uint256(bytes32(hex"000000002d00002d00005400003a00003a00005a"));
        if (text & mask != marks) revert JsonInvalid(pos);
        time = Der.unixDay(
            Der.digits(json, start, 4),
            Der.digits(json, start + 5, 2),
            Der.digits(json, start + 8, 2)
        );
        time += Der.secondsOfDay(
            Der.digits(json, start + 11, 2),
            Der.digits(json, start + 14, 2),
            Der.digits(json, start + 17, 2)
        );
        next = end + 1;
    }

    /// @notice Passes over a value of any kind.
    /// @param json The text.
    /// @param pos   Position.
    /// @return next Position after it.
    function skip(bytes memory json, uint256 pos) internal pure returns (uint256 next) {
        // One bit for each open bracket: 1 for an object.
        uint256 open = 1;
        next = pos;
        while (next < json.length) {
            bytes1 char = json[next];
            if (char == '"') {
                (, next) = readString(json, next);
                ++next;
            } else if (char == "{" || char == "[") {
                if (open >> MAX_DEPTH != 0) revert JsonInvalid(next);
                open = (open << 1) | (char == "{" ? 1 : 0);
                ++next;
            } else if (open > 1 && (char == "}" || char == "]")) {
                if ((open & 1 == 1) != (char == "}")) revert JsonInvalid(next);
                open >>= 1;
                ++next;
            } else {
                if (open == 1 && next > pos && _ends(char)) return next;
                if (!_isPlain(char) && !(open > 1 && (char == "," || char == ":"))) {
                    revert JsonInvalid(next);
                }
                ++next;
                continue;
            }
            if (open == 1) return next;
        }
        revert JsonInvalid(next);
    }

    /// @dev Whether a character can follow a value.
    function _ends(bytes1 char) private pure returns (bool) {
        return char == "," || char == "}" || char == "]";
    }

    /// @dev Whether a character belongs to a number, true, false or null.
    function _isPlain(bytes1 char) private pure returns (bool) {
        return (char >= "0" && char <= "9") || (char >= "a" && char <= "z") || char == "-"
            || char == "+" || char == "." || char == "E";
    }
}
