// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Der} from "../asn1/Der.sol";
import {JsonReader} from "./JsonReader.sol";
import {SvnLevels} from "./SvnLevels.sol";
import {TcbStatus} from "./TcbStatus.sol";
import {TdxModules} from "./TdxModules.sol";

/// @title TcbInfo
/// @notice Intel's TCB info, version 3: the TCB levels of one kind of platform. Read from the signed
///         JSON once and kept packed.
/// @dev    Packed: evaluation number u32 at 0, number of levels u16 at 4, levels at 6 of 35 bytes each (the
///         sixteen SGX components, the sixteen TDX components or zeros, PCESVN u16, status u8), then
///         the TDX modules as TdxModules has them. Levels are ordered by falling SGX components,
///         PCESVN and TDX components, whatever the document's order.
library TcbInfo {
    /// @notice The document.
    /// @param isTdx            Whether it is for TDX.
    /// @param issueDate        Unix seconds.
    /// @param nextUpdate       Unix seconds, inclusive.
    /// @param evaluationNumber tcbEvaluationDataNumber.
    /// @param fmspc            Kind of platform.
    /// @param pceId            Kind of provisioning certification enclave.
    /// @param packed           Levels and modules, packed.
    struct Document {
        bool isTdx;
        uint64 issueDate;
        uint64 nextUpdate;
        uint32 evaluationNumber;
        bytes6 fmspc;
        bytes2 pceId;
        bytes packed;
    }

    /// @dev Levels while they are read: components, and PCESVN with the status below.
    struct Levels {
        uint256[] components;
        uint256[] rest;
        uint256 count;
        bool lackTdx;
        TdxModules.Reading modules;
    }

    uint256 private constant MAX_LEVELS = 256;
    uint256 private constant LEVELS = 6;
    uint256 private constant LEVEL_SIZE = 35;
    uint256 private constant ALL = 0x1ff;

    /// @notice The document lacks a field, has one twice, or is of another kind or version.
    error TcbInfoInvalid();

    /// @notice A level does not have exactly sixteen components of a kind.
    error ComponentCountInvalid();

    /// @notice Reads the signed text.
    /// @param json The text, nothing behind it.
    /// @return document The document.
    function parse(bytes memory json) internal pure returns (Document memory document) {
        Levels memory levels;
        levels.components = new uint256[](MAX_LEVELS);
        levels.rest = new uint256[](MAX_LEVELS);
        uint256 pos = JsonReader.expect(json, 0, "{");
        uint256 seen;
        bool more = true;
        while (more) {
            bytes32 name;
            uint256 bit;
            (name, pos) = JsonReader.readName(json, pos);
            (bit, pos) = _readField(json, pos, name, document, levels);
            if (seen & bit != 0) revert TcbInfoInvalid();
            seen |= bit;
            (more, pos) = JsonReader.more(json, pos, "}");
        }
        if (seen & ALL != ALL || pos != json.length) revert TcbInfoInvalid();
        if (document.isTdx && levels.lackTdx) revert ComponentCountInvalid();
        document.packed = abi.encodePacked(
            document.evaluationNumber,
            uint16(levels.count),
            _pack(levels, document.isTdx),
            document.isTdx ? TdxModules.pack(levels.modules) : bytes("")
        );
    }

    /// @notice The status of a platform: that of the first level whose versions it has.
    /// @param packed     The TCB info.
    /// @param components The sixteen SGX components, then the TD report's tee_tcb_svn or zeros.
    /// @param pceSvn     The PCESVN.
    /// @return status Its status; Unrecognized when there is no such level.
    function statusOf(bytes memory packed, uint256 components, uint256 pceSvn)
        internal
        pure
        returns (uint8 status)
    {
        uint256 count = Der.slice(packed, 4, 2);
        // From TDX module version 1 on its first two components are its identity's to judge.
        uint256 counted = type(uint256).max;
        if ((components >> 112) & 0xff != 0) counted ^= 0xffff << 112;
        for (uint256 i = 0; i < count; ++i) {
            uint256 pos = LEVELS + LEVEL_SIZE * i;
            uint256 rest = Der.slice(packed, pos + 32, 3);
            if (pceSvn >= rest >> 8 && _covers(components, Der.word(packed, pos) & counted)) {
                return uint8(rest);
            }
        }
        return TcbStatus.UNRECOGNIZED;
    }

    /// @notice Where the TDX modules begin.
    /// @param packed The TCB info.
    /// @return The offset.
    function modulesAt(bytes memory packed) internal pure returns (uint256) {
        return LEVELS + LEVEL_SIZE * Der.slice(packed, 4, 2);
    }

    /// @dev Whether each of the 32 bytes of `have` is at least its counterpart.
    function _covers(uint256 have, uint256 least) private pure returns (bool) {
        uint256 lanes = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        uint256 guards = 0x0100010001000100010001000100010001000100010001000100010001000100;
        unchecked {
            // A lane that is smaller borrows its guard bit.
            uint256 low = ((have & lanes) | guards) - (least & lanes);
            uint256 high = (((have >> 8) & lanes) | guards) - ((least >> 8) & lanes);
            return low & high & guards == guards;
        }
    }

    function _readField(
        bytes memory json,
        uint256 pos,
        bytes32 name,
        Document memory document,
        Levels memory levels
    ) private pure returns (uint256, uint256) {
        if (name == keccak256("tcbLevels")) {
            return (1, _readLevels(json, pos, levels));
        }
        if (name == keccak256("fmspc")) {
            uint256 fmspc;
            (fmspc, pos) = JsonReader.readHex(json, pos, 6);
            document.fmspc = bytes6(uint48(fmspc));
            return (2, pos);
        }
        if (name == keccak256("pceId")) {
            uint256 pceId;
            (pceId, pos) = JsonReader.readHex(json, pos, 2);
            document.pceId = bytes2(uint16(pceId));
            return (4, pos);
        }
        if (name == keccak256("tcbType")) {
            (, pos) = JsonReader.readUint(json, pos, 0);
            return (8, pos);
        }
        if (name == keccak256("tdxModule")) {
            return (1 << 16, TdxModules.readBase(json, pos, levels.modules));
        }
        if (name == keccak256("tdxModuleIdentities")) {
            return (1 << 17, TdxModules.readIdentities(json, pos, levels.modules));
        }
        return _readHead(json, pos, name, document);
    }

    function _readHead(bytes memory json, uint256 pos, bytes32 name, Document memory document)
        private
        pure
        returns (uint256, uint256)
    {
        if (name == keccak256("id")) {
            (name, pos) = JsonReader.readHash(json, pos);
            document.isTdx = name == keccak256("TDX");
            if (!document.isTdx && name != keccak256("SGX")) revert TcbInfoInvalid();
            return (16, pos);
        }
        if (name == keccak256("version")) {
            uint256 version;
            (version, pos) = JsonReader.readUint(json, pos, 0xff);
            if (version != 3) revert TcbInfoInvalid();
            return (32, pos);
        }
        if (name == keccak256("issueDate")) {
            (document.issueDate, pos) = JsonReader.readDate(json, pos);
            return (64, pos);
        }
        if (name == keccak256("nextUpdate")) {
            (document.nextUpdate, pos) = JsonReader.readDate(json, pos);
            return (128, pos);
        }
        if (name == keccak256("tcbEvaluationDataNumber")) {
            uint256 number;
            (number, pos) = JsonReader.readUint(json, pos, type(uint32).max);
            document.evaluationNumber = uint32(number);
            return (256, pos);
        }
        return (0, JsonReader.skip(json, pos));
    }

    function _readLevels(bytes memory json, uint256 pos, Levels memory levels)
        private
        pure
        returns (uint256)
    {
        pos = JsonReader.expect(json, pos, "[");
        bool more = true;
        while (more) {
            if (levels.count == MAX_LEVELS) revert TcbInfoInvalid();
            pos = _readLevel(json, pos, levels);
            ++levels.count;
            (more, pos) = JsonReader.more(json, pos, "]");
        }
        return pos;
    }

    function _readLevel(bytes memory json, uint256 pos, Levels memory levels)
        private
        pure
        returns (uint256)
    {
        pos = JsonReader.expect(json, pos, "{");
        uint256 seen;
        bool more = true;
        while (more) {
            bytes32 name;
            uint256 bit = 1;
            (name, pos) = JsonReader.readName(json, pos);
            if (name == keccak256("tcb")) {
                pos = _readVersions(json, pos, levels);
            } else {
                uint8 status;
                (bit, status, pos) = SvnLevels.readStanding(json, pos, name);
                levels.rest[levels.count] |= status;
            }
            if (seen & bit != 0) revert TcbInfoInvalid();
            seen |= bit;
            (more, pos) = JsonReader.more(json, pos, "}");
        }
        if (seen != 7) revert TcbInfoInvalid();
        return pos;
    }

    /// @dev The member `tcb` of a level.
    function _readVersions(bytes memory json, uint256 pos, Levels memory levels)
        private
        pure
        returns (uint256)
    {
        pos = JsonReader.expect(json, pos, "{");
        uint256 seen;
        bool more = true;
        while (more) {
            bytes32 name;
            uint256 value;
            uint256 bit;
            (name, pos) = JsonReader.readName(json, pos);
            if (name == keccak256("sgxtcbcomponents")) {
                (value, pos) = _readComponents(json, pos);
                levels.components[levels.count] |= value << 128;
                bit = 1;
            } else if (name == keccak256("tdxtcbcomponents")) {
                (value, pos) = _readComponents(json, pos);
                levels.components[levels.count] |= value;
                bit = 2;
            } else if (name == keccak256("pcesvn")) {
                (value, pos) = JsonReader.readUint(json, pos, type(uint16).max);
                levels.rest[levels.count] |= value << 8;
                bit = 4;
            } else {
                pos = JsonReader.skip(json, pos);
            }
            if (seen & bit != 0) revert TcbInfoInvalid();
            seen |= bit;
            (more, pos) = JsonReader.more(json, pos, "}");
        }
        if (seen & 5 != 5) revert TcbInfoInvalid();
        if (seen & 2 == 0) levels.lackTdx = true;
        return pos;
    }

    function _readComponents(bytes memory json, uint256 pos)
        private
        pure
        returns (uint256 components, uint256 next)
    {
        next = JsonReader.expect(json, pos, "[");
        uint256 count;
        bool more = true;
        while (more) {
            uint256 svn;
            (svn, next) = _readComponent(json, next);
            components = (components << 8) | svn;
            ++count;
            (more, next) = JsonReader.more(json, next, "]");
        }
        if (count != 16) revert ComponentCountInvalid();
    }

    function _readComponent(bytes memory json, uint256 pos)
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
            if (name == keccak256("svn")) {
                if (seen) revert TcbInfoInvalid();
                (svn, next) = JsonReader.readUint(json, next, 0xff);
                seen = true;
            } else {
                next = JsonReader.skip(json, next);
            }
            (more, next) = JsonReader.more(json, next, "}");
        }
        if (!seen) revert TcbInfoInvalid();
    }

    /// @dev Sorts the levels, refuses two that are alike, and packs them.
    function _pack(Levels memory levels, bool isTdx) private pure returns (bytes memory packed) {
        packed = new bytes(LEVEL_SIZE * levels.count);
        uint256 counted = isTdx ? type(uint256).max : type(uint256).max << 128;
        for (uint256 i = 0; i < levels.count; ++i) {
            uint256 components = levels.components[i] & counted;
            uint256 rest = levels.rest[i];
            uint256 place = i;
            while (place > 0 && _isAbove(levels, place - 1, components, rest)) {
                levels.components[place] = levels.components[place - 1];
                levels.rest[place] = levels.rest[place - 1];
                --place;
            }
            levels.components[place] = components;
            levels.rest[place] = rest;
        }
        for (uint256 i = 0; i < levels.count; ++i) {
            uint256 components = levels.components[i];
            uint256 rest = levels.rest[i];
            if (
                i > 0 && levels.components[i - 1] == components
                    && levels.rest[i - 1] >> 8 == rest >> 8
            ) revert TcbInfoInvalid();
            uint256 pos = LEVEL_SIZE * i;
            assembly ("memory-safe") {
                let target := add(add(packed, 0x20), pos)
                mstore(target, components)
                mstore8(add(target, 32), shr(16, rest))
                mstore8(add(target, 33), shr(8, rest))
                mstore8(add(target, 34), rest)
            }
        }
    }

    /// @dev Whether a level belongs before the one at a place.
    function _isAbove(Levels memory levels, uint256 place, uint256 components, uint256 rest)
        private
        pure
        returns (bool)
    {
        uint256 other = levels.components[place];
        if (components >> 128 != other >> 128) return components >> 128 > other >> 128;
        if (rest >> 8 != levels.rest[place] >> 8) return rest >> 8 > levels.rest[place] >> 8;
        return uint128(components) > uint128(other);
    }
}
