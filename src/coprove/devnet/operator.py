"""Settings for an operator's own `coprove proposer` and `coprove server` on a devnet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from coprove.devnet.accounts import DevAccounts, Role
from coprove.devnet.avs.keys import write_secret
from coprove.devnet.deployment import AGGREGATION_VKEY, RANGE_VKEY
from coprove.devnet.programs import write_program

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.devnet.manifest import DataDir, Manifest

__all__ = ["OPERATOR", "toml_text", "write_operator_settings"]

OPERATOR: Final = "operator"
"""Folder of the settings and keys in a devnet's data directory."""
_HEADER: Final = (
    "# For `coprove proposer` and `coprove server` on this devnet; its keys are public."
)


def write_operator_settings(
    directory: DataDir,
    manifest: Manifest,
    *,
    l1_url: str,
    l2_url: str,
    network_url: str | None,
    blocks_per_range: int,
    workers: int,
) -> Path:
    """Write `coprove.toml` and what it names; return its path.

    The backend is the local prover network at `network_url`, mock without one. The database lies
    where the devnet's own proposer has it, so that the devnet's view shows its ranges.
    """
    folder, chain = directory.part(OPERATOR), directory.chain
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "private_key"
    write_secret(key, bytes(DevAccounts().account(Role.PROPOSER).key).hex())
    sections: dict[str, dict[str, object]] = {
        "rpc": {
            "l1": l1_url,
            "l2": l2_url,
            "rollup_config": str(chain / "rollup.json"),
            "l1_config": str(chain / "l1_chain_config.json"),
        },
        "contract": {
            "address": manifest.oracle,
            "aggregation_vkey": str(AGGREGATION_VKEY),
            "range_vkey_commitment": str(RANGE_VKEY),
        },
        "prover": {"backend": "network" if network_url else "mock", "workers": workers},
        "proposer": {
            "poll_interval": 1.0,
            "max_blocks_per_range": blocks_per_range,
            "max_concurrent_witness_gen": workers + 1,
            "lease": 5.0,
        },
        # Our mock verifier wants a proof that says what it is, where op-succinct's takes none.
        "server": {"data_dir": str(folder / "server"), "empty_mock_aggregation": False},
        "transactions": {"private_key_file": str(key), "confirmations": 1},
        "storage": {"data_dir": str(directory.part("proposer"))},
    }
    if network_url is not None:
        programs = {name: write_program(folder, name) for name in ("range", "aggregation")}
        sections["network"] = {
            "url": network_url,
            "simulated": True,
            "private_key_file": str(key),
            "range_elf": str(programs["range"].elf),
            "range_vkey_file": str(programs["range"].vkey),
            "aggregation_elf": str(programs["aggregation"].elf),
            "aggregation_vkey_file": str(programs["aggregation"].vkey),
        }
    path = folder / "coprove.toml"
    path.write_text(toml_text(_HEADER, sections), encoding="utf-8")
    return path


def toml_text(header: str, sections: dict[str, dict[str, object]]) -> str:
    """Return tables of texts and numbers; a JSON value of these is a TOML value too."""
    lines = [header]
    for name, values in sections.items():
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
