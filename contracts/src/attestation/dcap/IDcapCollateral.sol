// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IDcapCollateral
/// @notice What a quote's verifier asks of registered collateral.
interface IDcapCollateral {
    /// @notice A platform with all that speaks for it now.
    /// @param x          Public key of its PCK, first coordinate.
    /// @param y          Second coordinate.
    /// @param components Security versions of its sixteen components.
    /// @param pceSvn     Its PCESVN.
    /// @param tcbInfo    Account whose code holds the packed TCB info (see TcbInfo).
    /// @param qeIdentity Account whose code holds the packed QE identity (see QeIdentity).
    /// @param validUntil Unix seconds of the earliest end of validity among certificates, CRLs and
    ///                   documents.
    struct Endorsement {
        uint256 x;
        uint256 y;
        bytes16 components;
        uint16 pceSvn;
        address tcbInfo;
        address qeIdentity;
        uint64 validUntil;
    }

    /// @notice Whether the root is another one than Intel's.
    /// @return True for a simulation.
    function SIMULATED() external view returns (bool);

    /// @notice A platform with all that speaks for it at the block's time. Reverts when a certificate
    ///         was revoked, or anything is missing, not valid yet or expired.
    /// @param platform Hash of its PCK certificate.
    /// @param isTdx    Whether the quote is a TD's.
    /// @return What is known.
    function endorsement(bytes32 platform, bool isTdx) external view returns (Endorsement memory);
}
