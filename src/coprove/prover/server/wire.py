"""The bodies of the early routes, as Go's encoding/json writes and Rust's serde reads them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from coprove.prover.errors import ProofFormatError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.prover.backend import AggregationJob
    from coprove.types import BlockRange

__all__ = ["aggregation_body", "proof_bytes", "span_body"]

_PIECE = 3 << 18


def span_body(blocks: BlockRange) -> bytes:
    """Return the body of request_span_proof."""
    return b'{"start":%d,"end":%d}' % (blocks.start, blocks.end)


def aggregation_body(job: AggregationJob) -> tuple[int, AsyncIterator[bytes]]:
    """Return the length of the body of request_agg_proof, and its pieces."""
    tail = b'],"head":"%s"}' % str(job.given.checkpoint_l1_head).encode()
    encoded = sum(4 * ((len(proof) + 2) // 3) + 2 for proof in job.subproofs)
    size = len(b'{"subproofs":[') + encoded + max(0, len(job.subproofs) - 1) + len(tail)

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"subproofs":['
        for index, proof in enumerate(job.subproofs):
            yield b',"' if index else b'"'
            for at in range(0, len(proof), _PIECE):
                yield base64.b64encode(proof[at : at + _PIECE])
            yield b'"'
        yield tail

    return size, pieces()


def proof_bytes(value: object, what: str) -> bytes:
    """Return the bytes that an answer gives as a list of numbers; ProofFormatError otherwise."""
    if isinstance(value, list) and all(type(item) is int and 0 <= item < 256 for item in value):
        return bytes(value)
    shown = value[:8] if isinstance(value, list) else value
    raise ProofFormatError(what, expected="a list of numbers below 256", actual=shown)
