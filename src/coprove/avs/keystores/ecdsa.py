"""ECDSA keystores: plain Web3 Secret Storage, version 3 (go-ethereum, accounts/keystore)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from eth_account import Account

from coprove.avs.errors import KeyMismatchError, KeystoreError
from coprove.avs.keystores.fields import object_field
from coprove.avs.keystores.files import read_object, write_private
from coprove.avs.keystores.secret_storage import STANDARD, open_secret, seal_secret

if TYPE_CHECKING:
    from pathlib import Path

    from eth_account.signers.local import LocalAccount

    from coprove.avs.keystores.password import Password
    from coprove.avs.keystores.secret_storage import ScryptCost
    from coprove.primitives.bounded_json import Json

__all__ = ["read_ecdsa_keystore", "write_ecdsa_keystore"]

_VERSION = 3


def read_ecdsa_keystore(path: Path, password: Password) -> LocalAccount:
    """Open a keystore.

    KeystoreError when the file is damaged or of another version, WrongPasswordError when it does
    not open, KeyMismatchError when it states an address that is not the key's.
    """
    what = f"ECDSA keystore {path}"
    fields = read_object(path, what)
    version = fields.get("version")
    if version != _VERSION or isinstance(version, bool):
        raise KeystoreError(f"{what}: version", expected=_VERSION, actual=version)
    account = _account(open_secret(object_field(fields, "crypto", what), password, what), what)
    stated = fields.get("address")
    if stated is not None and _plain(stated) != _plain(account.address):
        raise KeyMismatchError(f"{what}: address", expected=account.address, actual=stated)
    return account


def write_ecdsa_keystore(
    path: Path, account: LocalAccount, password: Password, *, cost: ScryptCost = STANDARD
) -> None:
    """Write a new keystore, readable by the owner alone.

    KeystoreError when there is a file of that name, the place cannot be written to or the password
    is empty.
    """
    fields: dict[str, Json] = {
        "address": _plain(account.address),
        "crypto": seal_secret(bytes(account.key), password, cost),
        "id": str(uuid.uuid4()),
        "version": _VERSION,
    }
    write_private(path, json.dumps(fields).encode(), f"ECDSA keystore {path}")


def _account(secret: bytes, what: str) -> LocalAccount:
    try:
        account: LocalAccount = Account.from_key(secret)
    except Exception:  # noqa: BLE001 - eth-account's messages may show the key
        raise KeystoreError(what, expected="a secp256k1 secret", actual="another value") from None
    return account


def _plain(address: Json) -> str:
    return str(address).lower().removeprefix("0x")
