// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JsonReader} from "./JsonReader.sol";
import {TcbStatus} from "./TcbStatus.sol";

/// @title SvnLevels
/// @notice TCB levels of a quoting enclave or TDX module, each with a least ISVSVN. Kept as three
///         bytes a level, by falling version: ISVSVN in two, status in one.
library SvnLevels {
    uint256 private constant MAX_LEVELS = 255;

    /// @notice The levels are none, too many, or two have the same version.
    error SvnLevelsInvalid();

    /// @notice Takes an array of levels.
    /// @param json The text.
    /// @param pos   Position.
    /// @param most Largest version.
    /// @return levels Three bytes a level, by falling version.
    /// @return next   Position after the array.
    function read(bytes memory json, uint256 pos, uint256 most)
        internal
        pure
        returns (bytes memory levels, uint256 next)
    {
        uint256[] memory found = new uint256[](MAX_LEVELS);
        uint256 count;
        next = JsonReader.expect(json, pos, "[");
        bool more = true;
        while (more) {
            if (count == MAX_LEVELS) revert SvnLevelsInvalid();
            uint256 level;
            (level, next) = _readLevel(json, next, most);
            uint256 place = count;
            for (; place > 0 && found[place - 1] >> 8 < level >> 8; --place) {
                found[place] = found[place - 1];
            }
            if (place > 0 && found[place - 1] >> 8 == level >> 8) revert SvnLevelsInvalid();
            found[place] = level;
            ++count;
            (more, next) = JsonReader.more(json, next, "]");
        }
        levels = new bytes(3 * count);
        for (uint256 i = 0; i < count; ++i) {
            levels[3 * i] = bytes1(uint8(found[i] >> 16));
            levels[3 * i + 1] = bytes1(uint8(found[i] >> 8));
            levels[3 * i + 2] = bytes1(uint8(found[i]));
        }
    }

    /// @notice The status of a version.
    /// @param data  Where the levels are.
    /// @param pos    Offset of the first.
    /// @param count How many.
    /// @param svn   The version.
    /// @return Its status; Unrecognized below the last level.
    function statusOf(bytes memory data, uint256 pos, uint256 count, uint256 svn)
        internal
        pure
        returns (uint8)
    {
        for (uint256 i = pos; i < pos + 3 * count; i += 3) {
            if (svn >= (uint256(uint8(data[i])) << 8 | uint8(data[i + 1]))) {
                return uint8(data[i + 2]);
            }
        }
        return TcbStatus.UNRECOGNIZED;
    }

    /// @notice Takes the fields that every level has beside its versions: a status or a date.
    /// @param json The text.
    /// @param pos   Position of the value.
    /// @param name Hash of the member's name.
    /// @return bit    4 for a status, 2 for a date, 0 for what is passed over.
    /// @return status The status.
    /// @return next   Position after the value.
    function readStanding(bytes memory json, uint256 pos, bytes32 name)
        internal
        pure
        returns (uint256 bit, uint8 status, uint256 next)
    {
        if (name == keccak256("tcbStatus")) {
            (name, next) = JsonReader.readHash(json, pos);
            return (4, TcbStatus.fromName(name), next);
        }
        if (name == keccak256("tcbDate")) {
            (, next) = JsonReader.readDate(json, pos);
            return (2, 0, next);
        }
        return (0, 0, JsonReader.skip(json, pos));
    }

    function _readLevel(bytes memory json, uint256 pos, uint256 most)
        private
        pure
        returns (uint256 level, uint256 next)
    {
        next = JsonReader.expect(json, pos, "{");
        uint256 seen;
        bool more = true;
        while (more) {
            bytes32 name;
            uint256 bit = 1;
            (name, next) = JsonReader.readName(json, next);
            if (name == keccak256("tcb")) {
                uint256 svn;
                (svn, next) = _readSvn(json, next, most);
                level |= svn << 8;
            } else {
                uint8 status;
                (bit, status, next) = readStanding(json, next, name);
                level |= status;
            }
            if (seen & bit != 0) revert SvnLevelsInvalid();
            seen |= bit;
            (more, next) = JsonReader.more(json, next, "}");
        }
        if (seen != 7) revert SvnLevelsInvalid();
    }

    function _readSvn(bytes memory json, uint256 pos, uint256 most)
        private
        pure
        returns (uint256 svn, uint256 next)
    {
        next = JsonReader.expect(json, pos, "{");
        bool seen;
        bool more = true;
        while (more) {
            bytes32 name;
            (name, next) = JsonReader.readName(json, next);
            if (name == keccak256("isvsvn")) {
                if (seen) revert SvnLevelsInvalid();
                (svn, next) = JsonReader.readUint(json, next, most);
                seen = true;
            } else {
                next = JsonReader.skip(json, next);
            }
            (more, next) = JsonReader.more(json, next, "}");
        }
        if (!seen) revert SvnLevelsInvalid();
    }
}
