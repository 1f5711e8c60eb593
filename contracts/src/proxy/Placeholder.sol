// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Placeholder
/// @notice Stands behind a proxy whose address others must know before its implementation can be made.
///         It keeps nothing.
contract Placeholder {
    /// @notice Emitted when a proxy stands for a contract to come.
    event Reserved();

    /// @notice Called by a proxy that begins: one without an initializer is refused.
    function reserve() external {
        emit Reserved();
    }
}
