"""The L1 chain of a range, believed only as far as l1_head commits to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation import L1Block
from coprove.primitives import keccak256, ordered_trie_root
from coprove.primitives.kzg import verify_blobs, versioned_hash
from coprove.program.bloom import LogFilter
from coprove.program.errors import ProgramInputError
from coprove.types import BlockHeader, Hash32, L1BlockRef, RollupConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.program.inputs import BlobInput, L1BlockInput

__all__ = ["VerifiedL1"]


class VerifiedL1:
    """An L1Source over the blocks of a RangeInput.

    The headers are checked against `l1_head` at once; a block's transactions and receipts on its
    first use, so that this work overlaps the execution of L2 blocks.
    """

    def __init__(
        self,
        config: RollupConfig,
        blocks: Sequence[L1BlockInput],
        blobs: Sequence[BlobInput],
        l1_head: Hash32,
    ) -> None:
        """Check the header chain and the blobs; raise ProgramInputError or KzgError."""
        self._filter = LogFilter(config)
        self._inputs = blocks
        self._headers, self._hashes = _chain(blocks, l1_head)
        self._first = self._headers[0].number
        self._verified: dict[int, L1Block] = {}
        verify_blobs(
            [blob.data for blob in blobs],
            [blob.commitment for blob in blobs],
            [blob.proof for blob in blobs],
        )
        self._blobs = {versioned_hash(blob.commitment): blob.data for blob in blobs}

    @property
    def first(self) -> L1BlockRef:
        """The block where the chain begins."""
        return self._ref(0)

    @property
    def head(self) -> L1BlockRef:
        """The block of `l1_head`."""
        return self._ref(len(self._headers) - 1)

    def hash_of(self, number: int) -> Hash32 | None:
        """Return the hash of the block with that number, None outside the chain."""
        index = number - self._first
        return self._hashes[index] if 0 <= index < len(self._hashes) else None

    def block_by_number(self, number: int) -> L1Block | None:
        """Return the verified block, None behind l1_head.

        Raises ProgramInputError for a number before the first block, or when the transactions or
        receipts do not give the header's roots.
        """
        index = number - self._first
        if index < 0:
            raise ProgramInputError(
                "L1 blocks", expected=f"to begin at {number} or before", actual=self._first
            )
        if index >= len(self._headers):
            return None
        block = self._verified.get(index)
        if block is None:
            block = self._verified[index] = self._verify(index)
        return block

    def blobs(self, block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        """Return the blobs with these hashes; raise ProgramInputError for a missing one."""
        found: list[bytes] = []
        for wanted in versioned_hashes:
            data = self._blobs.get(wanted)
            if data is None:
                raise ProgramInputError(
                    f"blobs of L1 block {block.number}",
                    expected=f"the blob of 0x{wanted.hex()}",
                    actual="no such blob",
                )
            found.append(data)
        return found

    def _ref(self, index: int) -> L1BlockRef:
        header = self._headers[index]
        return L1BlockRef(
            hash=self._hashes[index],
            number=header.number,
            parent_hash=header.parent_hash,
            timestamp=header.timestamp,
        )

    def _verify(self, index: int) -> L1Block:
        header, given = self._headers[index], self._inputs[index]
        _check_root("transactions", header.number, given.transactions, header.transactions_root)
        if given.receipts is not None:
            _check_root("receipts", header.number, given.receipts, header.receipts_root)
        elif self._filter.may_match(header.logs_bloom):
            raise ProgramInputError(
                f"receipts of L1 block {header.number}",
                expected="receipts, since the header's bloom admits deposits or config updates",
                actual="none",
            )
        return L1Block(
            header=header,
            hash=self._hashes[index],
            transactions=given.transactions,
            receipts=given.receipts,
        )


def _check_root(what: str, number: int, items: Sequence[bytes], expected: Hash32) -> None:
    root = ordered_trie_root(items)
    if root != expected:
        raise ProgramInputError(
            f"{what} of L1 block {number}", expected=f"root {expected}", actual=f"0x{root.hex()}"
        )


def _chain(
    blocks: Sequence[L1BlockInput], l1_head: Hash32
) -> tuple[list[BlockHeader], list[Hash32]]:
    """Check by parent links that the blocks end in l1_head; return headers and hashes."""
    if not blocks:
        raise ProgramInputError("L1 blocks", expected="at least one block", actual="none")
    headers: list[BlockHeader] = []
    hashes: list[Hash32] = []
    expected = l1_head
    for index in range(len(blocks) - 1, -1, -1):
        actual = Hash32(keccak256(blocks[index].header))
        if actual != expected:
            raise ProgramInputError(
                f"L1 header {index}", expected=f"hash {expected}", actual=actual
            )
        header = BlockHeader.decode_rlp(blocks[index].header)
        if headers and headers[-1].number != header.number + 1:
            raise ProgramInputError(
                f"L1 header {index}",
                expected=f"number {headers[-1].number - 1}",
                actual=header.number,
            )
        headers.append(header)
        hashes.append(actual)
        expected = header.parent_hash
    headers.reverse()
    hashes.reverse()
    return headers, hashes
