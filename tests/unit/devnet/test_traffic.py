"""The transactions that traffic consists of do what their names say, run by the kernel."""

import pytest
from eth_abi.abi import decode

from coprove.devnet.traffic import kinds
from coprove.primitives import keccak256
from coprove.types import Address

ADDRESS = Address(b"\x11" * 20)


def test_a_deposit_calls_the_portal_with_value_and_receiver() -> None:
    """depositTransaction(to, value, gas, false, "") with the same value sent along."""
    payload = kinds.deposit(Address(b"\x22" * 20), ADDRESS, 5)
    assert (payload.to, payload.value) == (b"\x22" * 20, 5)
    selector = keccak256(b"depositTransaction(address,uint256,uint64,bool,bytes)")[:4]
    assert payload.data[:4] == selector
    to, value, gas, creates, data = decode(
        ["address", "uint256", "uint64", "bool", "bytes"], payload.data[4:]
    )
    assert (to, value, creates, data) == (str(ADDRESS), 5, False, b"")
    assert gas >= 21_000


def test_a_withdrawal_calls_the_message_passer() -> None:
    """initiateWithdrawal(target, gas, "") with the value sent along."""
    payload = kinds.withdrawal(ADDRESS, 7)
    assert payload.to == kinds.MESSAGE_PASSER
    assert payload.value == 7
    target, _, data = decode(["address", "uint256", "bytes"], payload.data[4:])
    assert (target, data) == (str(ADDRESS), b"")


def test_creation_code_returns_the_contract() -> None:
    """The code stands right behind the nine bytes that copy it."""
    payload = kinds.create_store()
    assert payload.to is None
    assert payload.data[9:] == kinds.STORE_CODE
    assert payload.data[1] == len(kinds.STORE_CODE)
    assert payload.data[4] == 9


@pytest.mark.parametrize("amount", [0, 1, 2**256 - 1])
def test_a_call_carries_one_word(amount: int) -> None:
    """The amount fills 32 bytes."""
    assert int.from_bytes(kinds.call_store(ADDRESS, amount).data, "big") == amount
