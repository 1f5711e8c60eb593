"""The PoE that quorums sign: five roots in one spelling."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation import AvsPoe
from coprove.errors import InputError
from coprove.types import Hash32

ROOT = st.binary(min_size=32, max_size=32).map(Hash32)
POES = st.builds(
    AvsPoe,
    batch_hash=ROOT,
    state_hash=ROOT,
    prev_state_root=ROOT,
    new_state_root=ROOT,
    withdrawal_root=ROOT,
)
ONE = AvsPoe(
    batch_hash=Hash32(b"\x1a" * 32),
    state_hash=Hash32(b"\x2b" * 32),
    prev_state_root=Hash32(b"\x3c" * 32),
    new_state_root=Hash32(b"\x4d" * 32),
    withdrawal_root=Hash32(b"\x5e" * 32),
)


@given(POES)
def test_a_state_is_read_as_it_was_written(poe: AvsPoe) -> None:
    """Encoding and decoding are each other's inverse; the text is the JSON that provers answer."""
    assert AvsPoe.decode(poe.encode()) == poe
    assert json.loads(poe.encode()) == poe.to_json()


@given(st.integers(min_value=0, max_value=len(ONE.encode()) - 1), st.integers(1, 255))
def test_a_damaged_state_is_refused_or_is_another(place: int, change: int) -> None:
    """No two texts say the same: what is read writes exactly the bytes that came."""
    damaged = bytearray(ONE.encode())
    damaged[place] ^= change
    try:
        found = AvsPoe.decode(bytes(damaged))
    except InputError:
        return
    assert found.encode() == bytes(damaged)
    assert found != ONE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"1a1a", b"1A1A"),
        (b'"batch_hash":', b'"batch_hash": '),
        (b'"signature":"0x00', b'"signature":"0x01'),
        (b"}", b"}\n"),
        (b'"0x1a1a', b'"0x1a'),
    ],
)
def test_another_spelling_is_refused(old: bytes, new: bytes) -> None:
    """Upper case, spaces, a signature, a line end, a short root."""
    with pytest.raises(InputError):
        AvsPoe.decode(ONE.encode().replace(old, new, 1))
