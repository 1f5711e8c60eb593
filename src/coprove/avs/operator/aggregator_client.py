"""An aggregator over HTTP: JSON-RPC as operators of the AVS speak it, with a session if it has any.

What it answers is checked; a task of another shape than asked for is no task.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from coprove.avs.operator.errors import AggregatorAnswerError, AggregatorUnreachableError
from coprove.avs.tasks import OP_STACK_TASK, REFUSALS, AvsTask, Refusal, RefusedError, read_refusal
from coprove.avs.tasks.fields import number, record
from coprove.closing import AsyncClosing
from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.telemetry import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.avs.tasks import Submission

__all__ = ["AggregatorClient", "AggregatorOptions", "SessionSource"]

_REFUSALS: Final = {answer.code: refusal for refusal, answer in REFUSALS.items()}
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHOWN: Final = 200
_MAX_WAIT: Final = 30
"""Longest poll that aggregators of the AVS allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorOptions:
    """How an aggregator is reached. Times are in seconds."""

    url: str = "http://127.0.0.1:18236"
    """Base URL."""
    timeout: float = 20.0
    """For an answer, beside what a poll waits."""
    max_answer_bytes: int = 1 << 20
    """Longest answer."""

    def __post_init__(self) -> None:
        """Refuse a URL of no use; InputError without its secrets."""
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise InputError(
                "aggregator URL", expected="http:// or https://", actual=redact_url(self.url)
            )

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        return f"AggregatorOptions({redact_url(self.url)})"


class SessionSource(Protocol):
    """Where the bearer token comes from, for aggregators that have sessions."""

    async def token(self, client: AggregatorClient) -> str | None:
        """Return a token that is good now; None where there are no sessions."""

    def forget(self) -> None:
        """The token was refused: make another one."""


class AggregatorClient(AsyncClosing):
    """One aggregator.

    Errors: AggregatorUnreachableError (Temporary), RefusedError with the aggregator's reason,
    AggregatorAnswerError for what is no answer.
    """

    def __init__(self, options: AggregatorOptions, session: SessionSource | None = None) -> None:
        """Nothing is opened yet."""
        self._options, self._session_source = options, session
        self._url = options.url.rstrip("/")
        self.name = redact_url(options.url)
        """The aggregator's URL without secrets."""
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count(1)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch_task(self, after: int, wait: float) -> AvsTask | None:
        """Return the open OP Stack task that follows number `after`; None if none comes in time.

        `wait` is in seconds, at most 30.
        """
        seconds = max(0, min(int(wait), _MAX_WAIT))
        asked = {
            "prev_task_id": after,
            "task_type": OP_STACK_TASK,
            "max_wait_secs": seconds,
            "with_context": False,
        }
        result = await self._call("aggregator_fetchTask", asked, extra_time=seconds)
        try:
            values = record(result, "task")
            if values.get("ok") is not True:
                return None
            task_type = number(values, "task_type", bits=32)
            if task_type != OP_STACK_TASK:
                raise InputError("task_type", expected=OP_STACK_TASK, actual=task_type)
            task = AvsTask.from_ext(number(values, "task_id", bits=63), values.get("ext"))
        except InputError as error:
            raise _answer_error(error) from None
        if task.number <= after:
            raise AggregatorAnswerError("task_id", expected=f"above {after}", actual=task.number)
        return task

    async def submit(self, submission: Submission) -> None:
        """Hand in a signed state; when this returns, the aggregator has it."""
        await self._call("aggregator_submitTask", submission.to_json())

    async def submit_metrics(self, name: str, families: Sequence[Mapping[str, Any]]) -> None:
        """Hand in metrics under the operator's name."""
        await self._call("aggregator_submitMetrics", {"name": name, "metrics": list(families)})

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        token: str | None = None,
        seconds: float | None = None,
    ) -> tuple[int, bytes]:
        """Post JSON and return status and body of any answer that is not about being busy."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        timeout = aiohttp.ClientTimeout(total=seconds or self._options.timeout)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(
                self._url + path,
                json=dict(body),
                headers=headers,
                timeout=timeout,
                # A token goes nowhere but to the aggregator that was named.
                allow_redirects=False,
            ) as answer:
                content = await _read(answer, self._options.max_answer_bytes)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AggregatorUnreachableError(f"{self.name}: {type(error).__name__}") from None
        return answer.status, content

    async def _call(self, method: str, argument: object, *, extra_time: float = 0.0) -> Any:
        again = self._session_source is not None
        while True:
            try:
                return await self._call_once(method, argument, extra_time)
            except RefusedError as error:
                if error.refusal is not Refusal.UNAUTHORIZED or not again:
                    raise
                if self._session_source is not None:
                    self._session_source.forget()
                again = False

    async def _call_once(self, method: str, argument: object, extra_time: float) -> Any:
        call = {
            "jsonrpc": "2.0",
            "id": next(self._ids),
            "method": method,
            "params": [argument],
        }
        source = self._session_source
        token = None if source is None else await source.token(self)
        seconds = self._options.timeout + extra_time
        status, body = await self.post("/", call, token=token, seconds=seconds)
        return self._result(method, status, body)

    def _result(self, method: str, status: int, body: bytes) -> Any:
        what = f"{method} at {self.name}"
        try:
            answer = record(load_json(body), what)
        except (ValueError, InputError):
            shown = body[:_SHOWN].decode(errors="replace")
            if status in _BUSY:
                raise AggregatorUnreachableError(f"{what}: HTTP {status}: {shown}") from None
            raise AggregatorAnswerError(what, expected="JSON-RPC", actual=shown) from None
        error = answer.get("error")
        if error is not None:
            raise _refusal(what, error, status)
        if "result" not in answer:
            raise AggregatorAnswerError(what, expected="a result", actual=f"HTTP {status}")
        return answer["result"]


def _refusal(what: str, error: object, status: int) -> Exception:
    if not isinstance(error, dict):
        return AggregatorAnswerError(what, expected="an error object", actual=json.dumps(error))
    code, text = error.get("code"), str(error.get("message"))[:_SHOWN]
    refusal = _REFUSALS.get(code) if isinstance(code, int) else None
    if refusal is not None:
        return read_refusal(refusal, text)
    if status in _BUSY:
        return AggregatorUnreachableError(f"{what}: HTTP {status}: {text}")
    return AggregatorAnswerError(what, expected="a result", actual=f"error {code}: {text}")


def _answer_error(error: InputError) -> AggregatorAnswerError:
    return AggregatorAnswerError(error.what, expected=error.expected, actual=error.actual)


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts = bytearray()
    async for part in answer.content.iter_any():
        parts += part
        if len(parts) > limit:
            raise AggregatorAnswerError("answer", expected=f"at most {limit} bytes", actual="more")
    return bytes(parts)
