// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    TransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

/// @title OracleProxy
/// @notice ERC-1967 proxy of the L2 output oracle. Its constructor deploys a ProxyAdmin that
///         belongs to `_admin`; upgrades go through that contract alone.
contract OracleProxy is TransparentUpgradeableProxy {
    /// @notice Points the proxy at an implementation and initializes it in the same transaction.
    /// @param _implementation First implementation.
    /// @param _admin          Owner of the ProxyAdmin.
    /// @param _data           Initializer call.
    constructor(address _implementation, address _admin, bytes memory _data)
        payable
        TransparentUpgradeableProxy(_implementation, _admin, _data)
    {}
}
