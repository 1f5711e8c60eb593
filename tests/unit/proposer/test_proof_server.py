"""The proposer's whole loop, with proofs from a server that answers as op-succinct's Rust one."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

from coprove.prover.server import ServerBackend, ServerClientOptions
from tests.unit.prover.server.test_client import RustServer, rust

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.proposer.bench import World

__all__ = ["rust"]


async def test_ranges_and_an_aggregation_become_an_output(
    world: World,
    tmp_path: Path,
    rust: RustServer,
) -> None:
    """Each range is asked for once; the aggregation has their proofs in order, and is proposed."""
    backend = ServerBackend(ServerClientOptions(url=rust.url), spool=tmp_path / "spool")
    world.backend = backend  # type: ignore[assignment]
    try:
        proposer = await world.begin()
        for _ in range(60):
            for index, (path, body, _headers) in enumerate(rust.requests, start=1):
                kind = b"range " if "span" in path else b"aggregation "
                proof = kind + json.dumps(body).encode()[:40]
                rust.states[(bytes([index]) * 32).hex()] = (3, 2, proof)
            await proposer.tick()
            if world.contract.latest:
                break
            await asyncio.sleep(0)
    finally:
        await backend.close()
    assert world.contract.latest >= 10
    spans = [body for path, body, _ in rust.requests if path == "/request_span_proof"]
    asked = [(body["start"], body["end"]) for body in spans]
    assert len(asked) == len(set(asked))
    (aggregation, *_) = [body for path, body, _ in rust.requests if path == "/request_agg_proof"]
    proofs = [base64.b64decode(item) for item in aggregation["subproofs"]]
    assert len(proofs) == len(spans)
    expected = [b"range " + json.dumps(body).encode()[:40] for body in spans]
    assert sorted(proofs) == sorted(expected)
    assert aggregation["head"] in {item.hash.hex0x for item in world.l1.chain}
