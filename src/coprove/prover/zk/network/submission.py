"""Requests that cost money: submitted once for each key, whatever fails in between.

The network has no idempotency keys, but an account has a nonce, and of all that is signed with one
nonce the network accepts one. So the signed body is noted before it is sent. When it cannot be
known whether it was accepted, the very same body may be sent again: accepted twice it cannot be.
Another body under the same key is made only when it is certain that the first was not accepted and
never will be, since its nonce is used up by something else or its deadline is over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from coprove.prover.errors import (
    AmbiguousSubmissionError,
    NetworkRefusedError,
    NotOnNetworkError,
    ProofFormatError,
    ProofRefusedError,
    ProverUnavailableError,
)
from coprove.prover.zk.proto import network_pb2
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from coprove.prover.backend import IntentLog
    from coprove.prover.zk.network.account import NetworkAccount
    from coprove.prover.zk.network.channel import NetworkChannel

__all__ = ["SentRequest", "Submission"]

Body = network_pb2.RequestProofRequestBody

_TRIES: Final = 4
"""Nonces tried when other processes use the account too."""
_PAGE: Final = 100
_MOST_PAGES: Final = 100
_DEADLINE_MARGIN: Final = 60
"""Seconds after a body's deadline when no network takes it any more, clocks considered."""
_log = get_logger(part="prover network")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """What is noted of a request before it is sent."""

    body: Body
    """The body, signed as it stands."""
    requester: bytes
    """Who signed it."""
    sent_at: int
    """Unix seconds of the first try."""
    request_id: bytes | None
    """The network's identifier, once it is known."""

    def values(self) -> dict[str, str | int]:
        """Return what the intent log keeps; all but `body` is for people and for queries."""
        return {
            "body": self.body.SerializeToString(deterministic=True).hex(),
            "requester": self.requester.hex(),
            "sent_at": self.sent_at,
            "nonce": self.body.nonce,
            "vk_hash": self.body.vk_hash.hex(),
            "deadline": self.body.deadline,
        }

    @classmethod
    def of_values(cls, values: Mapping[str, str | int]) -> SentRequest | None:
        """Read the notes of a key; None when nothing was sent under it."""
        if "body" not in values:
            return None
        try:
            request_id = values.get("request_id")
            return cls(
                body=Body.FromString(bytes.fromhex(str(values["body"]))),
                requester=bytes.fromhex(str(values["requester"])),
                sent_at=int(values["sent_at"]),
                request_id=bytes.fromhex(str(request_id)) if request_id else None,
            )
        except (DecodeError, KeyError, ValueError) as error:
            raise ProofFormatError("noted request", expected="its values", actual=error) from error


class Submission:
    """Submits requests of one account."""

    def __init__(
        self,
        channel: NetworkChannel,
        account: NetworkAccount,
        *,
        listing_delay: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`listing_delay`: seconds until what was accepted is listed for certain."""
        self._channel, self._account = channel, account
        self._listing_delay, self._clock = listing_delay, clock

    async def submit(
        self,
        key: str,
        intents: IntentLog,
        *,
        upload: Callable[[], Awaitable[str]],
        body: Callable[[int, str, int], Awaitable[Body]],
    ) -> bytes:
        """Return the identifier of the one request under `key`, made now or earlier.

        `upload` brings the input to the network and returns its URI; `body` makes a body from
        nonce, URI and the present time. Raises AmbiguousSubmissionError when it is not known
        whether the request was accepted, ProofRefusedError when the network does not want it.
        """
        found = await self.find(key, intents)
        if found is not None:
            return found
        uri = (await intents.read(key)).get("stdin_uri")
        if not uri:
            uri = await upload()
            await intents.note(key, {"stdin_uri": uri})
        for _ in range(_TRIES):
            async with self._account.turn() as nonce:
                now = int(self._clock())
                sent = SentRequest(
                    body=await body(nonce, str(uri), now),
                    requester=self._account.address,
                    sent_at=now,
                    request_id=None,
                )
                await intents.note(key, sent.values())
                try:
                    return await self._send(key, sent, intents)
                except NetworkRefusedError as error:
                    # Refused means not accepted; what counts is whether the nonce was the reason.
                    if await self._account.nonce() == nonce:
                        raise ProofRefusedError(str(error)) from error
        raise ProverUnavailableError("other calls of this account took every nonce")

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        """Return the identifier of the request under `key`; None: there is none, nor will be.

        May send a noted body again. Raises a Temporary leaf as long as nothing is certain.
        """
        sent = SentRequest.of_values(await intents.read(key))
        if sent is None:
            return None
        if sent.request_id is not None:
            return sent.request_id
        async with self._account.turn() as nonce:
            return await self._settle(key, sent, nonce, intents)

    async def _settle(
        self, key: str, sent: SentRequest, nonce: int, intents: IntentLog
    ) -> bytes | None:
        """Find out what became of a body; `nonce` was read before this call."""
        found = await self._listed(sent)
        if found is not None:
            return await self._accepted(key, found, intents)
        if nonce < sent.body.nonce:
            raise ProverUnavailableError(
                f"the account's nonce went back from {sent.body.nonce} to {nonce}"
            )
        if nonce > sent.body.nonce:
            self._check_listing_time(sent)
            return None
        if self._clock() > sent.body.deadline + _DEADLINE_MARGIN:
            return None
        try:
            return await self._send(key, sent, intents)
        except NetworkRefusedError as error:
            _log.warning("a noted request is refused", key=key, error=error)
        found = await self._listed(sent)
        if found is not None:
            return await self._accepted(key, found, intents)
        if await self._account.nonce() != nonce:
            self._check_listing_time(sent)
        return None

    def _check_listing_time(self, sent: SentRequest) -> None:
        """Raise unless a request that is not listed, its nonce used up, is certainly none."""
        age = self._clock() - sent.sent_at
        if age < self._listing_delay:
            raise ProverUnavailableError(
                f"not listed {age:.0f} s after sending; certain after {self._listing_delay:.0f} s"
            )

    async def _send(self, key: str, sent: SentRequest, intents: IntentLog) -> bytes:
        """Send a body as it was noted."""
        encoded = sent.body.SerializeToString(deterministic=True)
        request = network_pb2.RequestProofRequest(
            format=network_pb2.MessageFormat.BINARY,
            signature=await self._account.signer.sign(encoded),
            body=sent.body,
        )
        try:
            answer = await self._channel.call(
                "RequestProof", request, network_pb2.RequestProofResponse
            )
        except ProverUnavailableError as error:
            raise AmbiguousSubmissionError(f"{key}: {error}") from error
        except NotOnNetworkError as error:
            raise NetworkRefusedError(str(error), code="NOT_FOUND") from error
        if not answer.body.request_id:
            raise AmbiguousSubmissionError(f"{key}: accepted without an identifier")
        return await self._accepted(key, answer.body.request_id, intents)

    async def _accepted(self, key: str, request_id: bytes, intents: IntentLog) -> bytes:
        await intents.note(key, {"request_id": request_id.hex()})
        _log.info("proof requested", key=key, request_id=request_id.hex())
        return request_id

    async def _listed(self, sent: SentRequest) -> bytes | None:
        """Look for a request with the input's URI among those of the account and program."""
        for page in range(1, _MOST_PAGES + 1):
            answer = await self._channel.ask(
                "GetFilteredProofRequests",
                network_pb2.GetFilteredProofRequestsRequest(
                    requester=sent.requester,
                    vk_hash=sent.body.vk_hash,
                    minimum_deadline=sent.body.deadline,
                    limit=_PAGE,
                    page=page,
                ),
                network_pb2.GetFilteredProofRequestsResponse,
            )
            for request in answer.requests:
                if request.stdin_uri == sent.body.stdin_uri:
                    return request.request_id
            if len(answer.requests) < _PAGE:
                return None
        raise ProverUnavailableError(f"more than {_PAGE * _MOST_PAGES} requests are listed")
