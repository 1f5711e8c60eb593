"""BLS on BN254: one signature, batches with and without bad ones; CPU time of one thread."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from coprove.avs.bls import (
    G1Point,
    G2Point,
    SecretKey,
    Signature,
    SignedDigest,
    verify_aggregate,
    verify_batch,
)
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main", "run"]

OPERATORS = 200
"""Signers of each batch."""
DIGEST = Hash32(keccak256(b"state header"))


def run() -> dict[str, float]:
    """Print a table; return figures for results.json.

    The batches are of 200 operators over one digest: all good, one bad, a third bad, whose finding
    costs the more pairings the more there are. `bls.batch_us_per_signature` is of the good one.
    """
    keys = [SecretKey.generate() for _ in range(OPERATORS)]
    good = [
        SignedDigest(key=key.public_key.g2, digest=DIGEST, signature=key.sign(DIGEST))
        for key in keys
    ]
    spoiled = Signature.combine([good[0].signature, good[1].signature])
    one_bad = [_spoil(one, spoiled, bad=at == OPERATORS // 3) for at, one in enumerate(good)]
    third_bad = [_spoil(one, spoiled, bad=at % 3 == 0) for at, one in enumerate(good)]
    assert all(verify_batch(good))
    assert [verify_batch(batch).count(False) for batch in (one_bad, third_bad)] == [1, 67]
    apk = G1Point.combine([key.public_key.g1 for key in keys])
    apk_g2 = G2Point.combine([one.key for one in good])
    sigma = Signature.combine([one.signature for one in good])
    first = good[0]
    rows: tuple[tuple[str, Callable[[], object], int, float], ...] = (
        ("sign_us", lambda: keys[0].sign(DIGEST), 300, 1e6),
        ("verify_us", lambda: first.signature.verify(first.key, DIGEST), 300, 1e6),
        ("check_g2_point_us", lambda: G2Point(encoded=first.key.encoded), 300, 1e6),
        (
            "verify_aggregate_us",
            lambda: verify_aggregate(digest=DIGEST, apk=apk, apk_g2=apk_g2, signature=sigma),
            300,
            1e6,
        ),
        ("batch_us_per_signature", lambda: verify_batch(good), 30, 1e6 / OPERATORS),
        ("batch_one_bad_us_per_signature", lambda: verify_batch(one_bad), 15, 1e6 / OPERATORS),
        ("batch_third_bad_us_per_signature", lambda: verify_batch(third_bad), 5, 1e6 / OPERATORS),
    )
    figures = {}
    for name, call, rounds, scale in rows:
        figures[f"bls.{name}"] = round(_median_seconds(call, rounds) * scale, 1)
        print(f"{name:<34} {figures[f'bls.{name}']:>8.1f}")
    return figures


def _spoil(one: SignedDigest, signature: Signature, *, bad: bool) -> SignedDigest:
    if not bad:
        return one
    return SignedDigest(key=one.key, digest=one.digest, signature=signature)


def _median_seconds(call: Callable[[], object], rounds: int) -> float:
    samples = []
    for _ in range(rounds):
        start = time.thread_time()
        call()
        samples.append(time.thread_time() - start)
    return statistics.median(samples)


def main() -> None:
    """Run on its own."""
    print(run())


if __name__ == "__main__":
    main()
