"""The prover's key: born here, used here, never written, shown or copied."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature

from coprove.attestation import prover_address

if TYPE_CHECKING:
    from coprove.types import Address, Hash32

__all__ = ["ProverKey", "recover_prover"]

_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_LOWEST_V: Final = 27
# RFC 6979: no randomness that a host could starve has a part in a signature.
_ALGORITHM: Final = ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True)

_STAYS: Final = "a prover's key does not leave its process"
_KEYS: Final[weakref.WeakSet[ProverKey]] = weakref.WeakSet()


class ProverKey:
    """A secp256k1 key pair whose private half stays in OpenSSL's memory of this process.

    There is no way to read, copy or pickle it, and a forked child forgets it: a process that starts
    again has another one.
    """

    __slots__ = ("__weakref__", "_private", "address", "public_key")

    def __init__(self) -> None:
        """Make a new key from the platform's randomness."""
        private = ec.generate_private_key(ec.SECP256K1())
        self._private: ec.EllipticCurvePrivateKey | None = private
        _KEYS.add(self)
        numbers = private.public_key().public_numbers()
        self.public_key = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        self.address: Address = prover_address(self.public_key)

    def __repr__(self) -> str:
        """Show the address alone."""
        return f"ProverKey({self.address})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled."""
        raise TypeError(_STAYS)

    def forget(self) -> None:
        """Let go of the private half: nothing is signed from now on."""
        self._private = None

    def sign(self, digest: Hash32) -> bytes:
        """Return the signature of a digest: r, s (the lower one) and v (27 or 28), 65 bytes."""
        if self._private is None:
            raise TypeError(_STAYS)
        r, s = utils.decode_dss_signature(self._private.sign(digest, _ALGORITHM))
        s = min(s, _ORDER - s)
        head = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        for v in (_LOWEST_V, _LOWEST_V + 1):
            signature = head + bytes([v])
            if recover_prover(digest, signature) == self.public_key:
                return signature
        msg = "a signature that does not recover its key"
        raise AssertionError(msg)


def _forget_all() -> None:
    for key in list(_KEYS):
        key.forget()


os.register_at_fork(after_in_child=_forget_all)


def recover_prover(digest: Hash32, signature: bytes) -> bytes | None:
    """Return the key (x ‖ y, 64 bytes) that made a signature of 65 bytes, None when none did.

    Only what is public enters: nothing here has to take the same time for every value.
    """
    if len(signature) != 65 or signature[64] - _LOWEST_V not in (0, 1):
        return None
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    if not 0 < r < _ORDER or not 0 < s <= _ORDER // 2:
        return None
    found: Any = Signature(vrs=(signature[64] - _LOWEST_V, r, s))
    try:
        return bytes(found.recover_public_key_from_msg_hash(digest).to_bytes())
    except BadSignature:
        return None
