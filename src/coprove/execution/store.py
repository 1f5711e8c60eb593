"""Trie nodes and codes by their hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coprove import _native
from coprove.errors import InputError
from coprove.execution.errors import kernel_errors
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NodeStore", "genesis_state"]


class NodeStore:
    """A content-addressed store that executors and readers share, from any thread.

    Every piece is hashed when it is added, so what is wrong is never found: a store cannot lie, it
    can only lack something.
    """

    __slots__ = ("native",)

    def __init__(self) -> None:
        """Start empty."""
        self.native = _native.NodeStore()

    def add_nodes(self, flat: bytes) -> int:
        """Add trie nodes (u32 little-endian length and RLP, repeated) and return how many.

        Hashed in threads without the interpreter lock. InputError when a length does not fit.
        """
        with kernel_errors():
            return self.native.add_nodes(flat)

    def add_codes(self, flat: bytes) -> int:
        """Add contract codes in the same form and return how many."""
        with kernel_errors():
            return self.native.add_codes(flat)

    def get_node(self, node_hash: bytes) -> bytes | None:
        """Return the RLP of a node by its 32-byte hash, None when it is not there."""
        with kernel_errors():
            return self.native.get_node(node_hash)

    def get_code(self, code_hash: bytes) -> bytes | None:
        """Return a code by its 32-byte hash, None when it is not there."""
        with kernel_errors():
            return self.native.get_code(code_hash)

    def drain_new(self) -> tuple[bytes, bytes]:
        """Return nodes and codes, flat, that commits and genesis wrote since the last call."""
        with kernel_errors():
            return self.native.drain_new()

    def counts(self) -> tuple[int, int]:
        """Return the numbers of nodes and of codes."""
        return self.native.counts()


def genesis_state(store: NodeStore, alloc: Mapping[str, Any]) -> Hash32:
    """Write the state of a geth genesis `alloc` to the store and return its root.

    `alloc` maps hex addresses to objects with balance, nonce, code and storage, as in geth's
    genesis.json; hex with or without 0x, integers also as numbers. InputError names what is wrong.
    """
    accounts = [
        (
            _fixed(address, 20, "address"),
            _number(account.get("nonce", 0), 64, "nonce"),
            _number(account.get("balance", 0), 256, "balance").to_bytes(32, "big"),
            _hex(account.get("code") or "", "code"),
            list(_slots(account.get("storage") or {})),
        )
        for address, account in alloc.items()
    ]
    with kernel_errors():
        return Hash32(_native.genesis_state(store.native, accounts))


def _slots(storage: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    for slot, value in storage.items():
        yield _padded(slot, "slot"), _padded(value, "slot value")


def _hex(value: object, what: str) -> bytes:
    try:
        if not isinstance(value, str):
            raise TypeError
        return bytes.fromhex(value.removeprefix("0x"))
    except (TypeError, ValueError):
        raise InputError(f"genesis {what}", expected="hex digits", actual=value) from None


def _fixed(value: object, size: int, what: str) -> bytes:
    data = _hex(value, what)
    if len(data) != size:
        raise InputError(f"genesis {what}", expected=f"{size} bytes", actual=value)
    return data


def _padded(value: object, what: str) -> bytes:
    data = _hex(value, what)
    if len(data) > 32:
        raise InputError(f"genesis {what}", expected="up to 32 bytes", actual=value)
    return data.rjust(32, b"\0")


def _number(value: object, bits: int, what: str) -> int:
    """A number, or its decimal or 0x-hex form."""
    try:
        number = int(value, 0) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or not 0 <= number < 1 << bits:
        raise InputError(f"genesis {what}", expected=f"an integer of {bits} bits", actual=value)
    return number
