"""Hashing, list roots and sender recovery."""

from __future__ import annotations

import pytest
import rlp as reference_rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from coprove.errors import InputError
from coprove.primitives import keccak256, ordered_trie_root, recover_sender, recover_senders
from tests.unit.execution.chains import recorded
from tests.vectors import recording_dir

KEY = "0x" + "46" * 32
SENDER = bytes.fromhex(Account.from_key(KEY).address[2:])
BASE = {"nonce": 9, "gas": 21000, "to": "0x" + "35" * 20, "value": 10**18, "data": b""}
FEES = {"maxFeePerGas": 10**9, "maxPriorityFeePerGas": 1, "chainId": 1}
KINDS = {
    "legacy": {**BASE, "gasPrice": 10**9, "chainId": 1},
    "access list": {**BASE, "gasPrice": 1, "chainId": 1, "accessList": [], "type": 1},
    "dynamic fee": {**BASE, **FEES, "type": 2},
    "blob": {
        **BASE,
        **FEES,
        "type": 3,
        "maxFeePerBlobGas": 1,
        "blobVersionedHashes": [b"\x01" + bytes(31)],
    },
    "unprotected": {**BASE, "gasPrice": 10**9},
}


@given(st.binary(max_size=500))
def test_keccak_agrees_with_another_implementation(data: bytes) -> None:
    """eth_utils' Keccak-256 gives the same digest."""
    assert keccak256(data) == bytes(Web3.keccak(data))


def test_list_roots_are_those_of_recorded_headers() -> None:
    """Transactions and receipts of every block of a recording."""
    for case in recorded(recording_dir("calldata")):
        assert ordered_trie_root(case.raw_receipts) == case.receipts_root
    assert ordered_trie_root([]).hex().startswith("56e81f17")


@pytest.mark.parametrize("kind", KINDS)
def test_the_sender_of_each_type_is_recovered(kind: str) -> None:
    """Transactions that eth_account signed, EIP-155 or not."""
    raw = bytes(Account.sign_transaction(KINDS[kind], KEY).raw_transaction)
    assert recover_sender(raw) == SENDER
    assert recover_senders([raw] * 100) == [SENDER] * 100


def test_a_high_s_signature_is_refused() -> None:
    """EIP-2: of the two signatures that recover, only the low one counts."""
    signed = Account.sign_transaction(KINDS["dynamic fee"], KEY)
    fields = list(reference_rlp.decode(bytes(signed.raw_transaction)[1:]))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    fields[-1] = (order - signed.s).to_bytes(32, "big")
    fields[-3] = b"" if fields[-3] == b"\x01" else b"\x01"
    with pytest.raises(InputError, match="signature"):
        recover_sender(b"\x02" + reference_rlp.encode(fields))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_transaction_are_refused(data: bytes) -> None:
    """Whatever the bytes, InputError and nothing else."""
    with pytest.raises(InputError):
        recover_sender(data)


def test_one_bad_transaction_fails_the_list() -> None:
    """The good ones beside it do not hide it."""
    raw = bytes(Account.sign_transaction(KINDS["legacy"], KEY).raw_transaction)
    with pytest.raises(InputError):
        recover_senders([raw, raw + b"\0", raw])
