// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Der} from "../asn1/Der.sol";
import {JsonReader} from "./JsonReader.sol";
import {SvnLevels} from "./SvnLevels.sol";

/// @title TdxModules
/// @notice What TCB info says of TDX modules: `tdxModule` for version 0, `tdxModuleIdentities` for
///         all others.
/// @dev    Packed: number of modules u8, then for each its version u8, number of levels u8, MRSIGNER
///         48, attributes 8, their mask 8, levels.
library TdxModules {
    /// @notice Modules while they are read.
    /// @param base       Version 0, packed.
    /// @param identities The others, packed one after another.
    /// @param count      How many others.
    /// @param versions   One bit for each version.
    struct Reading {
        bytes base;
        bytes identities;
        uint256 count;
        uint256 versions;
    }

    /// @dev One module while it is read.
    struct Module {
        uint256 version;
        uint256 signerHigh;
        uint256 signerLow;
        uint256 attributes;
        uint256 mask;
        bytes levels;
    }

    uint256 private constant HEAD = 66;

    /// @notice A module lacks a field, has one twice, or two modules have one version.
    error TdxModuleInvalid();

    /// @notice Takes `tdxModule`.
    /// @param json    The text.
    /// @param pos      Position.
    /// @param reading Where to put it.
    /// @return next Position after it.
    function readBase(bytes memory json, uint256 pos, Reading memory reading)
        internal
        pure
        returns (uint256 next)
    {
        Module memory module;
        uint256 seen;
        (seen, next) = _read(json, pos, module);
        if (seen & 7 != 7) revert TdxModuleInvalid();
        // Whatever stands beside the three fields means nothing here.
        module.version = 0;
        module.levels = "";
        reading.base = _packOne(module);
    }

    /// @notice Takes `tdxModuleIdentities`.
    /// @param json    The text.
    /// @param pos      Position.
    /// @param reading Where to put them.
    /// @return next Position after them.
    function readIdentities(bytes memory json, uint256 pos, Reading memory reading)
        internal
        pure
        returns (uint256 next)
    {
        next = JsonReader.expect(json, pos, "[");
        if (next < json.length && json[next] == "]") return next + 1;
        bool more = true;
        while (more) {
            Module memory module;
            uint256 seen;
            (seen, next) = _read(json, next, module);
            if (seen != 31 || reading.versions & (1 << module.version) != 0) {
                revert TdxModuleInvalid();
            }
            reading.versions |= 1 << module.version;
            reading.identities = bytes.concat(reading.identities, _packOne(module));
            ++reading.count;
            (more, next) = JsonReader.more(json, next, "]");
        }
    }

    /// @notice Packs all modules.
    /// @param reading What was read.
    /// @return The modules, packed.
    function pack(Reading memory reading) internal pure returns (bytes memory) {
        if (reading.base.length == 0 || reading.count > 254) revert TdxModuleInvalid();
        return abi.encodePacked(uint8(reading.count + 1), reading.base, reading.identities);
    }

    /// @notice Finds the module of a version.
    /// @param packed  TCB info.
    /// @param pos      Offset of the modules.
    /// @param version Major version.
    /// @return found Offset of the module; 0 when there is none.
    function find(bytes memory packed, uint256 pos, uint256 version)
        internal
        pure
        returns (uint256 found)
    {
        uint256 count = uint8(packed[pos]);
        ++pos;
        for (uint256 i = 0; i < count; ++i) {
            if (uint8(packed[pos]) == version) return pos;
            pos += HEAD + 3 * uint256(uint8(packed[pos + 1]));
        }
    }

    /// @notice Whether a module is signed as it must be.
    /// @param packed TCB info.
    /// @param pos     Offset of the module.
    /// @param quote  The quote.
    /// @param signer Offset of the 48 bytes in it.
    /// @return True when it is.
    function isSigner(bytes memory packed, uint256 pos, bytes memory quote, uint256 signer)
        internal
        pure
        returns (bool)
    {
        return Der.hash(packed, pos + 2, pos + 50) == Der.hash(quote, signer, signer + 48);
    }

    /// @notice What the module's attributes must be.
    /// @param packed TCB info.
    /// @param pos     Offset of the module.
    /// @return The eight bytes.
    function attributesOf(bytes memory packed, uint256 pos) internal pure returns (uint256) {
        return Der.slice(packed, pos + 50, 8) & Der.slice(packed, pos + 58, 8);
    }

    /// @notice Whether the module has levels.
    /// @param packed TCB info.
    /// @param pos     Offset of the module.
    /// @return True when it has.
    function hasLevels(bytes memory packed, uint256 pos) internal pure returns (bool) {
        return packed[pos + 1] != 0;
    }

    /// @notice The status of a module's security version.
    /// @param packed TCB info.
    /// @param pos     Offset of the module.
    /// @param svn    The version.
    /// @return Its status; Unrecognized below the last level.
    function statusOf(bytes memory packed, uint256 pos, uint256 svn) internal pure returns (uint8) {
        return SvnLevels.statusOf(packed, pos + HEAD, uint8(packed[pos + 1]), svn);
    }

    /// @dev One module; returns a bit for each field: signer, attributes, mask, id, levels.
    function _read(bytes memory json, uint256 pos, Module memory module)
        private
        pure
        returns (uint256 seen, uint256 next)
    {
        next = JsonReader.expect(json, pos, "{");
        bool more = true;
        while (more) {
            bytes32 name;
            uint256 bit;
            (name, next) = JsonReader.readName(json, next);
            if (name == keccak256("mrsigner")) {
                (uint256 start, uint256 end) = JsonReader.readString(json, next);
                if (end - start != 96) revert TdxModuleInvalid();
                module.signerHigh = JsonReader.hexAt(json, start, 32);
                module.signerLow = JsonReader.hexAt(json, start + 64, 16);
                (bit, next) = (1, end + 1);
            } else if (name == keccak256("attributes")) {
                (module.attributes, next) = JsonReader.readHex(json, next, 8);
                bit = 2;
            } else if (name == keccak256("attributesMask")) {
                (module.mask, next) = JsonReader.readHex(json, next, 8);
                bit = 4;
            } else if (name == keccak256("id")) {
                (module.version, next) = _readVersion(json, next);
                bit = 8;
            } else if (name == keccak256("tcbLevels")) {
                (module.levels, next) = SvnLevels.read(json, next, 0xff);
                bit = 16;
            } else {
                next = JsonReader.skip(json, next);
            }
            if (seen & bit != 0) revert TdxModuleInvalid();
            seen |= bit;
            (more, next) = JsonReader.more(json, next, "}");
        }
    }

    /// @dev XX of "TDX_XX", not zero.
    function _readVersion(bytes memory json, uint256 pos)
        private
        pure
        returns (uint256 version, uint256 next)
    {
        (uint256 start, uint256 end) = JsonReader.readString(json, pos);
        if (end - start != 6 || Der.slice(json, start, 4) != 0x5444585f) revert TdxModuleInvalid();
        version = JsonReader.hexAt(json, start + 4, 1);
        if (version == 0) revert TdxModuleInvalid();
        next = end + 1;
    }

    function _packOne(Module memory module) private pure returns (bytes memory) {
        return abi.encodePacked(
            uint8(module.version),
            uint8(module.levels.length / 3),
            module.signerHigh,
            uint128(module.signerLow),
            uint64(module.attributes),
            uint64(module.mask),
            module.levels
        );
    }
}
