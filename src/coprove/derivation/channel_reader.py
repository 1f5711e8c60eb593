"""Batches out of a channel: decompress, split, decode.

rlp_batches is a run of RLP byte strings, each the bytes of one batch behind its type. The first one
that breaks ends the channel; those before it count.
Source: https://specs.optimism.io/protocol/derivation.html#channel-reader-batch-decoding
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation.compression import decompress
from coprove.derivation.parameters import max_rlp_bytes_per_channel
from coprove.derivation.singular import SINGULAR_BATCH_TYPE, SingularBatch, decode_singular_batch
from coprove.derivation.span import SPAN_BATCH_TYPE, SpanBatch, decode_span_batch
from coprove.errors import InputError
from coprove.primitives import rlp
from coprove.types import Fork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coprove.types import RollupConfig

__all__ = ["Batch", "read_batches"]

Batch = SingularBatch | SpanBatch
"""A decoded batch."""


def read_batches(config: RollupConfig, channel: bytes, l1_timestamp: int) -> Iterator[Batch]:
    """Decode the batches of a channel one after the other, as the L1 block of this time reads it.

    Never raises: what cannot be read yields nothing. A span batch before Delta is passed over, as
    is one whose transactions cannot be put together; any other fault ends the channel.
    """
    try:
        content = decompress(
            channel,
            limit=max_rlp_bytes_per_channel(config, l1_timestamp),
            allow_brotli=config.is_active(Fork.FJORD, l1_timestamp),
        )
    except InputError:
        return
    read_spans = config.is_active(Fork.DELTA, l1_timestamp)
    offset = 0
    while offset < len(content):
        try:
            if content[offset] >= 0xC0:  # a list is no batch
                return
            item, offset = rlp.decode_prefix(content, offset)
            data = rlp.expect_bytes(item, "batch")
            kind = data[0] if data else None
            if kind == SINGULAR_BATCH_TYPE:
                yield decode_singular_batch(data)
                continue
            if kind != SPAN_BATCH_TYPE:
                return
            raw = decode_span_batch(data)
        except InputError:
            return
        if not read_spans:
            continue
        try:
            span = raw.derive(config)
        except InputError:
            continue
        yield span
