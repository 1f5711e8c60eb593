"""Blocks, receipts and blobs by their hashes on disk, for all ranges and processes to share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.da import Blob, check_blobs
from coprove.errors import InputError
from coprove.primitives import keccak256, ordered_trie_root
from coprove.program.wire import PartReader, pack_list, pack_part
from coprove.rpc import DiskCache, EthBlock, EthHeader
from coprove.types import BlockHeader, Hash32

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["ChainCache"]

_SCHEMA = b"coprove-cache-1\n"


class ChainCache:
    """What ranges read of L1 and L2, each piece checked by its hash when it is loaded.

    The number of a block is no hash: which block has it is kept only up to the finalised head, and
    only as a hint, since the blocks must chain to a known hash anyway.
    """

    def __init__(self, path: Path | str, *, max_bytes: int = 8 << 30) -> None:
        """Use the folder `path`, of at most `max_bytes` on the disk (see DiskCache)."""
        self.disk = DiskCache(path, max_bytes=max_bytes)

    def header(self, name: Hash32) -> EthHeader | None:
        """Return a header by its hash."""
        return self.disk.load("header", _key(name), lambda content: _header(name, content))

    def add_headers(self, headers: Iterable[EthHeader]) -> None:
        """Keep headers."""
        for header in headers:
            self.disk.store("header", _key(header.hash), header.rlp)

    def block(self, name: Hash32) -> EthBlock | None:
        """Return a whole block by its hash."""

        def read(content: bytes) -> EthBlock:
            reader = PartReader(content, schema=_SCHEMA)
            header = _header(name, reader.part("header"))
            transactions = reader.items("transactions")
            reader.finish()
            _check_root("cached transactions", transactions, header.header.transactions_root)
            return EthBlock(
                header=header.header, rlp=header.rlp, hash=name, transactions=transactions
            )

        return self.disk.load("block", _key(name), read)

    def add_blocks(self, blocks: Iterable[EthBlock]) -> None:
        """Keep whole blocks."""
        for block in blocks:
            parts = pack_part(block.rlp) + pack_part(pack_list(block.transactions))
            self.disk.store("block", _key(block.hash), _SCHEMA + parts)

    def receipts(self, block: EthHeader) -> tuple[bytes, ...] | None:
        """Return the receipts of a block."""

        def read(content: bytes) -> tuple[bytes, ...]:
            reader = PartReader(content, schema=_SCHEMA)
            receipts = reader.items("receipts")
            reader.finish()
            _check_root("cached receipts", receipts, block.header.receipts_root)
            return receipts

        return self.disk.load("receipts", _key(block.hash), read)

    def add_receipts(self, block: EthHeader, receipts: Sequence[bytes]) -> None:
        """Keep the receipts of a block."""
        content = _SCHEMA + pack_part(pack_list(receipts))
        self.disk.store("receipts", _key(block.hash), content)

    def blob(self, name: Hash32) -> Blob | None:
        """Return a blob by its versioned hash, its opening verified."""

        def read(content: bytes) -> Blob:
            found = Blob(commitment=content[:48], proof=content[48:96], data=content[96:])
            check_blobs([found], [name])
            return found

        return self.disk.load("blob", _key(name), read)

    def add_blobs(self, blobs: Iterable[tuple[Hash32, Blob]]) -> None:
        """Keep blobs."""
        for name, blob in blobs:
            self.disk.store("blob", _key(name), blob.commitment + blob.proof + blob.data)

    def block_hash(self, chain_id: int, number: int) -> Hash32 | None:
        """Return which block of a chain had this number when it was final: a hint."""
        return self.disk.load("number", f"{chain_id}-{number}", Hash32)

    def add_numbers(self, chain_id: int, headers: Iterable[EthHeader]) -> None:
        """Keep the numbers of blocks; they must be final."""
        for header in headers:
            self.disk.store("number", f"{chain_id}-{header.header.number}", header.hash)


def _key(name: bytes) -> str:
    return name.hex()


def _header(name: Hash32, content: bytes) -> EthHeader:
    found = keccak256(content)
    if found != name:
        raise InputError("cached header", expected=f"hash {name}", actual=f"0x{found.hex()}")
    return EthHeader(header=BlockHeader.decode_rlp(content), rlp=content, hash=name)


def _check_root(what: str, items: Sequence[bytes], expected: Hash32) -> None:
    root = ordered_trie_root(items)
    if root != expected:
        raise InputError(what, expected=f"root {expected}", actual=f"0x{root.hex()}")
