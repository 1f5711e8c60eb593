"""A process that spends of a shared daily budget, for tests that run two and kill one.

Run as `python -m tests.integration.storage_spender URL NAME LIMIT`; says `ready`, and for each
line that it reads spends as often as the line says, or until the budget refuses.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import sys

from coprove.storage import open_ledger

DAY = datetime.date(2026, 1, 2)


async def main(url: str, name: str, limit: int) -> None:
    """Reserve one request after another, each with a key of its own."""
    numbers = itertools.count()
    async with await open_ledger(url) as ledger:
        say("ready")
        for line in sys.stdin:
            for _ in range(int(line)):
                key = f"{name}-{next(numbers)}"
                if not await ledger.reserve(
                    key, day=DAY, backend="network", amount=10**18, max_requests=limit
                ):
                    return
                say(key)


def say(word: str) -> None:
    """Write a line that the test reads."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
