"""Every node and code of every recorded block altered in turn: an error or the same block.

Run by hand (`python -m bench.faults [recording folder]`); the tests take a sample of it.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.unit.execution.chains import Case, recorded

from coprove.errors import CoproveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _flip(piece: bytes) -> bytes:
    bit = sum(piece) % (len(piece) * 8)
    return bytes(b ^ (1 << bit % 8 if at == bit // 8 else 0) for at, b in enumerate(piece))


MUTATIONS: dict[str, Callable[[bytes], bytes | None]] = {
    "delete": lambda _piece: None,
    "flip": _flip,
    "truncate": lambda piece: piece[:-1],
    "extend": lambda piece: piece + b"\0",
}


def _altered(
    pieces: tuple[bytes, ...], change: Callable[[bytes], bytes | None]
) -> Iterator[tuple[bytes, ...]]:
    for index, piece in enumerate(pieces):
        changed = change(piece)
        middle = () if changed is None else (changed,)
        yield pieces[:index] + middle + pieces[index + 1 :]


def _outcome(case: Case) -> str:
    try:
        executor = case.executor()
        block = executor.execute(case.attributes)
        output = executor.output_root().hash()
    except CoproveError as error:
        return type(error).__name__
    if (block.hash, output) == (case.hash, case.output):
        return "same block"
    return "DIFFERENT BLOCK"


def main() -> None:
    """Print how often each mutation had each outcome; exit 1 when a different block came out."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/calldata")
    counts: Counter[tuple[str, str]] = Counter()
    for case in recorded(folder):
        for name, change in MUTATIONS.items():
            for nodes in _altered(case.nodes, change):
                counts[name, _outcome(replace(case, nodes=nodes))] += 1
            for codes in _altered(case.codes, change):
                counts[name, _outcome(replace(case, codes=codes))] += 1
    for (name, outcome), count in sorted(counts.items()):
        print(f"{name:>9}  {outcome:<20} {count}")
    sys.exit(any(outcome == "DIFFERENT BLOCK" for _, outcome in counts))


if __name__ == "__main__":
    main()
