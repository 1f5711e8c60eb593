"""Reading a full state: accounts, storage, codes and proofs at one root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove import _native
from coprove.execution.errors import MissingStateError, kernel_errors
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.execution.store import NodeStore

__all__ = ["Account", "AccountProof", "SlotProof", "StateReader"]

_EMPTY_CODE_HASH = Hash32(
    bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
)
_EMPTY_TRIE_ROOT = Hash32(
    bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the state trie has it."""

    nonce: int
    """Transactions sent, or contracts created."""
    balance: int
    """Wei."""
    storage_root: Hash32
    """Root of the storage trie."""
    code_hash: Hash32
    """Keccak-256 of the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotProof:
    """A slot's value and its proof against the storage root."""

    slot: Hash32
    """The slot."""
    value: Hash32
    """Its value, zero when it is not set."""
    proof: tuple[bytes, ...]
    """RLP of the nodes on the path, root first; empty when the storage is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProof:
    """An account and its proofs, as eth_getProof gives them (EIP-1186)."""

    address: Address
    """The account's address."""
    nonce: int
    """Nonce, 0 for an absent account."""
    balance: int
    """Wei, 0 for an absent account."""
    storage_hash: Hash32
    """Storage root; the empty trie's for an absent account."""
    code_hash: Hash32
    """Code hash; the empty code's for an absent account."""
    account_proof: tuple[bytes, ...]
    """RLP of the nodes on the path, root first; it proves absence too."""
    storage_proof: tuple[SlotProof, ...]
    """Proofs of the slots that were asked for, in that order."""


class StateReader:
    """The state at `state_root` in a store; MissingStateError where the store lacks a node."""

    __slots__ = ("_store", "state_root")

    def __init__(self, store: NodeStore, state_root: bytes) -> None:
        """Nothing is read yet."""
        self._store = store
        self.state_root = Hash32(state_root)

    def account(self, address: bytes) -> Account | None:
        """Return the account, None when the state proves that there is none."""
        with kernel_errors():
            found = _native.read_account(self._store.native, self.state_root, address)
        return None if found is None else _account(found)

    def storage(self, address: bytes, slot: bytes) -> Hash32:
        """Return the value of a 32-byte slot, zero when it is not set."""
        with kernel_errors():
            return Hash32(_native.read_storage(self._store.native, self.state_root, address, slot))

    def code(self, address: bytes) -> bytes:
        """Return the account's code, empty when it has none."""
        account = self.account(address)
        if account is None or account.code_hash == _EMPTY_CODE_HASH:
            return b""
        code = self._store.get_code(account.code_hash)
        if code is None:
            raise MissingStateError(
                f"code {account.code_hash} of account 0x{address.hex()} is missing",
                kind="code",
                address=bytes(address),
                node_hash=account.code_hash,
            )
        return code

    def proof(self, address: bytes, slots: Sequence[bytes] = ()) -> AccountProof:
        """Prove the account and each of the 32-byte `slots`, present or absent."""
        with kernel_errors():
            found, nodes, storage = _native.prove(
                self._store.native, self.state_root, address, slots
            )
        account = None if found is None else _account(found)
        return AccountProof(
            address=Address(address),
            nonce=account.nonce if account else 0,
            balance=account.balance if account else 0,
            storage_hash=account.storage_root if account else _EMPTY_TRIE_ROOT,
            code_hash=account.code_hash if account else _EMPTY_CODE_HASH,
            account_proof=tuple(nodes),
            storage_proof=tuple(
                SlotProof(slot=Hash32(slot), value=Hash32(value), proof=tuple(proof))
                for slot, (value, proof) in zip(slots, storage, strict=True)
            ),
        )


def _account(found: tuple[int, bytes, bytes, bytes]) -> Account:
    nonce, balance, storage_root, code_hash = found
    return Account(
        nonce=nonce,
        balance=int.from_bytes(balance, "big"),
        storage_root=Hash32(storage_root),
        code_hash=Hash32(code_hash),
    )
