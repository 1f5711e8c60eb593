"""Whether a prover signed: its key is recovered once, and then only verified with."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from coprove.attestation import prover_address
from coprove.prover.tee.enclave.key import recover_prover

if TYPE_CHECKING:
    from coprove.types import Address, Hash32

__all__ = ["ProverSignatures"]

_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ALGORITHM: Final = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_ETHEREUM_V: Final = 27
_CAPACITY: Final = 4096


class ProverSignatures:
    """Verifies provers' signatures; for one thread at a time.

    A key is learned from the first good signature of its address. Verifying with a known one takes
    a twentieth of recovering one that is not.
    """

    def __init__(self) -> None:
        """Know no key yet."""
        self._keys: OrderedDict[Address, ec.EllipticCurvePublicKey] = OrderedDict()

    def knows(self, address: Address) -> bool:
        """Whether the key of an address is known, so that checking it is quick."""
        return address in self._keys

    def is_by(self, address: Address, digest: Hash32, signature: bytes) -> bool:
        """Whether the signature, of 65 bytes with v 0, 1, 27 or 28, is the address's."""
        r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
        v = signature[64] if signature[64] >= _ETHEREUM_V else signature[64] + _ETHEREUM_V
        if not 0 < r < _ORDER or not 0 < s <= _ORDER // 2 or v - _ETHEREUM_V not in (0, 1):
            return False
        known = self._keys.get(address)
        if known is None:
            return self._learned(address, digest, signature[:64] + bytes([v]))
        self._keys.move_to_end(address)
        try:
            known.verify(utils.encode_dss_signature(r, s), digest, _ALGORITHM)
        except InvalidSignature:
            return False
        return True

    def _learned(self, address: Address, digest: Hash32, signature: bytes) -> bool:
        found = recover_prover(digest, signature)
        if found is None or prover_address(found) != address:
            return False
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(found[:32], "big"), int.from_bytes(found[32:], "big"), ec.SECP256K1()
        )
        self._keys[address] = numbers.public_key()
        if len(self._keys) > _CAPACITY:
            self._keys.popitem(last=False)
        return True
