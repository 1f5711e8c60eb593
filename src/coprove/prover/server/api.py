"""Our own API, version 1: jobs by identifier, cancellation, proofs, the cache of inputs."""

# No `from __future__ import annotations`: FastAPI reads these annotations.

import asyncio
from importlib import metadata
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ValidationError

from coprove.prover.backend import ProofKind
from coprove.prover.errors import ProofNotReadyError
from coprove.prover.http.bodies import json_object
from coprove.prover.server.engine import Engine
from coprove.prover.server.errors import (
    JobGoneError,
    RequestFieldError,
    UnknownJobError,
)
from coprove.prover.server.models import (
    AggregationRequest,
    JobPage,
    JobView,
    PurgeView,
    RangeRequest,
    ServerView,
    WitnessPage,
    job_view,
    witness_view,
)
from coprove.prover.server.records import Job, JobState, key_of_client
from coprove.prover.server.requests import (
    aggregation_request,
    client_key,
    digests_of_jobs,
    range_request,
)
from coprove.prover.server.uploads import Uploads
from coprove.types import BlockRange, Hash32

__all__ = ["create_router"]

M = TypeVar("M", bound=BaseModel)

_JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Identifier of a job.")]
_Block = Annotated[int, Path(ge=0, lt=2**63)]
_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key is the same job, whatever became of it. Without one a request for "
    "what is under way or proven gets the job that is there.",
}
_PROBLEM: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string", "description": "urn:coprove:problem:…"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "field": {"type": "string"},
                    "expected": {"type": "string"},
                    "retry_after": {"type": "number"},
                },
            }
        }
    },
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}


def _body_of(model: type[RangeRequest | AggregationRequest]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }


def create_router(
    engine: Engine, uploads: Uploads, *, range_vkey_commitment: Hash32, aggregation_vkey: Hash32
) -> APIRouter:
    """Return the routes under /v1."""
    router = APIRouter(prefix="/v1", responses=_PROBLEMS)
    _add_requests(router, engine, uploads)
    _add_jobs(router, engine)
    _add_witnesses(router, engine)

    @router.get("/server")
    async def get_server() -> ServerView:
        """Tell what this server is."""
        real = engine.backends["real"]
        return ServerView(
            version=metadata.version("coprove"),
            backend=real.name,
            simulated=real.is_simulated,
            mock="mock" in engine.backends,
            rollup_config_hash=str(await engine.source.rollup_config_hash()),
            range_vkey_commitment=str(range_vkey_commitment),
            aggregation_vkey=str(aggregation_vkey),
        )

    return router


def _shown(engine: Engine, job: Job) -> JobView:
    return job_view(job, simulated=engine.backends[job.request.backend].is_simulated)


def _accepted(engine: Engine, job: Job, response: Response) -> JobView:
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _shown(engine, job)


def _add_requests(router: APIRouter, engine: Engine, uploads: Uploads) -> None:
    idle = engine.options.body_idle_timeout

    @router.post("/ranges", status_code=202, openapi_extra=_body_of(RangeRequest))
    async def request_range(request: Request, response: Response) -> JobView:
        """Ask for the proof of a range."""
        asked = _parsed(RangeRequest, await json_object(request, idle=idle))
        new = range_request(
            engine,
            asked.start,
            asked.end,
            backend="mock" if asked.mock else "real",
            priority=asked.priority,
        )
        return _accepted(engine, await engine.submit(new, key=client_key(request)), response)

    @router.post("/aggregations", status_code=202, openapi_extra=_body_of(AggregationRequest))
    async def request_aggregation(request: Request, response: Response) -> JobView:
        """Ask for the aggregation of consecutive ranges. The body may have many gigabytes."""
        async with uploads.body(
            request, checkpoint_member="l1_head", other_members=("ranges", "priority", "mock")
        ) as body:
            if body.checkpoint is None:
                raise RequestFieldError("l1_head", expected="a hash", actual="nothing")
            asked = _parsed(AggregationRequest, {"l1_head": str(body.checkpoint), **body.others})
            if (asked.ranges is None) == (body.subproofs is None):
                raise RequestFieldError(
                    "subproofs", expected="either these or ranges", actual="both or neither"
                )
            digests = body.subproofs
            if digests is None:
                jobs = [engine.store.get(job_id) for job_id in asked.ranges or ()]
                digests = await digests_of_jobs(engine, jobs)
            new = aggregation_request(
                engine,
                digests,
                body.checkpoint,
                backend="mock" if asked.mock else "real",
                priority=asked.priority,
            )
            return _accepted(engine, await engine.submit(new, key=client_key(request)), response)


def _add_jobs(router: APIRouter, engine: Engine) -> None:
    @router.get("/jobs")
    async def list_jobs(
        *,
        state: Annotated[list[JobState] | None, Query()] = None,
        kind: Annotated[list[ProofKind] | None, Query()] = None,
        before: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        key: Annotated[str | None, Query(max_length=255)] = None,
        proof_id: Annotated[str | None, Query(pattern="^([0-9a-f]{2}){1,64}$")] = None,
    ) -> JobPage:
        """List jobs, or look one up by its idempotency key or the backend's identifier."""
        if key is not None or proof_id is not None:
            found = (
                engine.store.by_key(key_of_client(key))
                if key is not None
                else engine.store.by_proof(bytes.fromhex(proof_id or ""))
            )
            return JobPage(jobs=[] if found is None else [_shown(engine, found)], next=None)
        jobs = engine.store.page(
            states=state or list(JobState),
            kinds=kind or list(ProofKind),
            before=before,
            limit=limit,
        )
        more = jobs[-1].id if len(jobs) == limit else None
        return JobPage(jobs=[_shown(engine, job) for job in jobs], next=more)

    @router.get("/jobs/{job_id}")
    async def get_job(job_id: _JobId) -> JobView:
        """Show a job as it was at the last look at the backend."""
        return _shown(engine, engine.store.get(job_id))

    @router.delete("/jobs/{job_id}", status_code=202)
    async def cancel_job(job_id: _JobId) -> JobView:
        """Give a job up; one that is over stays as it is (409)."""
        return _shown(engine, engine.cancel(job_id))

    @router.get(
        "/jobs/{job_id}/proof",
        response_class=FileResponse,
        responses={200: {"content": {"application/octet-stream": {}}}},
    )
    async def get_proof(job_id: _JobId) -> FileResponse:
        """Return the bytes of a proof."""
        job = engine.store.get(job_id)
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            raise JobGoneError(job.reason or job.state.value)
        path = engine.files.proof(job.id)
        if job.state is not JobState.FULFILLED:
            raise ProofNotReadyError(f"the job is {job.state.value}")
        if not await asyncio.to_thread(path.exists):
            raise UnknownJobError(f"the proof of job {job_id} was removed")
        return FileResponse(path, media_type="application/octet-stream")


def _add_witnesses(router: APIRouter, engine: Engine) -> None:
    @router.get("/witnesses")
    async def list_witnesses() -> WitnessPage:
        """List the cache of inputs."""
        entries = engine.cache.entries()
        return WitnessPage(
            witnesses=[witness_view(entry) for entry in entries],
            bytes=sum(entry.size for entry in entries),
        )

    @router.delete("/witnesses")
    async def purge_witnesses() -> PurgeView:
        """Remove all inputs that no open job uses."""
        return PurgeView(removed=engine.cache.purge())

    @router.delete("/witnesses/{start}-{end}")
    async def purge_witness(start: _Block, end: _Block) -> PurgeView:
        """Remove the inputs of one range."""
        if start >= end:
            raise RequestFieldError("end", expected=f"more than {start}", actual=end)
        return PurgeView(removed=engine.cache.purge(BlockRange(start=start, end=end)))


def _parsed(model: type[M], body: dict[str, Any]) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise RequestFieldError(
            ".".join(map(str, first["loc"])) or "body",
            expected=first["msg"],
            actual=repr(first["input"])[:100],
        ) from None
