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
from coprove.contracts.eigenlayer.earnings import Earnings, read_earnings, write_earnings
from coprove.contracts.eigenlayer.profiles import PROFILES, Profile, profile
from coprove.contracts.eigenlayer.registries import (
    CheckSignaturesIndices,
    OperatorStake,
    OperatorStatus,
    QuorumRegistries,
    RegisteredKeys,
)
from coprove.contracts.eigenlayer.rewards import (
    DistributionRoot,
    RewardsCoordinator,
    RewardTree,
    set_rewards_updater_call,
    submit_root_call,
)

__all__ = [
    "PROFILES",
    "WAD",
    "Allocation",
    "CheckSignaturesIndices",
    "DistributionRoot",
    "Earnings",
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
    "RewardTree",
    "RewardsCoordinator",
    "allocate_call",
    "approve_call",
    "deposit_call",
    "leave_sets_call",
    "load_eigenlayer_artifact",
    "m2_deregister_call",
    "m2_register_call",
    "operator_shares",
    "profile",
    "read_earnings",
    "register_as_operator_call",
    "register_for_sets_call",
    "set_rewards_updater_call",
    "submit_root_call",
    "transfer_call",
    "write_earnings",
]
