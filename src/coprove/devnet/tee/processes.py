"""The provers' processes: `coprove tee-prover`, as a user would run it, in a simulated enclave."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.foundry_tools import free_port
from coprove.devnet.accounts import Role
from coprove.devnet.probe import is_healthy
from coprove.devnet.supervisor import ChildSpec
from coprove.devnet.tee.deployment import SIMULATION_SEED, platform_of

if TYPE_CHECKING:
    from coprove.devnet.manifest import DataDir, TeeManifest

__all__ = ["ProverProcess", "prover_processes"]

_COMMAND: Final = (sys.executable, "-c", "from coprove.cli import main; main()", "tee-prover")
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverProcess:
    """A prover that is to run, and who answers for it."""

    name: str
    """Of process, log and metrics."""
    url: str
    """Where it will answer."""
    account: int
    """Index of its operator in the development mnemonic."""
    spec: ChildSpec
    """How it is started."""


def prover_processes(manifest: TeeManifest, directory: DataDir, count: int) -> list[ProverProcess]:
    """Return `count` provers on free ports; their collateral is issued today."""
    return [_process(manifest, directory, index) for index in range(count)]


def _process(manifest: TeeManifest, directory: DataDir, index: int) -> ProverProcess:
    name, port = f"tee_prover_{index + 1}", free_port()
    environment = {
        "COPROVE_TEE_PLATFORM": "simulation",
        "COPROVE_TEE_SIMULATION_PLATFORM": platform_of(index).value,
        "COPROVE_TEE_SIMULATION_SEED": SIMULATION_SEED,
        "COPROVE_TEE_SIMULATION_START": str(manifest.simulation_start),
        "COPROVE_TEE_SIMULATION_ISSUED": str(int(time.time()) // _DAY * _DAY),
        "COPROVE_TEE_HOST": "127.0.0.1",
        "COPROVE_TEE_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    return ProverProcess(
        name=name,
        url=f"http://127.0.0.1:{port}",
        account=Role.OPERATOR + index,
        spec=ChildSpec(
            name=name,
            command=lambda: _COMMAND,
            log_path=directory.log(name),
            ready=lambda: is_healthy(port),
            environment=environment,
        ),
    )
