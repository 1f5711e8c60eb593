"""Gas of `confirmState` over EigenLayer's own contracts, on an anvil."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.integration.avs_lab import STAKE, running_avs

from coprove.telemetry import configure_logging

if TYPE_CHECKING:
    from tests.integration.avs_lab import AvsLab, LabOperator

__all__ = ["main", "run"]

OPERATORS = 60
"""In two quorums, every third in both."""
HEAVY = 10
"""Of these, enough for both thresholds by themselves."""
ABSENT = (0, 10, 50)


def run() -> dict[str, float]:
    """Print a table; return figures for results.json.

    Whole transactions of a committee of two quorums with 60 operators, of which none, 10 or 50 did
    not sign: each of these costs its key's place in the history and a subtraction, each of the
    others a look at its prover.
    """
    configure_logging("bench", level="warning")
    figures = asyncio.run(_measure())
    for name, gas in figures.items():
        print(f"{name:<28} {gas:>10,} gas")
    return {f"avs.{name}": gas for name, gas in figures.items()}


async def _measure() -> dict[str, int]:
    async with running_avs() as lab:
        people = [await _operator(lab, number) for number in range(OPERATORS)]
        figures = {}
        for place, absent in enumerate(ABSENT):
            header = await lab.header(place)
            signers, missing = people[: OPERATORS - absent], people[OPERATORS - absent :]
            mined = await lab.confirm(header, await lab.signed(header, signers, missing))
            figures[f"confirm_gas_{absent}"] = mined.gas_used
    return figures


async def _operator(lab: AvsLab, number: int) -> LabOperator:
    quorums = (0, 1) if number % 3 == 0 else (number % 2,)
    stake = 100 * STAKE if number < HEAVY else STAKE
    return await lab.operator(number, quorums, stake=stake)


def main() -> None:
    """Run on its own."""
    print(run())


if __name__ == "__main__":
    main()
