"""What a devnet is: the part of its data directory that is written once."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from coprove.devnet.errors import DataDirInUseError
from coprove.devnet.settings import AddressText  # noqa: TC001 - pydantic reads the annotation
from coprove.errors import InputError

if TYPE_CHECKING:
    from io import TextIOWrapper
    from pathlib import Path

__all__ = ["AvsManifest", "DataDir", "Manifest", "TeeManifest"]


class TeeManifest(BaseModel):
    """The contracts of the TEE lane."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    registry: AddressText
    """The TEEProverRegistry."""
    policy: AddressText
    """The AttestationPolicy."""
    poe_verifier: AddressText
    """The PoEVerifier."""
    collateral: AddressText
    """The DcapCollateral, under the simulation's root."""
    timelock: AddressText
    """Owner of them all."""
    simulation_start: int
    """When the simulation's certificates were issued, Unix seconds."""


class AvsManifest(BaseModel):
    """The contracts of EigenLayer and the AVS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service_manager: AddressText
    """The MultiProverServiceManager."""
    slasher: AddressText
    """The AvsSlasher."""
    rewards: AddressText
    """The AvsRewards."""
    liveness_verifier: AddressText
    """The AVS' TEELivenessVerifier."""
    registry_coordinator: AddressText
    """Who is in which quorum."""
    stake_registry: AddressText
    """Stakes."""
    bls_apk_registry: AddressText
    """BLS keys."""
    index_registry: AddressText
    """Lists of operators."""
    operator_state_retriever: AddressText
    """Reads several registries at once."""
    delegation_manager: AddressText
    """EigenLayer's operators and their shares."""
    rewards_coordinator: AddressText
    """EigenLayer's distributor."""
    token: AddressText
    """What is staked and paid."""
    strategy: AddressText
    """Where it is deposited."""
    operators: int
    """How many were registered."""


class Manifest(BaseModel):
    """Addresses and figures of a deployed devnet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    """Version of this file."""
    oracle: AddressText
    """The L2 output oracle on L1."""
    portal: AddressText
    """The portal on L1."""
    system_config: AddressText
    """The system config on L1."""
    block_time: int
    """Seconds between L2 blocks."""
    submission_interval: int
    """L2 blocks from one output to the next."""
    tee: TeeManifest | None = None
    """The TEE lane; None in a devnet that was made without one."""
    avs: AvsManifest | None = None
    """The AVS; None in a devnet that was made without one."""


class DataDir:
    """The files of a devnet and the lock that keeps a second one out."""

    def __init__(self, root: Path) -> None:
        """Nothing is touched yet."""
        self.root = root.resolve()
        self._lock: TextIOWrapper | None = None

    @property
    def manifest_file(self) -> Path:
        """Its presence says that the deployment is complete."""
        return self.root / "devnet.json"

    @property
    def chain(self) -> Path:
        """Folder with genesis.json.gz, rollup.json and l1_chain_config.json."""
        return self.root / "chain"

    @property
    def l1_state(self) -> Path:
        """The L1's saved state."""
        return self.root / "l1" / "state.json"

    def part(self, name: str) -> Path:
        """Folder of one service's own state."""
        return self.root / name

    def config(self, name: str) -> Path:
        """Settings file of one service."""
        return self.root / "config" / f"{name}.json"

    def log(self, name: str) -> Path:
        """Log of one process."""
        return self.root / "logs" / f"{name}.log"

    def __enter__(self) -> Self:
        """Create the folder and lock it; DataDirInUseError when another process has it."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = (self.root / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise DataDirInUseError(self.root) from None
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def read_manifest(self) -> Manifest | None:
        """Return the manifest; None when there is none. InputError when it is not one."""
        try:
            return Manifest.model_validate_json(self.manifest_file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise InputError(
                str(self.manifest_file), expected="a devnet's manifest", actual=error
            ) from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, atomically."""
        temporary = self.manifest_file.with_suffix(".new")
        temporary.write_text(manifest.model_dump_json(indent=1) + "\n")
        os.replace(temporary, self.manifest_file)
