"""Who signed a digest, as the precompile at 0x01 says: compiled, so much quicker than Python."""

from __future__ import annotations

from functools import cache
from typing import Final

from coprove import _native
from coprove.errors import InputError
from coprove.execution.errors import kernel_errors
from coprove.primitives import keccak256, rlp
from coprove.types import ZERO_ADDRESS, Address, BlockHeader, Fork, Hash32

__all__ = ["ecrecover"]

_PRECOMPILE: Final = bytes(19) + b"\x01"
_GAS: Final = 30_000
"""A transaction's 21,000, its data and the 3,000 of the precompile."""
_EMPTY_TRIE: Final = Hash32(keccak256(rlp.encode(b"")))
_NONE: Final = Hash32(bytes(32))


@cache
def _chain() -> tuple[_native.ChainRules, bytes, _native.NodeStore]:
    """A chain of one block without accounts: the precompile looks at nothing."""
    header = BlockHeader(
        parent_hash=_NONE,
        ommers_hash=_NONE,
        beneficiary=ZERO_ADDRESS,
        state_root=_EMPTY_TRIE,
        transactions_root=_EMPTY_TRIE,
        receipts_root=_EMPTY_TRIE,
        logs_bloom=bytes(256),
        difficulty=0,
        number=0,
        gas_limit=0,
        gas_used=0,
        timestamp=0,
        extra_data=b"",
        mix_hash=_NONE,
        nonce=bytes(8),
        base_fee_per_gas=0,
    )
    forks = [None for fork in Fork if fork not in {Fork.BEDROCK, Fork.DELTA}]
    with kernel_errors():
        return _native.ChainRules(1, forks, 1, 1, 1), header.encode_rlp(), _native.NodeStore()


def ecrecover(digest: Hash32, signature: bytes) -> Address | None:
    """Return whose signature it is, None when it is nobody's.

    `signature` is r, s and v (27 or 28), 65 bytes; InputError for another length. As in the EVM the
    higher s is taken too: who needs one form only must look. Runs without the interpreter lock.
    """
    if len(signature) != 65:
        raise InputError("signature", expected="65 bytes", actual=f"{len(signature)} bytes")
    rules, header, store = _chain()
    data = digest + signature[64:].rjust(32, b"\0") + signature[:64]
    with kernel_errors():
        _success, output, *_rest = _native.simulate(
            rules, header, store, (), ZERO_ADDRESS, _PRECOMPILE, _GAS, 0, bytes(32), data
        )
    return Address(output[12:]) if len(output) == 32 else None
