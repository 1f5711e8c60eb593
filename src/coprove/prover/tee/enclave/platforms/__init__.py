"""Where each platform has its quotes."""

from coprove.prover.tee.enclave.platforms.arm import (
    CcaProvider,
    PsaProvider,
    token_by_command,
    token_by_device,
)
from coprove.prover.tee.enclave.platforms.files import DeviceFiles, KernelFiles
from coprove.prover.tee.enclave.platforms.gramine import GramineProvider
from coprove.prover.tee.enclave.platforms.nitro import NitroProvider, NsmDevice
from coprove.prover.tee.enclave.platforms.simulated import (
    SIMULATED_PLATFORMS,
    SimulatedProvider,
    simulated_measurement,
)
from coprove.prover.tee.enclave.platforms.tsm import SnpProvider, TdxProvider

__all__ = [
    "SIMULATED_PLATFORMS",
    "CcaProvider",
    "DeviceFiles",
    "GramineProvider",
    "KernelFiles",
    "NitroProvider",
    "NsmDevice",
    "PsaProvider",
    "SimulatedProvider",
    "SnpProvider",
    "TdxProvider",
    "simulated_measurement",
    "token_by_command",
    "token_by_device",
]
