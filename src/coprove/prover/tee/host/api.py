"""The TEE prover's own API, version 1: proofs of witnesses, evidence, who the prover is."""

# No `from __future__ import annotations`: FastAPI reads these annotations.

from copy import copy
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ValidationError

from coprove.errors import InputError
from coprove.prover.http.bodies import json_object
from coprove.prover.http.errors import ContentTypeError, RequestFieldError
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.desk import Task, TaskState
from coprove.prover.tee.host.memory import received
from coprove.prover.tee.host.models import (
    EvidenceRequest,
    EvidenceView,
    ProofView,
    ProverView,
    evidence_view,
    proof_view,
    prover_view,
)
from coprove.prover.tee.host.service import TeeService
from coprove.types import Address, Hash32

__all__ = ["DIGEST_HEADER", "WITNESS_TYPE", "create_router"]

DIGEST_HEADER = "Witness-Digest"
"""Header that names the witness: 0x and its keccak256."""
WITNESS_TYPE = "application/octet-stream"
"""Content type of a witness; a web page cannot send it without the browser asking first."""

_Digest = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="keccak256 of a witness.")]
_Wait = Annotated[float, Query(ge=0, description="Seconds to wait for the proof.")]
_PROBLEM: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"type": "object"}}},
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}
_WITNESS_BODY: dict[str, Any] = {
    "parameters": [
        {
            "name": DIGEST_HEADER,
            "in": "header",
            "required": True,
            "schema": {"type": "string", "pattern": "^0x[0-9a-f]{64}$"},
            "description": "keccak256 of the body; with another body nothing is signed.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {WITNESS_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
}
_EVIDENCE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": EvidenceRequest.model_json_schema()}},
    },
}


def create_router(service: TeeService) -> APIRouter:
    """Return the routes under /v1."""
    router = APIRouter(prefix="/v1", responses=_PROBLEMS)
    _add_proofs(router, service)
    identity = service.enclave.identity

    @router.get("/prover")
    async def get_prover() -> ProverView:
        """Tell who this prover is."""
        return prover_view(service.enclave)

    @router.post("/evidence", openapi_extra=_EVIDENCE_BODY)
    async def post_evidence(request: Request) -> EvidenceView:
        """Give evidence for one registration or liveness challenge."""
        body = await json_object(request, idle=service.options.body_idle_timeout)
        try:
            asked = EvidenceRequest.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            raise RequestFieldError(
                ".".join(map(str, first["loc"])) or "body",
                expected=first["msg"],
                actual=repr(first["input"])[:100],
            ) from None
        found = await service.registration_evidence(
            chain_id=asked.chain_id,
            verifier=Address.from_hex(asked.verifier),
            operator=Address.from_hex(asked.operator),
            block_number=asked.block_number,
            block_hash=Hash32.from_hex(asked.block_hash),
            nonce=Hash32.from_hex(asked.nonce),
        )
        return evidence_view(found, identity)

    return router


def _add_proofs(router: APIRouter, service: TeeService) -> None:
    options = service.options

    @router.post("/proofs", openapi_extra=_WITNESS_BODY, responses={202: {"model": ProofView}})
    async def post_proof(request: Request, response: Response, wait: _Wait = 60.0) -> ProofView:
        """Prove the range of a witness, an encoded RangeInput.

        200 with the proof; 202 while it is not there after `wait` seconds. The same witness is
        executed once, however often it is sent.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != WITNESS_TYPE:
            raise ContentTypeError(f"the content type is {kind[:100] or 'missing'!r}")
        digest = _digest_of(request)
        witness = await received(
            request,
            service.budget,
            limit=options.max_witness_bytes,
            idle=options.body_idle_timeout,
            count=lambda size: service.metrics.inc(names.RECEIVED, size),
        )
        await service.named(witness, digest)
        service.desk.submit(digest, witness)
        del witness
        return _answer(service, await _waited(service, digest, wait), response)

    @router.get("/proofs/{digest}", responses={202: {"model": ProofView}})
    async def get_proof(digest: _Digest, response: Response, wait: _Wait = 0.0) -> ProofView:
        """Show the proof of a witness that was sent before; the oldest are forgotten."""
        task = await _waited(service, Hash32.from_hex(digest), wait)
        return _answer(service, task, response)


async def _waited(service: TeeService, digest: Hash32, seconds: float) -> Task:
    return await service.desk.wait(digest, min(seconds, service.options.max_wait))


def _answer(service: TeeService, task: Task, response: Response) -> ProofView:
    if task.refusal is not None:
        raise copy(task.refusal)
    if task.state is not TaskState.PROVEN:
        response.status_code = 202
        response.headers["Location"] = f"/v1/proofs/{task.witness.hex0x}"
        response.headers["Retry-After"] = str(round(service.options.retry_after))
    return proof_view(task, service.enclave.identity)


def _digest_of(request: Request) -> Hash32:
    given = request.headers.get(DIGEST_HEADER, "")
    try:
        if not given.startswith("0x"):
            raise InputError(DIGEST_HEADER, expected="0x and 64 hex digits", actual=given)
        return Hash32.from_hex(given, DIGEST_HEADER)
    except InputError as error:
        raise RequestFieldError(DIGEST_HEADER, expected=error.expected, actual=given) from None
