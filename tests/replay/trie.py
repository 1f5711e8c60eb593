"""Proofs out of all the trie nodes that a recording holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import keccak256, rlp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from coprove.primitives.rlp import Item


class UnknownNodeError(Exception):
    """The recording does not hold a node of the path."""


class NodePool:
    """Nodes and codes by hash."""

    def __init__(self, otherwise: Callable[[bytes], bytes | None]) -> None:
        """Begin empty; `otherwise` is asked for what was not added."""
        self._values: dict[bytes, bytes] = {}
        self._otherwise = otherwise

    def add(self, values: Iterable[bytes]) -> None:
        for value in values:
            self._values[keccak256(value)] = value

    def get(self, name: bytes) -> bytes | None:
        found = self._values.get(name)
        return self._otherwise(name) if found is None else found

    def walk(self, root: bytes, key: bytes) -> tuple[list[bytes], bytes | None]:
        """Return the nodes from `root` towards keccak256(key), and the value there."""
        nodes: list[bytes] = []
        if root == keccak256(b"\x80"):
            return nodes, None
        path = keccak256(key).hex()
        current: Item = root
        while True:
            if isinstance(current, bytes):
                node = self.get(current)
                if node is None:
                    raise UnknownNodeError(current.hex())
                nodes.append(node)
                items = rlp.decode_list(node)
            else:
                items = current
            if len(items) == 17:
                current, path = items[int(path[0], 16)], path[1:]
                if current == b"":
                    return nodes, None
                continue
            compact = rlp.expect_bytes(items[0], "path").hex()
            odd, leaf = int(compact[0]) & 1, int(compact[0]) & 2
            prefix = compact[1:] if odd else compact[2:]
            if not path.startswith(prefix):
                return nodes, None
            if leaf:
                return nodes, rlp.expect_bytes(items[1], "value")
            current, path = items[1], path[len(prefix) :]
