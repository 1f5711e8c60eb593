"""EigenLayer's contracts: addresses, readers and calls; deployment on development chains."""

from coprove.contracts.eigenlayer.addresses import EigenLayerCore, Middleware
from coprove.contracts.eigenlayer.artifacts import load_eigenlayer_artifact
from coprove.contracts.eigenlayer.core import (
    WAD,
    Allocation,
    EigenLayer,
    KeyRegistration,
    M2Consent,
    allocate_call,
    approve_call,
    deposit_call,
    leave_sets_call,
    m2_deregister_call,
    m2_register_call,
    operator_shares,
    register_as_operator_call,
    register_for_sets_call,
    transfer_call,
)
from coprove.contracts.eigenlayer.profiles import PROFILES, Profile, profile
from coprove.contracts.eigenlayer.registries import (
    CheckSignaturesIndices,
    OperatorStake,
    OperatorStatus,
    QuorumRegistries,
    RegisteredKeys,
)

__all__ = [
    "PROFILES",
    "WAD",
    "Allocation",
    "CheckSignaturesIndices",
    "EigenLayer",
    "EigenLayerCore",
    "KeyRegistration",
    "M2Consent",
    "Middleware",
    "OperatorStake",
    "OperatorStatus",
    "Profile",
    "QuorumRegistries",
    "RegisteredKeys",
    "allocate_call",
    "approve_call",
    "deposit_call",
    "leave_sets_call",
    "load_eigenlayer_artifact",
    "m2_deregister_call",
    "m2_register_call",
    "operator_shares",
    "profile",
    "register_as_operator_call",
    "register_for_sets_call",
    "transfer_call",
]
