"""BLS keystores of version 4, EIP-2335's form with curve bn254, as EigenLayer's signers keep them.

The public key is G1's x in 32 bytes, its two highest bits telling which y. Source:
bn254-keystore-go; the compressed point is gnark-crypto's.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

from coprove.avs.errors import KeystoreError
from coprove.avs.keystores.fields import hex_field, object_field
from coprove.avs.keystores.secret_storage import (
    SECRET_BYTES,
    aes_ctr,
    check_code,
    derive_key,
    expect_cipher,
)
from coprove.primitives.bn254 import FIELD_MODULUS

if TYPE_CHECKING:
    from coprove.avs.bls import G1Point
    from coprove.avs.keystores.password import Password
    from coprove.primitives.bounded_json import Json

__all__ = ["VERSION", "compressed", "open_secret", "stated_key"]

VERSION = 4
"""What the field `version` says."""

_CURVE = "bn254"
_SMALLER_Y = 0b10 << 254
_LARGER_Y = 0b11 << 254


def stated_key(fields: dict[str, Json], what: str) -> str:
    """Return the field `pubkey` in lower-case hex; KeystoreError for a key of another curve."""
    if fields.get("curve") != _CURVE:
        raise KeystoreError(f"{what}: curve", expected=_CURVE, actual=fields.get("curve"))
    return hex_field(fields, "pubkey", what, size=32).hex()


def open_secret(fields: dict[str, Json], password: Password, what: str) -> bytes:
    """Return the 32-byte secret; errors as of `secret_storage.open_secret`."""
    crypto = object_field(fields, "crypto", what)
    kdf, cipher, checksum = (
        object_field(crypto, name, what) for name in ("kdf", "cipher", "checksum")
    )
    expect_cipher(cipher.get("function"), what)
    iv = hex_field(object_field(cipher, "params", what), "iv", what, size=16)
    ciphertext = hex_field(cipher, "message", what, size=SECRET_BYTES)
    if checksum.get("function") != "sha256":
        raise KeystoreError(f"{what}: checksum", expected="sha256", actual=checksum.get("function"))
    code = hex_field(checksum, "message", what, size=32)
    params = object_field(kdf, "params", what)
    derived = derive_key(kdf.get("function"), params, _normal(password.text), what)
    check_code(hashlib.sha256(derived[16:] + ciphertext).digest(), code, what)
    return aes_ctr(derived[:16], iv, ciphertext)


def compressed(point: G1Point) -> str:
    """Return the compressed form of a finite point in hex."""
    x, y = point.coordinates
    mark = _LARGER_Y if 2 * y > FIELD_MODULUS else _SMALLER_Y
    return (x | mark).to_bytes(32, "big").hex()


def _normal(text: str) -> bytes:
    """Return a password as EIP-2335 hashes it: NFKD, without control characters."""
    characters = unicodedata.normalize("NFKD", text)
    return "".join(one for one in characters if unicodedata.category(one) != "Cc").encode()
