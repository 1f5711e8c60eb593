// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JsonReader} from "./JsonReader.sol";
import {SvnLevels} from "./SvnLevels.sol";

/// @title QeIdentity
/// @notice Intel's QE identity, version 2: what a genuine quoting enclave is. Read from the signed
///         JSON once and kept packed.
/// @dev    Packed: evaluation number u32 at 0, MISCSELECT 4 at 4 and its mask 4 at 8, attributes 16 at 12 and
///         their mask 16 at 28, MRSIGNER 32 at 44, product id u16 at 76, number of levels u8 at 78, levels at 79.
///         MISCSELECT and attributes have the bytes of a report.
library QeIdentity {
    /// @notice The document.
    /// @param isTdx            Whether it is TD_QE's.
    /// @param issueDate        Unix seconds.
    /// @param nextUpdate       Unix seconds, inclusive.
    /// @param evaluationNumber tcbEvaluationDataNumber.
    /// @param packed           The identity, packed.
    struct Document {
        bool isTdx;
        uint64 issueDate;
        uint64 nextUpdate;
        uint32 evaluationNumber;
        bytes packed;
    }

    /// @dev Fields while they are read.
    struct Fields {
        uint256 miscSelect;
        uint256 miscSelectMask;
        uint256 attributes;
        uint256 attributesMask;
        uint256 mrSigner;
        uint256 productId;
        bytes levels;
    }

    uint256 private constant LEVELS = 79;
    uint256 private constant ALL = 0xfff;

    /// @notice The document lacks a field, has one twice, or is of another kind or version.
    error QeIdentityInvalid();

    /// @notice Reads the signed text.
    /// @param json The text, nothing behind it.
    /// @return document The document.
    function parse(bytes memory json) internal pure returns (Document memory document) {
        Fields memory fields;
        uint256 pos = JsonReader.expect(json, 0, "{");
        uint256 seen;
        bool more = true;
        while (more) {
            bytes32 name;
            uint256 bit;
            (name, pos) = JsonReader.readName(json, pos);
            (bit, pos) = _readHead(json, pos, name, document);
            if (bit == 0) (bit, pos) = _readField(json, pos, name, fields);
            if (bit == 0) pos = JsonReader.skip(json, pos);
            if (seen & bit != 0) revert QeIdentityInvalid();
            seen |= bit;
            (more, pos) = JsonReader.more(json, pos, "}");
        }
        if (seen != ALL || pos != json.length) revert QeIdentityInvalid();
        document.packed = abi.encodePacked(
            document.evaluationNumber,
            uint32(fields.miscSelect),
            uint32(fields.miscSelectMask),
            uint128(fields.attributes),
            uint128(fields.attributesMask),
            fields.mrSigner,
            uint16(fields.productId),
            uint8(fields.levels.length / 3),
            fields.levels
        );
    }

    /// @notice The status of a quoting enclave's security version.
    /// @param packed The identity.
    /// @param svn    ISVSVN.
    /// @return Its status; Unrecognized below the last level.
    function statusOf(bytes memory packed, uint256 svn) internal pure returns (uint8) {
        return SvnLevels.statusOf(packed, LEVELS, uint8(packed[LEVELS - 1]), svn);
    }

    function _readHead(bytes memory json, uint256 pos, bytes32 name, Document memory document)
        private
        pure
        returns (uint256, uint256)
    {
        if (name == keccak256("id")) {
            (name, pos) = JsonReader.readHash(json, pos);
            document.isTdx = name == keccak256("TD_QE");
            if (!document.isTdx && name != keccak256("QE")) revert QeIdentityInvalid();
            return (1, pos);
        }
        if (name == keccak256("version")) {
            uint256 version;
            (version, pos) = JsonReader.readUint(json, pos, 0xff);
            if (version != 2) revert QeIdentityInvalid();
            return (2, pos);
        }
        if (name == keccak256("issueDate")) {
            (document.issueDate, pos) = JsonReader.readDate(json, pos);
            return (4, pos);
        }
        if (name == keccak256("nextUpdate")) {
            (document.nextUpdate, pos) = JsonReader.readDate(json, pos);
            return (8, pos);
        }
        if (name == keccak256("tcbEvaluationDataNumber")) {
            uint256 number;
            (number, pos) = JsonReader.readUint(json, pos, type(uint32).max);
            document.evaluationNumber = uint32(number);
            return (16, pos);
        }
        return (0, pos);
    }

    function _readField(bytes memory json, uint256 pos, bytes32 name, Fields memory fields)
        private
        pure
        returns (uint256, uint256)
    {
        if (name == keccak256("miscselect")) {
            (fields.miscSelect, pos) = JsonReader.readHex(json, pos, 4);
            return (32, pos);
        }
        if (name == keccak256("miscselectMask")) {
            (fields.miscSelectMask, pos) = JsonReader.readHex(json, pos, 4);
            return (64, pos);
        }
        if (name == keccak256("attributes")) {
            (fields.attributes, pos) = JsonReader.readHex(json, pos, 16);
            return (128, pos);
        }
        if (name == keccak256("attributesMask")) {
            (fields.attributesMask, pos) = JsonReader.readHex(json, pos, 16);
            return (256, pos);
        }
        if (name == keccak256("mrsigner")) {
            (fields.mrSigner, pos) = JsonReader.readHex(json, pos, 32);
            return (512, pos);
        }
        if (name == keccak256("isvprodid")) {
            (fields.productId, pos) = JsonReader.readUint(json, pos, type(uint16).max);
            return (1024, pos);
        }
        if (name == keccak256("tcbLevels")) {
            (fields.levels, pos) = SvnLevels.read(json, pos, type(uint16).max);
            return (2048, pos);
        }
        return (0, pos);
    }
}
