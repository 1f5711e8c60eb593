"""The operator's session at an aggregator: a signed handshake for a bearer token."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from coprove.avs.operator.errors import AggregatorAnswerError, AggregatorUnreachableError
from coprove.avs.tasks.fields import number, record
from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.telemetry import get_logger, register_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.operator.aggregator_client import AggregatorClient
    from coprove.avs.operator.signing import ProtectedSigner
    from coprove.avs.tasks import SessionScope

__all__ = ["BlsSession"]

_log = get_logger(part="operator")
_PATH: Final = "/v1/session"
_OK: Final = frozenset({200, 201})
_NO_SESSIONS: Final = frozenset({404, 405, 501})
_MARGIN: Final = 30.0
_PAUSE: Final = 60.0
_MAX_TOKEN: Final = 4096
_SHOWN: Final = 200


class BlsSession:
    """Makes a session when one is needed and keeps its token till shortly before its end.

    An aggregator without sessions, or one that takes no handshake now, is spoken to without: its
    JSON-RPC needs none. The next try is a minute later.
    """

    def __init__(
        self,
        signer: ProtectedSigner,
        scope: SessionScope,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`scope` is whom handshakes are for."""
        self._signer, self._scope, self._now = signer, scope, now
        self._token: str | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """See SessionSource."""
        self._token, self._until = None, 0.0

    async def token(self, client: AggregatorClient) -> str | None:
        """See SessionSource."""
        async with self._lock:
            if self._now() >= self._until:
                await self._renew(client)
            return self._token

    async def _renew(self, client: AggregatorClient) -> None:
        self._token, self._until = None, self._now() + _PAUSE
        try:
            status, body = await client.post(_PATH, self._signer.handshake(self._scope).to_json())
        except AggregatorUnreachableError:
            self._until = 0.0
            raise
        if status in _NO_SESSIONS:
            return
        if status not in _OK:
            shown = body[:_SHOWN].decode(errors="replace")
            _log.warning("no session", aggregator=client.name, status=status, said=shown)
            return
        try:
            values = record(load_json(body), "session")
            token, until = values.get("token"), number(values, "expires_at", bits=63)
            if not isinstance(token, str) or not 0 < len(token) <= _MAX_TOKEN:
                raise InputError("token", expected="a text", actual=type(token).__name__)
        except (InputError, ValueError) as error:
            raise AggregatorAnswerError(_PATH, expected="a session", actual=error) from None
        register_secret(token)
        self._token = token
        self._until = max(until - _MARGIN, self._now() + 1)
