"""Reading back from a finished block the attributes that it was built from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.types import Fork, PayloadAttributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.types import BlockHeader, RollupConfig

__all__ = ["attributes_of_block"]


def attributes_of_block(
    config: RollupConfig, header: BlockHeader, transactions: Sequence[bytes]
) -> PayloadAttributes:
    """Return the attributes of a block, so that executing them gives the block again.

    From Holocene on the EIP-1559 parameters stand in extraData: version, denominator, elasticity,
    and from Jovian on the minimum base fee (specification: holocene, jovian exec-engine).
    """
    holocene = config.is_active(Fork.HOLOCENE, header.timestamp)
    jovian = config.is_active(Fork.JOVIAN, header.timestamp)
    extra = header.extra_data
    size = 17 if jovian else 9
    if holocene and len(extra) != size:
        raise InputError(
            f"extraData of block {header.number}", expected=f"{size} bytes", actual=extra.hex()
        )
    return PayloadAttributes(
        timestamp=header.timestamp,
        prev_randao=header.mix_hash,
        suggested_fee_recipient=header.beneficiary,
        parent_beacon_block_root=header.parent_beacon_block_root,
        withdrawals_enabled=config.is_active(Fork.CANYON, header.timestamp),
        transactions=tuple(transactions),
        no_tx_pool=True,
        gas_limit=header.gas_limit,
        eip_1559_params=extra[1:9] if holocene else None,
        min_base_fee=int.from_bytes(extra[9:17], "big") if jovian else None,
    )
