"""The six routes of op-succinct's early server, for its Go proposer, byte for byte.

Source: op-succinct v1.0.0-rc4, proposer/succinct/bin/server.rs and proposer/op/proposer/prove.go.
Identifiers are the backend's own, so a proof that was requested elsewhere is found as well.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coprove.errors import CoproveError, InputError
from coprove.prover.backend import Execution, Fulfillment, ProofKind
from coprove.prover.errors import ProofNotReadyError, UnknownProofError
from coprove.prover.http.bodies import json_object
from coprove.prover.server.bodies import block_number
from coprove.prover.server.errors import (
    JobGoneError,
    RequestFieldError,
)
from coprove.prover.server.problems import text_of
from coprove.prover.server.records import JobState
from coprove.prover.server.requests import aggregation_request, client_key, range_request
from coprove.telemetry import get_logger
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from coprove.prover.server.contract import ContractCheck
    from coprove.prover.server.engine import Engine
    from coprove.prover.server.records import Job, NewJob
    from coprove.prover.server.uploads import Uploads

__all__ = ["LegacyRoutes"]

_ENDED_WITHOUT_PROOF: Final = frozenset({Fulfillment.REVERTED, Fulfillment.EXPIRED})
"""Later than the early protocol; for its clients they are UNFULFILLABLE."""
_log = get_logger(part="early routes")


class LegacyRoutes:
    """The handlers."""

    def __init__(
        self,
        engine: Engine,
        *,
        contract: ContractCheck | None,
        uploads: Uploads,
    ) -> None:
        """`contract` answers validate_config; None where no L1 endpoint is set."""
        self._engine, self._options = engine, engine.options
        self._contract, self._uploads = contract, uploads

    def routes(self) -> list[Route]:
        """Return the routes."""

        def route(
            path: str, handler: Callable[[Request], Awaitable[Response]], method: str
        ) -> Route:
            async def guarded(request: Request) -> Response:
                try:
                    return await handler(request)
                except (CoproveError, TimeoutError) as error:
                    _log.warning("request failed", route=path, error=error)
                    return text_of(error)

            return Route(path, guarded, methods=[method])

        return [
            route("/request_span_proof", self._request_span, "POST"),
            route("/request_agg_proof", self._request_aggregation, "POST"),
            route("/request_mock_span_proof", self._mock_span, "POST"),
            route("/request_mock_agg_proof", self._mock_aggregation, "POST"),
            route("/status/{proof_id}", self._status, "GET"),
            route("/validate_config", self._validate_config, "POST"),
        ]

    async def _request_span(self, request: Request) -> Response:
        new = await self._span(request, "real")
        return await self._accepted(await self._engine.submit(new, key=client_key(request)))

    async def _request_aggregation(self, request: Request) -> Response:
        return await self._accepted(await self._aggregation(request, "real"))

    async def _mock_span(self, request: Request) -> Response:
        new = await self._span(request, "mock")
        return await self._mock_proof(await self._engine.submit(new, key=client_key(request)))

    async def _mock_aggregation(self, request: Request) -> Response:
        return await self._mock_proof(await self._aggregation(request, "mock"))

    async def _span(self, request: Request, backend: str) -> NewJob:
        body = await json_object(request, idle=self._options.body_idle_timeout)
        start, end = block_number(body, "start"), block_number(body, "end")
        return range_request(self._engine, start, end, backend=backend)

    async def _aggregation(self, request: Request, backend: str) -> Job:
        async with self._uploads.body(request, checkpoint_member="head") as body:
            if body.subproofs is None:
                raise RequestFieldError("subproofs", expected="a list", actual="nothing")
            if body.checkpoint is None:
                raise RequestFieldError("head", expected="a hash", actual="nothing")
            new = aggregation_request(
                self._engine, body.subproofs, body.checkpoint, backend=backend
            )
            return await self._engine.submit(new, key=client_key(request))

    async def _accepted(self, job: Job) -> Response:
        """Wait for the backend's identifier, as the early server does."""
        wait = self._options.legacy_wait
        try:
            job = await self._engine.wait(
                job.id, lambda now: now.proof_id is not None, timeout=wait
            )
        except TimeoutError:
            raise ProofNotReadyError(
                f"the request was not submitted within {wait:g} s; asking again goes on waiting"
            ) from None
        if job.proof_id is None or job.state in (JobState.FAILED, JobState.CANCELLED):
            raise JobGoneError(job.reason or job.state.value)
        return JSONResponse({"proof_id": list(job.proof_id)})

    async def _mock_proof(self, job: Job) -> Response:
        job = await self._engine.wait(job.id, lambda _: False, timeout=self._options.legacy_wait)
        if job.state is not JobState.FULFILLED:
            raise JobGoneError(job.reason or job.state.value)
        empty = job.request.kind is ProofKind.AGGREGATION and self._options.empty_mock_aggregation
        proof = b"" if empty else await self._read_proof(job)
        return _status(Fulfillment.FULFILLED, Execution.UNSPECIFIED, proof)

    async def _status(self, request: Request) -> Response:
        text = str(request.path_params["proof_id"])
        try:
            proof_id = bytes.fromhex(text) if text.isalnum() else b""
        except ValueError:
            proof_id = b""
        if not proof_id:
            raise InputError("proof id", expected="hex digits without 0x", actual=text)
        try:
            return await self._status_of(proof_id)
        except (CoproveError, TimeoutError) as error:
            # The early server answers so when the network fails; the proposer asks again.
            _log.warning("status not known", proof=text, error=error)
            return _status(Fulfillment.UNSPECIFIED, Execution.UNSPECIFIED, b"", code=500)

    async def _status_of(self, proof_id: bytes) -> Response:
        job = self._engine.store.by_proof(proof_id)
        if job is None:
            return await self._foreign_status(proof_id)
        job = await self._engine.observe(job.id)
        if job.state is JobState.FULFILLED:
            return _status(Fulfillment.FULFILLED, job.execution, await self._read_proof(job))
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            return _status(Fulfillment.UNFULFILLABLE, job.execution, b"")
        return _status(job.fulfillment, job.execution, b"")

    async def _foreign_status(self, proof_id: bytes) -> Response:
        """Ask the backend for a proof that another server requested."""
        backend = self._engine.backends["real"]
        async with asyncio.timeout(self._options.status_timeout):
            status = await backend.status(proof_id)
            done = status.fulfillment is Fulfillment.FULFILLED
            proof = await backend.proof(proof_id) if done else b""
        fulfillment = status.fulfillment
        if fulfillment in _ENDED_WITHOUT_PROOF:
            fulfillment = Fulfillment.UNFULFILLABLE
        return _status(fulfillment, status.execution, proof)

    async def _validate_config(self, request: Request) -> Response:
        body = await json_object(request, idle=self._options.body_idle_timeout)
        text = body.get("address")
        if not isinstance(text, str):
            raise RequestFieldError("address", expected="a string", actual=text)
        address = Address.from_hex(text if text.startswith("0x") else f"0x{text}", "address")
        if self._contract is None:
            raise InputError("L1 endpoint", expected="one, to read the contract", actual="none")
        async with asyncio.timeout(self._options.status_timeout):
            found = await self._contract.check(address)
        return JSONResponse(
            {
                "rollup_config_hash_valid": found.rollup_config_hash,
                "agg_vkey_valid": found.aggregation_vkey,
                "range_vkey_valid": found.range_vkey_commitment,
            }
        )

    async def _read_proof(self, job: Job) -> bytes:
        path = self._engine.files.proof(job.id)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise UnknownProofError(f"the proof of job {job.id} was removed") from None


def _status(
    fulfillment: Fulfillment, execution: Execution, proof: bytes, *, code: int = 200
) -> Response:
    return JSONResponse(
        {
            "fulfillment_status": int(fulfillment),
            "execution_status": int(execution),
            "proof": list(proof),
        },
        code,
    )
