// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title ISP1Verifier
/// @notice What every SP1 verifier answers: the gateway, the verifiers behind it, and our mock.
interface ISP1Verifier {
    /// @notice Returns when the proof holds and reverts when it does not.
    /// @param programVKey  Verification key of the SP1 program.
    /// @param publicValues Bytes that the program committed to.
    /// @param proofBytes   On-chain encoding of the proof; a gateway routes by its first four bytes.
    function verifyProof(
        bytes32 programVKey,
        bytes calldata publicValues,
        bytes calldata proofBytes
    ) external view;
}

/// @title ISP1VerifierGateway
/// @notice The deployed SP1 gateway: one address that routes each proof to the verifier of its
///         version, by the first four bytes of the proof.
interface ISP1VerifierGateway is ISP1Verifier {
    /// @notice Emitted when a route is added.
    /// @param selector First four bytes of the proofs of this route.
    /// @param verifier Verifier that checks them.
    event RouteAdded(bytes4 selector, address verifier);

    /// @notice Emitted when a route is frozen for ever.
    /// @param selector First four bytes of the proofs of this route.
    /// @param verifier Verifier that checked them.
    event RouteFrozen(bytes4 selector, address verifier);

    /// @notice No verifier is registered for the selector.
    /// @param selector First four bytes of the proof.
    error RouteNotFound(bytes4 selector);

    /// @notice The verifier of the selector was frozen.
    /// @param selector First four bytes of the proof.
    error RouteIsFrozen(bytes4 selector);

    /// @notice A route for this selector exists already.
    /// @param verifier Verifier registered for it.
    error RouteAlreadyExists(address verifier);

    /// @notice A verifier whose hash begins with four zero bytes cannot be registered.
    error SelectorCannotBeZero();

    /// @notice The route of a selector.
    /// @param selector First four bytes of a proof.
    /// @return verifier Verifier that checks such proofs.
    /// @return frozen   Whether the route refuses every proof.
    function routes(bytes4 selector) external view returns (address verifier, bool frozen);

    /// @notice Registers a verifier under the first four bytes of its hash. Owner only.
    /// @param verifier Verifier to register.
    function addRoute(address verifier) external;

    /// @notice Freezes the route of a selector for ever. Owner only.
    /// @param selector First four bytes of the proofs of the route.
    function freezeRoute(bytes4 selector) external;
}
