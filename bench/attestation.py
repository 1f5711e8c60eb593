"""Our verification of DCAP quotes beside dcap-qvl's: real ones, one run, interleaved, CPU time."""

from __future__ import annotations

import statistics
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import dcap_qvl

from coprove.attestation.dcap import INTEL_ROOT, DcapCollateral, verify_collateral, verify_quote
from coprove.attestation.dcap.certificates import parsed, signed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main", "run"]

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors" / "attestation"
QUOTES = {"sgx_v3_hardening": 1_751_000_000, "tdx_v4_uptodate": 1_751_000_000}
"""Vectors with the time at which they are verified, Unix seconds."""
ROUNDS = 300


def run() -> dict[str, float]:
    """Print a table; return figures for results.json.

    `verify_ms` is a quote under collateral that was verified before, as a service does it;
    `verify_with_collateral_ms` a quote and all of its collateral, nothing known before, which is
    what dcap-qvl does each time: the ratio is its time through that one, which holds a run of it.
    """
    figures: dict[str, float] = {}
    print(f"{'quote':<18} {'ours':>9} {'with collateral':>16} {'dcap-qvl':>11} {'ratio':>6}")
    for name, at in QUOTES.items():
        whole, known, peer = (1_000 * value for value in _measure(name, at))
        print(f"{name:<18} {known:>6.2f} ms {whole:>13.2f} ms {peer:>8.2f} ms {peer / whole:>6.2f}")
        _keep(figures, "attestation.verify_ms", known, max)
        _keep(figures, "attestation.verify_with_collateral_ms", whole, max)
        _keep(figures, "attestation.ratio_to_dcap_qvl", peer / whole, min)
    return {name: round(value, 3) for name, value in figures.items()}


def _measure(name: str, at: int) -> tuple[float, float, float]:
    """Return median CPU seconds of ours, ours with collateral verified before, and dcap-qvl."""
    quote = (VECTORS / name / "quote.bin").read_bytes()
    collateral = DcapCollateral.from_json((VECTORS / name / "collateral.json").read_text())
    verified = verify_collateral(collateral, at=at, root=INTEL_ROOT)
    values = {field.name: getattr(collateral, field.name) for field in fields(collateral)}
    peer = dcap_qvl.QuoteCollateralV3(**values)
    runs: tuple[Callable[[], object], ...] = (
        lambda: verify_quote(quote, collateral, at=at),
        lambda: verify_quote(quote, verified, at=at),
        lambda: dcap_qvl.verify(quote, peer, at),
    )
    seconds: tuple[list[float], ...] = ([], [], [])
    for _ in range(ROUNDS):
        for samples, call in zip(seconds, runs, strict=True):
            parsed.cache_clear()
            signed.cache_clear()
            start = time.thread_time()
            call()
            samples.append(time.thread_time() - start)
    whole, known, theirs = (statistics.median(samples) for samples in seconds)
    return whole, known, theirs


def _keep(
    figures: dict[str, float], name: str, value: float, worst: Callable[[float, float], float]
) -> None:
    figures[name] = worst(figures.get(name, value), value)


def main() -> None:
    """Run on its own."""
    print(run())


if __name__ == "__main__":
    main()
