"""Where batch data lies in an L1 block: calldata of batcher transactions, or blobs from Ecotone on.

A batcher transaction is sent to the batch inbox and signed by the batcher of the current system
config. Signatures are recovered last, and only of transactions whose bytes name the inbox.
Sources: https://specs.optimism.io/protocol/derivation.html#l1-retrieval and
https://specs.optimism.io/protocol/ecotone/derivation.html#blob-retrieval
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.derivation.blob_codec import decode_blob
from coprove.derivation.deposits import DEPOSIT_TYPE
from coprove.errors import InputError
from coprove.primitives import recover_sender, rlp
from coprove.types import Fork, Hash32

if TYPE_CHECKING:
    from coprove.derivation.source import L1Block, L1Source
    from coprove.types import Address, RollupConfig

__all__ = ["BatcherTransaction", "batcher_transactions", "read_batch_data"]

_BLOB_TYPE: Final = 3
_DEPOSIT_SENDER: Final = 1
# Where `to`, the data and the blob hashes stand in each type's list of fields. Types that are not
# here (set-code and future ones) never carry batches; deposits do on an L1 that is itself a rollup.
_LEGACY_FIELDS: Final = (3, 5, None)
_TYPED_FIELDS: Final = {
    1: (4, 6, None),
    2: (5, 7, None),
    _BLOB_TYPE: (5, 7, 10),
    DEPOSIT_TYPE: (2, 7, None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatcherTransaction:
    """An L1 transaction to the batch inbox, signed by the batcher."""

    data: bytes | None
    """Its calldata; None for one whose data lies in blobs."""
    blob_hashes: tuple[Hash32, ...]
    """Versioned hashes of its blobs, in order."""


def read_batch_data(
    config: RollupConfig, source: L1Source, block: L1Block, batcher: Address
) -> list[bytes]:
    """Return the batcher's data in `block`, in order; blobs that do not decode are left out.

    Raises what the source raises, and InputError when it gives another number of blobs than asked.
    """
    found = batcher_transactions(config, block, batcher)
    hashes = [blob_hash for transaction in found for blob_hash in transaction.blob_hashes]
    blobs: list[bytes] = source.blobs(block.ref, hashes) if hashes else []
    if len(blobs) != len(hashes):
        raise InputError("blobs", expected=f"{len(hashes)} blobs", actual=len(blobs))
    datas: list[bytes] = []
    remaining = iter(blobs)
    for transaction in found:
        if transaction.data is not None:
            datas.append(transaction.data)
        for _ in transaction.blob_hashes:
            try:
                datas.append(decode_blob(next(remaining)))
            except InputError:
                # Anyone may post such a blob: it carries no data, and the others still count.
                continue
    return datas


def batcher_transactions(
    config: RollupConfig, block: L1Block, batcher: Address
) -> list[BatcherTransaction]:
    """Return the transactions of `block` that carry batch data, in order.

    Raises InputError for bytes that are no transaction, which no L1 block holds.
    """
    read_blobs = config.is_active(Fork.ECOTONE, block.header.timestamp)
    inbox: bytes = config.batch_inbox_address
    found: list[BatcherTransaction] = []
    for raw in block.transactions:
        if inbox not in raw:
            continue
        transaction = _parse(raw, config.batch_inbox_address, read_blobs=read_blobs)
        if transaction is not None and _is_from(raw, batcher):
            found.append(transaction)
    return found


def _parse(raw: bytes, inbox: Address, *, read_blobs: bool) -> BatcherTransaction | None:
    """Return what a transaction carries if it goes to the inbox and its type may carry batches.

    A blob transaction carries its blobs once these are read (Ecotone), and its calldata before.
    """
    kind = 0 if raw[0] > 0x7F else raw[0]
    places = _LEGACY_FIELDS if raw[0] > 0x7F else _TYPED_FIELDS.get(kind)
    if places is None:
        return None
    to, data, hashes = places
    fields = rlp.decode_list(raw if kind == 0 else raw[1:], "L1 transaction")
    if len(fields) <= (data if hashes is None else hashes):
        raise InputError("L1 transaction", expected=f"fields of type {kind}", actual=len(fields))
    if fields[to] != bytes(inbox):
        return None
    if hashes is None or not read_blobs:
        return BatcherTransaction(data=rlp.expect_bytes(fields[data], "calldata"), blob_hashes=())
    return BatcherTransaction(
        data=None,
        blob_hashes=tuple(
            Hash32(rlp.expect_bytes(blob_hash, "blob hash", 32))
            for blob_hash in rlp.expect_list(fields[hashes], "blob hashes")
        ),
    )


def _is_from(raw: bytes, batcher: Address) -> bool:
    if raw[0] == DEPOSIT_TYPE:
        return rlp.decode_list(raw[1:], "L1 deposit")[_DEPOSIT_SENDER] == bytes(batcher)
    try:
        return recover_sender(raw) == bytes(batcher)
    except InputError:
        return False
