"""Who signs: a private key, a keystore, or a remote signer. Keys never appear in text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from eth_account import Account

from coprove.contracts.errors import KeyFormatError, SigningError
from coprove.errors import InputError
from coprove.primitives import recover_sender, rlp
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from eth_account.signers.local import LocalAccount

    from coprove.rpc import JsonRpcTransport
    from coprove.rpc.http import Json
    from coprove.types import Hash32
    from coprove.types.transactions import Fees

__all__ = ["LocalSigner", "Signer", "UnsignedTransaction", "Web3Signer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedTransaction:
    """An EIP-1559 transaction without access list."""

    chain_id: int
    """Chain that it is for."""
    nonce: int
    """Number of the sender's transactions before it."""
    fees: Fees
    """What it offers."""
    gas_limit: int
    """Most gas that it may use."""
    to: Address | None
    """Recipient; None creates a contract."""
    value: int
    """Wei."""
    data: bytes
    """Calldata or creation code."""

    def rpc_fields(self) -> dict[str, Json]:
        """Return the fields as eth_signTransaction names them, in hex."""
        fields: dict[str, Json] = {
            "type": "0x2",
            "chainId": hex(self.chain_id),
            "nonce": hex(self.nonce),
            "maxFeePerGas": hex(self.fees.max_fee),
            "maxPriorityFeePerGas": hex(self.fees.priority_fee),
            "gas": hex(self.gas_limit),
            "value": hex(self.value),
            "data": f"0x{self.data.hex()}",
        }
        if self.to is not None:
            fields["to"] = self.to.hex0x
        return fields

    def matches(self, raw: bytes) -> bool:
        """Whether signed EIP-2718 bytes are this transaction."""
        if raw[:1] != b"\x02":
            return False
        try:
            items = rlp.decode(raw[1:])
        except InputError:
            return False
        numbers = (
            self.chain_id,
            self.nonce,
            self.fees.priority_fee,
            self.fees.max_fee,
            self.gas_limit,
        )
        expected: list[rlp.Item] = [_integer(number) for number in numbers]
        expected += [bytes(self.to or b""), _integer(self.value), self.data, []]
        return isinstance(items, list) and len(items) == 12 and items[:9] == expected


class Signer(Protocol):
    """Signs the transactions of one account."""

    @property
    def address(self) -> Address:
        """The account."""

    async def sign(self, transaction: UnsignedTransaction) -> bytes:
        """Return the signed EIP-2718 bytes."""


class LocalSigner:
    """Signs with a key in this process."""

    __slots__ = ("_account", "address")

    def __init__(self, account: LocalAccount) -> None:
        """Take an account of eth-account."""
        self._account = account
        self.address = Address(bytes.fromhex(account.address[2:]))

    def __repr__(self) -> str:
        """Show the address alone."""
        return f"LocalSigner({self.address})"

    @classmethod
    def from_key(cls, text: str) -> LocalSigner:
        """Read a private key of 32 bytes in hex; KeyFormatError otherwise."""
        digits = text.strip().removeprefix("0x")
        failure = KeyFormatError("a private key has 64 hex digits and lies below the curve order")
        if len(digits) != 64 or not digits.isalnum():
            raise failure
        try:
            return cls(Account.from_key(bytes.fromhex(digits)))
        except Exception:  # noqa: BLE001 - eth-account's messages may show the key
            raise failure from None

    @classmethod
    def from_file(cls, path: Path) -> LocalSigner:
        """Read a private key in hex from a file."""
        return cls.from_key(_read(path))

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str]) -> LocalSigner:
        """Read a private key in hex from a variable."""
        if name not in environment:
            raise KeyFormatError(f"the variable {name} is not set")
        return cls.from_key(environment[name])

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> LocalSigner:
        """Open a JSON keystore (Web3 Secret Storage)."""
        try:
            keystore = json.loads(_read(path))
            return cls(Account.from_key(Account.decrypt(keystore, password)))
        except KeyFormatError:
            raise
        except Exception:  # noqa: BLE001 - a wrong password or file; say nothing of its content
            raise KeyFormatError(
                f"{path.name} is no keystore, or its password is another"
            ) from None

    async def sign(self, transaction: UnsignedTransaction) -> bytes:
        """Return the signed EIP-2718 bytes."""
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": transaction.chain_id,
            "nonce": transaction.nonce,
            "maxFeePerGas": transaction.fees.max_fee,
            "maxPriorityFeePerGas": transaction.fees.priority_fee,
            "gas": transaction.gas_limit,
            "value": transaction.value,
            "data": transaction.data,
        }
        if transaction.to is not None:
            fields["to"] = bytes(transaction.to)
        return bytes(self._account.sign_transaction(fields).raw_transaction)

    def sign_digest(self, digest: Hash32) -> bytes:
        """Return r, s, v over a digest of typed data (EIP-712): 65 bytes, low s, v 27 or 28."""
        return bytes(self._account.unsafe_sign_hash(cast("Any", bytes(digest))).signature)


class Web3Signer:
    """Has a remote signer sign by eth_signTransaction, and checks what comes back."""

    def __init__(self, transport: JsonRpcTransport, address: Address) -> None:
        """`address` is an account that the service holds."""
        self._transport = transport
        self.address = address

    def __repr__(self) -> str:
        """Show the address and the redacted endpoint."""
        return f"Web3Signer({self.address} at {self._transport.name})"

    async def sign(self, transaction: UnsignedTransaction) -> bytes:
        """Return the signed bytes; SigningError when they are not this transaction, ours."""
        fields: dict[str, Json] = {**transaction.rpc_fields(), "from": self.address.hex0x}
        answer = await self._transport.call("eth_signTransaction", [fields])
        if isinstance(answer, dict):  # geth's form
            answer = answer.get("raw")
        if not isinstance(answer, str) or not answer.startswith("0x"):
            raise SigningError("the remote signer returned no transaction")
        try:
            raw = bytes.fromhex(answer[2:])
            signed_by = recover_sender(raw)
        except (ValueError, InputError):
            raise SigningError("the remote signer returned no signed transaction") from None
        if not transaction.matches(raw):
            raise SigningError("the remote signer signed another transaction than asked for")
        if signed_by != self.address:
            raise SigningError(f"the remote signer signed as 0x{signed_by.hex()}")
        return raw


def _integer(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise KeyFormatError(f"{path.name} cannot be read") from None
