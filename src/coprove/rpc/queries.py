"""What every way of calling JSON-RPC has in common, be there one endpoint behind it or several."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from coprove.closing import AsyncClosing
from coprove.errors import CoproveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.rpc.http import CallStats, Json

__all__ = ["Answer", "Call", "Query", "RpcTransport"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One JSON-RPC call."""

    method: str
    """Name of the method, such as eth_getBlockByNumber."""
    params: Sequence[Json] = ()
    """Positional parameters."""


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A call for data, together with the check that its result must pass.

    The transport runs the check, so that a result which fails it is asked for again, elsewhere
    where there is another endpoint.
    """

    call: Call
    """What is asked."""
    read: Callable[[Json, str], T]
    """Checks the result and makes the value of it. Gets the redacted name of the endpoint that
    answered, for messages; raises NotYetAvailableError, or an InputError for what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """A value, and who gave it."""

    value: T
    """The checked value."""
    source: RpcTransport
    """The endpoint, to ask it further."""


class RpcTransport(AsyncClosing):
    """Makes JSON-RPC calls. Use as an async context manager, or `close()` it."""

    quorum: int = 1
    """Endpoints that must agree on what no hash proves."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The redacted address, or addresses, for messages."""

    @property
    @abstractmethod
    def stats(self) -> CallStats:
        """Counters since creation."""

    @abstractmethod
    async def batch(
        self,
        calls: Sequence[Call],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[Json | CoproveError]:
        """Return the results in the order of `calls`; a call's own error stands in its place.

        An error that concerns the endpoint as a whole is raised.
        """

    @abstractmethod
    async def read(
        self,
        queries: Sequence[Query[T]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[T]:
        """Return the checked values in the order of `queries`; those that fail are asked again.

        Raises the first failure that stays.
        """

    @abstractmethod
    async def each(self, query: Query[T], *, everyone: bool = False) -> list[Answer[T]]:
        """Return the answers of `quorum` endpoints, or with `everyone` of all that answer.

        For values that no hash proves; raises a failure when fewer than `quorum` answer.
        """

    @abstractmethod
    def blame(self, source: RpcTransport, failure: CoproveError) -> None:
        """Note that `source` gave an answer that turned out to be wrong."""

    async def call(
        self,
        method: str,
        params: Sequence[Json] = (),
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
    ) -> Json:
        """Return the result of one call.

        Raises Temporary leaves once retries are used up, RpcError for an error that the endpoint
        answers, MalformedResponseError when the answer is no JSON-RPC.
        """
        return (await self.all([Call(method, params)], timeout=timeout))[0]

    async def all(
        self,
        calls: Sequence[Call],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[Json]:
        """As `batch`, but raise the first call's error, so that all results are values."""
        values: list[Json] = []
        for result in await self.batch(calls, timeout=timeout, max_batch=max_batch):
            if isinstance(result, CoproveError):
                raise result
            values.append(result)
        return values

    async def read_one(self, query: Query[T]) -> T:
        """As `read`, for one query."""
        return (await self.read([query]))[0]
