"""Bytes in, bytes out: hashing, trie roots and sender recovery, which every room may use."""

from coprove.primitives.hashing import (
    keccak256,
    ordered_trie_nodes,
    ordered_trie_root,
    recover_sender,
    recover_senders,
)

__all__ = [
    "keccak256",
    "ordered_trie_nodes",
    "ordered_trie_root",
    "recover_sender",
    "recover_senders",
]
