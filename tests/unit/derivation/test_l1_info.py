"""The L1-attributes transaction in every format, and what is read back from L2 blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.derivation.deposits import DepositTransaction
from coprove.derivation.l1_info import (
    L1Info,
    decode_l1_info,
    l1_info_deposit,
    l1_info_fork,
    l1_info_from_header,
    l2_block_ref,
    system_config_from_l2_block,
)
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address, Fork, Hash32, L1ChainConfig, SystemConfig
from coprove.types.hashes import ZERO_HASH
from tests.unit.derivation.chain import RECORDINGS, load_chain

FORMATS = (Fork.BEDROCK, Fork.ECOTONE, Fork.ISTHMUS, Fork.JOVIAN)
UINT16 = st.integers(min_value=0, max_value=2**16 - 1)
UINT32 = st.integers(min_value=0, max_value=2**32 - 1)
UINT64 = st.integers(min_value=0, max_value=2**64 - 1)
UINT256 = st.integers(min_value=0, max_value=2**256 - 1)
HASHES = st.binary(min_size=32, max_size=32).map(Hash32)
INFOS = st.builds(
    L1Info,
    number=UINT64,
    timestamp=UINT64,
    base_fee=UINT256,
    block_hash=HASHES,
    sequence_number=UINT64,
    batcher_address=st.binary(min_size=20, max_size=20).map(Address),
    overhead=HASHES,
    scalar=HASHES,
    blob_base_fee=UINT256,
    base_fee_scalar=UINT32,
    blob_base_fee_scalar=UINT32,
    operator_fee_scalar=UINT32,
    operator_fee_constant=UINT64,
    da_footprint_gas_scalar=UINT16,
)


def restrict(info: L1Info, fork: Fork) -> L1Info:
    """Set the fields to 0 that the format of `fork` has no room for."""
    if fork is Fork.BEDROCK:
        info = replace(info, blob_base_fee=0, base_fee_scalar=0, blob_base_fee_scalar=0)
    else:
        info = replace(info, overhead=ZERO_HASH, scalar=ZERO_HASH)
    if fork < Fork.ISTHMUS:
        info = replace(info, operator_fee_scalar=0, operator_fee_constant=0)
    return info if fork >= Fork.JOVIAN else replace(info, da_footprint_gas_scalar=0)


@given(INFOS, st.sampled_from(FORMATS))
def test_every_format_round_trips(info: L1Info, fork: Fork) -> None:
    """What a format holds is read back; another format's bytes are refused."""
    data = info.encode(fork)
    assert decode_l1_info(data, fork) == restrict(info, fork)
    for other in FORMATS:
        if other is not fork:
            with pytest.raises(InputError, match="L1 info"):
                decode_l1_info(data, other)
    for wrong in (data[:-1], data + b"\0", b"", b"\0" + data[1:]):
        with pytest.raises(InputError):
            decode_l1_info(wrong, fork)


@given(st.binary(max_size=260), st.sampled_from(FORMATS))
def test_random_arguments_are_parsed_or_refused(body: bytes, fork: Fork) -> None:
    """Accepted call data is canonical: it encodes to itself."""
    size = len(L1Info.encode(sample(), fork))
    data = sample().encode(fork)[:4] + body.ljust(size - 4, b"\0")[: size - 4]
    try:
        info = decode_l1_info(data, fork)
    except InputError:
        return
    assert info.encode(fork) == data


def sample() -> L1Info:
    return L1Info(
        number=1,
        timestamp=2,
        base_fee=3,
        block_hash=ZERO_HASH,
        sequence_number=4,
        batcher_address=Address(bytes(20)),
    )


@pytest.mark.parametrize(
    ("fork", "signature"),
    [
        (
            Fork.BEDROCK,
            "setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)",
        ),
        (Fork.ECOTONE, "setL1BlockValuesEcotone()"),
        (Fork.ISTHMUS, "setL1BlockValuesIsthmus()"),
        (Fork.JOVIAN, "setL1BlockValuesJovian()"),
    ],
)
def test_selectors_are_those_of_the_functions(fork: Fork, signature: str) -> None:
    """The first four bytes of the signature's hash."""
    assert sample().encode(fork)[:4] == keccak256(signature.encode())[:4]


@pytest.mark.parametrize("name", RECORDINGS)
def test_references_of_recorded_blocks(name: str) -> None:
    """The first transaction gives the L1 origin and sequence number that op-node reports."""
    chain = load_chain(name)
    for block in chain.l2:
        ref = l2_block_ref(chain.config, block.header, block.first_tx)
        expected = block.output["blockRef"]
        assert str(ref.hash) == expected["hash"]
        assert ref.number == ref.id.number == expected["number"]
        assert str(ref.parent_hash) == expected["parentHash"]
        assert ref.timestamp == expected["timestamp"]
        assert str(ref.l1_origin.hash) == expected["l1origin"]["hash"]
        assert ref.l1_origin.number == expected["l1origin"]["number"]
        assert ref.sequence_number == expected["sequenceNumber"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_deposits_of_recorded_blocks_come_from_their_system_config(name: str) -> None:
    """Rebuilding the deposit from the L1 header and the block's own config gives its bytes."""
    chain = load_chain(name)
    for block in chain.l2[1:]:
        ref = l2_block_ref(chain.config, block.header, block.first_tx)
        origin = chain.l1[ref.l1_origin.number]
        deposit = l1_info_deposit(
            chain.config,
            chain.l1_config,
            system_config_from_l2_block(chain.config, block.header, block.first_tx),
            origin.header,
            block_hash=origin.hash,
            sequence_number=ref.sequence_number,
            l2_timestamp=block.header.timestamp,
        )
        assert deposit.encode() == block.first_tx


def test_recorded_config_updates_show_in_the_blocks() -> None:
    """The calldata chain changed every value; its last block holds them all."""
    chain = load_chain("calldata")
    last = chain.l2[-1]
    system = system_config_from_l2_block(chain.config, last.header, last.first_tx)
    assert system.gas_limit == 50_000_000
    assert (system.eip1559_denominator, system.eip1559_elasticity) == (200, 4)
    assert system.min_base_fee == 100_000
    assert system.operator_fee_scalar or system.operator_fee_constant
    assert system.da_footprint_gas_scalar not in (0, 400)
    first = chain.l2[0]
    assert system_config_from_l2_block(chain.config, first.header, None) == (
        chain.config.genesis.system_config
    )


def test_formats_change_one_block_after_their_fork() -> None:
    """The activation block is still told in the older format; Karst keeps Jovian's."""
    config = load_chain("calldata").config
    start = config.genesis.l2_time
    expected = {
        1: Fork.ECOTONE,
        16: Fork.ECOTONE,
        17: Fork.ISTHMUS,
        34: Fork.ISTHMUS,
        35: Fork.JOVIAN,
        54: Fork.JOVIAN,
        55: Fork.JOVIAN,
    }
    assert {n: l1_info_fork(config, start + n) for n in expected} == expected
    old = replace(config, fork_times=(0, 0, 0, start + 5, *([None] * 6)))
    assert l1_info_fork(old, start + 5) is Fork.BEDROCK
    assert l1_info_fork(old, start + 6) is Fork.ECOTONE


def test_before_regolith_the_deposit_is_a_system_transaction() -> None:
    """It has its own gas then, and Bedrock's format."""
    chain = load_chain("calldata")
    origin = chain.l1[3]
    old = replace(chain.config, fork_times=(None,) * 10)
    # A scalar of a version that Ecotone does not know is plain data to Bedrock.
    system = replace(old.genesis.system_config, scalar=Hash32(b"\x07" * 32))

    def deposit(config_time: int | None) -> DepositTransaction:
        return l1_info_deposit(
            replace(old, fork_times=(config_time, *([None] * 9))),
            chain.l1_config,
            system,
            origin.header,
            block_hash=origin.hash,
            sequence_number=2,
            l2_timestamp=100,
        )

    before, after = deposit(None), deposit(100)
    assert (before.gas, before.is_system) == (150_000_000, True)
    assert (after.gas, after.is_system) == (1_000_000, False)
    info = decode_l1_info(before.data, Fork.BEDROCK)
    assert (info.scalar, info.sequence_number, info.number) == (system.scalar, 2, 3)
    assert DepositTransaction.decode(before.encode()) == before


def test_blob_base_fee_follows_the_schedule_and_its_exception() -> None:
    """1 before Cancun; Cancun's fee until the Pectra blob schedule time, Prague's after it."""
    chain = load_chain("calldata")
    header = replace(chain.l1[3].header, excess_blob_gas=60_000_000, timestamp=1_742_000_000)
    sepolia = L1ChainConfig.built_in(11_155_111)
    assert sepolia is not None
    system = SystemConfig(
        batcher_address=Address(bytes(20)), overhead=ZERO_HASH, scalar=ZERO_HASH, gas_limit=1
    )

    def fee(pectra: int | None, excess: int | None = 60_000_000) -> int:
        return l1_info_from_header(
            replace(chain.config, pectra_blob_schedule_time=pectra),
            sepolia,
            system,
            replace(header, excess_blob_gas=excess),
            block_hash=ZERO_HASH,
            sequence_number=0,
            fork=Fork.ECOTONE,
        ).blob_base_fee

    assert fee(None) == sepolia.blob_base_fee(header)
    assert fee(1_742_000_000) == fee(None)
    assert fee(1_742_000_001) == sepolia.cancun_blob_base_fee(header) != fee(None)
    assert fee(None, None) == fee(1_742_000_001, None) == 1


def test_blocks_without_a_true_attributes_deposit_are_refused() -> None:
    """Another sender, target, type or none, a wrong genesis, and broken extraData."""
    chain = load_chain("calldata")
    block = chain.l2[40]
    deposit = DepositTransaction.decode(block.transactions[0])
    user = next(tx for b in chain.l2 for tx in b.transactions if tx[0] != 0x7E)
    wrong_first = (
        None,
        b"",
        user,
        replace(deposit, sender=Address(bytes(20))).encode(),
        replace(deposit, to=None).encode(),
        replace(deposit, data=b"").encode(),
    )
    for first in wrong_first:
        with pytest.raises(InputError):
            l2_block_ref(chain.config, block.header, first)
        with pytest.raises(InputError):
            system_config_from_l2_block(chain.config, block.header, first)
    genesis = chain.l2[0].header
    with pytest.raises(InputError, match="genesis"):
        l2_block_ref(chain.config, replace(genesis, gas_used=1), None)
    moved = replace(
        chain.config,
        genesis=replace(chain.config.genesis, l2=replace(chain.config.genesis.l2, number=50)),
    )
    with pytest.raises(InputError, match="at least 50"):
        l2_block_ref(moved, block.header, block.first_tx)
    for extra in (b"", b"\0" + block.header.extra_data[1:], bytes(17), b"\x01" + bytes(16)):
        with pytest.raises(InputError, match="extra_data"):
            system_config_from_l2_block(
                chain.config, replace(block.header, extra_data=extra), block.first_tx
            )
    karst = chain.l2[54]
    with pytest.raises(InputError, match="gas_limit"):
        system_config_from_l2_block(
            chain.config, replace(karst.header, gas_limit=5), karst.first_tx
        )
