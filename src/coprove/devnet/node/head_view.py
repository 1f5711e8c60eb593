"""The head of the chain as the transaction pool looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.devnet.node.fees import fee_parameters
from coprove.devnet.node.mempool import HeadView
from coprove.execution.errors import kernel_errors
from coprove.execution.executor import chain_rules
from coprove.types import Address, BlockHeader, Fork

if TYPE_CHECKING:
    from coprove.devnet.node.chain import Chain
    from coprove.types import RollupConfig

__all__ = ["head_view", "next_base_fee"]


def next_base_fee(config: RollupConfig, header: bytes) -> int:
    """Base fee in wei of the block after the one with this header."""
    timestamp = BlockHeader.decode_rlp(header).timestamp + config.block_time
    with kernel_errors():
        return chain_rules(config).next_base_fee(header, timestamp)


def head_view(chain: Chain) -> HeadView:
    """Look at the unsafe head; accounts are read once each."""
    block = chain.block(chain.unsafe.hash)
    header = BlockHeader.decode_rlp(block.header)
    reader = chain.reader(block.header)
    known: dict[bytes, tuple[int, int]] = {}

    def account(address: bytes) -> tuple[int, int]:
        if address not in known:
            found = reader.account(Address(address))
            known[address] = (0, 0) if found is None else (found.nonce, found.balance)
        return known[address]

    config = chain.config
    return HeadView(
        chain_id=config.l2_chain_id,
        account=account,
        base_fee=next_base_fee(config, block.header),
        gas_limit=header.gas_limit,
        l1_fees=fee_parameters(block),
        is_jovian=config.is_active(Fork.JOVIAN, header.timestamp),
        is_isthmus=config.is_active(Fork.ISTHMUS, header.timestamp),
        is_karst=config.is_active(Fork.KARST, header.timestamp),
    )
