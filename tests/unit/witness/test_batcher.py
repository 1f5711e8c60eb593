"""Which blobs are fetched: those of any batcher the blocks knew, no stranger's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import recover_sender, rlp
from coprove.witness import Recording
from coprove.witness.batcher import BatcherWatch
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from coprove.primitives.rlp import Encodable
    from coprove.types import RollupConfig


def _recording() -> Recording:
    return Recording(recording_dir("blobs"))


def _update(config: RollupConfig, batcher: bytes) -> bytes:
    log: Encodable = [
        config.l1_system_config_address,
        [b"\x01" * 32, bytes(32), bytes(32)],
        bytes(31) + b"\x20" + bytes(31) + b"\x20" + bytes(12) + batcher,
    ]
    return b"\x02" + rlp.encode([b"\x01", b"\x09", bytes(256), [log]])


def test_the_batchers_blobs_are_found() -> None:
    """All recorded blobs, by their transactions alone."""
    recording = _recording()
    batcher = recording.config.genesis.system_config.batcher_address
    watch = BatcherWatch(recording.config, batcher)
    found: list[bytes] = []
    for number in range(recording.last_l1 + 1):
        block = recording.l1_block(number)
        found += watch.blob_hashes(block.transactions, block.receipts)
    assert set(found) == set(recording.blobs)


def test_a_strangers_blobs_are_not_until_he_is_the_batcher() -> None:
    """The address follows ConfigUpdate logs; one in a block counts for that block."""
    recording = _recording()
    number = int(recording.blob_rows[0]["l1_block"])
    transactions = recording.l1_block(number).transactions
    sender = recover_sender(next(item for item in transactions if item[0] == 3))
    watch = BatcherWatch(recording.config, b"\x11" * 20)
    assert watch.blob_hashes(transactions, None) == ()
    other = _update(recording.config, b"\x22" * 20)
    assert watch.blob_hashes(transactions, [other]) == ()
    update = _update(recording.config, sender)
    assert len(watch.blob_hashes(transactions, [update])) == 1
    assert len(watch.blob_hashes(transactions, [other])) == 1


def test_a_blob_transaction_without_a_valid_sender_is_passed_over() -> None:
    """Derivation ignores it as well."""
    recording = _recording()
    number = int(recording.blob_rows[0]["l1_block"])
    raw = next(item for item in recording.l1_block(number).transactions if item[0] == 3)
    items = rlp.decode_list(raw[1:])
    items[12] = b"\xff" * 32
    broken = b"\x03" + rlp.encode(items)
    watch = BatcherWatch(recording.config, recover_sender(raw))
    assert watch.blob_hashes([broken], None) == ()
