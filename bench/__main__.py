"""Run all benchmarks and write their figures to bench/results.json."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench import attestation, attestation_gas, avs, avs_gas, bls, execution, ranges, witness


def main() -> None:
    """Print each benchmark's table, then write one flat object of figures."""
    figures = {**execution.run(), **ranges.run(), **witness.run(), **attestation.run()}
    figures |= attestation_gas.run()
    figures |= bls.run()
    # In a process of its own, since its peak memory is one of the figures.
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        figures |= fresh.submit(avs.run).result()
    figures |= avs_gas.run()
    path = Path(__file__).parent / "results.json"
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    print(f"figures: bench/{path.name}")


if __name__ == "__main__":
    main()
