"""Signatures of the custom errors that our contracts and the devnet's OP Stack contracts raise."""

from __future__ import annotations

from typing import Final

__all__ = ["KNOWN_ERRORS"]

KNOWN_ERRORS: Final = (
    # L2OutputOracle
    "L1BlockHashNotAvailable()",
    "L1BlockHashNotCheckpointed()",
    "InvalidInitialization()",
    "NotInitializing()",
    # ValidityDisputeGame, DisputeGameFactory
    "AlreadyInitialized()",
    "GameNotInProgress()",
    "BadExtraData()",
    "IncorrectBondAmount()",
    "NoImplementation(uint32)",
    "GameAlreadyExists(bytes32)",
    # MockSP1Verifier, SystemConfigExtension
    "NotADevChain(uint256)",
    "NotAMockProof()",
    "MockProofMismatch()",
    "NotOwner()",
    "InvalidParameter()",
    # SP1 gateway and verifiers
    "RouteNotFound(bytes4)",
    "RouteIsFrozen(bytes4)",
    "WrongVerifierSelector(bytes4,bytes4)",
    "InvalidProof()",
    "ProofInvalid()",
    "PublicInputNotInField()",
    # proxies and their admins
    "OwnableUnauthorizedAccount(address)",
    "OwnableInvalidOwner(address)",
    "ProxyDeniedAdminAccess()",
    "ERC1967InvalidImplementation(address)",
    "ERC1967InvalidAdmin(address)",
    "ERC1967NonPayable()",
    "ERC1967ProxyUninitialized()",
    "AddressEmptyCode(address)",
    "FailedCall()",
    # OptimismPortal
    "BadTarget()",
    "CallPaused()",
    "GasEstimation()",
    "LargeCalldata()",
    "NonReentrant()",
    "OutOfGas()",
    "SmallGasLimit()",
    "NoValue()",
    "Unauthorized()",
)
"""Signatures, as `abi.decode_revert` takes them."""
