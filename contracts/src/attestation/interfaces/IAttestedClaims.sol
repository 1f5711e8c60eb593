// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IAttestedClaims
/// @notice What a quote verifier answers beside IQuoteVerifier when the evidence itself is verified
///         off chain and others vouch for the result.
interface IAttestedClaims {
    /// @notice Whether claims rest on attestors' word.
    /// @return True.
    function attestedOffChain() external view returns (bool);

    /// @notice Whether claims were disputed and not confirmed since.
    /// @param replayKey The evidence's replay key.
    /// @return True when they must not be relied on.
    function isDisputed(bytes32 replayKey) external view returns (bool);
}
