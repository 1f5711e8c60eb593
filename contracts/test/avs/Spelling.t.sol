// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Poe, PoeState} from "../../src/avs/PoeState.sol";
import {RangeMetadata} from "../../src/avs/RangeMetadata.sol";
import {AvsTestBase} from "./AvsTestBase.sol";

/// @notice What is signed has one spelling: whatever is read writes itself again, byte by byte.
contract SpellingTest is AvsTestBase {
    function setUp() public override {}

    function decodeMetadata(bytes calldata text) external pure returns (uint64, uint64) {
        return RangeMetadata.decode(text);
    }

    function decodeState(bytes calldata text) external pure returns (Poe memory) {
        return PoeState.decode(text);
    }

    function write(Poe memory poe) internal pure returns (bytes memory) {
        return abi.encodePacked(
            "{\"batch_hash\":\"0x",
            hexOf(poe.batchHash),
            "\",\"state_hash\":\"0x",
            hexOf(poe.stateHash),
            "\",\"prev_state_root\":\"0x",
            hexOf(poe.prevStateRoot),
            "\",\"new_state_root\":\"0x",
            hexOf(poe.newStateRoot),
            "\",\"withdrawal_root\":\"0x",
            hexOf(poe.withdrawalRoot),
            "\",\"signature\":\"0x",
            hexOf(0),
            hexOf(0),
            "00\"}"
        );
    }

    function some() internal pure returns (Poe memory) {
        return Poe(
            keccak256("batch"),
            keccak256("state"),
            keccak256("prev"),
            keccak256("new"),
            keccak256("withdrawals")
        );
    }

    /// @dev Whether a text is read; if it is, it must be what would be written.
    function isState(bytes memory text) internal view returns (bool) {
        try this.decodeState(text) returns (Poe memory poe) {
            check(keccak256(write(poe)) == keccak256(text), "two spellings");
            return true;
        } catch (bytes memory reason) {
            check(bytes4(reason) == PoeState.MalformedState.selector, "no name for it");
            return false;
        }
    }

    function isMetadata(bytes memory text, bytes memory before) internal view returns (bool) {
        try this.decodeMetadata(text) returns (uint64 start, uint64 end) {
            check(start > 0 && end >= start, "no range");
            bytes memory range = metadataOf(start, end);
            // What stands before the range takes the place of its brace.
            if (before.length > 0) range[0] = ",";
            check(keccak256(abi.encodePacked(before, range)) == keccak256(text), "two spellings");
            return true;
        } catch (bytes memory reason) {
            check(bytes4(reason) == RangeMetadata.MalformedMetadata.selector, "no name for it");
            return false;
        }
    }

    function testFuzz_state_isReadAsItIsWritten(Poe memory poe) public view {
        check(isState(write(poe)), "refused");
    }

    /// @notice Every byte of it, changed in the ways that could be taken for the same.
    function test_state_noByteCanBeAnother() public view {
        bytes memory right = write(some());
        bytes1[4] memory changes = [bytes1(0x01), 0x20, 0x80, 0x10];
        uint256 read = 0;
        for (uint256 place = 0; place < right.length; ++place) {
            for (uint256 i = 0; i < changes.length; ++i) {
                bytes memory text = bytes.concat(right);
                text[place] ^= changes[i];
                if (isState(text)) ++read;
            }
        }
        check(read > 0 && read < 5 * 64 * 4, "digits alone can be others");
    }

    function testFuzz_state_damagedIsRefusedOrAnother(uint16 place, uint8 change) public view {
        vm.assume(change != 0);
        bytes memory text = write(some());
        text[place % text.length] ^= bytes1(change);
        isState(text);
    }

    function test_state_isNoShorterAndNoLonger() public view {
        bytes memory right = write(some());
        for (uint256 length = 0; length < right.length; ++length) {
            check(!isState(cut(right, length)), "shorter");
        }
        check(!isState(abi.encodePacked(right, " ")), "longer");
        check(isState(right), "right");
    }

    function testFuzz_metadata_isReadAsItIsWritten(uint64 start, uint64 more, uint64 batch)
        public
        view
    {
        vm.assume(start > 0 && more <= type(uint64).max - start);
        bytes memory text = metadataOf(start, start + more);
        check(isMetadata(text, ""), "refused");
        if (batch == 0) return;
        bytes memory before = abi.encodePacked("{\"batch_id\":", decimal(batch));
        text[0] = ",";
        check(isMetadata(abi.encodePacked(before, text), before), "refused with a batch");
    }

    function testFuzz_metadata_damagedIsRefusedOrAnother(uint8 place, uint8 change) public view {
        vm.assume(change != 0);
        bytes memory text = metadataOf(123, 4567);
        text[place % text.length] ^= bytes1(change);
        isMetadata(text, "");
    }

    /// @notice Every byte changed in every way, with a batch id and without.
    function test_metadata_noByteCanBeAnother() public view {
        bytes memory batch = "{\"batch_id\":7";
        bytes memory right = metadataOf(123, 4567);
        noByteCanBeAnother(right, "");
        right[0] = ",";
        noByteCanBeAnother(abi.encodePacked(batch, right), batch);
    }

    function noByteCanBeAnother(bytes memory right, bytes memory before) internal view {
        check(isMetadata(right, before), "right");
        for (uint256 place = 0; place < right.length; ++place) {
            for (uint256 change = 1; change < 256; ++change) {
                bytes memory text = bytes.concat(right);
                text[place] ^= bytes1(uint8(change));
                bool isDigitOfBatch = before.length > 0 && place == before.length - 1;
                bytes memory start = before;
                if (isDigitOfBatch) {
                    start = bytes.concat(before);
                    start[place] = text[place];
                    check(text[place] != "0" || !isMetadata(text, start), "batch 0");
                }
                isMetadata(text, start);
            }
        }
        for (uint256 length = 0; length < right.length; ++length) {
            check(!isMetadata(cut(right, length), before), "shorter");
        }
        check(!isMetadata(abi.encodePacked(right, "}"), before), "longer");
    }

    /// @notice Numbers are below 2^64, without leading zeros, and there are some.
    function test_metadata_numbersAreNumbers() public view {
        string[9] memory bad = [
            "",
            "0",
            "01",
            "18446744073709551616",
            "99999999999999999999",
            "184467440737095516150",
            "1e3",
            "-1",
            "99999999999999999999999999999999999999999999999999999999999999999999999999999999"
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            check(!isMetadata(named(bad[i], "18446744073709551615"), ""), "start");
            check(!isMetadata(named("1", bad[i]), ""), "end");
            bytes memory before = abi.encodePacked("{\"batch_id\":", bad[i]);
            check(
                !isMetadata(
                    abi.encodePacked(before, ",\"start_block\":1,\"end_block\":2}"), before
                ),
                "batch"
            );
        }
        check(isMetadata(named("18446744073709551615", "18446744073709551615"), ""), "the last");
        check(!isMetadata(named("2", "1"), ""), "backwards");
    }

    function named(string memory start, string memory end) internal pure returns (bytes memory) {
        return abi.encodePacked("{\"start_block\":", start, ",\"end_block\":", end, "}");
    }

    function cut(bytes memory text, uint256 length) internal pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            part[i] = text[i];
        }
    }
}
