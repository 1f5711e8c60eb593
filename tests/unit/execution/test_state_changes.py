"""Changes made block by block give the root of the resulting state built from nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.execution import BlockExecutor, NodeStore, StateReader, genesis_state
from coprove.primitives import keccak256, rlp
from coprove.types import (
    Address,
    BlockHeader,
    Fork,
    Hash32,
    PayloadAttributes,
    RollupConfig,
)
from tests.unit.execution.chains import flat, recorded_config
from tests.vectors import recording_dir

SENDER = b"\x0a" * 20
STORES = [bytes([number]) * 20 for number in (0x51, 0x52, 0x53)]
MORTALS = [bytes([number]) * 20 for number in (0x61, 0x62)]
STORE_CODE = "6000 5b 8036 1115 6018 57 80 6020 01 35 81 35 55 6040 01 6002 56 5b 00".replace(
    " ", ""
)
"""Writes the pairs of slot and value that its calldata holds."""
MORTAL_CODE = "33ff"
"""Destroys itself in favour of its caller."""
EMPTY = Hash32(keccak256(b"\x80"))
OMMERS = Hash32(keccak256(b"\xc0"))
FORKS = [Fork.REGOLITH, Fork.CANYON, Fork.ECOTONE, Fork.HOLOCENE, Fork.ISTHMUS, Fork.KARST]


def _alloc() -> dict[str, Any]:
    storage = {f"0x{slot:064x}": f"0x{slot + 1:064x}" for slot in range(5)}
    accounts: dict[bytes, dict[str, Any]] = {SENDER: {"balance": 10**20, "nonce": 3}}
    for address in STORES:
        accounts[address] = {"balance": 0, "code": STORE_CODE, "storage": dict(storage)}
    for address in MORTALS:
        accounts[address] = {"balance": 5, "code": MORTAL_CODE, "storage": dict(storage)}
    return {address.hex(): account for address, account in accounts.items()}


@dataclass(frozen=True, slots=True)
class Call:
    to: bytes
    data: bytes

    def deposit(self, number: int) -> bytes:
        fields: list[rlp.Item] = [
            keccak256(number.to_bytes(8, "big")),
            SENDER,
            self.to,
            b"",
            b"",
            rlp.encode_int(2_000_000),
            b"",
            self.data,
        ]
        return b"\x7e" + rlp.encode(fields)


def _write(slots: list[tuple[int, int]]) -> bytes:
    return b"".join(s.to_bytes(32, "big") + v.to_bytes(32, "big") for s, v in slots)


CALLS = st.one_of(
    st.builds(
        Call,
        st.sampled_from(STORES),
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=8).map(_write),
    ),
    st.builds(Call, st.sampled_from(MORTALS), st.just(b"")),
    st.builds(Call, st.sampled_from([b"\x77" * 20, b"\x78" * 20]), st.just(b"")),
)


def _config(fork: Fork) -> RollupConfig:
    config = recorded_config(recording_dir("calldata"))
    return replace(config, fork_times=tuple(0 if f <= fork else None for f in list(Fork)[1:]))


def _genesis(root: Hash32, passer_root: Hash32, fork: Fork) -> bytes:
    extra = {Fork.HOLOCENE: 9, Fork.ISTHMUS: 9, Fork.JOVIAN: 17, Fork.KARST: 17}.get(fork, 0)
    params = bytes([extra == 17]) + (250).to_bytes(4, "big") + (6).to_bytes(4, "big") + bytes(8)
    ecotone, isthmus = fork >= Fork.ECOTONE, fork >= Fork.ISTHMUS
    return BlockHeader(
        parent_hash=Hash32(bytes(32)),
        ommers_hash=OMMERS,
        beneficiary=Address(bytes(20)),
        state_root=root,
        transactions_root=EMPTY,
        receipts_root=EMPTY,
        logs_bloom=bytes(256),
        difficulty=0,
        number=0,
        gas_limit=60_000_000,
        gas_used=0,
        timestamp=1_000,
        extra_data=params[:extra],
        mix_hash=Hash32(bytes(32)),
        nonce=bytes(8),
        base_fee_per_gas=7,
        withdrawals_root=(passer_root if isthmus else EMPTY) if fork >= Fork.CANYON else None,
        blob_gas_used=0 if ecotone else None,
        excess_blob_gas=0 if ecotone else None,
        parent_beacon_block_root=Hash32(bytes(32)) if ecotone else None,
        requests_hash=EMPTY if isthmus else None,
    ).encode_rlp()


def _attributes(fork: Fork, number: int, calls: list[Call]) -> PayloadAttributes:
    return PayloadAttributes(
        timestamp=1_000 + 2 * number,
        prev_randao=Hash32(bytes(32)),
        suggested_fee_recipient=Address(b"\x11" * 20),
        parent_beacon_block_root=Hash32(bytes(32)) if fork >= Fork.ECOTONE else None,
        withdrawals_enabled=fork >= Fork.CANYON,
        transactions=tuple(call.deposit(100 * number + n) for n, call in enumerate(calls)),
        no_tx_pool=True,
        gas_limit=60_000_000,
        eip_1559_params=bytes(8) if fork >= Fork.HOLOCENE else None,
        min_base_fee=0 if fork >= Fork.JOVIAN else None,
    )


def _read_back(store: NodeStore, root: Hash32) -> dict[str, Any]:
    """The state's accounts as an allocation; addresses and slots are those that the test uses."""
    reader = StateReader(store, root)
    found: dict[str, Any] = {}
    for address in (SENDER, *STORES, *MORTALS, b"\x77" * 20, b"\x78" * 20, b"\x11" * 20):
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
    fork: Fork, blocks: list[list[Call]]
) -> None:
    """Slots set and cleared, contracts destroyed, in witness mode and with commits alike."""
    store = NodeStore()
    root = genesis_state(store, _alloc())
    header = _genesis(root, EMPTY, fork)
    committing = BlockExecutor(_config(fork), header, store, commit=True, record=True)
    witness = NodeStore()
    kept = BlockExecutor(_config(fork), header, witness)
    for number, calls in enumerate(blocks, 1):
        attributes = _attributes(fork, number, calls)
        block = committing.execute(attributes)
        assert genesis_state(NodeStore(), _read_back(store, block.state_root)) == block.state_root
        assert block.witness is not None
        witness.add_nodes(flat(block.witness.nodes))
        witness.add_codes(flat(block.witness.codes))
        assert kept.execute(attributes).hash == block.hash


@pytest.mark.parametrize("fork", FORKS)
def test_a_destroyed_contract_is_gone_before_ecotone_only(fork: Fork) -> None:
    """EIP-6780: from Ecotone on a contract of an earlier block only gives its balance away."""
    store = NodeStore()
    header = _genesis(genesis_state(store, _alloc()), EMPTY, fork)
    executor = BlockExecutor(_config(fork), header, store, commit=True)
    block = executor.execute(_attributes(fork, 1, [Call(MORTALS[0], b"")]))
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
    header = _genesis(genesis_state(store, _alloc()), EMPTY, Fork.KARST)
    executor = BlockExecutor(_config(Fork.KARST), header, store, commit=True)
    call = Call(STORES[0], _write([(0, 0), (7, 9)]))
    reader = StateReader(store, executor.execute(_attributes(Fork.KARST, 1, [call])).state_root)
    found = [reader.storage(STORES[0], slot.to_bytes(32, "big"))[31] for slot in range(9)]
    assert found == [0, 2, 3, 4, 5, 0, 0, 9, 0]
