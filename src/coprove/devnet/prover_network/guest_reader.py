"""Reads the range guest's input as the guest does: from the boot data on, everything by its hash.

It shares no code with what builds that input. What was read becomes a RangeInput again, so that
the range program says whether the input proves its claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.derivation.l1_info import l2_block_ref
from coprove.errors import InputError
from coprove.primitives import keccak256, rlp
from coprove.primitives.guest import KECCAK_KEY, LOCAL_KEY, decode_range_witness
from coprove.program import BlobInput, L1BlockInput, L2BlockInput, RangeInput
from coprove.program.agreed import starts_pipeline
from coprove.program.wire import pack_list
from coprove.types import BlockHeader, Hash32, OutputRoot, RollupConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coprove.types import L2BlockRef

__all__ = ["MissingPreimageError", "PreimageReader", "read_range_input"]

_EMPTY_NODE: Final = b"\x80"


class MissingPreimageError(InputError):
    """The guest asks for something that is not in its input."""


class PreimageReader:
    """Preimages by key, each checked against its key when it is read."""

    def __init__(self, preimages: Mapping[bytes, bytes]) -> None:
        """Take values by 32-byte key."""
        self._preimages = preimages

    def local(self, number: int) -> bytes:
        """Return boot data."""
        return self._get(LOCAL_KEY.to_bytes(1, "big") + number.to_bytes(31, "big"))

    def has_local(self, number: int) -> bool:
        """Whether there is boot data with this number."""
        return LOCAL_KEY.to_bytes(1, "big") + number.to_bytes(31, "big") in self._preimages

    def hashed(self, digest: bytes) -> bytes:
        """Return what hashes to `digest`."""
        value = self._get(KECCAK_KEY.to_bytes(1, "big") + digest[1:])
        if keccak256(value) != digest:
            raise MissingPreimageError("preimage", expected=digest.hex(), actual="another value")
        return value

    def all_hashed(self) -> list[bytes]:
        """Return every value that is there under its hash."""
        return [value for key, value in self._preimages.items() if key[0] == KECCAK_KEY]

    def items(self, root: bytes) -> tuple[bytes, ...]:
        """Return the items of the list whose trie has this root, in order."""
        found = dict(self._leaves(self.hashed(root), ()))
        return tuple(found[index] for index in range(len(found)))

    def _get(self, key: bytes) -> bytes:
        value = self._preimages.get(key)
        if value is None:
            raise MissingPreimageError("preimage", expected=key.hex(), actual="nothing")
        return value

    def _leaves(self, node: bytes, path: tuple[int, ...]) -> Iterator[tuple[int, bytes]]:
        if node == _EMPTY_NODE:
            return
        fields = rlp.decode_list(node, "trie node")
        if len(fields) == 17:
            for nibble, child in enumerate(fields[:16]):
                if child:
                    yield from self._leaves(self._child(child), (*path, nibble))
            return
        prefix = _nibbles(rlp.expect_bytes(fields[0], "path"))
        path += prefix[1:] if prefix[0] % 2 else prefix[2:]
        if prefix[0] >= 2:
            key = bytes(16 * high + low for high, low in zip(path[::2], path[1::2], strict=True))
            index = int.from_bytes(rlp.expect_bytes(rlp.decode(key), "index"), "big")
            yield index, rlp.expect_bytes(fields[1], "item")
        else:
            yield from self._leaves(self._child(fields[1]), path)

    def _child(self, child: rlp.Item) -> bytes:
        """Return a child that is referred to by hash, or that is short and stands in its parent."""
        if isinstance(child, bytes):
            return self.hashed(child)
        return rlp.encode(child)


def _nibbles(data: bytes) -> tuple[int, ...]:
    return tuple(nibble for byte in data for nibble in divmod(byte, 16))


def read_range_input(archive: bytes) -> RangeInput:
    """Return the range that the guest would run; MissingPreimageError when it could not."""
    witness = decode_range_witness(archive)
    store = PreimageReader(witness.preimages)
    rollup_json = store.local(6)
    config = RollupConfig.from_json(rollup_json)
    l1_head = Hash32(store.local(1))
    agreed_root = Hash32(store.local(2))
    agreed = OutputRoot.decode(store.hashed(agreed_root))
    l2_blocks = _l2_blocks(store, agreed.block_hash)
    start = _start(config, l2_blocks)
    values = pack_list(store.all_hashed())
    return RangeInput(
        rollup_config=rollup_json,
        l1_config=store.local(7) if store.has_local(7) else b"",
        l1_head=l1_head,
        agreed_output_root=agreed_root,
        claimed_output_root=Hash32(store.local(3)),
        claimed_block_number=int.from_bytes(store.local(4), "big"),
        agreed_output=agreed,
        l2_blocks=tuple(l2_blocks),
        l2_start_number=start.number,
        l1_blocks=_l1_blocks(store, l1_head, start.l1_origin.number),
        blobs=tuple(
            BlobInput(commitment=blob.commitment, proof=blob.proof, data=blob.data)
            for blob in witness.blobs
        ),
        nodes=values,
        codes=values,
    )


def _l1_blocks(store: PreimageReader, head: Hash32, first: int) -> tuple[L1BlockInput, ...]:
    blocks: list[L1BlockInput] = []
    wanted = head
    while True:
        raw = store.hashed(wanted)
        header = BlockHeader.decode_rlp(raw)
        blocks.append(
            L1BlockInput(
                header=raw,
                transactions=store.items(header.transactions_root),
                receipts=store.items(header.receipts_root),
            )
        )
        if header.number <= first:
            return tuple(reversed(blocks))
        wanted = header.parent_hash


def _l2_blocks(store: PreimageReader, agreed: Hash32) -> list[L2BlockInput]:
    """Return the headers that hang together back from the agreed block."""
    blocks: list[L2BlockInput] = []
    wanted = agreed
    while True:
        try:
            raw = store.hashed(wanted)
        except MissingPreimageError:
            if not blocks:
                raise
            return list(reversed(blocks))
        header = BlockHeader.decode_rlp(raw)
        transactions: tuple[bytes, ...] | None = None
        try:
            transactions = store.items(header.transactions_root)
        except MissingPreimageError:
            if not blocks:
                raise
        blocks.append(L2BlockInput(header=raw, transactions=transactions))
        wanted = header.parent_hash


def _start(config: RollupConfig, blocks: list[L2BlockInput]) -> L2BlockRef:
    """Return the newest block where a pipeline for the agreed one, the last, may start."""
    agreed: L2BlockRef | None = None
    for block in reversed(blocks):
        if block.transactions is None:
            continue
        first = block.transactions[0] if block.transactions else None
        ref = l2_block_ref(config, BlockHeader.decode_rlp(block.header), first)
        agreed = agreed or ref
        if starts_pipeline(config, ref, agreed):
            return ref
    raise MissingPreimageError("L2 blocks", expected="one where a pipeline starts", actual="none")
