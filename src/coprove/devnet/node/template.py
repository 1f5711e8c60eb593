"""The predeploys and preinstalls of an L2 genesis, as package data.

`data/predeploys.json.gz` holds what op-deployer put into the recorded chain's genesis (forks
through Holocene) without its funded accounts, each code once.
"""

from __future__ import annotations

import gzip
import json
import re
from importlib import resources
from typing import Any, Final, cast

from coprove.errors import InputError

__all__ = ["GethAccount", "compact_template", "expand_template", "load_template"]

GethAccount = dict[str, Any]
"""One account of a geth genesis: `balance`, `nonce`, `code` and `storage` in hex."""

_FORMAT: Final = "coprove-predeploys-1"
_ADDRESS = re.compile(r"[0-9a-f]{40}")


def compact_template(alloc: dict[str, GethAccount]) -> bytes:
    """Pack the accounts of a geth `alloc` that are contracts or precompiles, drop funded ones.

    The result is a deterministic gzip; `expand_template` is its inverse.
    """
    codes: dict[str, int] = {}
    accounts: dict[str, list[Any]] = {}
    for name in sorted(alloc):
        account = alloc[name]
        code, address = account.get("code", "0x"), name.removeprefix("0x").lower()
        is_precompile = int(address, 16) < 2**16
        if code == "0x" and not account.get("storage") and not is_precompile:
            continue
        accounts[address] = [
            codes.setdefault(code, len(codes)),
            account.get("balance", "0x0"),
            account.get("nonce", "0x0"),
            account.get("storage", {}),
        ]
    packed = {"format": _FORMAT, "codes": list(codes), "accounts": accounts}
    return gzip.compress(json.dumps(packed, separators=(",", ":")).encode(), 9, mtime=0)


def expand_template(data: bytes) -> dict[str, GethAccount]:
    """Unpack a template to a geth `alloc`; `InputError` when it is not one."""
    try:
        packed = json.loads(gzip.decompress(data))
        if packed["format"] != _FORMAT:
            raise InputError("genesis template", expected=_FORMAT, actual=packed["format"])
        codes, accounts = packed["codes"], packed["accounts"]
        alloc = {
            name: {"code": codes[code], "balance": balance, "nonce": nonce, "storage": storage}
            for name, (code, balance, nonce, storage) in accounts.items()
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError("genesis template", expected=_FORMAT, actual=error) from error
    if not all(_ADDRESS.fullmatch(name) for name in alloc):
        raise InputError("genesis template", expected="addresses", actual="other keys")
    return cast("dict[str, GethAccount]", alloc)


def load_template() -> dict[str, GethAccount]:
    """The template that ships with the package, as a geth `alloc`."""
    data = resources.files("coprove.devnet").joinpath("data/predeploys.json.gz").read_bytes()
    return expand_template(data)
