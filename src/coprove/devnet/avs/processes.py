"""The AVS' processes: `coprove operator run` and `coprove aggregator`, as a user would run them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts.foundry_tools import free_port
from coprove.devnet.accounts import DevAccounts, Role
from coprove.devnet.avs.byzantine import byzantine_kind
from coprove.devnet.avs.keys import write_keys, write_secret
from coprove.devnet.operator import toml_text
from coprove.devnet.probe import is_healthy
from coprove.devnet.supervisor import ChildSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from coprove.devnet.avs.byzantine import ByzantineKind
    from coprove.devnet.manifest import AvsManifest, DataDir
    from coprove.devnet.tee.processes import ProverProcess

__all__ = ["AvsProcesses", "avs_processes"]

_COPROVE = (sys.executable, "-c", "from coprove.cli import main; main()")
_BYZANTINE = (sys.executable, "-m", "coprove.cli.byzantine", "operator")
_HEADER = "# Of this devnet; its keys are public."


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsProcesses:
    """What is to run, and where it answers."""

    aggregator_url: str
    """The aggregator's JSON-RPC and typed API."""
    aggregator: ChildSpec
    """The aggregator."""
    operators: Sequence[ChildSpec]
    """The operators, in their order."""


def avs_processes(
    manifest: AvsManifest,
    directory: DataDir,
    provers: Sequence[ProverProcess],
    *,
    l1_url: str,
    l2_url: str,
    byzantine: int = 0,
) -> AvsProcesses:
    """Write the settings of the aggregator and the operators; the last `byzantine` do wrong."""
    chain = directory.chain
    rpc = {
        "l1": l1_url,
        "l2": l2_url,
        "rollup_config": str(chain / "rollup.json"),
        "l1_config": str(chain / "l1_chain_config.json"),
    }
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    return AvsProcesses(
        aggregator_url=url,
        aggregator=_aggregator(manifest, directory, rpc, port=port, url=url),
        operators=[
            _operator(
                manifest,
                directory,
                rpc,
                provers[index],
                index=index,
                aggregator_url=url,
                kind=byzantine_kind(index, operators=manifest.operators, byzantine=byzantine),
            )
            for index in range(manifest.operators)
        ],
    )


def _aggregator(
    manifest: AvsManifest, directory: DataDir, rpc: Mapping[str, object], *, port: int, url: str
) -> ChildSpec:
    folder = directory.part("aggregator")
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "account"
    write_secret(key, bytes(DevAccounts().account(Role.AGGREGATOR).key).hex())
    sections: dict[str, dict[str, object]] = {
        "rpc": dict(rpc),
        "transactions": {"private_key_file": str(key), "confirmations": 1},
        "aggregator": {
            "service_manager": manifest.service_manager,
            "operator_state_retriever": manifest.operator_state_retriever,
            "slasher": manifest.slasher,
            "rewards": manifest.rewards,
            "settle_interval": 1.0,
            # Time for who signs otherwise to be heard: what comes later is no evidence.
            "min_wait": 2.0,
            "port": port,
            "audiences": [url],
            "data_dir": str(folder),
            "poll_interval": 0.5,
            "sync_interval": 0.5,
            "liveness_max_age": 2.0,
            "lease_seconds": 5.0,
            # Operators attest at their start: what was asked before that is asked again.
            "time_to_expiry": 30,
        },
    }
    config = _write(folder / "coprove.toml", sections)
    ready = _ready(port, "/healthz")
    command = (*_COPROVE, "aggregator", "--config", str(config))
    return _child(directory, "aggregator", command, ready)


def _operator(
    manifest: AvsManifest,
    directory: DataDir,
    rpc: Mapping[str, object],
    prover: ProverProcess,
    *,
    index: int,
    aggregator_url: str,
    kind: ByzantineKind | None,
) -> ChildSpec:
    name, port = f"operator_{index + 1}", free_port()
    folder = directory.part("operators") / str(index + 1)
    keys = write_keys(folder, index)
    sections: dict[str, dict[str, object]] = {
        "rpc": dict(rpc),
        "transactions": {
            "private_key_file": str(keys["private_key_file"]),
            "confirmations": 1,
        },
        "operator": {
            "service_manager": manifest.service_manager,
            "rewards": manifest.rewards,
            "bls_keystore": str(keys["bls_keystore"]),
            "bls_password_file": str(keys["bls_password_file"]),
            "prover_url": prover.url,
            "aggregator_url": aggregator_url,
            "name": name,
            "data_dir": str(folder / "data"),
            "margin": 120,
            "attest_interval": 1.0,
            "push_interval": 5.0,
            "confirm_patience": 60.0,
            "node_api": f"127.0.0.1:{port}",
        },
    }
    config = _write(folder / "coprove.toml", sections)
    ready = _ready(port, "/eigen/node")
    command: tuple[str, ...] = (*_COPROVE, "operator", "run", "--config", str(config))
    if kind is not None:
        lies = ("--config", str(config), "--kind", kind.value, "--sign-url", str(prover.sign_url))
        command = (*_BYZANTINE, *lies)
    return _child(directory, name, command, ready)


def _ready(port: int, path: str) -> Callable[[], Awaitable[bool]]:
    return lambda: is_healthy(port, path)


def _child(
    directory: DataDir, name: str, command: Sequence[str], ready: Callable[[], Awaitable[bool]]
) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=lambda: command,
        log_path=directory.log(name),
        ready=ready,
        environment={"PYTHONUNBUFFERED": "1"},
    )


def _write(path: Path, sections: dict[str, dict[str, object]]) -> Path:
    path.write_text(toml_text(_HEADER, sections), encoding="utf-8")
    return path
