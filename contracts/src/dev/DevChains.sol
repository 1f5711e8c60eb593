// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title DevChains
/// @notice Which chains count as development chains. Nothing that stands in for a real proof works
///         anywhere else.
library DevChains {
    /// @notice The contract stands on a chain that is no development chain.
    /// @param chainId The chain's id.
    error NotADevChain(uint256 chainId);

    /// @notice Whether an id is one of the development chains': 900 to 909 (OP Stack devnets), 1337
    ///         (geth --dev, ganache) and 31337 (anvil, hardhat).
    /// @param chainId The chain's id.
    /// @return True for a development chain.
    function contains(uint256 chainId) internal pure returns (bool) {
        return chainId == 31337 || chainId == 1337 || (chainId >= 900 && chainId <= 909);
    }

    /// @notice Reverts unless the current chain is a development chain.
    function check() internal view {
        if (!contains(block.chainid)) revert NotADevChain(block.chainid);
    }
}
