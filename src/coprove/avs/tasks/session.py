"""How an operator shows an aggregator who it is: a signed handshake, made for one aggregator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eth_abi.abi import encode

from coprove.avs.tasks.fields import decimal_number, hex_bytes, number, record
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.types import Address

__all__ = ["Handshake", "SessionScope", "audience_of"]

_DOMAIN: Final = keccak256(b"coprove.avs.session.v1")
"""No digest of a state begins so: an ABI-encoded tuple begins with 0x20."""
_URL: Final = re.compile(r"https?://[\x21-\x7e]{1,500}")


def audience_of(url: str) -> str:
    """Return an aggregator's URL in the one spelling that is signed; InputError for another text.

    Lower case, without user, query or a slash at the end.
    """
    scheme, _, rest = url.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    named, slash, path = place.partition("/")
    host = named.rpartition("@")[2].lower()
    if not _URL.fullmatch(url) or not host:
        raise InputError("audience", expected="an HTTP URL", actual=f"{len(url)} characters")
    return f"{scheme}://{host}{slash}{path}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionScope:
    """For whom a handshake is made; nobody else takes it."""

    audience: str
    """The aggregator's URL (`audience_of`)."""
    chain_id: int
    """EIP-155 id of L1."""
    service_manager: Address
    """The AVS."""

    def digest(self, operator_id: Hash32, time: int) -> Hash32:
        """Return what an operator signs with its BLS key at a time in Unix seconds."""
        kinds = ["bytes32", "string", "uint256", "address", "bytes32", "uint64"]
        values = (
            _DOMAIN,
            self.audience,
            self.chain_id,
            bytes(self.service_manager),
            bytes(operator_id),
            time,
        )
        return Hash32(keccak256(encode(kinds, values)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What an operator sends to `POST /v1/session`; nothing of it is verified."""

    operator_id: Hash32
    """Who it says it is."""
    time: int
    """Unix seconds of its clock."""
    audience: str
    """Whom it speaks to (`audience_of`)."""
    signature: tuple[int, int]
    """X and Y of its BLS signature over `SessionScope.digest`."""

    def to_json(self) -> dict[str, object]:
        """Return the request's body."""
        x, y = self.signature
        return {
            "operator_id": self.operator_id.hex0x,
            "time": self.time,
            "audience": self.audience,
            "signature": {"g1_point": {"X": str(x), "Y": str(y)}},
        }

    @classmethod
    def from_json(cls, value: object) -> Handshake:
        """Read a body; InputError names what is wrong in it."""
        values = record(value, "session")
        audience = values.get("audience")
        if not isinstance(audience, str):
            raise InputError("audience", expected="a URL", actual=type(audience).__name__)
        point = record(record(values.get("signature"), "signature").get("g1_point"), "g1_point")
        return cls(
            operator_id=Hash32(hex_bytes(values, "operator_id", exactly=Hash32.SIZE)),
            time=number(values, "time", bits=63),
            audience=audience_of(audience),
            signature=(decimal_number(point, "X"), decimal_number(point, "Y")),
        )
