"""How many cycles the proving machine will take, from what is published.

A range's cycles are modelled as a share for each transaction and a share for each unit of gas: the
line through op-succinct's published execution reports that has the least relative error. Its
reports are of 2024 and three in number, so an estimate may be off by the factor `UNCERTAINTY`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "PGU_PER_CYCLE",
    "PUBLISHED",
    "UNCERTAINTY",
    "CycleModel",
    "PublishedReport",
    "cycle_model",
    "estimate_cycles",
]

UNCERTAINTY: Final = 1.5
"""An estimate may be so many times too high or too low. The published reports lie within 1.2 of
the model; the rest is for programs, circuits and chains that are unlike them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedReport:
    """What op-succinct's cost estimator printed for a range, as its book had it."""

    chain: str
    """Name of the chain and its first and last block."""
    source: str
    """Page and date of op-succinct's repository."""
    blocks: int
    """L2 blocks."""
    transactions: int
    """Transactions in them."""
    gas: int
    """EVM gas that they used."""
    cycles: int
    """Cycles of the range program ("Total Instruction Count")."""
    prover_gas: int | None
    """Prover gas units ("Total SP1 Gas"), where it was printed."""


PUBLISHED: Final = (
    PublishedReport(
        chain="World Chain 5484100 to 5484200",
        source="book/quick-start/cost-estimator.md, November 2024",
        blocks=101,
        transactions=1_977,
        gas=546_370_916,
        cycles=19_707_995_043,
        prover_gas=22_520_841_820,
    ),
    PublishedReport(
        chain="OP Sepolia 17664125 to 17664250",
        source="book/cost-estimator.md, October 2024",
        blocks=126,
        transactions=856,
        gas=416_711_464,
        cycles=11_055_051_645,
        prover_gas=13_075_527_707,
    ),
    PublishedReport(
        chain="OP Sepolia 15840000 to 15840050",
        source="CYCLE_COUNT.md, August 2024",
        blocks=51,
        transactions=202,
        gas=52_647_751,
        cycles=1_502_329_547,
        prover_gas=None,
    ),
)
"""All reports that op-succinct's repository ever held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleModel:
    """Cycles of a range by its content; derivation and the blocks' own work are in both shares."""

    per_transaction: float
    """Cycles for each transaction, deposits included."""
    per_gas: float
    """Cycles for each unit of EVM gas."""

    def cycles(self, transactions: int, gas: int) -> int:
        """Return the estimate for a range."""
        return round(self.per_transaction * transactions + self.per_gas * gas)


def cycle_model() -> CycleModel:
    """Return the model that fits the published reports with the least squared relative error."""
    transactions = [report.transactions / report.cycles for report in PUBLISHED]
    gas = [report.gas / report.cycles for report in PUBLISHED]
    tt = sum(x * x for x in transactions)
    gg = sum(y * y for y in gas)
    tg = sum(x * y for x, y in zip(transactions, gas, strict=True))
    determinant = tt * gg - tg * tg
    return CycleModel(
        per_transaction=(sum(transactions) * gg - sum(gas) * tg) / determinant,
        per_gas=(tt * sum(gas) - tg * sum(transactions)) / determinant,
    )


_MODEL: Final = cycle_model()
_MEAN_GAS: Final = sum(report.gas for report in PUBLISHED) // sum(
    report.transactions for report in PUBLISHED
)
PGU_PER_CYCLE: Final = sum(report.prover_gas for report in PUBLISHED if report.prover_gas) / sum(
    report.cycles for report in PUBLISHED if report.prover_gas
)
"""Prover gas units for each cycle in the published reports that have both."""


def estimate_cycles(transactions: int, gas: int | None = None) -> int:
    """Return a rough estimate for a range of `transactions`, deposits included.

    Without `gas` the transactions count as the published ones.
    """
    return _MODEL.cycles(transactions, transactions * _MEAN_GAS if gas is None else gas)
