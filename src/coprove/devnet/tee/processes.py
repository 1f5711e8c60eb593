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
    from collections.abc import Collection

    from coprove.devnet.manifest import DataDir, TeeManifest

__all__ = ["ProverProcess", "prover_processes"]

_COMMAND: Final = (sys.executable, "-c", "from coprove.cli import main; main()", "tee-prover")
_LYING: Final = (sys.executable, "-m", "coprove.cli.byzantine", "prover", "--sign-port")
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
    sign_url: str | None = None
    """Where it signs whatever it is told; None for an honest one, which does so nowhere."""


def prover_processes(
    manifest: TeeManifest, directory: DataDir, count: int, *, lying: Collection[int] = ()
) -> list[ProverProcess]:
    """Return `count` provers on free ports; their collateral is issued today.

    Those whose places from 0 are in `lying` lend their keys to their operators.
    """
    return [_process(manifest, directory, index, lies=index in lying) for index in range(count)]


def _process(manifest: TeeManifest, directory: DataDir, index: int, *, lies: bool) -> ProverProcess:
    name, port = f"tee_prover_{index + 1}", free_port()
    sign_port = free_port() if lies else None
    command = _COMMAND if sign_port is None else (*_LYING, str(sign_port))
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
            command=lambda: command,
            log_path=directory.log(name),
            ready=lambda: is_healthy(port),
            environment=environment,
        ),
        sign_url=None if sign_port is None else f"http://127.0.0.1:{sign_port}",
    )
