"""Whether a prover signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.execution import ecrecover

if TYPE_CHECKING:
    from coprove.types import Address, Hash32

__all__ = ["signed_by_prover"]

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_ETHEREUM_V: Final = 27


def signed_by_prover(address: Address, digest: Hash32, signature: bytes) -> bool:
    """Whether the signature is the address's: 65 bytes, the lower s, v 0, 1, 27 or 28.

    Older provers write v from 0.
    """
    if len(signature) != 65 or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return False
    if signature[64] < _ETHEREUM_V:
        signature = signature[:64] + bytes([signature[64] + _ETHEREUM_V])
    return ecrecover(digest, signature) == address
