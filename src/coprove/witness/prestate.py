"""Keeping only the part of a range's state witness that belongs to the state before the range.

The executor keeps its trie from block to block, so nodes that a block of the range creates need
not be given. What is left is what can be reached from the agreed state root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import keccak256, rlp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coprove.primitives.rlp import Item

__all__ = ["prestate"]


def prestate(
    state_root: bytes, nodes: Iterable[bytes], codes: Iterable[bytes]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the nodes under `state_root`, parents first, and the codes of accounts among them.

    Nodes that are not given are passed over; RlpError when a reachable one is no trie node.
    """
    by_hash = {keccak256(node): node for node in nodes}
    reached: dict[bytes, bytes] = {}
    code_hashes: set[bytes] = set()
    pending: list[tuple[Item, bool]] = [(state_root, True)]
    while pending:
        reference, accounts = pending.pop()
        if isinstance(reference, list):
            items = reference
        else:
            node = by_hash.get(reference)
            if node is None or reference in reached:
                continue
            reached[reference] = node
            items = rlp.decode_list(node, "trie node")
        if len(items) == 17:
            pending += [(child, accounts) for child in items[:16] if child != b""]
        elif len(items) == 2:
            path = rlp.expect_bytes(items[0], "trie path")
            if not path or path[0] < 0x20:
                pending.append((items[1], accounts))
            elif accounts:
                account = rlp.decode_list(rlp.expect_bytes(items[1], "account"), "account", 4)
                pending.append((account[2], False))
                code_hashes.add(rlp.expect_bytes(account[3], "code hash", 32))
        else:
            raise rlp.RlpError("trie node", expected="2 or 17 items", actual=len(items))
    by_code_hash = {keccak256(code): code for code in codes}
    kept = tuple(code for name, code in by_code_hash.items() if name in code_hashes)
    return tuple(reached.values()), kept
