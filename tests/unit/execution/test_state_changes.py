"""Changes made block by block give the root of the resulting state built from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.execution import BlockExecutor, NodeStore, StateReader, genesis_state
from coprove.primitives import keccak256
from coprove.types import Fork
from tests.unit.execution.chains import flat
from tests.unit.execution.made import (
    COLLECTOR,
    SENDER,
    Deposit,
    attributes,
    config,
    genesis_header,
)

if TYPE_CHECKING:
    from coprove.types import Hash32

STORES = [bytes([number]) * 20 for number in (0x51, 0x52, 0x53)]
MORTALS = [bytes([number]) * 20 for number in (0x61, 0x62)]
STORE_CODE = "6000 5b 8036 1115 6018 57 80 6020 01 35 81 35 55 6040 01 6002 56 5b 00".replace(
    " ", ""
)
"""Writes the pairs of slot and value that its calldata holds."""
MORTAL_CODE = "33ff"
"""Destroys itself in favour of its caller."""
CHILD_CODE = "36 6006 57 33ff 5b 6020 35 6000 35 55 00".replace(" ", "")
"""Destroys itself, or with calldata writes one slot."""
CHILD_INIT = f"6e{CHILD_CODE}600052600f6011f3"
_CREATE = f"77{CHILD_INIT}6000526000601860086000f5"
FACTORY, FLASH = b"\x63" * 20, b"\x64" * 20
FACTORY_CODE = f"{_CREATE}00"
"""Creates the child, always at the same address: once destroyed it can be born again."""
FLASH_CODE = f"{_CREATE}60006000600060006000855af100"
"""Creates its child and has it destroyed in the same transaction."""
FORKS = [Fork.REGOLITH, Fork.CANYON, Fork.ECOTONE, Fork.HOLOCENE, Fork.ISTHMUS, Fork.KARST]


def _child(factory: bytes) -> bytes:
    init_hash = keccak256(bytes.fromhex(CHILD_INIT))
    return keccak256(b"\xff" + factory + bytes(32) + init_hash)[12:]


def _alloc() -> dict[str, Any]:
    storage = {f"0x{slot:064x}": f"0x{slot + 1:064x}" for slot in range(5)}
    accounts: dict[bytes, dict[str, Any]] = {SENDER: {"balance": 10**20, "nonce": 3}}
    for address in STORES:
        accounts[address] = {"balance": 0, "code": STORE_CODE, "storage": dict(storage)}
    for address in MORTALS:
        accounts[address] = {"balance": 5, "code": MORTAL_CODE, "storage": dict(storage)}
    accounts[FACTORY] = {"balance": 0, "code": FACTORY_CODE}
    accounts[FLASH] = {"balance": 0, "code": FLASH_CODE}
    return {address.hex(): account for address, account in accounts.items()}


def _write(slots: list[tuple[int, int]]) -> bytes:
    return b"".join(s.to_bytes(32, "big") + v.to_bytes(32, "big") for s, v in slots)


CALLS = st.one_of(
    st.builds(
        Deposit,
        to=st.sampled_from(STORES),
        data=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=8).map(_write),
    ),
    st.builds(Deposit, to=st.sampled_from([*MORTALS, FACTORY, FLASH, _child(FACTORY)])),
    st.builds(
        Deposit,
        to=st.just(_child(FACTORY)),
        data=st.tuples(st.integers(0, 2), st.integers(0, 3)).map(lambda pair: _write([pair])),
    ),
    st.builds(Deposit, to=st.sampled_from([b"\x77" * 20, b"\x78" * 20])),
)


def _read_back(store: NodeStore, root: Hash32) -> dict[str, Any]:
    """The state's accounts as an allocation; addresses and slots are those that the test uses."""
    reader = StateReader(store, root)
    found: dict[str, Any] = {}
    names = [SENDER, *STORES, *MORTALS, FACTORY, FLASH, _child(FACTORY), _child(FLASH)]
    for address in (*names, b"\x77" * 20, b"\x78" * 20, COLLECTOR):
        account = reader.account(address)
        if account is None:
            continue
        slots = {slot: reader.storage(address, slot.to_bytes(32, "big")) for slot in range(10)}
        found[address.hex()] = {
            "nonce": account.nonce,
            "balance": account.balance,
            "code": reader.code(address).hex(),
            "storage": {f"{slot:064x}": value.hex() for slot, value in slots.items()},
        }
    return found


@pytest.mark.parametrize("fork", FORKS)
@given(blocks=st.lists(st.lists(CALLS, max_size=6), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_incremental_changes_give_the_root_of_the_whole(
    fork: Fork, blocks: list[list[Deposit]]
) -> None:
    """Slots set and cleared, contracts destroyed, in witness mode and with commits alike."""
    store = NodeStore()
    root = genesis_state(store, _alloc())
    header = genesis_header(root, fork)
    committing = BlockExecutor(config(fork), header, store, commit=True, record=True)
    witness = NodeStore()
    kept = BlockExecutor(config(fork), header, witness)
    for number, calls in enumerate(blocks, 1):
        made = attributes(fork, number, calls)
        block = committing.execute(made)
        assert genesis_state(NodeStore(), _read_back(store, block.state_root)) == block.state_root
        assert block.witness is not None
        witness.add_nodes(flat(block.witness.nodes))
        witness.add_codes(flat(block.witness.codes))
        assert kept.execute(made).hash == block.hash


@pytest.mark.parametrize("fork", FORKS)
def test_a_destroyed_contract_is_gone_before_ecotone_only(fork: Fork) -> None:
    """EIP-6780: from Ecotone on a contract of an earlier block only gives its balance away."""
    store = NodeStore()
    header = genesis_header(genesis_state(store, _alloc()), fork)
    executor = BlockExecutor(config(fork), header, store, commit=True)
    block = executor.execute(attributes(fork, 1, [Deposit(to=MORTALS[0])]))
    reader = StateReader(store, block.state_root)
    account = reader.account(MORTALS[0])
    sender = reader.account(SENDER)
    assert sender is not None
    assert sender.balance == 10**20 + 5
    if fork < Fork.ECOTONE:
        assert account is None
        assert reader.storage(MORTALS[0], bytes(32)) == bytes(32)
    else:
        assert account is not None
        assert account.balance == 0
        assert reader.storage(MORTALS[0], bytes(32)) == (1).to_bytes(32, "big")


def test_slots_are_set_cleared_and_left() -> None:
    """The contract of these tests does what they rely on."""
    store = NodeStore()
    header = genesis_header(genesis_state(store, _alloc()), Fork.KARST)
    executor = BlockExecutor(config(Fork.KARST), header, store, commit=True)
    call = Deposit(to=STORES[0], data=_write([(0, 0), (7, 9)]))
    reader = StateReader(store, executor.execute(attributes(Fork.KARST, 1, [call])).state_root)
    found = [reader.storage(STORES[0], slot.to_bytes(32, "big"))[31] for slot in range(9)]
    assert found == [0, 2, 3, 4, 5, 0, 0, 9, 0]


@pytest.mark.parametrize("fork", [Fork.REGOLITH, Fork.CANYON])
def test_a_contract_born_again_in_one_block_has_none_of_its_old_storage(fork: Fork) -> None:
    """Destroyed and created at the same address, by transactions of one block."""
    child, store = _child(FACTORY), NodeStore()
    header = genesis_header(genesis_state(store, _alloc()), fork)
    executor = BlockExecutor(config(fork), header, store, commit=True)
    first = [Deposit(to=FACTORY), *(Deposit(to=child, data=_write([(n, 7)])) for n in range(3))]
    executor.execute(attributes(fork, 1, first))
    second = [Deposit(to=child), Deposit(to=FACTORY), Deposit(to=child, data=_write([(1, 9)]))]
    reader = StateReader(store, executor.execute(attributes(fork, 2, second)).state_root)
    assert reader.code(child).hex() == CHILD_CODE
    assert [reader.storage(child, n.to_bytes(32, "big"))[31] for n in range(3)] == [0, 9, 0]


@pytest.mark.parametrize("fork", FORKS)
def test_a_contract_destroyed_by_its_creator_transaction_leaves_nothing(fork: Fork) -> None:
    """EIP-6780 keeps this case of SELFDESTRUCT; the next block can do the same again."""
    store = NodeStore()
    header = genesis_header(genesis_state(store, _alloc()), fork)
    executor = BlockExecutor(config(fork), header, store, commit=True)
    for number in (1, 2):
        block = executor.execute(attributes(fork, number, [Deposit(to=FLASH)]))
        reader = StateReader(store, block.state_root)
        flash = reader.account(FLASH)
        assert flash is not None
        assert flash.nonce == number
        assert reader.account(_child(FLASH)) is None
