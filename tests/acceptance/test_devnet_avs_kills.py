"""Aggregator and operators killed at random moments; an aggregator that keeps states back."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from collections import defaultdict
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.avs_watch import INTERVAL, AvsWatch, all_confirmed, confirmed_ranges
from tests.acceptance.devnets import RunningDevnet, running_devnet, until

from coprove.attestation import AvsPoe
from coprove.avs.tasks import AvsTask
from coprove.devnet.accounts import DevAccounts, Role

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

KILLS = int(os.environ.get("COPROVE_AVS_KILLS", "50"))
SEED = os.environ.get("COPROVE_KILL_SEED", "1")
OPERATORS = 4
VICTIMS = ("aggregator", *(f"operator_{number + 1}" for number in range(OPERATORS)))


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return list(db.execute(query))


def signed_by(devnet: RunningDevnet, index: int) -> dict[bytes, AvsPoe]:
    """Return what an operator wrote down, by digest, after looking for double signatures."""
    (path,) = (devnet.data_dir / "operators" / str(index + 1) / "data").glob("signed-*.sqlite")
    found = {}
    outcomes: dict[object, set[object]] = defaultdict(set)
    states: dict[object, set[object]] = defaultdict(set)
    query = "SELECT digest, task_key, batch_hash, state_hash, state FROM signed"
    for digest, task, batch, state_hash, state in rows(path, query):
        assert isinstance(digest, bytes)
        assert isinstance(state, bytes)
        found[digest] = AvsPoe.decode(state)
        outcomes[task].add(found[digest].outcome)
        states[batch].add(state_hash)
    assert found
    assert all(len(one) == 1 for one in (*outcomes.values(), *states.values()))
    return found


def check_aggregator(devnet: RunningDevnet, watch: AvsWatch) -> int:
    """Hold what the aggregator took against the operators' databases; return how much it was."""
    path = devnet.data_dir / "aggregator" / "aggregator.sqlite"
    assert rows(path, "SELECT kind FROM avs_evidence") == []
    signed = {watch.ids[index]: signed_by(devnet, index) for index in range(OPERATORS)}
    taken = rows(
        path,
        "SELECT t.number, t.body, s.operator_id, s.state FROM avs_signatures s"
        " JOIN avs_tasks t ON t.scope_id = s.scope_id AND t.number = s.task_number",
    )
    for number, body, operator, state in taken:
        assert isinstance(number, int)
        assert isinstance(state, bytes)
        task = AvsTask.from_ext(number, json.loads(str(body))["ext"])
        (whose,) = (one for one in signed if bytes(one) == operator)
        assert task.header(state).digest() in signed[whose], "signed, and not written down"
    confirmed = rows(path, "SELECT key FROM avs_tasks WHERE state = 'confirmed'")
    assert len(confirmed) == len(set(confirmed)), "a range is confirmed by one task"
    return len(taken)


async def killed_at_random_moments(devnet: RunningDevnet, chance: random.Random) -> None:
    """kill -9 one or two processes at a time, each when it runs, however far it came."""
    left = KILLS
    while left > 0:
        await asyncio.sleep(chance.uniform(0.0, 3.0))
        for name in chance.sample(VICTIMS, chance.choice((1, 1, 2))):
            # One that is between two lives is left alone.
            with suppress(KeyError, ProcessLookupError):
                devnet.kill(name)
                left -= 1


@pytest.mark.timeout(900 + 10 * KILLS)
async def test_kills_confirm_nothing_twice_and_sign_nothing_twice(tmp_path: Path) -> None:
    """By what the chain, the aggregator and the operators' own databases kept."""
    with running_devnet(
        tmp_path / "data", operators=OPERATORS, traffic=1.0, start_seconds=240
    ) as devnet:
        watch = AvsWatch(devnet)
        try:
            await devnet.final_output_above(INTERVAL, 240)
            await killed_at_random_moments(devnet, random.Random(SEED))
            outputs = await devnet.outputs()
            last = await devnet.final_output_above(outputs[-1].l2_block, 240)
            await all_confirmed(devnet, last.l2_block)
            assert await watch.slashed() == []
            assert check_aggregator(devnet, watch) > 0
        finally:
            await devnet.close()


@pytest.mark.timeout(900)
async def test_what_one_aggregator_kept_back_another_confirms(tmp_path: Path) -> None:
    """The first takes signatures and sends nothing; the second has a database of its own."""
    with running_devnet(
        tmp_path / "data", operators=OPERATORS, traffic=1.0, start_seconds=240
    ) as devnet:
        watch, l1 = AvsWatch(devnet), devnet.l1().transport
        confirmer = DevAccounts().account(Role.AGGREGATOR).address
        store = devnet.data_dir / "aggregator" / "aggregator.sqlite"
        try:
            await until("a confirmation", lambda: confirmed_ranges(devnet), 120)
            await l1.call("anvil_setBalance", [confirmer, "0x0"])
            before = set(await confirmed_ranges(devnet))

            async def are_kept_back() -> set[object] | None:
                taken = rows(
                    store,
                    "SELECT t.key FROM avs_tasks t JOIN avs_signatures s ON t.number ="
                    " s.task_number WHERE t.state = 'open' GROUP BY t.key HAVING count(*) = 4",
                )
                return {key for (key,) in taken} if len(taken) > 2 else None

            kept = await until("ranges that all signed, unconfirmed", are_kept_back, 120)
            assert len(set(await confirmed_ranges(devnet)) - before) <= 1
            devnet.kill("aggregator")
            for path in store.parent.glob("aggregator.sqlite*"):
                path.unlink()
            await l1.call("anvil_setBalance", [confirmer, hex(10**20)])
            outputs = await devnet.outputs()
            last = await devnet.final_output_above(outputs[-1].l2_block + INTERVAL, 240)
            await all_confirmed(devnet, last.l2_block)
            assert await watch.slashed() == []
            again = {key for (key,) in rows(store, "SELECT key FROM avs_tasks")}
            assert kept <= again, "what was kept back was asked for once more"
            for index in range(OPERATORS):
                signed_by(devnet, index)
        finally:
            await devnet.close()
