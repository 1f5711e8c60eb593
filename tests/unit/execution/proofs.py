"""A verifier of Merkle-Patricia proofs that shares no code with the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import keccak256, rlp

if TYPE_CHECKING:
    from collections.abc import Sequence

_EMPTY_ROOT = keccak256(b"\x80")


def verify_proof(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Return the value at a 32-byte key, None when the proof shows that there is none.

    AssertionError when the proof shows neither; every node of it must be used.
    """
    if root == _EMPTY_ROOT:
        assert not proof
        return None
    path, expected, left = key.hex(), root, list(proof)
    node: rlp.Item = b""
    while True:
        if len(expected) == 32:
            raw = left.pop(0)
            assert keccak256(raw) == expected
            node = rlp.decode(raw)
        assert isinstance(node, list)
        if len(node) == 17:
            node, path = node[int(path[0], 16)], path[1:]
        else:
            compact = node[0]
            assert isinstance(compact, bytes)
            flag = compact[0] >> 4
            part = compact.hex()[1:] if flag & 1 else compact.hex()[2:]
            if flag & 2 or not path.startswith(part):
                assert not left
                value = node[1]
                assert isinstance(value, bytes)
                return value if flag & 2 and path == part else None
            node, path = node[1], path[len(part) :]
        if node == b"":
            assert not left
            return None
        expected = node if isinstance(node, bytes) else b""
