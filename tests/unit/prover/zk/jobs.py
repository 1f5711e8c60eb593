"""Jobs over recorded ranges, and an intent log in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coprove.primitives import keccak256
from coprove.program import AggregationInput, RangeInput
from coprove.program.range import configs
from coprove.prover import AggregationJob, RangeJob
from coprove.types import BlockRange, BootInfo, Hash32
from tests.integration.ranges import range_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from coprove.prover import ProofStatus, ProverBackend

__all__ = [
    "AGGREGATION_VKEY",
    "RANGE_VKEY",
    "MemoryIntents",
    "aggregation_job",
    "boot_info_of",
    "range_job",
    "settled",
]

RANGE_VKEY = Hash32(b"\x11" * 32)
AGGREGATION_VKEY = Hash32(b"\x22" * 32)


class MemoryIntents:
    """An IntentLog that outlives backends, as a database does."""

    def __init__(self) -> None:
        """Start empty."""
        self.values: dict[str, dict[str, str | int]] = {}

    async def note(self, key: str, values: Mapping[str, str | int]) -> None:
        self.values.setdefault(key, {}).update(values)

    async def read(self, key: str) -> dict[str, str | int]:
        return dict(self.values.get(key, {}))


async def settled(backend: ProverBackend, proof_id: bytes) -> ProofStatus:
    """Return the status once it is final."""
    # A backend is asked, it does not tell.
    while not (status := await backend.status(proof_id)).fulfillment.is_final:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return status


def boot_info_of(given: RangeInput) -> BootInfo:
    """Return the claim that an input is for."""
    config, l1_config = configs(given)
    return BootInfo(
        l1_head=given.l1_head,
        l2_pre_root=given.agreed_output_root,
        l2_post_root=given.claimed_output_root,
        l2_block_number=given.claimed_block_number,
        rollup_config_hash=config.config_hash(l1_config),
    )


def range_job(
    folder: Path, start: int, end: int, *, key: str | None = None, recording: str = "calldata"
) -> RangeJob:
    """Write a recorded range's input to `folder` and return its job."""
    given = range_input(recording, start, end)
    path = folder / f"{recording}-{start}-{end}.range"
    path.write_bytes(given.encode())
    return RangeJob(
        key=key or f"range-{start}-{end}",
        blocks=BlockRange(start=start, end=end),
        input_path=path,
        boot_info=boot_info_of(given),
    )


def aggregation_job(
    ranges: Sequence[RangeJob], subproofs: Sequence[bytes], *, key: str = "aggregation"
) -> AggregationJob:
    """Return the job that aggregates ranges under the last one's L1 head."""
    blocks = {
        keccak256(block.header): block.header
        for job in ranges
        for block in RangeInput.decode(job.input_path.read_bytes()).l1_blocks
    }
    checkpoint = ranges[-1].boot_info.l1_head
    heads = {bytes(job.boot_info.l1_head) for job in ranges}
    headers = [blocks[bytes(checkpoint)]]
    heads.discard(bytes(checkpoint))
    while heads:
        parent = headers[0][4:36] if headers[0][0] == 0xF9 else headers[0][3:35]
        heads.discard(parent)
        headers.insert(0, blocks[parent])
    return AggregationJob(
        key=key,
        blocks=BlockRange(start=ranges[0].blocks.start, end=ranges[-1].blocks.end),
        given=AggregationInput(
            boot_infos=tuple(job.boot_info for job in ranges),
            l1_headers=tuple(headers),
            checkpoint_l1_head=checkpoint,
            range_vkey_commitment=RANGE_VKEY,
        ),
        subproofs=tuple(subproofs),
    )
