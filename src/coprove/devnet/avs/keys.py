"""Keys of the devnet's operators: they follow from their number and are anyone's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from coprove.avs.bls import SecretKey
from coprove.avs.keystores import Password, write_bls_keystore
from coprove.devnet.accounts import DevAccounts, Role
from coprove.primitives import keccak256
from coprove.primitives.bn254 import CURVE_ORDER
from coprove.types import Address

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bls_key_of", "operator_account", "write_keys", "write_secret"]

_PASSWORD: Final = "devnet"  # noqa: S105 - the keys are public


def bls_key_of(index: int) -> SecretKey:
    """Return the BLS key of operator number `index`, from 0."""
    scalar = int.from_bytes(keccak256(f"coprove devnet operator {index}".encode())) % CURVE_ORDER
    return SecretKey(scalar.to_bytes(32, "big"))


def operator_account(index: int) -> Address:
    """Return the account of operator number `index`, from 0."""
    return Address.from_hex(DevAccounts().account(Role.OPERATOR + index).address.lower())


def write_keys(folder: Path, index: int) -> dict[str, Path]:
    """Write an operator's keys as its settings name them; return setting and file."""
    folder.mkdir(parents=True, exist_ok=True)
    account, bls, password = folder / "account", folder / "bls.json", folder / "password"
    write_secret(account, bytes(DevAccounts().account(Role.OPERATOR + index).key).hex())
    write_secret(password, _PASSWORD)
    if not bls.exists():
        write_bls_keystore(bls, bls_key_of(index), Password(_PASSWORD))
    return {"private_key_file": account, "bls_keystore": bls, "bls_password_file": password}


def write_secret(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
