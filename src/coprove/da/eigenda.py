"""EigenDA through its proxy: certificates as commitments, payloads as inputs.

The proxy checks a certificate: stake signatures by a contract call, the blob by its commitment.
Here nothing of that can be told from the bytes, so the proxy must be one's own, as op-node's is.
What is checked is the form of the commitment and, on request, the encoding of the payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.da.alt_da import OCTETS
from coprove.da.commitments import GenericCommitment
from coprove.da.errors import CommitmentError, DaFailoverError, InputDroppedError
from coprove.errors import InputError
from coprove.primitives import rlp
from coprove.rpc.errors import (
    EndpointUnavailableError,
    MalformedResponseError,
    NotYetAvailableError,
    RequestRefusedError,
)
from coprove.rpc.fields import integer, record
from coprove.rpc.http import EndpointClient, EndpointOptions, parse_json

if TYPE_CHECKING:
    import aiohttp

    from coprove.da.commitments import Commitment
    from coprove.types import L1BlockRef

__all__ = [
    "EIGENDA_LAYER",
    "EigenDaClient",
    "check_certificate",
    "decode_payload",
    "encode_payload",
]

EIGENDA_LAYER = 0
"""The DA layer byte of EigenDA in a generic commitment."""

_VERSIONS = range(4)
_TEAPOT = 418
_SYMBOL = 32
_DATA_IN_SYMBOL = 31
_LONGEST_BLOB = 16 << 20
_REASONS = {
    1: "the certificate does not parse",
    2: "the certificate was included too late",
    3: "the certificate is invalid",
    4: "the blob does not decode",
}


class EigenDaClient(EndpointClient):
    """An InputSource over one EigenDA proxy. Use as an async context manager, or `close()` it."""

    def __init__(
        self,
        url: str,
        options: EndpointOptions | None = None,
        *,
        encoded: bool = False,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        """`url` is the base, without /get; it may hold credentials.

        With `encoded` the proxy is asked for the payload in its encoding, which is checked and
        undone here (return_encoded_payload).
        """
        super().__init__(url, options, session)
        self._encoded = encoded

    async def fetch(self, commitment: Commitment, included_at: L1BlockRef) -> bytes:
        """Return the payload under a certificate; its bytes are the proxy's word.

        CommitmentError for what is no certificate, InputDroppedError when the proxy calls it
        invalid or too late, NotYetAvailableError when the blob is not there.
        """
        check_certificate(commitment)
        query = f"l1_inclusion_block_number={included_at.number}"
        if self._encoded:
            query += "&return_encoded_payload=true"
        what = f"GET /get/0x{commitment.encode().hex()[:20]}…"
        path = f"/get/0x{commitment.encode().hex()}?{query}"
        answer = await self._endpoint.send(what, path=path)
        where = f"{what} at {self.name}"
        if answer.status == _TEAPOT:
            told = record(parse_json(answer.body, where), where)
            code = integer(told.get("StatusCode"), f"{where}: StatusCode", 16)
            if code not in _REASONS:
                raise MalformedResponseError(where, expected="StatusCode 1 to 4", actual=code)
            raise InputDroppedError(where, expected="a valid certificate", actual=_REASONS[code])
        if answer.status == 404:
            raise NotYetAvailableError(f"{where}: not there")
        if answer.status != 200:
            raise RequestRefusedError(where, status=answer.status)
        return decode_payload(answer.body) if self._encoded else answer.body

    async def store(self, payload: bytes) -> Commitment:
        """Disperse a payload and return its commitment; takes as long as EigenDA confirms it.

        DaFailoverError when the proxy says to use L1 instead (HTTP 503), CommitmentError when it
        answers with no certificate.
        """
        if not payload:
            raise InputError("DA payload", expected="at least one byte", actual="none")
        try:
            answer = await self._endpoint.send(
                "POST /put", path="/put", body=payload, content_type=OCTETS
            )
        except EndpointUnavailableError as failure:
            raise DaFailoverError(f"{self.name}: {failure}") from None
        if answer.status != 200:
            raise RequestRefusedError(f"POST /put at {self.name}", status=answer.status)
        body = answer.body
        if body[:1] != b"\x01" or len(body) < 2:
            raise CommitmentError("EigenDA commitment", expected="type 1", actual=body[:8].hex())
        commitment = GenericCommitment(body[1], body[2:])
        check_certificate(commitment)
        return commitment


def check_certificate(commitment: Commitment) -> GenericCommitment:
    """Return a commitment that has the form of an EigenDA certificate; CommitmentError else.

    01 00, the certificate's version, and its RLP: a list.
    """
    if not isinstance(commitment, GenericCommitment) or commitment.layer != EIGENDA_LAYER:
        raise CommitmentError(
            "EigenDA commitment", expected="01 00", actual=commitment.encode()[:2].hex()
        )
    version = commitment.payload[:1]
    if len(version) != 1 or version[0] not in _VERSIONS:
        raise CommitmentError("EigenDA certificate", expected="version 0 to 3", actual=version)
    try:
        rlp.decode_list(commitment.payload[1:], "EigenDA certificate")
    except rlp.RlpError as error:
        raise CommitmentError("EigenDA certificate", expected="RLP", actual=error) from None
    return commitment


def encode_payload(payload: bytes) -> bytes:
    """Return the encoded payload of version 0: a header, then 31 bytes in each 32-byte symbol.

    The symbols are padded to a power of two in number. InputError above 16 MiB.
    """
    symbols = 1 + -(-len(payload) // _DATA_IN_SYMBOL)
    size = _SYMBOL << (symbols - 1).bit_length()
    if size > _LONGEST_BLOB:
        raise InputError("DA payload", expected="at most 16 MiB encoded", actual=len(payload))
    header = bytes(2) + len(payload).to_bytes(4, "big")
    body = b"".join(
        b"\x00" + payload[at : at + _DATA_IN_SYMBOL].ljust(_DATA_IN_SYMBOL, b"\x00")
        for at in range(0, len(payload), _DATA_IN_SYMBOL)
    )
    return (header.ljust(_SYMBOL, b"\x00") + body).ljust(size, b"\x00")


def decode_payload(encoded: bytes) -> bytes:
    """Return the payload in an encoded one; InputDroppedError when it is not just its encoding."""
    what = "encoded payload"
    size = len(encoded)
    if size < _SYMBOL or size > _LONGEST_BLOB or size % _SYMBOL or size & (size - 1):
        raise InputDroppedError(what, expected="2**k symbols up to 16 MiB", actual=f"{size} bytes")
    length = int.from_bytes(encoded[2:6], "big")
    if length > (size // _SYMBOL - 1) * _DATA_IN_SYMBOL:
        raise InputDroppedError(what, expected="a length that fits", actual=length)
    body = b"".join(encoded[at + 1 : at + _SYMBOL] for at in range(_SYMBOL, size, _SYMBOL))
    payload = body[:length]
    padded = encode_payload(payload)
    # Fewer symbols may be padded to more than the next power of two: zeros all the same.
    if padded.ljust(size, b"\x00") != encoded:
        raise InputDroppedError(what, expected="version 0, zeros between", actual="other bytes")
    return payload
