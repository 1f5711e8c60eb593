"""Calls on the prover network: gRPC, with a timeout each, failures told apart by reaction."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError, Message

from coprove.errors import Temporary
from coprove.prover.errors import (
    NetworkRefusedError,
    NotOnNetworkError,
    ProverUnavailableError,
)
from coprove.prover.zk.proto import artifact_pb2, network_pb2
from coprove.rpc.retry import Retry
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coprove.prover.zk.network.options import NetworkOptions

__all__ = ["NetworkChannel", "service_methods"]

R = TypeVar("R", bound=Message)
T = TypeVar("T")

_REFUSALS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""What a server says that looked at the call and will not serve it. Anything else, unavailable,
deadline exceeded, internal, aborted, leaves open whether the call had its effect."""
_MAX_MESSAGE: Final = 16 << 20
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    # Calls are repeated here, where it is known which ones may be.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 10_000),
)
_log = get_logger(part="prover network")


def service_methods(service: str) -> dict[str, tuple[str, type[Message], type[Message]]]:
    """Return path, request and response class of a service's methods by their names."""
    from google.protobuf import message_factory  # noqa: PLC0415 - one use, at import time

    file = network_pb2 if service.startswith("network.") else artifact_pb2
    found = file.DESCRIPTOR.services_by_name[service.rpartition(".")[2]]
    return {
        method.name: (
            f"/{service}/{method.name}",
            message_factory.GetMessageClass(method.input_type),
            message_factory.GetMessageClass(method.output_type),
        )
        for method in found.methods
    }


_METHODS: Final = {
    name: method
    for service in ("network.ProverNetwork", "artifact.ArtifactStore")
    for name, method in service_methods(service).items()
}


class NetworkChannel:
    """One connection to the network, opened with the first call and again when it broke."""

    def __init__(self, options: NetworkOptions) -> None:
        """Connect lazily."""
        self._options = options
        self._channel: grpc.aio.Channel | None = None

    async def call(self, method: str, request: Message, response: type[R]) -> R:
        """Call once.

        Raises ProverUnavailableError when it is not known whether the call had its effect,
        NotOnNetworkError and NetworkRefusedError when it had none.
        """
        path, _, _ = _METHODS[method]
        call = self._open().unary_unary(
            path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=bytes,
        )
        try:
            raw: bytes = await call(request, timeout=self._options.call_timeout)
            return response.FromString(raw)
        except grpc.aio.AioRpcError as error:
            raise _failure(method, error) from None
        except DecodeError as error:
            raise ProverUnavailableError(f"{method}: the answer is no {method}: {error}") from None

    async def ask(self, method: str, request: Message, response: type[R]) -> R:
        """Call again and again, as the retry policy has it; for calls that cost nothing."""
        return await self.retrying(method, lambda: self.call(method, request, response))

    async def retrying(self, what: str, action: Callable[[], Awaitable[T]]) -> T:
        """Repeat `action` after Temporary failures as the retry policy has it."""
        began = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                return await action()
            except Temporary as failure:
                decision = self._options.retry.decide(
                    failure,
                    attempt=attempt,
                    elapsed=time.monotonic() - began,
                    chance=random.random(),  # noqa: S311 - spreads callers out
                )
                if not isinstance(decision, Retry):
                    raise
                _log.warning("again", call=what, error=failure, pause_seconds=decision.delay)
                await asyncio.sleep(decision.delay)

    async def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            parts = urlsplit(self._options.url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            target = f"{parts.hostname}:{port}"
            if parts.scheme == "https":
                credentials = grpc.ssl_channel_credentials()
                self._channel = grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
            else:
                self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        return self._channel


def _failure(method: str, error: grpc.aio.AioRpcError) -> Exception:
    code = error.code()
    text = f"{method}: {code.name}: {error.details()}"
    if code is grpc.StatusCode.NOT_FOUND:
        return NotOnNetworkError(text)
    if code in _REFUSALS:
        return NetworkRefusedError(text, code=code.name)
    return ProverUnavailableError(text)
