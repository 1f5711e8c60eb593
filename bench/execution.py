"""Our executor against kona-executor on OP Sepolia blocks: one run, interleaved, one thread."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from coprove.execution import BlockExecutor, BlockTimes, NodeStore
from coprove.primitives import rlp
from coprove.witness import load_block_file, load_preimages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coprove.execution import ExecutedBlock
    from coprove.witness import BlockFile

__all__ = ["main", "run"]

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = ROOT.parent / "shared" / "vectors" / "blocks"
PEER = ROOT / "bench" / "kona"
ROUNDS = 15


@dataclass(slots=True, kw_only=True)
class Samples:
    """Seconds of each round for one block."""

    gas: int = 0
    transactions: int = 0
    ours: list[float] = field(default_factory=list)
    """Execution with a fresh store: codes analysed anew."""
    shared: list[float] = field(default_factory=list)
    """Execution on a store whose codes an earlier executor analysed."""
    threaded: list[float] = field(default_factory=list)
    """Loading and execution with shared codes, threads allowed."""
    loading: list[float] = field(default_factory=list)
    """Hashing the witness into the store."""
    kona: list[float] = field(default_factory=list)
    kona_loading: list[float] = field(default_factory=list)
    times: list[BlockTimes] = field(default_factory=list)


class Peer:
    """The kona process: a line with two paths in, a line with hash, gas and nanoseconds out."""

    def __init__(self) -> None:
        target = os.environ.get("COPROVE_BENCH_TARGET", str(PEER / "target"))
        command = ["cargo", "build", "--release", "--quiet"]
        command += ["--manifest-path", str(PEER / "Cargo.toml"), "--target-dir", target]
        subprocess.run(command, check=True)
        self._process = subprocess.Popen(
            [f"{target}/release/kona-peer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, block: Path, witness: Path) -> tuple[str, float, float]:
        """Return hash, seconds of loading and seconds of execution."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{block} {witness}\n")
        self._process.stdin.flush()
        block_hash, _gas, loading, executing = self._process.stdout.readline().split()
        return block_hash, int(loading) / 1e9, int(executing) / 1e9

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _execute(given: BlockFile, store: NodeStore) -> ExecutedBlock:
    return BlockExecutor(given.config, given.parent_header, store).execute(given.attributes)


def _flat(pieces: list[bytes]) -> bytes:
    return b"".join(len(piece).to_bytes(4, "little") + piece for piece in pieces)


def _is_node(piece: bytes) -> bool:
    try:
        item = rlp.decode(piece)
    except rlp.RlpError:
        return False
    return isinstance(item, list) and len(item) in {2, 17}


def _measure(path: Path, peer: Peer) -> Samples:
    witness = path.with_name(path.name.replace(".json.gz", ".kv.gz"))
    given = load_block_file(path)
    pieces = load_preimages(witness)
    nodes = _flat([piece for piece in pieces if _is_node(piece)])
    codes = _flat([piece for piece in pieces if not _is_node(piece)])
    samples = Samples()
    for turn in range(ROUNDS + 1):
        block_hash, kona_loading, kona = peer.run(path, witness)
        assert block_hash == str(given.expected_hash)
        with _one_core():
            store = NodeStore()
            began = time.perf_counter()
            store.add_nodes(nodes)
            store.add_codes(codes)
            loaded = time.perf_counter()
            block = _execute(given, store)
            executed = time.perf_counter()
            _execute(given, store)
            again = time.perf_counter()
        # A store keeps what it has: nodes are hashed anew, codes stay analysed.
        free = time.perf_counter()
        store.add_nodes(nodes)
        _execute(given, store)
        done = time.perf_counter()
        assert block.hash == given.expected_hash
        samples.gas, samples.transactions = block.gas_used, len(block.transactions)
        if turn == 0:
            continue  # warms caches of both
        samples.kona.append(kona)
        samples.kona_loading.append(kona_loading)
        samples.loading.append(loaded - began)
        samples.ours.append(executed - loaded)
        samples.shared.append(again - executed)
        samples.threaded.append(done - free)
        samples.times.append(block.times)
    return samples


def _print(name: str, gas: int, row: tuple[float, ...]) -> None:
    ours, shared, loading, threaded, kona, kona_loading = (1e3 * value for value in row)
    print(
        f"{name:>9} {gas / 1e6:6.2f} | {ours:7.2f} {shared:7.2f} {loading:7.2f} {threaded:9.2f} |"
        f" {kona:7.2f} {kona_loading:7.2f} | {kona / ours:7.2f} {kona / shared:7.2f}"
        f" {(kona + kona_loading) / threaded:8.2f}"
    )


def run() -> dict[str, float]:
    """Measure, print the table, return the figures; empty without vectors or cargo."""
    if not BLOCKS.is_dir() or shutil.which("cargo") is None:
        print("execution: needs cargo and the shared vectors beside the checkout, skipped")
        return {}
    peer = Peer()
    try:
        found = {path.name[6:14]: _measure(path, peer) for path in sorted(BLOCKS.glob("*.json.gz"))}
    finally:
        peer.close()
    print(f"Executor, one core, median of {ROUNDS} rounds, milliseconds; ratios are kona over ours")
    print(
        "    block   Mgas | execute  shared    load  threaded |"
        "    kona    load | execute  shared threaded"
    )
    total = [0.0] * 6
    for name, samples in found.items():
        columns = (
            samples.ours,
            samples.shared,
            samples.loading,
            samples.threaded,
            samples.kona,
            samples.kona_loading,
        )
        row = tuple(statistics.median(column) for column in columns)
        total = [before + value for before, value in zip(total, row, strict=True)]
        _print(name, samples.gas, row)
    gas = sum(samples.gas for samples in found.values())
    _print("total", gas, tuple(total))
    ours, shared, loading, threaded, kona, kona_loading = total
    print(f"ours {gas / ours / 1e6:.0f} Mgas/s, kona {gas / kona / 1e6:.0f} Mgas/s")
    _print_shares([times for samples in found.values() for times in samples.times])
    return {
        "execution.mgas_per_s": gas / ours / 1e6,
        "execution.ratio_to_kona": kona / ours,
        "execution.shared_code_ratio_to_kona": kona / shared,
        "execution.loading_ratio_to_kona": kona_loading / loading,
        "execution.threaded_ratio_to_kona": (kona + kona_loading) / threaded,
    }


def _print_shares(times: list[BlockTimes]) -> None:
    parts = {
        "senders": sum(item.senders for item in times),
        "transactions": sum(item.transactions for item in times),
        "tries": sum(item.tries for item in times),
        "sealing": sum(item.sealing for item in times),
    }
    whole = sum(parts.values())
    print("  ".join(f"{name} {part / whole:.0%}" for name, part in parts.items()))


def main() -> None:
    """Print the table."""
    run()


if __name__ == "__main__":
    main()
