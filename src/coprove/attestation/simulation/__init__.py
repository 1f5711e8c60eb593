"""Evidence of our own making, under roots of our own: for laptops, tests and development chains.

It passes the same code as a vendor's, and `Claims.simulated` says that it is none. No policy
accepts it outside development chains.
"""

from coprove.attestation.simulation.amd import GuestState, SimulatedAmd
from coprove.attestation.simulation.arm import FirmwareState, RealmState, SimulatedArm
from coprove.attestation.simulation.collateral import (
    DEFAULT_START,
    CollateralSpec,
    LevelSpec,
    ModuleSpec,
)
from coprove.attestation.simulation.intel import (
    QuoteSpec,
    SimulatedIntel,
    sgx_report,
    td_report,
)
from coprove.attestation.simulation.nitro import EnclaveState, SimulatedNitro
from coprove.attestation.simulation.pck import PlatformSpec
from coprove.attestation.simulation.pki import SimulatedAuthority, derive_key, pem

__all__ = [
    "DEFAULT_START",
    "CollateralSpec",
    "EnclaveState",
    "FirmwareState",
    "GuestState",
    "LevelSpec",
    "ModuleSpec",
    "PlatformSpec",
    "QuoteSpec",
    "RealmState",
    "SimulatedAmd",
    "SimulatedArm",
    "SimulatedAuthority",
    "SimulatedIntel",
    "SimulatedNitro",
    "derive_key",
    "pem",
    "sgx_report",
    "td_report",
]
