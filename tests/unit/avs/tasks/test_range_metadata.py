"""The one spelling of a range."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coprove.avs.tasks import RangeMetadata
from coprove.errors import InputError

UINT64 = st.integers(min_value=0, max_value=2**64 - 1)


@st.composite
def ranges(draw: st.DrawFn) -> RangeMetadata:
    start = draw(st.integers(min_value=1, max_value=2**64 - 1))
    end = draw(st.integers(min_value=start, max_value=2**64 - 1))
    return RangeMetadata(start_block=start, end_block=end, batch_id=draw(UINT64))


@given(ranges())
def test_it_reads_what_it_writes(metadata: RangeMetadata) -> None:
    """Encoding and decoding are each other's inverse, and the text is JSON."""
    assert RangeMetadata.decode(metadata.encode()) == metadata
    assert json.loads(metadata.encode())["end_block"] == metadata.end_block


def test_it_is_what_operators_of_the_avs_sign() -> None:
    """With and without a batch id, as Go's encoder writes it."""
    with_batch = RangeMetadata(batch_id=2000, start_block=1, end_block=2)
    assert with_batch.encode() == b'{"batch_id":2000,"start_block":1,"end_block":2}'
    assert RangeMetadata(start_block=1, end_block=2).encode() == b'{"start_block":1,"end_block":2}'


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"{}",
        b'{"start_block": 1,"end_block":2}',
        b'{"start_block":01,"end_block":2}',
        b'{"start_block":1,"end_block":2}\n',
        b'{"end_block":2,"start_block":1}',
        b'{"batch_id":0,"start_block":1,"end_block":2}',
        b'{"start_block":1,"end_block":2,"batch_id":3}',
        b'{"start_block":0,"end_block":2}',
        b'{"start_block":3,"end_block":2}',
        b'{"start_block":1,"end_block":18446744073709551616}',
        b'{"start_block":-1,"end_block":2}',
        b'{"start_block":1.0,"end_block":2}',
        b'{"start_block":1,"end_block":2,"start_block":1}',
    ],
)
def test_another_spelling_is_refused(metadata: bytes) -> None:
    """Each range has one metadata, so no range has two tasks."""
    with pytest.raises(InputError):
        RangeMetadata.decode(metadata)


@given(st.binary(max_size=120))
@example(b'{"start_block":1,"end_block":2}')
def test_bytes_of_strangers_are_read_or_refused(metadata: bytes) -> None:
    """Nothing but the exact inverse of `encode` is read."""
    try:
        found = RangeMetadata.decode(metadata)
    except InputError:
        return
    assert found.encode() == metadata
