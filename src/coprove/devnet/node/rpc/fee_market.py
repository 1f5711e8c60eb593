"""eth_*: what gas costs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from coprove.devnet.node.head_view import next_base_fee
from coprove.devnet.node.rpc.codec import get_quantity, hex_quantity, invalid
from coprove.devnet.node.rpc.encode import header_number
from coprove.devnet.node.rpc.receipts import decode_receipt
from coprove.devnet.node.transactions import decode_transaction

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.dispatch import Method
    from coprove.devnet.node.store import StoredBlock

__all__ = ["FeeMarket"]

_SUGGESTED_TIP: Final = 1_000_000
"""op-geth's least suggestion: 0.001 gwei."""
_MAX_HISTORY: Final = 1024


class FeeMarket:
    """Methods about prices."""

    def __init__(self, backend: Backend) -> None:
        """Serve from `backend`."""
        self._backend = backend

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "eth_gasPrice": self.gas_price,
            "eth_maxPriorityFeePerGas": self.suggested_tip,
            "eth_feeHistory": self.history,
        }

    async def gas_price(self) -> str:
        """eth_gasPrice: the next block's base fee and the suggested tip."""
        chain = self._backend.chain
        head = chain.block(chain.unsafe.hash)
        return hex_quantity(next_base_fee(chain.config, head.header) + _SUGGESTED_TIP)

    async def suggested_tip(self) -> str:
        """eth_maxPriorityFeePerGas: blocks are never full for long, so a small constant."""
        return hex_quantity(_SUGGESTED_TIP)

    async def history(self, count: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
        """eth_feeHistory."""
        # Callers send the count as a quantity, some as a number.
        blocks = count if isinstance(count, int) else get_quantity(count, "block count")
        wanted = _percentiles(percentiles)
        last = self._backend.require(newest)
        with_rewards = percentiles is not None
        return await asyncio.to_thread(self._history, blocks, last, wanted, with_rewards)

    def _history(
        self, blocks: int, last: StoredBlock, wanted: list[float], with_rewards: bool
    ) -> dict[str, Any]:
        first = max(0, last.number - min(blocks, _MAX_HISTORY) + 1)
        rows = [
            block
            for number in range(first, last.number + 1)
            if (block_hash := self._backend.chain.store.canonical_hash(number)) is not None
            and (block := self._backend.chain.store.block(block_hash)) is not None
        ]
        fees = [header_number(block.header, "baseFeePerGas") for block in rows]
        following = next_base_fee(self._backend.chain.config, last.header)
        result: dict[str, Any] = {
            "oldestBlock": hex_quantity(first),
            "baseFeePerGas": [hex_quantity(fee) for fee in [*fees, following]],
            "gasUsedRatio": [
                header_number(block.header, "gasUsed") / header_number(block.header, "gasLimit")
                for block in rows
            ],
            "baseFeePerBlobGas": ["0x0"] * (len(rows) + 1),
            "blobGasUsedRatio": [0] * len(rows),
        }
        if with_rewards:
            result["reward"] = [
                _rewards(block, fee, wanted) for block, fee in zip(rows, fees, strict=True)
            ]
        return result


def _percentiles(value: Any) -> list[float]:
    if value is None:
        return []
    if (
        not isinstance(value, list)
        or len(value) > 100
        or not all(isinstance(item, int | float) and 0 <= item <= 100 for item in value)
        or sorted(value) != value
    ):
        raise invalid("reward percentiles: expected ascending numbers from 0 to 100")
    return value


def _rewards(block: StoredBlock, base_fee: int, percentiles: list[float]) -> list[str]:
    tips, before = [], 0
    for raw, raw_receipt in zip(block.transactions, block.receipts, strict=True):
        total = decode_receipt(raw_receipt).cumulative_gas
        transaction = decode_transaction(raw)
        if not transaction.is_deposit:
            tips.append((transaction.effective_tip(base_fee), total - before))
        before = total
    tips.sort()
    all_gas = sum(gas for _, gas in tips)
    rewards = []
    for percentile in percentiles:
        seen, reward = 0, 0
        for tip, gas in tips:
            seen, reward = seen + gas, tip
            if seen * 100 >= all_gas * percentile:
                break
        rewards.append(hex_quantity(reward))
    return rewards
