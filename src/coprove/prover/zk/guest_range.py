"""The range guest's input, built from a RangeInput.

op-succinct's guest runs kona's client over a store of preimages. Beside what a RangeInput holds,
that client reads by hash: every node of the lists of transactions and receipts, the headers and
transactions of the blocks that it derives itself, and, since it opens each block's parent state
anew, the state nodes between the blocks. So the range is executed here once.
Sources: op-succinct, utils/client/src/witness; kona, crates/proof/proof/src (boot, l1, l2, sync).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.derivation.data_source import batcher_transactions
from coprove.derivation.l1_info import l2_block_ref, system_config_from_l2_block
from coprove.derivation.source import L1Block
from coprove.derivation.system_config import apply_config_updates
from coprove.primitives import keccak256, ordered_trie_nodes, ordered_trie_root
from coprove.primitives.guest import GuestBlob, encode_range_witness
from coprove.primitives.kzg import versioned_hash
from coprove.program.range import configs, run_range_traced
from coprove.program.wire import unpack_list
from coprove.prover.errors import GuestInputError
from coprove.types import BlockHeader, Hash32, L1ChainConfig
from coprove.types.config_hash import kona_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from coprove.execution import ExecutedBlock
    from coprove.program import L1BlockInput, RangeInput
    from coprove.types import RollupConfig

__all__ = ["missing_receipts", "range_witness"]

_L1_HEAD: Final = 1
_AGREED_ROOT: Final = 2
_CLAIMED_ROOT: Final = 3
_CLAIMED_NUMBER: Final = 4
_CHAIN_ID: Final = 5
_ROLLUP_CONFIG: Final = 6
_L1_CONFIG: Final = 7
_NO_ITEMS: Final = Hash32(ordered_trie_root(()))


def missing_receipts(given: RangeInput) -> tuple[Hash32, ...]:
    """Return the L1 blocks whose receipts the guest reads and the input leaves out.

    A RangeInput leaves out receipts that the header's bloom excludes; the guest reads them all.
    """
    config, _ = configs(given)
    return tuple(
        Hash32(keccak256(block.header))
        for header, block in _blocks_read(config, given)
        if block.receipts is None and header.receipts_root != _NO_ITEMS
    )


def range_witness(given: RangeInput, receipts: Mapping[Hash32, Sequence[bytes]]) -> bytes:
    """Return the archive that the range guest reads.

    `receipts` are those of `missing_receipts`, EIP-2718 encoded. Raises GuestInputError when some
    are lacking or wrong, and whatever the range program raises: the range is executed.
    """
    config, l1_config = configs(given)
    executed: list[ExecutedBlock] = []
    run_range_traced(given, executed.append, record=True)
    hashed: list[bytes] = [given.agreed_output.encode()]
    hashed += unpack_list(given.nodes, "state nodes")
    hashed += unpack_list(given.codes, "codes")
    for agreed in given.l2_blocks:
        hashed.append(agreed.header)
        if agreed.transactions is not None:
            hashed += ordered_trie_nodes(agreed.transactions)
    for derived in executed:
        hashed.append(derived.header)
        hashed += ordered_trie_nodes(derived.transactions)
        if derived.witness is not None:
            hashed += derived.witness.nodes
            hashed += derived.witness.codes
    read = _with_receipts(_blocks_read(config, given), receipts)
    hashed += (block.header for block in given.l1_blocks)
    for l1_block in read:
        hashed += ordered_trie_nodes(l1_block.transactions)
        hashed += ordered_trie_nodes(l1_block.receipts or ())
    return encode_range_witness(
        _boot_data(given, config, l1_config), hashed, _blobs(config, given, read)
    )


def _boot_data(
    given: RangeInput, config: RollupConfig, l1_config: L1ChainConfig
) -> dict[int, bytes]:
    values: dict[int, bytes] = {
        _L1_HEAD: given.l1_head,
        _AGREED_ROOT: given.agreed_output_root,
        _CLAIMED_ROOT: given.claimed_output_root,
        _CLAIMED_NUMBER: given.claimed_block_number.to_bytes(8, "big"),
        _CHAIN_ID: config.l2_chain_id.to_bytes(8, "big"),
        _ROLLUP_CONFIG: kona_json(config).encode(),
    }
    if L1ChainConfig.built_in(l1_config.chain_id) is None:
        values[_L1_CONFIG] = given.l1_config
    return values


def _blocks_read(config: RollupConfig, given: RangeInput) -> list[tuple[BlockHeader, L1BlockInput]]:
    """Return the L1 blocks that the guest looks into: from where its pipeline begins.

    kona goes back a channel timeout from the agreed block's L1 origin, to L1 genesis at most.
    """
    agreed = given.l2_blocks[-1]
    header = BlockHeader.decode_rlp(agreed.header)
    ref = l2_block_ref(config, header, _first(agreed.transactions))
    first = max(
        ref.l1_origin.number - config.channel_timeout_at(header.timestamp),
        config.genesis.l1.number,
    )
    decoded = ((BlockHeader.decode_rlp(block.header), block) for block in given.l1_blocks)
    return [(l1_header, block) for l1_header, block in decoded if l1_header.number >= first]


def _with_receipts(
    blocks: Iterable[tuple[BlockHeader, L1BlockInput]],
    receipts: Mapping[Hash32, Sequence[bytes]],
) -> list[L1Block]:
    """Return the blocks with all their receipts."""
    found: list[L1Block] = []
    for header, block in blocks:
        block_hash = Hash32(keccak256(block.header))
        items = block.receipts
        if items is None:
            items = tuple(receipts.get(block_hash, ()))
            root = ordered_trie_root(items)
            if root != header.receipts_root:
                raise GuestInputError(
                    f"receipts of L1 block {header.number}",
                    expected=f"root {header.receipts_root}",
                    actual=f"{len(items)} receipts with root 0x{root.hex()}",
                )
        found.append(
            L1Block(header=header, hash=block_hash, transactions=block.transactions, receipts=items)
        )
    return found


def _blobs(config: RollupConfig, given: RangeInput, blocks: Sequence[L1Block]) -> list[GuestBlob]:
    """Return the batcher's blobs in the order in which the guest takes them, one by one.

    kona begins with the system config of the agreed block and applies updates from the next L1
    block on.
    """
    known = {versioned_hash(blob.commitment): blob for blob in given.blobs}
    agreed = given.l2_blocks[-1]
    system = system_config_from_l2_block(
        config, BlockHeader.decode_rlp(agreed.header), _first(agreed.transactions)
    )
    ordered: list[GuestBlob] = []
    for index, block in enumerate(blocks):
        if index and block.receipts:
            system = apply_config_updates(config, system, block.receipts, block.header.timestamp)
        for transaction in batcher_transactions(config, block, system.batcher_address):
            for name in transaction.blob_hashes:
                blob = known.get(name)
                if blob is None:
                    raise GuestInputError(
                        f"blobs of L1 block {block.header.number}",
                        expected=f"the blob of 0x{name.hex()}",
                        actual="no such blob",
                    )
                ordered.append(
                    GuestBlob(data=blob.data, commitment=blob.commitment, proof=blob.proof)
                )
    return ordered


def _first(transactions: tuple[bytes, ...] | None) -> bytes | None:
    return transactions[0] if transactions else None
