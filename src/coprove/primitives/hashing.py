"""Keccak-256, trie roots of lists and transaction senders, computed by the native kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coprove import _native
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "input_error",
    "keccak256",
    "ordered_trie_nodes",
    "ordered_trie_root",
    "recover_sender",
    "recover_senders",
]


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte Keccak-256 digest of `data`."""
    return _native.keccak256(data)


def ordered_trie_root(items: Sequence[bytes]) -> bytes:
    """Return the root of the Merkle-Patricia trie that maps rlp(index) to each item.

    With EIP-2718 encoded items this is a header's transactionsRoot or receiptsRoot. No items give
    the root of the empty trie.
    """
    return _native.ordered_trie_root(items)


def ordered_trie_nodes(items: Sequence[bytes]) -> list[bytes]:
    """Return all nodes of the trie of `ordered_trie_root` that are found by hash, the root first.

    No items give the one node of the empty trie.
    """
    return _native.ordered_trie_nodes(items)


def recover_sender(raw_tx: bytes) -> bytes:
    """Return the 20-byte sender of a signed EIP-2718 transaction of any type that L1 knows.

    Types 0 to 4; a blob transaction comes without its sidecar, as in a block. Raises InputError
    for anything else, trailing bytes, or a signature that gives no sender (EIP-2's low-s rule
    included).
    """
    try:
        return _native.recover_sender(raw_tx)
    except _native.NativeError as error:
        raise input_error(error) from None


def recover_senders(raw_txs: Sequence[bytes]) -> list[bytes]:
    """Return `recover_sender` of each transaction, in threads when there are many."""
    try:
        return _native.recover_senders(raw_txs)
    except _native.NativeError as error:
        raise input_error(error) from None


def input_error(error: _native.NativeError) -> Exception:
    """Turn a native failure into InputError; a fault of the kernel itself stays what it is."""
    kind, _message, details = error.args
    if kind != "input":
        return error
    found: dict[str, Any] = details
    return InputError(found["what"], expected=found["expected"], actual=found["actual"])
