"""What a job needs before a backend can have it: a range's input, an aggregation's claims."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

from coprove.program import AggregationInput
from coprove.prover.backend import AggregationJob, ProofKind, RangeJob
from coprove.prover.errors import ProofRefusedError
from coprove.prover.server.errors import SubproofError
from coprove.prover.server.subproofs import claim_in_proof
from coprove.types import BlockRange

if TYPE_CHECKING:
    from coprove.prover.server.cache import WitnessCache
    from coprove.prover.server.files import DataFolder
    from coprove.prover.server.records import Job
    from coprove.prover.server.source import WitnessSource
    from coprove.prover.server.store import JobStore
    from coprove.types import Address, BootInfo, Hash32

__all__ = ["JobInputs"]


class JobInputs:
    """Collects inputs and makes the jobs that backends take."""

    def __init__(
        self,
        *,
        store: JobStore,
        files: DataFolder,
        source: WitnessSource,
        cache: WitnessCache,
        range_vkey_commitment: Hash32,
        prover_address: Address | None,
        max_range_blocks: int,
    ) -> None:
        """`prover_address` is credited in aggregations of today's form."""
        self._store, self._files, self._source, self._cache = store, files, source, cache
        self._commitment, self._prover_address = range_vkey_commitment, prover_address
        self._max_range_blocks = max_range_blocks

    async def collect(self, job: Job) -> dict[str, object]:
        """Collect what takes time; return what the store is to keep of it.

        Errors are those of the source; SubproofError when a subproof tells no claim.
        """
        if job.request.kind is ProofKind.RANGE:
            entry = await self._cache.get(_blocks(job))
            return {"claim": entry.claim}
        claims, start = await self._claims(job)
        if start is None:
            start = await self._source.agreed_block(claims[0], within=self._max_range_blocks)
        return {"blocks": BlockRange(start=start, end=claims[-1].l2_block_number)}

    async def for_backend(self, job: Job) -> RangeJob | AggregationJob:
        """Return the job for a backend, once its input was collected."""
        if job.request.kind is ProofKind.RANGE:
            return await self._range(job)
        claims, _ = await self._claims(job)
        checkpoint = job.request.checkpoint
        if checkpoint is None:
            raise ProofRefusedError("the aggregation has no checkpoint")
        headers = await self._source.l1_headers([claim.l1_head for claim in claims], checkpoint)
        subproofs = await asyncio.to_thread(
            lambda: tuple(self._files.subproof(item).read_bytes() for item in job.request.subproofs)
        )
        return AggregationJob(
            key=job.key,
            blocks=_blocks(job),
            given=AggregationInput(
                boot_infos=tuple(claims),
                l1_headers=headers,
                checkpoint_l1_head=checkpoint,
                range_vkey_commitment=self._commitment,
                prover_address=self._prover_address,
            ),
            subproofs=subproofs,
            priority=job.request.priority,
        )

    async def _range(self, job: Job) -> RangeJob:
        blocks, claim = _blocks(job), job.claim
        if claim is None or not self._files.witness(blocks, claim).exists():
            claim = (await self._cache.get(blocks)).claim
            self._store.note(job.id, claim=claim)
        return RangeJob(
            key=job.key,
            blocks=blocks,
            input_path=self._files.witness(blocks, claim),
            boot_info=claim,
            priority=job.request.priority,
        )

    async def _claims(self, job: Job) -> tuple[list[BootInfo], int | None]:
        """Return the claims of the subproofs, and the first agreed block where it is known."""
        known = [self._store.claim_of(digest) for digest in job.request.subproofs]
        claims: list[BootInfo] = []
        for digest, found in zip(job.request.subproofs, known, strict=True):
            if found is not None:
                claims.append(found[1])
                continue
            proof = await asyncio.to_thread(self._files.subproof(digest).read_bytes)
            claims.append(claim_in_proof(proof))
        for index, (before, after) in enumerate(pairwise(claims), start=1):
            if before.l2_post_root != after.l2_pre_root:
                raise SubproofError(
                    f"subproof {index}",
                    expected=f"a range that begins at output {before.l2_post_root}",
                    actual=after.l2_pre_root,
                )
        return claims, known[0][0] if known[0] is not None else None


def _blocks(job: Job) -> BlockRange:
    if job.request.blocks is None:
        raise ProofRefusedError(f"the range of job {job.id} is not known")
    return job.request.blocks
