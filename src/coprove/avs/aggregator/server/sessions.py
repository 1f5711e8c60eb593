"""Sessions: an operator signs once an hour who it is, and shows a token from then on."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.avs.aggregator.server.limits import Allowance
from coprove.avs.bls import Bn254Error, Signature
from coprove.avs.tasks import Refusal, RefusedError, SessionScope
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.aggregator.server.options import AggregatorServerOptions
    from coprove.avs.aggregator.server.ports import Directory
    from coprove.avs.tasks import Handshake

__all__ = ["Session", "Sessions"]

_MAC_SIZE: Final = 32
_BODY_SIZE: Final = 40
_MOST_SEEN: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that was opened."""

    token: str
    """What to present; nobody else can make one."""
    expires_at: int
    """Unix seconds."""


class Sessions:
    """Opens and checks sessions; they end with the process, which alone has the key."""

    def __init__(
        self,
        directory: Directory,
        scopes: tuple[SessionScope, ...],
        options: AggregatorServerOptions,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Take handshakes that were made for one of `scopes`."""
        self._directory, self._clock = directory, clock
        self._scopes = {scope.audience: scope for scope in scopes}
        self._ttl, self._skew = options.session_ttl, options.clock_skew
        self._clients = Allowance(options.handshakes_per_second, options.handshake_burst)
        everyone = options.all_handshakes_per_second
        self._everyone = Allowance(everyone, max(1.0, 5 * everyone))
        self._key = secrets.token_bytes(32)
        self._seen: OrderedDict[Hash32, float] = OrderedDict()

    async def open(self, handshake: Handshake, client: str) -> Session:
        """Open a session; RefusedError says why not. A pairing comes after all that is cheap."""
        now = self._clock()
        self._clients.take(client, now)
        scope = self._scopes.get(handshake.audience)
        if scope is None:
            raise _unauthorized(f"for {' or '.join(self._scopes)}", f"for {handshake.audience}")
        if abs(handshake.time - now) > self._skew:
            raise _unauthorized(f"a time within {self._skew} s of {int(now)}", handshake.time)
        key = self._directory.key_of(handshake.operator_id)
        if key is None:
            raise RefusedError(
                Refusal.NOT_REGISTERED, expected="an operator", actual=handshake.operator_id
            )
        digest = scope.digest(handshake.operator_id, handshake.time)
        self._sweep(now)
        if digest in self._seen:
            raise _unauthorized("a handshake of its own for each session", "the same again")
        self._everyone.take("", now)
        try:
            signature = Signature.from_coordinates(*handshake.signature)
        except Bn254Error as error:
            raise RefusedError(Refusal.SIGNATURE, expected=error.expected, actual="none") from None
        if not await asyncio.to_thread(signature.verify, key.g2, digest):
            raise RefusedError(
                Refusal.SIGNATURE, expected="the operator's over its handshake", actual="another"
            )
        if digest in self._seen:
            raise _unauthorized("a handshake of its own for each session", "the same twice at once")
        self._seen[digest] = now
        expires_at = int(now) + self._ttl
        body = bytes(handshake.operator_id) + expires_at.to_bytes(8, "big")
        token = base64.urlsafe_b64encode(body + self._mac(body)).decode()
        return Session(token=token, expires_at=expires_at)

    def operator(self, authorization: str | None) -> Hash32 | None:
        """Return whose session a request's header shows; None without such a header.

        RefusedError (unauthorized) for a token that is not ours, is over, or whose operator is no
        longer registered.
        """
        if authorization is None:
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("a bearer token", "another scheme")
        try:
            raw = base64.b64decode(token.strip(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _unauthorized("a session's token", "another one") from None
        body, mac = raw[:_BODY_SIZE], raw[_BODY_SIZE:]
        # The second comparison is for tokens of another size, whatever their first bytes are.
        if not hmac.compare_digest(self._mac(body), mac) or len(body) != _BODY_SIZE:
            raise _unauthorized("a session's token", "another one")
        operator_id = Hash32(body[: Hash32.SIZE])
        if int.from_bytes(body[Hash32.SIZE :], "big") <= self._clock():
            raise _unauthorized("a session that lasts", "one that is over")
        if self._directory.key_of(operator_id) is None:
            raise _unauthorized("a registered operator", operator_id)
        return operator_id

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()

    def _sweep(self, now: float) -> None:
        while self._seen:
            digest, seen_at = next(iter(self._seen.items()))
            if seen_at + 2 * self._skew >= now and len(self._seen) < _MOST_SEEN:
                return
            del self._seen[digest]


def _unauthorized(expected: object, actual: object) -> RefusedError:
    return RefusedError(Refusal.UNAUTHORIZED, expected=expected, actual=actual)
