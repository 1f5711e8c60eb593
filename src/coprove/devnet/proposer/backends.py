"""Where the devnet's proofs come from: both ways simulated."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coprove.devnet.accounts import DevAccounts
from coprove.devnet.programs import write_program
from coprove.errors import InputError
from coprove.prover.zk import MockBackend
from coprove.prover.zk.network import (
    GuestProgram,
    L1Receipts,
    LocalNetworkSigner,
    NetworkBackend,
    NetworkOptions,
)
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coprove.devnet.proposer.config import ProposerConfig
    from coprove.prover import ProverBackend
    from coprove.prover.pool import RangePool
    from coprove.rpc import L1Client

__all__ = ["open_backend"]


@asynccontextmanager
async def open_backend(
    config: ProposerConfig, l1: L1Client, pool: RangePool
) -> AsyncIterator[ProverBackend]:
    """Give the backend that the settings name, and close it at the end."""
    commitment = Hash32.from_hex(config.range_vkey_commitment)
    vkey = Hash32.from_hex(config.aggregation_vkey)
    if config.prover == "mock":
        mock = MockBackend(
            config.data_dir / "mock", pool, range_vkey=commitment, aggregation_vkey=vkey
        )
        try:
            yield mock
        finally:
            await mock.close()
        return
    network = _network(config, l1, pool, range_hash=commitment, aggregation_hash=vkey)
    try:
        yield network
    finally:
        await network.close()


def _network(
    config: ProposerConfig,
    l1: L1Client,
    pool: RangePool,
    *,
    range_hash: Hash32,
    aggregation_hash: Hash32,
) -> NetworkBackend:
    if config.network_url is None:
        raise InputError("network_url", expected="the local prover network's", actual="none")
    folder = config.data_dir / "network"
    return NetworkBackend(
        # The local network lists a request as soon as it has accepted it.
        NetworkOptions(url=config.network_url, is_simulated=True, listing_delay=0.0),
        LocalNetworkSigner(bytes(DevAccounts().account(config.account).key)),
        range_program=_program("range", folder, range_hash),
        aggregation_program=_program("aggregation", folder, aggregation_hash),
        receipts=L1Receipts(l1),
        pool=pool,
        work_dir=folder,
    )


def _program(name: str, folder: Path, vkey_hash: Hash32) -> GuestProgram:
    files = write_program(folder, name)
    return GuestProgram.load(name, files.elf, files.vkey, vkey_hash)
