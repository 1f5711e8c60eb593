"""Payload attributes: all that decides an L2 block, from its parent and its L1 origin.

Source: specification, "Derivation", building individual payload attributes, and the fork chapters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coprove.derivation.deposits import deposits_from_receipts
from coprove.derivation.l1_info import (
    DEFAULT_DA_FOOTPRINT_SCALAR,
    l1_info_deposit,
    l1_info_fork,
)
from coprove.derivation.system_config import apply_config_updates
from coprove.derivation.upgrades import stripped_upgrade_gas, upgrade_transactions_at
from coprove.errors import Reset
from coprove.types import Address, Fork, PayloadAttributes, SystemConfig
from coprove.types.hashes import ZERO_HASH

if TYPE_CHECKING:
    from coprove.derivation.source import L1Block
    from coprove.types import L1ChainConfig, L2BlockRef, RollupConfig

__all__ = [
    "SEQUENCER_FEE_VAULT",
    "L1OriginError",
    "PreparedAttributes",
    "carried_system_config",
    "prepare_attributes",
]

SEQUENCER_FEE_VAULT = Address(bytes.fromhex("4200000000000000000000000000000000000011"))
"""The predeploy that collects the priority fees."""


class L1OriginError(Reset):
    """The L1 origin does not fit on the parent: one of the two belongs to another chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedAttributes:
    """The attributes of a block without user transactions, and what its child starts from."""

    attributes: PayloadAttributes
    """Attributes with the deposits alone, in the order of the protocol."""
    system_config: SystemConfig
    """What `system_config_from_l2_block` will read from the block."""
    sequence_number: int
    """The block's distance from the first one of its epoch."""


def prepare_attributes(
    config: RollupConfig,
    l1_config: L1ChainConfig,
    parent: L2BlockRef,
    parent_system_config: SystemConfig,
    epoch: L1Block,
) -> PreparedAttributes:
    """Return the attributes of the block after `parent` with the L1 origin `epoch`.

    `parent_system_config` is `system_config_from_l2_block` of the parent. The first block of an
    epoch takes the origin's deposits and config updates in. L1OriginError when the origin is
    neither the parent's nor its child, or is later than the block.
    """
    system_config = parent_system_config
    deposits: tuple[bytes, ...] = ()
    sequence_number = 0
    if parent.l1_origin.number == epoch.header.number:
        if parent.l1_origin.hash != epoch.hash:
            raise L1OriginError(f"L1 origin {parent.l1_origin} of the parent is not {epoch.hash}")
        sequence_number = parent.sequence_number + 1
    else:
        if (
            parent.l1_origin.hash != epoch.header.parent_hash
            or parent.l1_origin.number + 1 != epoch.header.number
        ):
            raise L1OriginError(
                f"L1 block {epoch.header.number} {epoch.hash} does not follow {parent.l1_origin}"
            )
        if epoch.receipts is not None:
            deposits = deposits_from_receipts(
                epoch.receipts, config.deposit_contract_address, epoch.hash
            )
            system_config = apply_config_updates(
                config, system_config, epoch.receipts, epoch.header.timestamp
            )
    timestamp = parent.timestamp + config.block_time
    if timestamp < epoch.header.timestamp:
        raise L1OriginError(
            f"L1 origin {epoch.header.number} of time {epoch.header.timestamp} is later than "
            f"the L2 block of time {timestamp}"
        )
    l1_info = l1_info_deposit(
        config,
        l1_config,
        system_config,
        epoch.header,
        block_hash=epoch.hash,
        sequence_number=sequence_number,
        l2_timestamp=timestamp,
    )
    upgrades, upgrade_gas = upgrade_transactions_at(config, timestamp)
    attributes = PayloadAttributes(
        timestamp=timestamp,
        prev_randao=epoch.header.mix_hash,
        suggested_fee_recipient=SEQUENCER_FEE_VAULT,
        parent_beacon_block_root=(
            (epoch.header.parent_beacon_block_root or ZERO_HASH)
            if config.is_active(Fork.ECOTONE, timestamp)
            else None
        ),
        withdrawals_enabled=config.is_active(Fork.CANYON, timestamp),
        transactions=(l1_info.encode(), *deposits, *upgrades),
        no_tx_pool=True,
        gas_limit=system_config.gas_limit + upgrade_gas,
        eip_1559_params=_eip1559_params(config, system_config, timestamp),
        min_base_fee=(
            system_config.min_base_fee if config.is_active(Fork.JOVIAN, timestamp) else None
        ),
    )
    return PreparedAttributes(
        attributes=attributes,
        system_config=carried_system_config(
            config, replace(system_config, gas_limit=attributes.gas_limit), timestamp
        ),
        sequence_number=sequence_number,
    )


def carried_system_config(
    config: RollupConfig, system_config: SystemConfig, timestamp: int
) -> SystemConfig:
    """Return what is left of `system_config` in the L2 block of this time for its child to read.

    Between blocks of an epoch the system config lives in the L2 block alone: its header and its
    L1-attributes transaction. What the block's fork has no room for is lost, so an update that L1
    announces before its fork has no effect. `gas_limit` is that of the block's header.
    """
    info_fork = l1_info_fork(config, timestamp)
    ecotone = info_fork >= Fork.ECOTONE
    holocene = config.is_active(Fork.HOLOCENE, timestamp)
    jovian = config.is_active(Fork.JOVIAN, timestamp)
    denominator, elasticity = 0, 0
    if holocene:
        denominator = system_config.eip1559_denominator
        elasticity = system_config.eip1559_elasticity
        if denominator == 0 or config.activates_at(Fork.HOLOCENE, timestamp):
            denominator = config.base_fee.denominator_canyon
            elasticity = config.base_fee.elasticity
    footprint = system_config.da_footprint_gas_scalar or DEFAULT_DA_FOOTPRINT_SCALAR
    return SystemConfig(
        batcher_address=system_config.batcher_address,
        overhead=ZERO_HASH if ecotone else system_config.overhead,
        scalar=(
            SystemConfig.encode_ecotone_scalar(*system_config.ecotone_scalars)
            if ecotone
            else system_config.scalar
        ),
        gas_limit=system_config.gas_limit - stripped_upgrade_gas(config, timestamp),
        eip1559_denominator=denominator,
        eip1559_elasticity=elasticity,
        operator_fee_scalar=(system_config.operator_fee_scalar if info_fork >= Fork.ISTHMUS else 0),
        operator_fee_constant=(
            system_config.operator_fee_constant if info_fork >= Fork.ISTHMUS else 0
        ),
        min_base_fee=system_config.min_base_fee if jovian else 0,
        da_footprint_gas_scalar=footprint if info_fork >= Fork.JOVIAN else 0,
    )


def _eip1559_params(
    config: RollupConfig, system_config: SystemConfig, timestamp: int
) -> bytes | None:
    """Return the 8 bytes from Holocene on; its first block has zeros, for Canyon's constants."""
    if not config.is_active(Fork.HOLOCENE, timestamp):
        return None
    if config.activates_at(Fork.HOLOCENE, timestamp):
        return bytes(8)
    return system_config.eip1559_params
