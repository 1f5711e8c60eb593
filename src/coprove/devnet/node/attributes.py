"""Payload attributes of blocks that exist: rebuilt from them, and compared with derived ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.types import BlockHeader, Fork, PayloadAttributes

if TYPE_CHECKING:
    from coprove.devnet.node.store import StoredBlock
    from coprove.types import RollupConfig

__all__ = ["attributes_of_block", "differences"]


def attributes_of_block(config: RollupConfig, block: StoredBlock) -> PayloadAttributes:
    """The attributes that make this block again when executed on its parent."""
    header = BlockHeader.decode_rlp(block.header)
    extra = header.extra_data
    is_holocene = config.is_active(Fork.HOLOCENE, header.timestamp)
    is_jovian = config.is_active(Fork.JOVIAN, header.timestamp)
    return PayloadAttributes(
        timestamp=header.timestamp,
        prev_randao=header.mix_hash,
        suggested_fee_recipient=header.beneficiary,
        parent_beacon_block_root=header.parent_beacon_block_root,
        withdrawals_enabled=header.withdrawals_root is not None,
        transactions=block.transactions,
        no_tx_pool=True,
        gas_limit=header.gas_limit,
        eip_1559_params=extra[1:9] if is_holocene else None,
        min_base_fee=int.from_bytes(extra[9:17], "big") if is_jovian else None,
    )


def differences(
    config: RollupConfig, attributes: PayloadAttributes, block: StoredBlock
) -> tuple[str, ...]:
    """Names of what a block has otherwise than derived attributes ask for; empty when it fits.

    As op-node's consolidation: the state root is not compared, since execution is deterministic.
    """
    own = attributes_of_block(config, block)
    wanted_params = attributes.eip_1559_params
    if wanted_params is not None and not any(wanted_params):
        # Zero stands for the chain's constants, which the header spells out.
        wanted_params = config.base_fee.denominator_canyon.to_bytes(
            4, "big"
        ) + config.base_fee.elasticity.to_bytes(4, "big")
    pairs = {
        "timestamp": (attributes.timestamp, own.timestamp),
        "prev_randao": (attributes.prev_randao, own.prev_randao),
        "fee_recipient": (attributes.suggested_fee_recipient, own.suggested_fee_recipient),
        "beacon_root": (attributes.parent_beacon_block_root, own.parent_beacon_block_root),
        "withdrawals": (attributes.withdrawals_enabled, own.withdrawals_enabled),
        "transactions": (attributes.transactions, own.transactions),
        "gas_limit": (attributes.gas_limit, own.gas_limit),
        "eip_1559_params": (wanted_params, own.eip_1559_params),
        "min_base_fee": (attributes.min_base_fee, own.min_base_fee),
    }
    return tuple(name for name, (wanted, have) in pairs.items() if wanted != have)
