"""What our own API takes and answers, as its OpenAPI document shows it."""

# No `from __future__ import annotations`: pydantic reads these annotations.

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from coprove.prover.backend import ProofKind
from coprove.prover.server.records import Job, JobState, WitnessEntry

__all__ = [
    "AggregationRequest",
    "CostView",
    "JobPage",
    "JobView",
    "PurgeView",
    "RangeRequest",
    "ServerView",
    "WitnessPage",
    "WitnessView",
    "job_view",
    "witness_view",
]

_BlockNumber = Annotated[int, Field(ge=0, lt=2**63)]
_Priority = Annotated[int, Field(ge=-1000, le=1000)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RangeRequest(_Model):
    """Ask for the proof of a range."""

    start: _BlockNumber = Field(description="The agreed L2 block; the range starts after it.")
    end: _BlockNumber = Field(description="The claimed L2 block; the range ends with it.")
    priority: _Priority = Field(0, description="Higher goes first.")
    mock: bool = Field(default=False, description="Have a mock proof made.")


class AggregationRequest(_Model):
    """Ask for the aggregation of consecutive ranges, named by jobs or given as proofs."""

    l1_head: str = Field(description="Hash of the checkpointed L1 block, 0x and 64 digits.")
    ranges: list[str] | None = Field(None, description="Jobs whose proofs to aggregate, in order.")
    subproofs: list[str] | None = Field(
        None, description="Proofs of the ranges in order, base64; in place of `ranges`."
    )
    priority: _Priority = Field(1, description="Higher goes first.")
    mock: bool = Field(default=False, description="Have a mock proof made.")


class CostView(_Model):
    """What a proof cost, as far as the backend tells."""

    cycles: int | None = Field(description="Cycles of the proving machine.")
    gas: int | None = Field(description="Prover gas units.")
    price: int | None = Field(description="Paid, in the payment token's base unit.")
    seconds: float | None = Field(description="Wall time of the execution or the proof.")


class JobView(_Model):
    """A job."""

    id: str = Field(description="Identifier of the job.")
    kind: ProofKind = Field(description="Range or aggregation.")
    state: JobState = Field(description="Where it is.")
    simulated: bool = Field(description="Whether its proof holds on development chains only.")
    start: int | None = Field(description="The agreed L2 block.")
    end: int | None = Field(description="The claimed L2 block.")
    l1_head: str | None = Field(description="L1 block that the proof rests on.")
    output_root: str | None = Field(description="Claimed output root of a range.")
    proof_id: str | None = Field(description="The backend's identifier, hex.")
    fulfillment: str = Field(description="The backend's state of the proof.")
    execution: str = Field(description="The backend's state of the execution.")
    cost: CostView | None = Field(description="Known once executed or proven.")
    reason: str | None = Field(description="Why it failed, or what it waits for.")
    created: float = Field(description="Unix time in seconds.")
    updated: float = Field(description="Unix time in seconds of the last change.")


class JobPage(_Model):
    """Some of the jobs, the newest first."""

    jobs: list[JobView] = Field(description="The jobs.")
    next: str | None = Field(description="Value of `before` for the next page.")


class WitnessView(_Model):
    """An input of a range in the cache."""

    start: int = Field(description="The agreed L2 block.")
    end: int = Field(description="The claimed L2 block.")
    l1_head: str = Field(description="Last L1 block that it holds.")
    output_root: str = Field(description="The claimed output root.")
    size: int = Field(description="Bytes.")
    created: float = Field(description="Unix time in seconds.")
    used: float = Field(description="Unix time in seconds of the last use.")


class WitnessPage(_Model):
    """The cache of inputs."""

    witnesses: list[WitnessView] = Field(description="The least recently used first.")
    bytes: int = Field(description="Size of all together.")


class PurgeView(_Model):
    """What a purge did."""

    removed: int = Field(description="Inputs removed; those of open jobs stay.")


class ServerView(_Model):
    """What this server is."""

    version: str = Field(description="Version of coprove.")
    backend: str = Field(description="Name of the proving backend.")
    simulated: bool = Field(description="Whether its proofs hold on development chains only.")
    mock: bool = Field(description="Whether mock proofs are to be had.")
    rollup_config_hash: str = Field(description="Hash of the chain's rollup config.")
    range_vkey_commitment: str = Field(description="Commitment to the range program's key.")
    aggregation_vkey: str = Field(description="Verification key of the aggregation program.")


def job_view(job: Job, *, simulated: bool) -> JobView:
    """Show a job."""
    blocks, claim, checkpoint = job.request.blocks, job.claim, job.request.checkpoint
    l1_head = claim.l1_head if claim is not None else checkpoint
    cost = job.cost
    return JobView(
        id=job.id,
        kind=job.request.kind,
        state=job.state,
        simulated=simulated,
        start=None if blocks is None else blocks.start,
        end=None if blocks is None else blocks.end,
        l1_head=None if l1_head is None else str(l1_head),
        output_root=None if claim is None else str(claim.l2_post_root),
        proof_id=None if job.proof_id is None else job.proof_id.hex(),
        fulfillment=job.fulfillment.name.lower(),
        execution=job.execution.name.lower(),
        cost=None
        if cost is None
        else CostView(cycles=cost.cycles, gas=cost.gas, price=cost.price, seconds=cost.seconds),
        reason=job.reason,
        created=job.created,
        updated=job.updated,
    )


def witness_view(entry: WitnessEntry) -> WitnessView:
    """Show an input in the cache."""
    return WitnessView(
        start=entry.blocks.start,
        end=entry.blocks.end,
        l1_head=str(entry.claim.l1_head),
        output_root=str(entry.claim.l2_post_root),
        size=entry.size,
        created=entry.created,
        used=entry.used,
    )
