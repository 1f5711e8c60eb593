// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title RangeMetadata
/// @notice Reads the range that a task's metadata name: JSON in the one spelling of the AVS' operators,
///         `{"start_block":1,"end_block":2}`, with a batch id before them when it is not zero. With
///         two spellings for one range it could be confirmed twice.
library RangeMetadata {
    bytes private constant _BATCH = "{\"batch_id\":";
    bytes private constant _START_AFTER_BATCH = ",\"start_block\":";
    bytes private constant _START = "{\"start_block\":";
    bytes private constant _END = ",\"end_block\":";

    /// @notice The bytes are not metadata in their one spelling.
    /// @param place Place of what is not as it must be.
    error MalformedMetadata(uint256 place);

    /// @notice Reads metadata.
    /// @param metadata   The bytes.
    /// @return start     First block that is executed, from 1.
    /// @return end       Last block that is executed, at or above `start`.
    function decode(bytes calldata metadata) internal pure returns (uint64 start, uint64 end) {
        uint256 place;
        if (_has(metadata, 0, _BATCH)) {
            uint64 batch;
            (batch, place) = _number(metadata, _BATCH.length);
            if (batch == 0) revert MalformedMetadata(_BATCH.length);
            place = _skip(metadata, place, _START_AFTER_BATCH);
        } else {
            place = _skip(metadata, 0, _START);
        }
        uint256 startAt = place;
        (start, place) = _number(metadata, place);
        place = _skip(metadata, place, _END);
        (end, place) = _number(metadata, place);
        place = _skip(metadata, place, "}");
        if (place != metadata.length) revert MalformedMetadata(place);
        if (start == 0 || end < start) revert MalformedMetadata(startAt);
    }

    function _has(bytes calldata text, uint256 place, bytes memory part)
        private
        pure
        returns (bool)
    {
        if (place + part.length > text.length) return false;
        return keccak256(text[place:place + part.length]) == keccak256(part);
    }

    function _skip(bytes calldata text, uint256 place, bytes memory part)
        private
        pure
        returns (uint256)
    {
        if (!_has(text, place, part)) revert MalformedMetadata(place);
        return place + part.length;
    }

    /// @dev A decimal number below 2^64 without leading zeros.
    function _number(bytes calldata text, uint256 place)
        private
        pure
        returns (uint64 value, uint256 end)
    {
        uint256 found = 0;
        end = place;
        while (end < text.length) {
            uint8 digit = uint8(text[end]);
            if (digit < 48 || digit > 57) break;
            found = found * 10 + (digit - 48);
            ++end;
            // Twenty digits may pass 2^64, twenty-one always do.
            if (end - place > 20) revert MalformedMetadata(place);
        }
        bool hasLeadingZero = end - place > 1 && uint8(text[place]) == 48;
        if (end == place || hasLeadingZero || found > type(uint64).max) {
            revert MalformedMetadata(place);
        }
        value = uint64(found);
    }
}
