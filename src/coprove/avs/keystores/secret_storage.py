"""The encrypted part of a keystore: Web3 Secret Storage, version 3, over 32 bytes.

Costs in a file are bounded before anything is derived, so that a hostile file takes neither the
memory nor the time of the process. Source: go-ethereum, accounts/keystore.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from coprove.avs.errors import KeystoreError, WrongPasswordError
from coprove.avs.keystores.fields import hex_field, integer_field, object_field
from coprove.primitives import keccak256

if TYPE_CHECKING:
    from coprove.avs.keystores.password import Password
    from coprove.primitives.bounded_json import Json

__all__ = [
    "LIGHT",
    "SECRET_BYTES",
    "STANDARD",
    "ScryptCost",
    "aes_ctr",
    "check_code",
    "derive_key",
    "expect_cipher",
    "open_secret",
    "seal_secret",
]

SECRET_BYTES = 32
"""Bytes of a secret: a scalar of either curve."""
MAX_MEMORY = 512 * 1024 * 1024
"""Bytes that deriving a key may take; the standard cost takes 256 MiB."""
MAX_SCRYPT_WORK = 1 << 24
"""Most n · r · p; the standard cost has 2^21."""
MAX_PBKDF2_ROUNDS = 10_000_000
"""Most rounds; EIP-2335 and web3 have 262,144."""
_MAX_OPENSSL = MAX_MEMORY + (1 << 20)  # its own count has some blocks more

CIPHER = "aes-128-ctr"
"""The one cipher that tools use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScryptCost:
    """What guessing a password costs, and opening the file too."""

    n: int
    """Memory and time: a power of two."""
    r: int = 8
    """Block size."""
    p: int
    """Passes."""


STANDARD = ScryptCost(n=1 << 18, p=1)
"""256 MiB and about a second: what EigenLayer's tools write."""
LIGHT = ScryptCost(n=1 << 12, p=6)
"""4 MiB and some 100 ms: for keys of no value (go-ethereum's LightScrypt)."""


def seal_secret(secret: bytes, password: Password, cost: ScryptCost) -> dict[str, Json]:
    """Return the `crypto` object of a 32-byte secret; KeystoreError for an empty password."""
    if not password.text:
        raise KeystoreError("password", expected="one that is not empty", actual="an empty one")
    if len(secret) != SECRET_BYTES:
        raise KeystoreError("secret", expected=f"{SECRET_BYTES} bytes", actual=len(secret))
    salt, iv = os.urandom(32), os.urandom(16)
    derived = _scrypt(password.text.encode(), salt, cost, "new keystore")
    ciphertext = aes_ctr(derived[:16], iv, secret)
    return {
        "cipher": CIPHER,
        "ciphertext": ciphertext.hex(),
        "cipherparams": {"iv": iv.hex()},
        "kdf": "scrypt",
        "kdfparams": {"dklen": 32, "n": cost.n, "p": cost.p, "r": cost.r, "salt": salt.hex()},
        "mac": keccak256(derived[16:] + ciphertext).hex(),
    }


def open_secret(crypto: dict[str, Json], password: Password, what: str) -> bytes:
    """Return the 32-byte secret of a `crypto` object; `what` names the file in errors.

    KeystoreError when a field is not what it must be or a cost is out of bounds;
    WrongPasswordError when the code over the ciphertext does not fit.
    """
    expect_cipher(crypto.get("cipher"), what)
    iv = hex_field(object_field(crypto, "cipherparams", what), "iv", what, size=16)
    ciphertext = hex_field(crypto, "ciphertext", what, size=SECRET_BYTES)
    mac = hex_field(crypto, "mac", what, size=32)
    params = object_field(crypto, "kdfparams", what)
    derived = derive_key(crypto.get("kdf"), params, password.text.encode(), what)
    check_code(keccak256(derived[16:] + ciphertext), mac, what)
    return aes_ctr(derived[:16], iv, ciphertext)


def derive_key(kdf: Json, params: dict[str, Json], password: bytes, what: str) -> bytes:
    """Return the 32 bytes that a password gives: 16 of the cipher's key, 16 for the code."""
    length = integer_field(params, "dklen", what)
    if length != 32:
        raise KeystoreError(f"{what}: dklen", expected=32, actual=length)
    salt = hex_field(params, "salt", what)
    match kdf:
        case "scrypt":
            n, r, p = (integer_field(params, name, what) for name in ("n", "r", "p"))
            return _scrypt(password, salt, ScryptCost(n=n, r=r, p=p), what)
        case "pbkdf2":
            return _pbkdf2(password, salt, params, what)
        case _:
            raise KeystoreError(f"{what}: kdf", expected="scrypt or pbkdf2", actual=kdf)


def expect_cipher(cipher: Json, what: str) -> None:
    """Raise KeystoreError for another cipher than the one that all tools use."""
    if cipher != CIPHER:
        raise KeystoreError(f"{what}: cipher", expected=CIPHER, actual=cipher)


def check_code(computed: bytes, stated: bytes, what: str) -> None:
    """Raise WrongPasswordError when the code over the ciphertext is not the file's."""
    if not hmac.compare_digest(computed, stated):
        raise WrongPasswordError(
            what, expected="the password of an unaltered file", actual="a code that does not fit"
        )


def aes_ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Encrypt, or decrypt, with AES in counter mode."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _scrypt(password: bytes, salt: bytes, cost: ScryptCost, what: str) -> bytes:
    n, r, p = cost.n, cost.r, cost.p
    if n < 2 or n & (n - 1):
        raise KeystoreError(f"{what}: scrypt n", expected="a power of two above 1", actual=n)
    if r < 1 or p < 1 or n * r * p > MAX_SCRYPT_WORK or 128 * r * (n + p) > MAX_MEMORY:
        raise KeystoreError(
            f"{what}: scrypt cost",
            expected=f"n·r·p up to {MAX_SCRYPT_WORK} in {MAX_MEMORY} bytes",
            actual=f"n={n}, r={r}, p={p}",
        )
    try:
        return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=_MAX_OPENSSL, dklen=32)
    except ValueError:
        # RFC 7914 has further bounds: n below 2^(16 r).
        raise KeystoreError(
            f"{what}: scrypt cost", expected="one of RFC 7914", actual=f"n={n}, r={r}, p={p}"
        ) from None


def _pbkdf2(password: bytes, salt: bytes, params: dict[str, Json], what: str) -> bytes:
    if params.get("prf") != "hmac-sha256":
        raise KeystoreError(f"{what}: prf", expected="hmac-sha256", actual=params.get("prf"))
    rounds = integer_field(params, "c", what)
    if not 1 <= rounds <= MAX_PBKDF2_ROUNDS:
        raise KeystoreError(f"{what}: c", expected=f"1 to {MAX_PBKDF2_ROUNDS}", actual=rounds)
    return hashlib.pbkdf2_hmac("sha256", password, salt, rounds, dklen=32)
