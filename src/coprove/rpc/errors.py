"""The leaf errors of outgoing calls; each tells by its base class how to react.

Messages name the endpoint by its redacted address, never by its full URL.
"""

from __future__ import annotations

from coprove.errors import Critical, InputError, Reset, Temporary

__all__ = [
    "ChainMovedError",
    "EndpointBusyError",
    "EndpointUnavailableError",
    "EndpointsDisagreeError",
    "LooseNodeError",
    "MalformedResponseError",
    "MethodNotFoundError",
    "NotYetAvailableError",
    "QueryTooWideError",
    "RateLimitedError",
    "RequestRefusedError",
    "ResponseTooLargeError",
    "RpcError",
    "RpcTimeoutError",
    "WrongDataError",
]


class RpcTimeoutError(Temporary):
    """No complete answer came within the time limit of the call."""


class EndpointUnavailableError(Temporary):
    """The endpoint could not be reached, broke the connection, or answered with HTTP 5xx."""


class RateLimitedError(Temporary):
    """The endpoint asks for fewer calls (HTTP 429 or its JSON-RPC counterparts).

    `retry_after` is the wait in seconds that the endpoint asked for, None if it named none.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep the wait that the endpoint asked for."""
        super().__init__(message)
        self.retry_after = retry_after


class EndpointBusyError(Temporary):
    """The endpoint understood the call and could not serve it now (a JSON-RPC error says so)."""


class NotYetAvailableError(Temporary):
    """The block or value asked for is not there, perhaps not yet."""


class ChainMovedError(Reset):
    """A reorg came between two calls whose results belong together."""


class EndpointsDisagreeError(Temporary):
    """Two endpoints give different answers to a question that no hash decides.

    One of them lies, or stands on another fork: nothing is done until they agree. `first` and
    `second` are their redacted addresses.
    """

    def __init__(self, what: str, *, first: str, says: object, second: str, but: object) -> None:
        """Name both endpoints and what each says."""
        super().__init__(f"{what}: {first} says {str(says)[:200]}, {second} says {str(but)[:200]}")
        self.what = what
        self.first = first
        self.second = second


class RpcError(Critical):
    """The endpoint answered a call with a JSON-RPC error that a retry does not mend.

    `code` and `message` are the endpoint's, `data` whatever came with them.
    """

    def __init__(self, where: str, *, code: int, message: str, data: object = None) -> None:
        """Build the text from `where` (method and endpoint) and the endpoint's answer."""
        super().__init__(f"{where}: error {code}: {message[:300]}")
        self.code = code
        self.message = message
        self.data = data


class MethodNotFoundError(RpcError):
    """The endpoint does not serve this method or path."""


class QueryTooWideError(RpcError):
    """A query for logs spans more blocks, or finds more, than the endpoint gives at once."""


class RequestRefusedError(Critical):
    """HTTP 4xx other than 429, or a redirect: wrong address, missing permission, bad request.

    `status` is the HTTP status.
    """

    def __init__(self, where: str, *, status: int, body: str = "") -> None:
        """Build the text from `where`, the status and the start of the body."""
        super().__init__(f"{where}: HTTP {status} {body[:200]}".rstrip())
        self.status = status


class ResponseTooLargeError(Critical):
    """The answer exceeds the size limit of the endpoint."""


class MalformedResponseError(InputError):
    """The answer is not JSON, not JSON-RPC, or lacks the shape of the method's result."""


class WrongDataError(InputError):
    """The answer is well formed, but does not hash to what it claims to be."""


class LooseNodeError(WrongDataError):
    """A witness holds trie nodes that no other node of it, and no state root, refers to."""
