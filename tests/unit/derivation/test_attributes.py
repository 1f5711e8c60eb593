"""Attributes rebuilt from L1 equal what a real op-node put into its blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coprove.derivation.attributes import (
    SEQUENCER_FEE_VAULT,
    L1OriginError,
    carried_system_config,
    prepare_attributes,
)
from coprove.derivation.l1_info import l2_block_ref, system_config_from_l2_block
from coprove.types import BlockId, Fork, Hash32, SystemConfig
from tests.unit.derivation.chain import RECORDINGS, load_chain


@pytest.mark.parametrize("name", RECORDINGS)
def test_attributes_of_every_recorded_block_are_those_of_the_block(name: str) -> None:
    """Deposits, upgrades, gas limit, randomness and parameters equal the recorded block's."""
    chain = load_chain(name)
    config = chain.config
    for before, block in zip(chain.l2, chain.l2[1:], strict=False):
        parent = l2_block_ref(config, before.header, before.first_tx)
        origin = l2_block_ref(config, block.header, block.first_tx).l1_origin
        prepared = prepare_attributes(
            config,
            chain.l1_config,
            parent,
            system_config_from_l2_block(config, before.header, before.first_tx),
            chain.l1[origin.number],
        )
        attributes, header = prepared.attributes, block.header
        deposits = tuple(tx for tx in block.transactions if tx[0] == 0x7E)
        assert attributes.transactions == deposits
        assert attributes.timestamp == header.timestamp
        assert attributes.prev_randao == header.mix_hash
        assert attributes.suggested_fee_recipient == header.beneficiary == SEQUENCER_FEE_VAULT
        assert attributes.parent_beacon_block_root == header.parent_beacon_block_root
        assert attributes.gas_limit == header.gas_limit
        assert attributes.withdrawals_enabled
        assert attributes.no_tx_pool
        jovian = config.is_active(Fork.JOVIAN, header.timestamp)
        assert attributes.min_base_fee == (
            int.from_bytes(header.extra_data[9:], "big") if jovian else None
        )
        assert attributes.eip_1559_params in (header.extra_data[1:9], bytes(8))
        assert prepared.sequence_number == block.output["blockRef"]["sequenceNumber"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_carried_system_config_is_what_the_block_shows(name: str) -> None:
    """A pipeline that carries it along needs no L2 block to know the next system config."""
    chain = load_chain(name)
    config = chain.config
    carried = config.genesis.system_config
    parent = l2_block_ref(config, chain.l2[0].header, None)
    for block in chain.l2[1:]:
        ref = l2_block_ref(config, block.header, block.first_tx)
        epoch = chain.l1[ref.l1_origin.number]
        carried = prepare_attributes(config, chain.l1_config, parent, carried, epoch).system_config
        assert carried == system_config_from_l2_block(config, block.header, block.first_tx)
        parent = ref


def test_an_origin_that_does_not_fit_on_the_parent_asks_for_a_reset() -> None:
    """Another hash of the same number, a skipped block and a later block are all refused."""
    chain = load_chain("calldata")
    config = chain.config
    block = chain.l2[20]
    parent = l2_block_ref(config, block.header, block.first_tx)
    system_config = system_config_from_l2_block(config, block.header, block.first_tx)
    number = parent.l1_origin.number

    def attempt(parent_hash: Hash32, origin_number: int) -> None:
        changed = replace(parent, l1_origin=BlockId(hash=parent_hash, number=number))
        epoch = chain.l1[origin_number]
        prepare_attributes(config, chain.l1_config, changed, system_config, epoch)

    attempt(parent.l1_origin.hash, number)
    with pytest.raises(L1OriginError):
        attempt(Hash32(bytes(32)), number)
    with pytest.raises(L1OriginError):
        attempt(Hash32(bytes(32)), number + 1)
    with pytest.raises(L1OriginError):
        attempt(parent.l1_origin.hash, number + 2)
    early = replace(parent, timestamp=chain.l1[number].header.timestamp - config.block_time - 1)
    with pytest.raises(L1OriginError, match="later than"):
        prepare_attributes(config, chain.l1_config, early, system_config, chain.l1[number])


def test_values_that_a_fork_does_not_know_are_lost_in_its_blocks() -> None:
    """An update announced before its fork has no effect, as the L2 block has no room for it."""
    config = load_chain("calldata").config
    announced = SystemConfig(
        batcher_address=config.genesis.system_config.batcher_address,
        overhead=Hash32(bytes(32)),
        scalar=Hash32(bytes(31) + b"\x07"),
        gas_limit=1,
        operator_fee_scalar=3,
        operator_fee_constant=4,
        min_base_fee=5,
        da_footprint_gas_scalar=6,
    )
    isthmus = config.fork_time(Fork.ISTHMUS)
    jovian = config.fork_time(Fork.JOVIAN)
    assert isthmus is not None
    assert jovian is not None
    at_isthmus = carried_system_config(config, announced, isthmus)
    assert (at_isthmus.operator_fee_scalar, at_isthmus.operator_fee_constant) == (0, 0)
    after = carried_system_config(config, announced, isthmus + 1)
    assert (after.operator_fee_scalar, after.operator_fee_constant) == (3, 4)
    assert (after.min_base_fee, after.da_footprint_gas_scalar) == (0, 0)
    at_jovian = carried_system_config(config, announced, jovian)
    assert (at_jovian.min_base_fee, at_jovian.da_footprint_gas_scalar) == (5, 0)
    assert carried_system_config(config, announced, jovian + 1).da_footprint_gas_scalar == 6
    # EIP-1559 parameters that nobody set become the chain's constants in the header.
    assert (after.eip1559_denominator, after.eip1559_elasticity) == (250, 6)
    assert after.scalar == SystemConfig.encode_ecotone_scalar(7, 0)


def test_karst_gives_its_upgrade_gas_once_unless_the_chain_kept_it() -> None:
    """The child of the activation block falls back to the old limit, but on chains that leak."""
    config = load_chain("calldata").config
    karst = config.fork_time(Fork.KARST)
    assert karst is not None
    before = replace(config.genesis.system_config, gas_limit=100_000_000)
    assert carried_system_config(config, before, karst).gas_limit == 100_000_000 - 55_370_657
    leaky = replace(config, keep_karst_upgrade_gas=True)
    assert carried_system_config(leaky, before, karst).gas_limit == 100_000_000


def test_the_first_holocene_block_has_zero_parameters() -> None:
    """Zeros make the engine write Canyon's constants, even when L1 announced others."""
    chain = load_chain("calldata")
    block = chain.l2[20]
    time = block.header.timestamp + chain.config.block_time
    times = tuple(
        time if fork == Fork.HOLOCENE else (None if fork > Fork.HOLOCENE else 0)
        for fork in list(Fork)[1:]
    )
    config = replace(chain.config, fork_times=times)
    parent = l2_block_ref(chain.config, block.header, block.first_tx)
    system = replace(config.genesis.system_config, eip1559_denominator=9, eip1559_elasticity=3)
    epoch = chain.l1[parent.l1_origin.number]
    first = prepare_attributes(config, chain.l1_config, parent, system, epoch)
    assert first.attributes.eip_1559_params == bytes(8)
    assert first.system_config.eip1559_denominator == 250
    second = prepare_attributes(
        config, chain.l1_config, replace(parent, timestamp=time), system, epoch
    )
    assert second.attributes.eip_1559_params == system.eip1559_params
    old = replace(config, fork_times=(None,) * len(times))
    bedrock = prepare_attributes(old, chain.l1_config, parent, system, epoch).attributes
    assert bedrock.eip_1559_params is None
    assert bedrock.parent_beacon_block_root is None
    assert not bedrock.withdrawals_enabled
