// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {QuoteClaims, TEE} from "../IQuoteVerifier.sol";

/// @notice Whether evidence that was accepted once still is, and why not.
enum Standing {
    ACCEPTED,
    PLATFORM_CHANGED,
    MEASUREMENT_NOT_ACTIVE,
    SECURITY_VERSION_TOO_LOW,
    TCB_NOT_ACCEPTED,
    CLAIMS_DISPUTED,
    SIMULATED_OFF_DEV_CHAIN
}

/// @notice What a policy must know of evidence that it accepted before.
/// @param tee             Kind of environment.
/// @param generation      Generation of the platform's verifier.
/// @param securityVersion Security version of the code.
/// @param tcbStatus       The platform's TCB status.
/// @param simulated       Whether the evidence is a simulation's.
/// @param measurement     32-byte name of the code.
/// @param attestedKey     Replay key of evidence that attestors vouch for; zero for evidence that was
///                        verified on chain.
struct Accepted {
    TEE tee;
    uint32 generation;
    uint32 securityVersion;
    uint8 tcbStatus;
    bool simulated;
    bytes32 measurement;
    bytes32 attestedKey;
}

/// @title IAttestationPolicy
/// @notice Decides which evidence is accepted, and for how long.
interface IAttestationPolicy {
    /// @notice Verifies evidence and applies the policy of this moment. Reverts with a named error
    ///         when it is not genuine or not accepted. The report data are the caller's to compare.
    /// @param tee      Kind of environment that the evidence must be of.
    /// @param evidence Bytes for that kind's verifier.
    /// @return claims     What it says.
    /// @return generation Generation of the kind's verifier.
    /// @return attested   Whether the claims rest on attestors' word.
    function admit(TEE tee, bytes calldata evidence)
        external
        view
        returns (QuoteClaims memory claims, uint32 generation, bool attested);

    /// @notice Applies the policy of this moment to evidence that was accepted before.
    /// @param accepted What to know of it.
    /// @return standing ACCEPTED, or the first reason against it.
    /// @return until    Unix seconds until which it stands if nothing changes, inclusive; zero when it
    ///                  does not.
    function standingOf(Accepted calldata accepted)
        external
        view
        returns (Standing standing, uint64 until);

    /// @notice Whether a measurement is accepted now.
    /// @param id Its 32-byte name.
    /// @return True from its activation to its end.
    function isMeasurementActive(bytes32 id) external view returns (bool);
}
