"""The L1 beacon node's REST API, as far as blobs need it (ethereum/beacon-APIs)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.rpc.errors import MalformedResponseError, NotYetAvailableError, RequestRefusedError
from coprove.rpc.fields import array, data, fixed, integer, member, record
from coprove.rpc.http import EndpointClient, EndpointOptions, Json, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp

    from coprove.errors import CoproveError

__all__ = ["BeaconClient", "BlobSidecar"]

_BLOB_BYTES = 131_072
_NO_SUCH_PATH = frozenset({404, 405, 410, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSidecar:
    """A blob as a beacon node serves it; nothing is checked yet."""

    blob: bytes
    """131,072 bytes."""
    commitment: bytes | None
    """KZG commitment, 48 bytes; None from the endpoint that serves blobs alone."""
    proof: bytes | None
    """KZG blob proof, 48 bytes; None from the endpoint that serves blobs alone."""


class BeaconClient(EndpointClient):
    """Typed calls to a beacon node. Use as an async context manager, or `close()` it."""

    def __init__(
        self,
        url: str,
        options: EndpointOptions | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        """`url` is the base, without /eth; it may hold credentials."""
        super().__init__(url, options, session)
        self._clock: tuple[int, int] | None = None
        self._clock_lock = asyncio.Lock()
        self._sidecars = True

    @property
    def clients(self) -> list[BeaconClient]:
        """This client alone, as the BeaconSource that it is."""
        return [self]

    def judge(self, client: BeaconClient, failure: CoproveError | None) -> None:  # noqa: ARG002 - itself
        """Forget the clock after a failure: nothing proves it, and it may have been the cause."""
        if failure is not None:
            self._clock = None

    async def slot_of(self, *, number: int, timestamp: int) -> int:
        """Return the slot of the L1 block with this number and timestamp (seconds).

        A node without /config/spec is a development chain's (anvil), which counts slots as blocks.
        """
        async with self._clock_lock:
            clock = self._clock
            if clock is None:
                clock = self._clock = await self._read_clock()
        genesis, seconds = clock
        if seconds == 0:
            return number
        if timestamp < genesis:
            raise InputError("L1 block time", expected=f"at least {genesis}", actual=timestamp)
        return (timestamp - genesis) // seconds

    async def blobs(self, slot: int, versioned_hashes: Sequence[bytes]) -> list[BlobSidecar]:
        """Return the blobs of a slot, at least those asked for if the node has them; unchecked.

        Asks blob_sidecars first, since it gives proofs, and the newer blobs endpoint where that
        is gone. NotYetAvailableError when neither knows the slot.
        """
        if self._sidecars:
            try:
                found = self._read_sidecars(
                    await self._get(f"/eth/v1/beacon/blob_sidecars/{slot}"), slot
                )
                if len(found) >= len(versioned_hashes):
                    return found
            except RequestRefusedError as refusal:
                if refusal.status not in _NO_SUCH_PATH:
                    raise
        query = ",".join(f"0x{item.hex()}" for item in versioned_hashes)
        try:
            blobs = await self._get(f"/eth/v1/beacon/blobs/{slot}?versioned_hashes={query}")
        except RequestRefusedError as refusal:
            if refusal.status in _NO_SUCH_PATH:
                raise NotYetAvailableError(f"{self.name} has no blobs of slot {slot}") from None
            raise
        self._sidecars = False
        what = f"blobs of slot {slot} from {self.name}"
        return [
            BlobSidecar(blob=fixed(item, _BLOB_BYTES, what), commitment=None, proof=None)
            for item in array(blobs, what)
        ]

    def _read_sidecars(self, value: Json, slot: int) -> list[BlobSidecar]:
        what = f"blob sidecars of slot {slot} from {self.name}"
        sidecars = []
        for item in array(value, what):
            obj = record(item, what)
            sidecars.append(
                BlobSidecar(
                    blob=fixed(obj.get("blob"), _BLOB_BYTES, f"{what}: blob"),
                    commitment=data(obj.get("kzg_commitment"), f"{what}: commitment"),
                    proof=data(obj.get("kzg_proof"), f"{what}: proof"),
                )
            )
        return sidecars

    async def _read_clock(self) -> tuple[int, int]:
        genesis = record(await self._get("/eth/v1/beacon/genesis"), "beacon genesis")
        start = integer(member(genesis, "genesis_time", "beacon genesis"), "genesis_time")
        try:
            spec = record(await self._get("/eth/v1/config/spec"), "beacon spec")
        except RequestRefusedError as refusal:
            if refusal.status not in _NO_SUCH_PATH:
                raise
            return start, 0
        seconds = integer(member(spec, "SECONDS_PER_SLOT", "beacon spec"), "SECONDS_PER_SLOT", 32)
        if seconds == 0:
            raise MalformedResponseError("SECONDS_PER_SLOT", expected="above 0", actual=0)
        return start, seconds

    async def _get(self, path: str) -> Json:
        """Return the `data` member of the answer; RequestRefusedError for HTTP 4xx."""
        what = f"GET {path.partition('?')[0]}"
        answer = await self._endpoint.send(what, path=path)
        where = f"{what} at {self.name}"
        if answer.status >= 400:
            raise RequestRefusedError(where, status=answer.status)
        return member(record(parse_json(answer.body, where), where), "data", where)
