"""Collecting a witness against fetching its preimages one by one, over HTTP with latency.

A server in a process of its own replays a recorded chain and holds back each answer for 20 ms.
Ours is `LiveWitness`, from URLs to the encoded input, execution and derivation included. The other
side does what a host does that answers a program's requests as they come: one call for each header,
list of transactions, list of receipts, trie node and code, each when the one before is there. It is
told which preimages the range needs, and executes nothing: its figures are the least possible.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.replay import Faults, ReplayChain, ReplayServer

from bench.memory import peak_mib
from coprove.primitives import keccak256
from coprove.program import RangeInput, run_range
from coprove.program.wire import unpack_list
from coprove.rpc import EndpointOptions, JsonRpcTransport, L1Client, L2Client, RollupNodeClient
from coprove.types import BlockHeader
from coprove.witness import LiveOptions, LiveWitness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = (10, 110)
LATENCY = 0.02
RUNS = 3

_COLUMNS = ("chain", "", "trips", "calls", "seconds", "MiB in", "peak MiB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one collection took."""

    requests: int
    """HTTP requests."""
    calls: int
    """JSON-RPC calls in them."""
    seconds: float
    """From the first request to the last preimage; of ours, to the encoded input."""
    received: int
    """Bytes of all answers."""
    peak_mib: float
    """Most memory that the process held, interpreter and libraries included, in MiB."""


def run() -> dict[str, float]:
    """Measure both sides on every recording that is here; return the figures of `calldata`."""
    first, last = BLOCKS
    print(f"witness of L2 blocks {first + 1} to {last}, {LATENCY * 1000:g} ms latency")
    print(("{:<10}{:<12}" + "{:>8}" * 2 + "{:>10}" * 3).format(*_COLUMNS))
    figures: dict[str, float] = {}
    for folder in (ROOT / "examples/calldata", ROOT.parent / "shared/vectors/opstack/heavy"):
        if not folder.is_dir():
            print(f"{folder.name:<10}not here: the shared vectors are not beside this checkout")
            continue
        ours, naive = _measure(folder)
        for side, found in (("batched", ours), ("one by one", naive)):
            print(
                f"{folder.name:<10}{side:<12}{found.requests:>8}{found.calls:>8}"
                f"{found.seconds:>10.3f}{found.received / 2**20:>10.2f}{found.peak_mib:>10.1f}"
            )
        trips, seconds = naive.requests / ours.requests, naive.seconds / ours.seconds
        print(f"{folder.name:<10}{'ratio':<12}{trips:>8.1f}{'':>8}{seconds:>10.1f}")
        if not figures:
            figures = {
                "witness.round_trip_ratio": round(trips, 1),
                "witness.time_ratio": round(seconds, 1),
                "witness.seconds": round(ours.seconds, 3),
                "witness.peak_mib": round(ours.peak_mib, 1),
            }
    return figures


def _measure(folder: Path) -> tuple[Figures, Figures]:
    with _serving(folder) as url:
        collected = [_alone(_collect, url, str(folder)) for _ in range(RUNS)]
        ours = sorted(collected, key=lambda item: item[0].seconds)[RUNS // 2]
        naive, _ = _alone(_fetch_each, url, ours[1])
    return ours[0], naive


def _alone(side: object, *args: object) -> tuple[Figures, bytes]:
    """Run one side in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run_side, side, args).result()


def _run_side(side: object, args: tuple[object, ...]) -> tuple[Figures, bytes]:
    assert callable(side)
    result: tuple[Figures, bytes] = asyncio.run(side(*args))
    return result


async def _collect(url: str, folder: str) -> tuple[Figures, bytes]:
    l1_config = (Path(folder) / "l1_chain_config.json").read_bytes()
    async with (
        JsonRpcTransport(f"{url}/l1") as l1,
        JsonRpcTransport(f"{url}/l2") as l2,
        JsonRpcTransport(f"{url}/node") as node,
    ):
        began = time.perf_counter()
        witness = LiveWitness(
            L1Client(l1),
            None,
            L2Client(l2),
            RollupNodeClient(node),
            options=LiveOptions(l1_config=l1_config),
        )
        data = (await witness.range_input(*BLOCKS)).encode()
        seconds = time.perf_counter() - began
        figures = _figures(seconds, l1, l2, node)
    assert run_range(data).l2_block_number == BLOCKS[1]
    return figures, data


async def _fetch_each(url: str, data: bytes) -> tuple[Figures, bytes]:
    """Fetch the preimages of an input, each by one call, when the one before is there."""
    given = RangeInput.decode(data)
    options = EndpointOptions(max_batch=1, max_concurrency=1)
    async with (
        JsonRpcTransport(f"{url}/l1", options) as l1,
        JsonRpcTransport(f"{url}/l2", options) as l2,
    ):
        began = time.perf_counter()
        for block in reversed(given.l1_blocks):
            name = f"0x{keccak256(block.header).hex()}"
            await l1.call("eth_getBlockByHash", [name, False])
            await l1.call("debug_getRawBlock", [name])
            await l1.call("debug_getRawReceipts", [name])
        for item in reversed(given.l2_blocks):
            name = f"0x{keccak256(item.header).hex()}"
            await l2.call("eth_getBlockByHash", [name, False])
            if item.transactions is not None and BlockHeader.decode_rlp(item.header).number:
                await l2.call("debug_getRawBlock", [name])
        for kind in (given.nodes, given.codes):
            for value in unpack_list(kind, "preimages"):
                name = f"0x{keccak256(value).hex()}"
                found = await l2.call("debug_dbGet", [name])
                assert found == f"0x{value.hex()}"
        return _figures(time.perf_counter() - began, l1, l2), b""


def _figures(seconds: float, *transports: JsonRpcTransport) -> Figures:
    stats = [transport.stats for transport in transports]
    return Figures(
        requests=sum(item.requests for item in stats),
        calls=sum(item.calls for item in stats),
        seconds=seconds,
        received=sum(item.bytes_received for item in stats),
        peak_mib=peak_mib(),
    )


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve the recording from a process of its own; yield the URL."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(str(folder), there), daemon=True)
    server.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        server.join()


def _serve(folder: str, parent: Connection) -> None:
    async def serve() -> None:
        chain = ReplayChain(Path(folder))
        async with ReplayServer(chain, Faults(latency=LATENCY)) as server:
            parent.send(server.url("").rstrip("/"))
            await asyncio.to_thread(parent.recv)

    asyncio.run(serve())


if __name__ == "__main__":
    print(run())
