"""Compiled contracts: ours from the package, OP Stack contracts from node_modules (devnet only)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from eth_abi.abi import encode as abi_encode

from coprove.contracts.abi import signature_types, type_text
from coprove.contracts.errors import ArtifactError
from coprove.contracts.foundry_tools import node_modules
from coprove.primitives import keccak256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Artifact", "StorageVariable", "load_artifact", "load_bedrock_artifact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageVariable:
    """Where a contract keeps one of its variables."""

    label: str
    """Its name in the source."""
    slot: int
    """Storage slot at which it begins."""
    offset: int
    """Bytes of that slot below it."""
    type: str
    """Solidity type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A compiled contract."""

    name: str
    """Name of the contract."""
    abi: Sequence[Mapping[str, Any]]
    """Its JSON ABI."""
    bytecode: bytes
    """Creation code without constructor arguments; empty for an interface."""
    layout: Sequence[StorageVariable] = ()
    """Storage layout of a contract that stands behind a proxy."""

    @property
    def storage(self) -> Sequence[StorageVariable]:
        """The storage layout; ArtifactError when the artifact has none."""
        if not self.layout:
            raise ArtifactError(f"{self.name} has no storage layout")
        return self.layout

    def digest(self) -> str:
        """Return a short name of this very bytecode."""
        return keccak256(self.bytecode)[:8].hex()

    def creation_code(self, *arguments: object) -> bytes:
        """Return the creation code with its ABI-encoded constructor arguments."""
        if not self.bytecode:
            raise ArtifactError(f"{self.name} has no creation code")
        constructors = [entry for entry in self.abi if entry["type"] == "constructor"]
        inputs: Sequence[Mapping[str, Any]] = constructors[0]["inputs"] if constructors else ()
        return self.bytecode + bytes(abi_encode([type_text(i) for i in inputs], arguments))

    def call(self, function: str, *arguments: object) -> bytes:
        """Return the calldata of a function, given by its name alone or its full signature."""
        matches = [
            entry
            for entry in self.abi
            if entry["type"] == "function" and function in (entry["name"], _signature(entry))
        ]
        if len(matches) != 1:
            raise ArtifactError(f"{self.name} has {len(matches)} functions {function}")
        selector, types = signature_types(_signature(matches[0]))
        return selector + bytes(abi_encode(types, arguments))


def _signature(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}({','.join(type_text(i) for i in entry['inputs'])})"


@cache
def load_artifact(name: str) -> Artifact:
    """Return one of our own contracts, as committed with the package."""
    file = resources.files("coprove.contracts").joinpath("artifacts", f"{name}.json")
    try:
        parsed = json.loads(file.read_text())
        bytecode = bytes.fromhex(parsed["bytecode"].removeprefix("0x"))
        layout = [
            StorageVariable(
                label=entry["label"],
                slot=int(entry["slot"]),
                offset=entry["offset"],
                type=entry["type"],
            )
            for entry in parsed.get("storage", ())
        ]
        return Artifact(name=name, abi=parsed["abi"], bytecode=bytecode, layout=layout)
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"artifact {name}: {error}") from error


@cache
def load_bedrock_artifact(name: str) -> Artifact:
    """Return a contract of npm's contracts-bedrock, the L2OutputOracle generation.

    A development dependency: raises ToolNotFoundError without node_modules.
    """
    folder = node_modules() / "@eth-optimism" / "contracts-bedrock" / "forge-artifacts"
    try:
        parsed = json.loads((folder / f"{name}.sol" / f"{name}.json").read_text())
        bytecode = bytes.fromhex(parsed["bytecode"]["object"].removeprefix("0x"))
        return Artifact(name=name, abi=parsed["abi"], bytecode=bytecode)
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"contracts-bedrock artifact {name}: {error}") from error
