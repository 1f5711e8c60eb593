"""`server`: has proofs made by a proof server, op-succinct's early one or ours.

The server collects the inputs itself; it is told the blocks only. What it answers is checked as
anything from outside. op-succinct's server cannot be asked whether a request arrived, so after a
lost answer the request counts as open until the server must have given it up itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp

from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.prover.backend import AggregationJob, Execution, Fulfillment, ProofStatus, RangeJob
from coprove.prover.errors import (
    AmbiguousSubmissionError,
    ProofFormatError,
    ProofNotReadyError,
    ProofRefusedError,
    ProverUnavailableError,
    UnknownProofError,
)
from coprove.prover.server.wire import aggregation_body, proof_bytes, span_body
from coprove.telemetry import get_logger, redact_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coprove.prover.backend import IntentLog

__all__ = ["ServerBackend", "ServerClientOptions"]

_ASKED: Final = "server_asked_at"
_PROOF: Final = "server_proof_id"
_REFUSED: Final = "server_refused"
_MAX_ID: Final = 64
_REFUSING: Final = frozenset({400, 401, 403, 404, 405, 413, 415, 421, 422})
_log = get_logger(part="proof server client")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerClientOptions:
    """How a proof server is used. Times are in seconds."""

    url: str = "http://127.0.0.1:3000"
    """Base URL; may hold a token as `http://any:token@host`."""
    token: str | None = None
    """Bearer token; None where the server wants none."""
    mock: bool = False
    """Request mock proofs, which are answered at once."""
    request_timeout: float = 1200.0
    """For a request, in which the server collects the input; op-succinct's proposer has 20
    minutes."""
    status_timeout: float = 30.0
    """For a question; op-succinct's proposer has 30 seconds."""
    lost_after: float = 2400.0
    """From a request whose answer was lost until it counts as not made, where the server cannot
    tell; longer than the server's own time for an input."""
    max_answer_bytes: int = 512 << 20
    """Longest answer; a proof comes as a list of numbers, some four characters for each byte."""

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        return f"ServerClientOptions({redact_url(self.url)})"


class ServerBackend:
    """A `ProverBackend` over HTTP; identifiers are those that the server gives."""

    def __init__(self, options: ServerClientOptions, *, spool: Path) -> None:
        """`spool` keeps mock proofs, which a server gives once. InputError for a URL of no use."""
        if not options.url.startswith(("http://", "https://")):
            raise InputError(
                "proof server URL", expected="http:// or https://", actual=redact_url(options.url)
            )
        if options.token is not None and urlsplit(options.url).username is not None:
            raise InputError(
                "proof server token", expected="either in the URL or beside it", actual="both"
            )
        spool.mkdir(parents=True, exist_ok=True)
        self._options, self._spool = options, spool
        self._url = options.url.rstrip("/")
        self._name = redact_url(options.url)
        self._session: aiohttp.ClientSession | None = None
        self._is_ours: bool | None = None

    @property
    def name(self) -> str:
        """As in ProverBackend."""
        return "server"

    @property
    def is_simulated(self) -> bool:
        """As in ProverBackend: whether mock proofs are requested."""
        return self._options.mock

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
        """As in ProverBackend."""
        await intents.note(job.key, {_ASKED: int(time.time()), _REFUSED: 0})
        kind = "span" if isinstance(job, RangeJob) else "agg"
        path = f"/request_mock_{kind}_proof" if self._options.mock else f"/request_{kind}_proof"
        try:
            status, answer = await self._send_job(path, job)
        except (ProofFormatError, TimeoutError) as error:
            raise AmbiguousSubmissionError(f"{path}: {error or 'no answer in time'}") from error
        except aiohttp.ClientConnectorError as error:
            # Nothing was sent.
            await intents.note(job.key, {_REFUSED: 1})
            raise ProverUnavailableError(f"{self._name}: {type(error).__name__}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AmbiguousSubmissionError(f"{self._name}: {type(error).__name__}") from None
        if status != 200:
            await intents.note(job.key, {_REFUSED: 1})
            said = f"{path} at {self._name}: HTTP {status}: {_text(answer)}"
            if status in _REFUSING or await self._is_over(job.key):
                raise ProofRefusedError(said)
            raise ProverUnavailableError(said)
        try:
            proof_id = self._accepted(job, answer)
        except ProofFormatError as error:
            raise AmbiguousSubmissionError(str(error)) from error
        await intents.note(job.key, {_PROOF: proof_id.hex()})
        return proof_id

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        """As in ProverBackend.

        Ours is asked; op-succinct's cannot be, so there a request without an answer is open for
        `lost_after` seconds, and then counts as not made.
        """
        known = await intents.read(key)
        if _PROOF in known:
            return bytes.fromhex(str(known[_PROOF]))
        asked = int(known.get(_ASKED, 0))
        if not asked or known.get(_REFUSED) == 1:
            return None
        if await self._ours():
            return await self._find_in_ours(key)
        waited = time.time() - asked
        if waited < self._options.lost_after:
            raise ProverUnavailableError(
                f"{self._name} cannot tell whether the request arrived;"
                f" it counts as lost in {self._options.lost_after - waited:.0f} s"
            )
        _log.warning("a request without an answer is given up", key=key, server=self._name)
        return None

    async def status(self, proof_id: bytes) -> ProofStatus:
        """As in ProverBackend."""
        if self._spooled(proof_id).exists():
            return ProofStatus(fulfillment=Fulfillment.FULFILLED, execution=Execution.UNSPECIFIED)
        fulfillment, execution, _ = await self._status(proof_id)
        return ProofStatus(fulfillment=fulfillment, execution=execution)

    async def proof(self, proof_id: bytes) -> bytes:
        """As in ProverBackend."""
        path = self._spooled(proof_id)
        if path.exists():
            return await asyncio.to_thread(path.read_bytes)
        fulfillment, _, proof = await self._status(proof_id)
        if fulfillment is not Fulfillment.FULFILLED:
            raise ProofNotReadyError(f"proof {proof_id.hex()} is {fulfillment.name.lower()}")
        return proof

    async def cancel(self, proof_id: bytes) -> None:
        """As in ProverBackend; op-succinct's server knows no cancelling."""
        if self._spooled(proof_id).exists() or not await self._ours():
            return
        found = await self._jobs({"proof_id": proof_id.hex()})
        for job in found:
            status, answer = await self._ask("DELETE", f"/v1/jobs/{job['id']}")
            if status not in (202, 404, 409):
                raise ProverUnavailableError(f"{self._name}: HTTP {status}: {_text(answer)}")

    async def close(self) -> None:
        """As in ProverBackend; requests go on without us."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send_job(self, path: str, job: RangeJob | AggregationJob) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": job.key}
        body: bytes | AsyncIterator[bytes]
        if isinstance(job, RangeJob):
            body = span_body(job.blocks)
        else:
            size, body = aggregation_body(job)
            headers["Content-Length"] = str(size)
        return await self._exchange(
            "POST", path, data=body, headers=headers, timeout=self._options.request_timeout
        )

    def _accepted(self, job: RangeJob | AggregationJob, answer: bytes) -> bytes:
        """Return the identifier in an answer; a mock proof is kept under one of our own."""
        what = f"answer of {self._name}"
        body = _object(answer, what)
        if not self._options.mock:
            proof_id = proof_bytes(body.get("proof_id"), f"{what}: proof_id")
            if not 0 < len(proof_id) <= _MAX_ID:
                raise ProofFormatError(
                    f"{what}: proof_id", expected=f"1 to {_MAX_ID} bytes", actual=len(proof_id)
                )
            return proof_id
        fulfillment, _, proof = _status_of(body, what)
        if fulfillment is not Fulfillment.FULFILLED:
            raise ProofFormatError(what, expected="a fulfilled proof", actual=fulfillment.name)
        proof_id = hashlib.sha256(b"mock of a proof server" + job.key.encode()).digest()
        path = self._spooled(proof_id)
        temporary = path.with_suffix(".part")
        temporary.write_bytes(proof)
        temporary.replace(path)
        return proof_id

    async def _status(self, proof_id: bytes) -> tuple[Fulfillment, Execution, bytes]:
        status, answer = await self._ask("GET", f"/status/{proof_id.hex()}")
        if status == 404 or (status == 500 and await self._has_never_had(proof_id)):
            raise UnknownProofError(f"{self._name} has no proof {proof_id.hex()}")
        if status != 200:
            raise ProverUnavailableError(f"{self._name}: HTTP {status}: {_text(answer)}")
        what = f"status from {self._name}"
        return _status_of(_object(answer, what), what)

    async def _has_never_had(self, proof_id: bytes) -> bool:
        """Whether our server says that it has no such job; the early routes say 500 for all."""
        return await self._ours() and not await self._jobs({"proof_id": proof_id.hex()})

    async def _find_in_ours(self, key: str) -> bytes | None:
        found = await self._jobs({"key": key})
        if not found:
            return None
        proof_id = found[0].get("proof_id")
        if isinstance(proof_id, str):
            return bytes.fromhex(proof_id)
        if found[0].get("state") in ("failed", "cancelled"):
            return None
        raise ProverUnavailableError(f"{self._name}: the request is {found[0].get('state')}")

    async def _is_over(self, key: str) -> bool:
        """Whether our server has the job of a key and it failed: that key will give no proof."""
        try:
            found = await self._jobs({"key": key}) if await self._ours() else []
        except ProverUnavailableError:
            return False
        return bool(found) and found[0].get("state") in ("failed", "cancelled")

    async def _jobs(self, query: dict[str, str]) -> list[dict[str, Any]]:
        status, answer = await self._ask("GET", "/v1/jobs", params=query)
        if status != 200:
            raise ProverUnavailableError(f"{self._name}: HTTP {status}: {_text(answer)}")
        jobs = _object(answer, f"jobs of {self._name}").get("jobs")
        if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
            raise ProofFormatError(f"jobs of {self._name}", expected="a list", actual=jobs)
        return jobs

    async def _ours(self) -> bool:
        """Whether the server has our API as well."""
        if self._is_ours is None:
            status, answer = await self._ask("GET", "/v1/openapi.json")
            self._is_ours = status == 200 and b"coprove" in answer[:1000]
        return self._is_ours

    async def _ask(
        self, method: str, path: str, params: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        try:
            return await self._exchange(
                method, path, params=params, timeout=self._options.status_timeout
            )
        except TimeoutError:
            raise ProverUnavailableError(f"{self._name}: no answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            # Texts of aiohttp's errors may hold the whole URL.
            raise ProverUnavailableError(f"{self._name}: {type(error).__name__}") from None

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        timeout: float,  # noqa: ASYNC109 - aiohttp's own
        headers: dict[str, str] | None = None,
        **given: Any,
    ) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        headers = dict(headers or {})
        if self._options.token is not None:
            headers["Authorization"] = f"Bearer {self._options.token}"
        async with self._session.request(
            method,
            self._url + path,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=timeout),
            allow_redirects=False,  # a redirect could carry the token elsewhere
            **given,
        ) as response:
            content = bytearray()
            async for chunk in response.content.iter_chunked(1 << 18):
                content += chunk
                if len(content) > self._options.max_answer_bytes:
                    response.close()
                    raise ProofFormatError(
                        f"answer of {self._name}",
                        expected=f"at most {self._options.max_answer_bytes} bytes",
                        actual="more",
                    )
            return response.status, bytes(content)

    def _spooled(self, proof_id: bytes) -> Path:
        return self._spool / f"{proof_id.hex()}.proof"


def _object(answer: bytes, what: str) -> dict[str, Any]:
    try:
        value = load_json(answer)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ProofFormatError(what, expected="a JSON object", actual=_text(answer))
    return value


def _status_of(body: dict[str, Any], what: str) -> tuple[Fulfillment, Execution, bytes]:
    fulfillment, execution = body.get("fulfillment_status"), body.get("execution_status")
    try:
        if type(fulfillment) is not int or type(execution) is not int:
            raise ValueError("no number")
        states = Fulfillment(fulfillment), Execution(execution)
    except ValueError:
        raise ProofFormatError(
            what, expected="known states", actual=f"{fulfillment!r}, {execution!r}"
        ) from None
    return *states, proof_bytes(body.get("proof"), f"{what}: proof")


def _text(answer: bytes) -> str:
    return answer[:200].decode(errors="replace")
