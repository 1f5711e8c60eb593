"""Who signed: as the library that signs says, and nobody for what is no signature."""

from __future__ import annotations

import pytest
from eth_keys.datatypes import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.execution import ecrecover
from coprove.primitives import keccak256
from coprove.prover.tee.enclave.key import recover_prover
from coprove.types import Address, Hash32

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@settings(max_examples=20, deadline=None)
@given(secret=st.integers(1, _ORDER - 1), digest=st.binary(min_size=32, max_size=32))
def test_it_is_who_signed(secret: int, digest: bytes) -> None:
    key = PrivateKey(secret.to_bytes(32, "big"))
    signed = key.sign_msg_hash(digest)
    signature = signed.to_bytes()[:64] + bytes([27 + signed.v])
    assert ecrecover(Hash32(digest), signature) == key.public_key.to_canonical_address()


@settings(max_examples=40, deadline=None)
@given(
    digest=st.binary(min_size=32, max_size=32),
    signature=st.binary(min_size=64, max_size=64),
    v=st.sampled_from([27, 28, 27, 28, 0, 1, 26, 29, 255]),
)
def test_rubbish_is_nobodys_or_what_the_other_implementation_says(
    digest: bytes, signature: bytes, v: int
) -> None:
    """The two differ in nothing but the form with the higher s, which one of them refuses."""
    found = ecrecover(Hash32(digest), signature + bytes([v]))
    other = recover_prover(Hash32(digest), signature + bytes([v]))
    if other is not None:
        assert found == Address(keccak256(other)[12:])
    elif int.from_bytes(signature[32:], "big") <= _ORDER // 2:
        assert found is None


@pytest.mark.parametrize("r", [0, _ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, _ORDER, 2**256 - 1])
def test_numbers_out_of_range_are_nobodys(r: int, s: int) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b"
    assert ecrecover(Hash32(bytes(32)), signature) is None


@pytest.mark.parametrize("size", [0, 64, 66])
def test_another_length_is_an_error(size: int) -> None:
    with pytest.raises(InputError, match="65 bytes"):
        ecrecover(Hash32(bytes(32)), bytes(size))
