// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {QeIdentity} from "./QeIdentity.sol";
import {TcbInfo} from "./TcbInfo.sol";

/// @title DcapDocuments
/// @notice Reads Intel's signed JSON documents. A contract of its own because of its size; the
///         collateral deploys it itself.
contract DcapDocuments {
    /// @notice Reads TCB info.
    /// @param json The signed text.
    /// @return What it says.
    function readTcbInfo(bytes calldata json) external pure returns (TcbInfo.Document memory) {
        return TcbInfo.parse(json);
    }

    /// @notice Reads a QE identity.
    /// @param json The signed text.
    /// @return What it says.
    function readQeIdentity(bytes calldata json)
        external
        pure
        returns (QeIdentity.Document memory)
    {
        return QeIdentity.parse(json);
    }
}
