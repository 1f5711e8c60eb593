"""Which blobs the derivation may read from given L1 blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.primitives import recover_sender, rlp
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.types import RollupConfig

__all__ = ["BatcherWatch"]

_BLOB_TRANSACTION = 3
_BATCHER_UPDATE = bytes(32)
"""Third topic of ConfigUpdate for the batcher's address (UpdateType.BATCHER = 0)."""


class BatcherWatch:
    """Follows the batcher's address through L1 blocks and finds its blob transactions.

    It keeps every address seen, so it may name more blobs than are read, never fewer.
    """

    def __init__(self, config: RollupConfig, batcher: bytes) -> None:
        """`batcher` is the address in the system config before the first block."""
        self._config = config
        self._batchers = {bytes(batcher)}

    def blob_hashes(
        self, transactions: Sequence[bytes], receipts: Sequence[bytes] | None
    ) -> tuple[Hash32, ...]:
        """Return the versioned hashes of the batcher's blobs in one block, in order.

        Blocks must come in ascending order; `receipts` is None where no config update can be.
        """
        for receipt in receipts or ():
            self._follow(receipt)
        hashes: list[Hash32] = []
        for transaction in transactions:
            if transaction[:1] != bytes([_BLOB_TRANSACTION]):
                continue
            items = rlp.decode_list(transaction[1:], "blob transaction", 14)
            if items[5] != self._config.batch_inbox_address:
                continue
            try:
                sender = recover_sender(transaction)
            except InputError:
                continue  # derivation ignores transactions without a valid signature too
            if sender in self._batchers:
                found = rlp.expect_list(items[10], "blob hashes")
                hashes += [Hash32(rlp.expect_bytes(item, "blob hash", 32)) for item in found]
        return tuple(dict.fromkeys(hashes))

    def _follow(self, receipt: bytes) -> None:
        """Note a new batcher address from the logs of one receipt."""
        payload = receipt[1:] if receipt[:1] < b"\x80" else receipt
        items = rlp.decode_list(payload, "receipt")
        for entry in rlp.expect_list(items[3], "logs"):
            log = rlp.expect_list(entry, "log", 3)
            topics = rlp.expect_list(log[1], "log topics")
            if (
                log[0] == self._config.l1_system_config_address
                and len(topics) == 3
                and topics[2] == _BATCHER_UPDATE
            ):
                self._batchers.add(rlp.expect_bytes(log[2], "log data")[-20:])
