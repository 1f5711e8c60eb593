"""Keeping only the part of a range's state witness that belongs to the state before the range.

The executor keeps its trie from block to block, so nodes that a block of the range creates need
not be given. What is left is what can be reached from the agreed state root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import keccak256, rlp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coprove.primitives.rlp import Item

__all__ = ["PrestateFilter", "prestate"]


class PrestateFilter:
    """Takes nodes as they come and keeps those of the state before the range.

    A node is kept when one that is kept refers to it. Witnesses must come in the order of their
    blocks: whatever a later block reads of the old state hangs under a node that this block, or an
    earlier one that changed it, has read as well.
    """

    def __init__(self, state_root: bytes) -> None:
        """Begin with nothing but the agreed state root."""
        self.nodes: dict[bytes, bytes] = {}
        self._wanted: dict[bytes, bool] = {state_root: True}

    def add(self, nodes: Iterable[bytes]) -> list[bytes]:
        """Return those of `nodes` that are kept and were not yet, parents first.

        Raises RlpError when one of them is no trie node.
        """
        fresh = {keccak256(node): node for node in nodes}
        pending = [name for name in fresh if name in self._wanted]
        kept: list[bytes] = []
        while pending:
            name = pending.pop()
            node = fresh.pop(name)
            self.nodes[name] = node
            kept.append(node)
            for child, accounts in _references(node, self._wanted.pop(name)):
                if child not in self.nodes and child not in self._wanted:
                    self._wanted[child] = accounts
                    if child in fresh:
                        pending.append(child)
        return kept


def prestate(
    state_root: bytes, nodes: Iterable[bytes], codes: Iterable[bytes]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the nodes under `state_root`, parents first, and the codes of accounts among them.

    Both come in an order that does not depend on that of the arguments. Nodes that are not given
    are passed over; RlpError when a reachable one is no trie node.
    """
    by_hash = {keccak256(node): node for node in nodes}
    by_code_hash = {keccak256(code): code for code in codes}
    reached: dict[bytes, bytes] = {}
    kept: dict[bytes, bytes] = {}
    pending: list[tuple[bytes, bool]] = [(state_root, True)]
    while pending:
        name, accounts = pending.pop()
        node = by_hash.get(name)
        if node is None or name in reached:
            continue
        reached[name] = node
        for code in _code_hashes(node) if accounts else ():
            if code in by_code_hash:
                kept[code] = by_code_hash[code]
        pending += _references(node, accounts)
    return tuple(reached.values()), tuple(kept.values())


def _references(node: bytes, accounts: bool) -> Iterator[tuple[bytes, bool]]:
    """Yield the hashes of nodes under this one, each with whether accounts lie under it."""
    for reference in _children(rlp.decode_list(node, "trie node")):
        if isinstance(reference, bytes):
            yield reference, accounts
        elif accounts:
            account = rlp.decode_list(rlp.expect_bytes(reference[1], "account"), "account", 4)
            yield rlp.expect_bytes(account[2], "storage root", 32), False


def _code_hashes(node: bytes) -> Iterator[bytes]:
    """Yield the code hashes of the accounts in this node of the account trie."""
    for reference in _children(rlp.decode_list(node, "trie node")):
        if isinstance(reference, list):
            account = rlp.decode_list(rlp.expect_bytes(reference[1], "account"), "account", 4)
            yield rlp.expect_bytes(account[3], "code hash", 32)


def _children(items: list[Item]) -> Iterator[bytes | list[Item]]:
    """Yield what a node refers to by hash, and the leaves in it; embedded nodes are entered."""
    if len(items) == 17:
        for child in items[:16]:
            if isinstance(child, list):
                yield from _children(child)
            elif child:
                yield child
    elif len(items) == 2:
        path, child = rlp.expect_bytes(items[0], "trie path"), items[1]
        if path and path[0] >= 0x20:
            yield items
        elif isinstance(child, list):
            yield from _children(child)
        else:
            yield child
    else:
        raise rlp.RlpError("trie node", expected="2 or 17 items", actual=len(items))
