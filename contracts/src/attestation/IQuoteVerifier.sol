// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice A kind of trusted execution environment. The first five values are those of the
///         multi-prover AVS.
enum TEE {
    NONE,
    INTEL_SGX,
    AWS_NITRO,
    AMD_SEV,
    ARM_TRUSTZONE,
    INTEL_TDX,
    ARM_CCA
}

/// @notice What genuine evidence says, in one shape for all kinds of environment.
/// @param tee             Kind of environment.
/// @param measurement     The code's 32-byte name: keccak256(uint8(tee), raw measurement).
/// @param signer          Identity of the code's signer (MRSIGNER); zero where there is none.
/// @param securityVersion ISVSVN, guest SVN or the like; what a floor compares with.
/// @param reportDigest    First half of the 64 bytes of report data. The second half is zero: a
///                        verifier reverts when it is not.
/// @param tcbStatus       0 OK, 1 SWHardening, 2 ConfigAndSWHardening, 3 Configuration, 4 OutOfDate,
///                        5 OutOfDateConfiguration, 6 Revoked, 7 Unrecognized.
/// @param validUntil      Unix seconds of the earliest end of validity among certificates, CRLs and
///                        collateral that were relied on.
/// @param replayKey       Hash of the region that the evidence's signature covers; equal for
///                        malleated copies.
/// @param simulated       Whether the chain of trust ends at a simulation root.
struct QuoteClaims {
    TEE tee;
    bytes32 measurement;
    bytes32 signer;
    uint32 securityVersion;
    bytes32 reportDigest;
    uint8 tcbStatus;
    uint64 validUntil;
    bytes32 replayKey;
    bool simulated;
}

/// @title IQuoteVerifier
/// @notice Tells whether evidence of a trusted execution environment is genuine, and what it says.
///         Which measurements and TCB statuses are accepted is for the caller to decide.
interface IQuoteVerifier {
    /// @notice Verifies evidence at the block's time. Reverts with a named error when it is not
    ///         genuine, is in debug mode, or was revoked.
    /// @param evidence Bytes as the implementation defines them.
    /// @return claims What the evidence says.
    function verify(bytes calldata evidence) external view returns (QuoteClaims memory claims);
}
