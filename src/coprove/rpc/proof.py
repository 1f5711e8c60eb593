"""Checking Merkle-Patricia proofs of accounts and slots (Yellow Paper, appendix D; EIP-1186)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import keccak256, rlp
from coprove.rpc.errors import LooseNodeError, WrongDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.primitives.rlp import Item

__all__ = ["EMPTY_TRIE_ROOT", "check_linked", "prove"]

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


def check_linked(state_root: bytes, nodes: Sequence[bytes], what: str) -> None:
    """Check that every node hangs under the root or under another of the nodes.

    Raises LooseNodeError for one that does not, which an altered one never does.
    """
    known = {state_root}
    for node in nodes:
        try:
            _refer(rlp.decode_list(node), known)
        except rlp.RlpError as error:
            raise LooseNodeError(what, expected="trie nodes", actual=error) from None
    for node in nodes:
        if (name := keccak256(node)) not in known:
            raise LooseNodeError(what, expected="nodes of one trie", actual=f"node 0x{name.hex()}")


def _refer(node: list[Item], known: set[bytes]) -> None:
    """Add the hashes that a node refers to: its children, an account's storage root."""
    if len(node) == 17:
        for child in node[:16]:
            if isinstance(child, list):
                _refer(child, known)
            elif child:
                known.add(child)
    elif len(node) == 2:
        child = node[1]
        if isinstance(child, list):
            _refer(child, known)
        elif len(child) == 32:
            known.add(child)
        elif len(child) > 66 and child[0] >= 0xF8:
            account = rlp.decode_list(child)
            if len(account) == 4 and isinstance(account[2], bytes):
                known.add(account[2])


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
