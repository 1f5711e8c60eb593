"""Checking Merkle-Patricia proofs of accounts and slots (Yellow Paper, appendix D; EIP-1186)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import keccak256, rlp
from coprove.rpc.errors import WrongDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.primitives.rlp import Item

__all__ = ["EMPTY_TRIE_ROOT", "prove"]

EMPTY_TRIE_ROOT = keccak256(rlp.encode(b""))
"""Root of a trie without entries."""


def prove(root: bytes, key: bytes, nodes: Sequence[bytes], what: str) -> bytes | None:
    """Return the value under keccak256(`key`), None when the proof shows that there is none.

    Raises WrongDataError when the nodes do not lead from `root` to either.
    """
    if root == EMPTY_TRIE_ROOT:
        return None
    by_hash = {keccak256(node): node for node in nodes}
    path = keccak256(key).hex()
    current: Item = root
    while True:
        node = _resolve(current, by_hash, what)
        if len(node) == 17:
            if not path:
                value = node[16]
                return rlp.expect_bytes(value, what) or None
            current, path = node[int(path[0], 16)], path[1:]
            if current == b"":
                return None
            continue
        if len(node) != 2:
            raise WrongDataError(what, expected="a trie node", actual=f"{len(node)} items")
        prefix, is_leaf = _prefix(rlp.expect_bytes(node[0], what), what)
        if not path.startswith(prefix):
            return None
        path = path[len(prefix) :]
        if is_leaf:
            return None if path else rlp.expect_bytes(node[1], what)
        current = node[1]


def _resolve(reference: Item, by_hash: dict[bytes, bytes], what: str) -> list[Item]:
    """Return the items of a node given by hash or, when it is short, embedded."""
    if isinstance(reference, list):
        return reference
    node = by_hash.get(reference)
    if node is None:
        raise WrongDataError(what, expected=f"the node 0x{reference.hex()}", actual="no such node")
    try:
        return rlp.decode_list(node, what)
    except rlp.RlpError as error:
        raise WrongDataError(what, expected="the RLP of a trie node", actual=error) from None


def _prefix(compact: bytes, what: str) -> tuple[str, bool]:
    """Undo the hex-prefix encoding: the nibbles, and whether the node is a leaf."""
    digits = compact.hex()
    if not digits or digits[0] not in "0123":
        raise WrongDataError(what, expected="a hex-prefix path", actual=digits)
    flag = int(digits[0])
    return (digits[1:] if flag & 1 else digits[2:]), bool(flag & 2)
