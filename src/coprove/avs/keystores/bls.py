"""BLS keystores of EigenLayer's tools: the G1 key in plain text, the secret encrypted.

`{"pubKey": "E([X,Y])", "crypto": {…}}`; some tools add a version, which is 3. Version 4 is another
form (`version4`), which is read. Source: eigensdk-go, crypto/bls; the text of the point is
gnark-crypto's.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from coprove.avs.bls import Bn254Error, SecretKey
from coprove.avs.errors import KeyMismatchError, KeystoreError
from coprove.avs.keystores import version4
from coprove.avs.keystores.fields import object_field
from coprove.avs.keystores.files import read_object, write_private
from coprove.avs.keystores.secret_storage import STANDARD, open_secret, seal_secret
from coprove.primitives.bn254 import FIELD_MODULUS

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.avs.bls import G1Point
    from coprove.avs.bls.points import G1Coordinates
    from coprove.avs.keystores.password import Password
    from coprove.avs.keystores.secret_storage import ScryptCost
    from coprove.primitives.bounded_json import Json

__all__ = ["point_text", "read_bls_keystore", "write_bls_keystore"]

_VERSION = 3
_POINT = re.compile(r"E\(\[(-?[0-9]{1,80}),(-?[0-9]{1,80})\]\)")
_SMALL_NEGATIVES = 65_535


def read_bls_keystore(path: Path, password: Password) -> SecretKey:
    """Open a keystore without a version, of version 3, or of version 4.

    KeystoreError when the file is damaged or none of a BLS key, WrongPasswordError when it does
    not open, KeyMismatchError when its public key is not the secret's.
    """
    what = f"BLS keystore {path}"
    fields = read_object(path, what)
    version = fields.get("version", _VERSION)
    if isinstance(version, bool) or version not in (_VERSION, version4.VERSION):
        raise KeystoreError(f"{what}: version", expected="3, 4 or none", actual=version)
    if version == version4.VERSION:
        stated: str | G1Coordinates = version4.stated_key(fields, what)
        key = _key(version4.open_secret(fields, password, what), what)
        found: str | G1Coordinates = version4.compressed(key.public_key.g1)
    else:
        stated = _coordinates(fields.get("pubKey"), what)
        key = _key(open_secret(object_field(fields, "crypto", what), password, what), what)
        found = key.public_key.g1.coordinates
    if found != stated:
        raise KeyMismatchError(f"{what}: public key", expected=found, actual=stated)
    return key


def write_bls_keystore(
    path: Path,
    key: SecretKey,
    password: Password,
    *,
    cost: ScryptCost = STANDARD,
    with_version: bool = False,
) -> None:
    """Write a new keystore, readable by the owner alone.

    KeystoreError when there is a file of that name, the place cannot be written to or the password
    is empty. `with_version` adds `"version": 3`.
    """
    fields: dict[str, Json] = {
        "pubKey": point_text(key.public_key.g1),
        "crypto": seal_secret(key.scalar, password, cost),
    }
    if with_version:
        fields["version"] = _VERSION
    write_private(path, json.dumps(fields).encode(), f"BLS keystore {path}")


def point_text(point: G1Point) -> str:
    """Return the text of a finite point: E([X,Y]), just below p as negative numbers."""
    x, y = (
        number - FIELD_MODULUS if FIELD_MODULUS - number <= _SMALL_NEGATIVES else number
        for number in point.coordinates
    )
    return f"E([{x},{y}])"


def _key(secret: bytes, what: str) -> SecretKey:
    try:
        return SecretKey(secret)
    except Bn254Error:
        raise KeystoreError(
            what, expected="a secret from 1 to r - 1", actual="another one"
        ) from None


def _coordinates(text: Json, what: str) -> tuple[int, int]:
    # An ECDSA keystore has the same form without it.
    found = _POINT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise KeystoreError(f"{what}: pubKey", expected="E([X,Y])", actual=text)
    numbers = (int(found[1]), int(found[2]))
    if not all(-_SMALL_NEGATIVES <= number < FIELD_MODULUS for number in numbers):
        raise KeystoreError(f"{what}: pubKey", expected="coordinates below p", actual=text)
    return numbers[0] % FIELD_MODULUS, numbers[1] % FIELD_MODULUS
