"""A simulated prover network, and network backends against it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from coprove.devnet.prover_network import ProverNetworkServer, ProverNetworkSettings
from coprove.primitives import keccak256
from coprove.prover.zk.network import (
    GuestProgram,
    LocalNetworkSigner,
    NetworkBackend,
    NetworkOptions,
    Strategy,
)
from coprove.rpc import RetryPolicy
from coprove.types import Hash32
from tests.integration.ranges import recording
from tests.unit.prover.zk.jobs import AGGREGATION_VKEY, RANGE_VKEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from coprove.prover.pool import RangePool
    from coprove.prover.zk.network import NetworkSigner

__all__ = [
    "AGGREGATION_HASH",
    "KEY",
    "QUICK_RETRY",
    "ProverLab",
    "RecordedReceipts",
    "network_settings",
]

KEY = "0x" + "11" * 32
AGGREGATION_HASH = Hash32(b"\x33" * 32)
QUICK_RETRY = RetryPolicy(attempts=6, base_delay=0.01, max_delay=0.05, max_elapsed=30.0)


class RecordedReceipts:
    """Receipts of a recorded chain."""

    def __init__(self, name: str = "calldata") -> None:
        """`name` of the recording."""
        self._name = name

    async def receipts(self, blocks: Sequence[Hash32]) -> Mapping[Hash32, Sequence[bytes]]:
        known = _receipts(self._name)
        return {block: known[block] for block in blocks}


@functools.cache
def _receipts(name: str) -> dict[Hash32, tuple[bytes, ...]]:
    found = recording(name)
    blocks = (found.l1_block(number) for number in range(found.last_l1 + 1))
    return {Hash32(keccak256(block.header)): block.receipts for block in blocks}


def network_settings(data_dir: Path, **changes: object) -> ProverNetworkSettings:
    """Return settings for the programs of these tests."""
    values: dict[str, object] = {
        "data_dir": data_dir,
        "range_vkey_hash": RANGE_VKEY.hex0x,
        "aggregation_vkey_hash": AGGREGATION_HASH.hex0x,
        "aggregation_vkey": AGGREGATION_VKEY.hex0x,
    }
    return ProverNetworkSettings.model_validate(values | changes)


class ProverLab:
    """Makes networks and backends that share a folder, and workers."""

    def __init__(self, folder: Path, pool: RangePool) -> None:
        """The pool is used by backends; networks have their own."""
        self.folder, self.pool = folder, pool

    def network(self, **changes: object) -> ProverNetworkServer:
        """Return a network that is not started; all of a lab share their state."""
        return ProverNetworkServer(network_settings(self.folder / "network", **changes))

    def program(self, name: str, vkey_hash: Hash32) -> GuestProgram:
        """Return a guest of which only the identity matters."""
        elf = self.folder / f"{name}.elf"
        elf.write_bytes(b"\x7fELF " + name.encode())
        vkey = self.folder / f"{name}.vkey"
        vkey.write_bytes(b"verification key of " + name.encode())
        return GuestProgram.load(name, elf, vkey, vkey_hash)

    def backend(
        self, url: str, *, signer: NetworkSigner | None = None, **options: object
    ) -> NetworkBackend:
        """Return a backend for a network's URL."""
        values: dict[str, object] = {
            "url": url,
            "strategy": Strategy.RESERVED,
            "is_simulated": True,
            "retry": QUICK_RETRY,
            "listing_delay": 0.0,
        }
        return NetworkBackend(
            NetworkOptions(**values | options),  # type: ignore[arg-type]
            signer or LocalNetworkSigner.from_key(KEY),
            range_program=self.program("range", RANGE_VKEY),
            aggregation_program=self.program("aggregation", AGGREGATION_HASH),
            receipts=RecordedReceipts(),
            pool=self.pool,
            work_dir=self.folder / "work",
        )
