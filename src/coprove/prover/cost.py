"""What proving a chain costs and how fast one machine is: measured natively, estimated for SP1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.program import run_range_traced
from coprove.prover.zk.cycles import PGU_PER_CYCLE, UNCERTAINTY, estimate_cycles
from coprove.types import BlockRange

if TYPE_CHECKING:
    from coprove.program import RangeInput

__all__ = ["CostReport", "Estimate", "RangeCost", "Rates", "measure_range", "split"]

_DAY = 86_400
_BILLION = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its error bars."""

    low: float
    """It may be as little as this."""
    likely: float
    """What the model says."""
    high: float
    """It may be as much as this."""

    def times(self, factor: float) -> Estimate:
        """Return all three multiplied."""
        return Estimate(low=self.low * factor, likely=self.likely * factor, high=self.high * factor)

    def plus(self, amount: float) -> Estimate:
        """Return all three with a known amount added."""
        return Estimate(low=self.low + amount, likely=self.likely + amount, high=self.high + amount)

    def as_dict(self) -> dict[str, float]:
        """Return JSON values."""
        return {"low": self.low, "likely": self.likely, "high": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Chosen prices, in whatever currency."""

    per_billion_pgu: float
    """For a billion prover gas units."""
    per_aggregation: float = 0.0
    """For one aggregation proof, its transactions on L1 included."""
    blocks_per_output: int = 0
    """L2 blocks from one output to the next; 0 leaves aggregations out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCost:
    """What one range took."""

    blocks: BlockRange
    """The range."""
    transactions: int
    """Transactions in it, deposits included."""
    gas: int
    """EVM gas used."""
    witness_bytes: int
    """Size of the encoded RangeInput."""
    witness_seconds: float
    """Time to collect it."""
    derivation_seconds: float
    """Time in derivation, loading included; it overlaps execution."""
    execution_seconds: float
    """Time in the kernel."""
    seconds: float
    """From encoded input to claim."""

    @property
    def cycles(self) -> Estimate:
        """Cycles of the range program on SP1."""
        likely = float(estimate_cycles(self.transactions, self.gas))
        return Estimate(low=likely / UNCERTAINTY, likely=likely, high=likely * UNCERTAINTY)

    @property
    def pgu(self) -> Estimate:
        """Prover gas units."""
        return self.cycles.times(PGU_PER_CYCLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """Ranges together, and what follows for the whole chain."""

    ranges: tuple[RangeCost, ...]
    """The measured ranges, at least one."""
    block_time: int
    """Seconds between L2 blocks."""
    rates: Rates
    """Chosen prices."""

    @property
    def blocks(self) -> int:
        """L2 blocks in all."""
        return sum(len(item.blocks) for item in self.ranges)

    @property
    def transactions(self) -> int:
        """Transactions in all."""
        return sum(item.transactions for item in self.ranges)

    @property
    def gas(self) -> int:
        """EVM gas in all."""
        return sum(item.gas for item in self.ranges)

    @property
    def witness_bytes(self) -> int:
        """Size of all inputs."""
        return sum(item.witness_bytes for item in self.ranges)

    @property
    def seconds(self) -> float:
        """Time of all ranges from encoded input to claim, one after the other."""
        return sum(item.seconds for item in self.ranges)

    @property
    def cycles(self) -> Estimate:
        """Cycles in all; the model is one, so its error is one as well."""
        return Estimate(
            low=sum(item.cycles.low for item in self.ranges),
            likely=sum(item.cycles.likely for item in self.ranges),
            high=sum(item.cycles.high for item in self.ranges),
        )

    @property
    def pgu(self) -> Estimate:
        """Prover gas units in all."""
        return self.cycles.times(PGU_PER_CYCLE)

    @property
    def price(self) -> Estimate:
        """Price of the range proofs, with the share of aggregations that falls on the blocks."""
        rates = self.rates
        price = self.pgu.times(rates.per_billion_pgu / _BILLION)
        if rates.blocks_per_output:
            price = price.plus(rates.per_aggregation * self.blocks / rates.blocks_per_output)
        return price

    @property
    def price_per_day(self) -> Estimate:
        """Price of a day of such blocks."""
        return self.price.times(_DAY / self.block_time / self.blocks)

    @property
    def price_per_transaction(self) -> Estimate:
        """Price for each transaction."""
        return self.price.times(1 / self.transactions)

    @property
    def blocks_per_second(self) -> float:
        """Blocks that this machine derives and executes in a second."""
        return self.blocks / self.seconds

    @property
    def times_real_time(self) -> float:
        """How many chains like this one the machine keeps up with."""
        return self.blocks_per_second * self.block_time


def split(from_block: int, to_block: int, size: int) -> list[BlockRange]:
    """Return the ranges of at most `size` blocks from one block to another, without gaps."""
    if size < 1:
        raise InputError("batch size", expected="at least 1", actual=size)
    whole = BlockRange(start=from_block, end=to_block)
    return [
        BlockRange(start=start, end=min(start + size, whole.end))
        for start in range(whole.start, whole.end, size)
    ]


def measure_range(blocks: BlockRange, given: RangeInput, *, witness_seconds: float) -> RangeCost:
    """Run a range natively and tell what it took; errors are those of the range program."""
    size = len(given.encode())
    report = run_range_traced(given)
    return RangeCost(
        blocks=blocks,
        transactions=report.transactions,
        gas=report.gas,
        witness_bytes=size,
        witness_seconds=witness_seconds,
        derivation_seconds=report.seconds_loading + report.seconds_deriving,
        execution_seconds=report.seconds_executing,
        seconds=report.seconds,
    )
