// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ITEEProverRegistry
/// @notice The interface that the multi-prover AVS declares for a registry of TEE provers; its
///         repository holds no implementation.
interface ITEEProverRegistry {
    /// @notice Registers a prover, or renews its registration, with evidence of its environment.
    /// @param attestation ABI encoding of a `Registration`.
    function registerTEEProver(bytes calldata attestation) external;

    /// @notice Takes the caller's prover out of the registry.
    /// @param signature The prover's signature over the EIP-712 struct
    ///                  `Deregistration(address operator,uint256 nonce)`.
    function deregisterTEEProver(bytes calldata signature) external;

    /// @notice Answers a liveness challenge with fresh evidence.
    /// @param challenge ABI encoding of a `Registration` whose nonce is the challenge's.
    function submitLivenessChallenge(bytes calldata challenge) external;

    /// @notice Whether a prover is registered and live now.
    /// @param prover Address of the prover's key.
    /// @return valid True when its word may be taken.
    function checkTEEProverStatus(address prover) external view returns (bool valid);
}
