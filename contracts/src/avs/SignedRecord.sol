// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MultiProverServiceManager} from "./MultiProverServiceManager.sol";
import {RangeMetadata} from "./RangeMetadata.sol";
import {IMultiProverServiceManager} from "./interfaces/IMultiProverServiceManager.sol";

/// @title SignedRecord
/// @notice Opens what a confirmation left on chain: a hash of the header, the reference block and those
///         who did not sign.
library SignedRecord {
    /// @notice What is shown is not what was confirmed.
    error RecordMismatch(bytes32 taskId);

    /// @notice Compares with the service manager's record.
    /// @param manager    The service manager.
    /// @param header     What was confirmed.
    /// @param nonSigners Ids of the operators that did not sign, ascending.
    /// @return taskId    The task.
    /// @return task      Its record.
    function open(
        MultiProverServiceManager manager,
        IMultiProverServiceManager.StateHeader calldata header,
        bytes32[] calldata nonSigners
    ) internal view returns (bytes32 taskId, IMultiProverServiceManager.Task memory task) {
        (uint64 start, uint64 end) = RangeMetadata.decode(header.metadata);
        taskId = manager.taskIdOf(header.committeeId, start, end);
        task = manager.taskOf(taskId);
        bytes32 expected = keccak256(
            abi.encodePacked(
                keccak256(abi.encode(header)),
                keccak256(abi.encodePacked(header.referenceBlockNumber, nonSigners)),
                task.confirmedBlock
            )
        );
        if (task.confirmedAt == 0 || task.recordHash != expected) revert RecordMismatch(taskId);
    }

    /// @notice Whether an id is among others, which are ascending since the record was opened.
    /// @param ids The others.
    /// @param id  The id.
    /// @return True when it is.
    function contains(bytes32[] calldata ids, bytes32 id) internal pure returns (bool) {
        for (uint256 i = 0; i < ids.length; ++i) {
            if (ids[i] == id) return true;
        }
        return false;
    }
}
