"""The proof that MockSP1Verifier takes on development chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.primitives import keccak256
from coprove.types.dev_chains import DEV_CHAIN_IDS, is_dev_chain

if TYPE_CHECKING:
    from coprove.types import Hash32

__all__ = ["DEV_CHAIN_IDS", "MOCK_SELECTOR", "is_dev_chain", "is_mock_proof", "mock_proof"]

MOCK_SELECTOR: Final = b"MOCK"
"""First four bytes of every mock proof, where a real proof names its verifier."""
_SIZE: Final = 36


def mock_proof(program_vkey: Hash32, public_values: bytes) -> bytes:
    """Return the mock proof of public values: it binds them and the key, and proves nothing.

    36 bytes: the selector, then keccak256(selector, key, keccak256(public values)).
    """
    digest = keccak256(MOCK_SELECTOR + program_vkey + keccak256(public_values))
    return MOCK_SELECTOR + digest


def is_mock_proof(proof: bytes) -> bool:
    """Whether bytes are a mock proof; no real SP1 proof has this length."""
    return len(proof) == _SIZE and proof.startswith(MOCK_SELECTOR)
