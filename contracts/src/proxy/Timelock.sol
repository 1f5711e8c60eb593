// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Timelock
/// @notice OpenZeppelin's TimelockController without an outside administrator: its own roles and
///         delay change through itself alone. It owns the ProxyAdmins of the attestation contracts
///         and holds the roles that loosen their policy.
contract Timelock is TimelockController {
    /// @notice Sets the delay, who may schedule and cancel, and who may execute.
    /// @param delay     Seconds from scheduling to execution, at least.
    /// @param proposers May schedule and cancel.
    /// @param executors May execute; the zero address: everyone.
    constructor(uint256 delay, address[] memory proposers, address[] memory executors)
        TimelockController(delay, proposers, executors, address(0))
    {}
}
