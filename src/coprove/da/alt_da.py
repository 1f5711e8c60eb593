"""A DA server as op-alt-da has it: inputs by GET /get/0x<commitment>, stored by POST /put."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.da.commitments import KeccakCommitment, read_commitment
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.rpc.errors import NotYetAvailableError, RequestRefusedError
from coprove.rpc.http import EndpointClient, EndpointOptions

if TYPE_CHECKING:
    import aiohttp

    from coprove.da.commitments import Commitment
    from coprove.types import L1BlockRef

__all__ = ["AltDaClient"]

OCTETS = "application/octet-stream"


class AltDaClient(EndpointClient):
    """An InputSource over one DA server. Use as an async context manager, or `close()` it."""

    def __init__(
        self,
        url: str,
        options: EndpointOptions | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        """`url` is the base, without /get; it may hold credentials."""
        super().__init__(url, options, session)

    async def fetch(self, commitment: Commitment, included_at: L1BlockRef) -> bytes:  # noqa: ARG002 - the server does not ask for it
        """Return the input; one under a keccak commitment is checked by its hash.

        NotYetAvailableError when the server does not have it, RequestRefusedError for another
        HTTP status, WrongDataError for another input.
        """
        what = f"GET /get/0x{commitment.encode().hex()[:80]}"
        answer = await self._endpoint.send(what, path=f"/get/0x{commitment.encode().hex()}")
        if answer.status == 404:
            raise NotYetAvailableError(f"{what} at {self.name}: not there")
        if answer.status != 200:
            raise RequestRefusedError(f"{what} at {self.name}", status=answer.status)
        commitment.check(answer.body, self.name)
        return answer.body

    async def store(self, data: bytes, *, keccak: bool = True) -> Commitment:
        """Store an input and return its commitment.

        With `keccak` the commitment is the input's hash, told to the server; else the server
        chooses one of its layer. InputError for an empty input, CommitmentError when the server
        answers with no commitment.
        """
        if not data:
            raise InputError("DA input", expected="at least one byte", actual="none")
        named: Commitment | None = KeccakCommitment(keccak256(data)) if keccak else None
        path = "/put" if named is None else f"/put/0x{named.encode().hex()}"
        answer = await self._endpoint.send("POST /put", path=path, body=data, content_type=OCTETS)
        if answer.status != 200:
            raise RequestRefusedError(f"POST /put at {self.name}", status=answer.status)
        return read_commitment(answer.body) if named is None else named
