"""The digest that a prover signs and the report data that bind its key."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account.messages import _hash_eip191_message, encode_typed_data

from coprove.attestation import (
    BINDING_DOMAIN,
    EvidenceRejectedError,
    Platform,
    ProofOfExecution,
    ProverBinding,
    measurement_id,
    prover_address,
)
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

POE = ProofOfExecution(
    l1_chain_id=900,
    l2_chain_id=901,
    rollup_config_hash=Hash32(b"\x01" * 32),
    l1_head=Hash32(b"\x02" * 32),
    l2_pre_root=Hash32(b"\x03" * 32),
    l2_post_root=Hash32(b"\x04" * 32),
    l2_pre_block=10,
    l2_post_block=20,
    measurement=Hash32(b"\x05" * 32),
)
BINDING = ProverBinding(
    chain_id=900,
    verifier=Address(b"\x0a" * 20),
    operator=Address(b"\x0b" * 20),
    platform=Platform.INTEL_TDX,
    public_key=b"\x0c" * 64,
    block_number=77,
    block_hash=Hash32(b"\x0d" * 32),
    nonce=Hash32(b"\x0e" * 32),
)


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, Platform):
        return Platform.INTEL_SGX
    if isinstance(value, int):
        return value + 1
    assert isinstance(value, bytes)
    return type(value)(bytes([value[0] ^ 1]) + value[1:])


def test_the_digest_is_that_of_typed_data() -> None:
    """An independent EIP-712 library hashes the same claim to the same digest."""
    message = encode_typed_data(full_message=POE.typed_data())
    assert bytes(_hash_eip191_message(message)) == bytes(POE.digest())


@pytest.mark.parametrize("name", [field.name for field in fields(POE)])
def test_every_field_of_a_claim_is_in_its_digest(name: str) -> None:
    """A signature holds for one chain, config, range, pair of roots and code."""
    assert replace(POE, **{name: changed(getattr(POE, name))}).digest() != POE.digest()


@pytest.mark.parametrize(("first", "last"), [(5, 5), (6, 5), (-1, 5), (1, 2**64)])
def test_a_claim_about_no_range_is_refused(first: int, last: int) -> None:
    """Block numbers must rise."""
    with pytest.raises(InputError, match="PoE range"):
        replace(POE, l2_pre_block=first, l2_post_block=last)


def test_report_data_are_the_hash_that_solidity_makes() -> None:
    """The tuple is abi.encode of eleven words."""
    types = ["bytes32", "uint256", "uint256", "address", "address", "uint8"]
    types += ["bytes32", "bytes32", "uint256", "bytes32", "bytes32"]
    values = [BINDING_DOMAIN, 1, 900, "0x" + "0a" * 20, "0x" + "0b" * 20, 5]
    values += [b"\x0c" * 32, b"\x0c" * 32, 77, b"\x0d" * 32, b"\x0e" * 32]
    assert BINDING.report_data() == keccak256(encode(types, values)) + bytes(32)


@pytest.mark.parametrize("name", [field.name for field in fields(BINDING)])
def test_every_field_is_bound(name: str) -> None:
    """Evidence made for one registration is refused for any other."""
    other = replace(BINDING, **{name: changed(getattr(BINDING, name))})
    with pytest.raises(EvidenceRejectedError, match="binding: report data"):
        other.check(BINDING.report_data())
    other.check(other.report_data())


def test_a_zero_block_hash_binds_nothing() -> None:
    """What BLOCKHASH gives for an old block is never accepted."""
    blind = replace(BINDING, block_hash=Hash32(bytes(32)))
    with pytest.raises(EvidenceRejectedError, match="block hash is zero"):
        blind.check(blind.report_data())


def test_code_has_another_name_on_each_platform() -> None:
    """One measurement's bytes on two platforms are two measurements."""
    names = {measurement_id(platform, b"\x01" * 32) for platform in Platform}
    assert len(names) == len(Platform)
    assert {Platform.from_number(platform.number) for platform in Platform} == set(Platform)
    with pytest.raises(InputError, match="TEE type"):
        Platform.from_number(0)


def test_a_prover_has_the_address_of_its_key() -> None:
    """As ecrecover would give it."""
    from eth_account import Account  # noqa: PLC0415 - slow to import

    account = Account.create()
    key = account._key_obj.public_key.to_bytes()
    assert prover_address(key).hex0x == account.address.lower()
    with pytest.raises(InputError, match="prover key"):
        prover_address(b"\x04" + key)
