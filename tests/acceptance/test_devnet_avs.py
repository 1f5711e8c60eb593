"""The AVS in a devnet: operators confirm what the ZK lane proves, through deaths and lies."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.acceptance.avs_watch import INTERVAL, AvsWatch, all_confirmed, confirmed_ranges
from tests.acceptance.devnets import RunningDevnet, processes_of, running_devnet, until

from coprove.contracts.avs.slashing import Offence
from coprove.devnet.avs.deployment import STAKE
from coprove.devnet.avs.keys import operator_account
from coprove.devnet.avs.rewards import EARNINGS_FILE

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = [pytest.mark.anvil, pytest.mark.slow]


async def kept_dead(devnet: RunningDevnet, name: str) -> None:
    """Kill a process whenever it is there, for ever."""
    while True:
        with suppress(KeyError, ProcessLookupError):
            devnet.kill(name)
        await asyncio.sleep(0.3)


async def rewards_are_claimed(devnet: RunningDevnet, seen: AvsWatch) -> None:
    """An operator that runs claims what it earned, with the command that people have."""
    index, folder = 1, devnet.data_dir / "operators" / "2"
    earnings = devnet.data_dir / "rewards" / EARNINGS_FILE

    async def is_there() -> bool:
        return earnings.exists() and operator_account(index).hex0x in earnings.read_text()

    await until("rewards posted", is_there, 240)
    assert await seen.claimed(index) == 0
    told = await operator_told(folder, "claim", str(earnings))
    claimed = await seen.claimed(index)
    assert claimed > 0
    assert int(told[seen.avs.token]) == claimed
    rewards = (await operator_told(folder, "rewards"))["tokens"][seen.avs.token]
    assert int(rewards["claimed"]) == claimed
    assert int(rewards["settled"]) >= claimed
    assert rewards["tasks"] > 0


async def operator_told(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a command of an operator of the devnet; return what it printed."""
    program = (sys.executable, "-c", "from coprove.cli import main; main()", "operator")
    options = ("--config", str(folder / "coprove.toml"), "--json")
    process = await asyncio.create_subprocess_exec(
        *program, *arguments, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return dict(json.loads(out))


@pytest.mark.timeout(900)
async def test_operators_confirm_every_output_and_come_back_from_kills(tmp_path: Path) -> None:
    """Four operators in two quorums; the aggregator and one of them are killed in between."""
    with running_devnet(tmp_path / "data", operators=4, traffic=1.0, start_seconds=180) as devnet:
        try:
            first = await devnet.final_output_above(2 * INTERVAL)
            await all_confirmed(devnet, first.l2_block)
            some = next(iter((await confirmed_ranges(devnet)).values()))
            assert len(some.signed_stakes) == 2
            assert all(
                signed * 100 >= 67 * total
                for signed, total in zip(some.signed_stakes, some.total_stakes, strict=True)
            )
            for name in ("operator_1", "aggregator"):
                old = devnet.kill(name)

                async def is_back(name: str = name, old: int = old) -> bool:
                    return processes_of(devnet.data_dir).get(name, old) != old

                await until(f"{name} back", is_back, 30)
            outputs = await devnet.outputs()
            later = await devnet.final_output_above(outputs[-1].l2_block + INTERVAL)
            await all_confirmed(devnet, later.l2_block)
        finally:
            await devnet.close()


@pytest.mark.timeout(1800)
async def test_one_dead_and_one_lying_operator_leave_it_live(tmp_path: Path) -> None:
    """Of each quorum of four one does not help; the liar loses shares, the others get rewards."""
    options: dict[str, Any] = {"operators": 8, "byzantine": 1, "traffic": 0.5}
    with running_devnet(tmp_path / "data", start_seconds=240, **options) as devnet:
        seen = AvsWatch(devnet)
        dying = asyncio.create_task(kept_dead(devnet, "operator_1"))
        try:
            before = await seen.shares()
            assert before == [STAKE] * 8
            first = await devnet.final_output_above(1, 240)
            later = await devnet.final_output_above(first.l2_block + 3 * INTERVAL, 240)
            await all_confirmed(devnet, later.l2_block)
            newest = max((await confirmed_ranges(devnet)).values(), key=lambda item: item.end_block)
            absent = {seen.ids[0], seen.ids[7]}
            assert absent <= set(newest.non_signers)

            async def is_slashed() -> bool:
                return bool(await seen.slashed())

            await until("a slashing", is_slashed, 240)
            assert {item.operator_id for item in await seen.slashed()} == {seen.ids[7]}
            after = await seen.shares()
            assert after[:7] == before[:7]
            assert after[7] < before[7]
            await rewards_are_claimed(devnet, seen)
        finally:
            dying.cancel()
            await devnet.close()


@pytest.mark.timeout(1800)
async def test_wrong_and_double_signatures_cost_shares(tmp_path: Path) -> None:
    """Both liars are slashed for what they did, nobody else; their quorums go on."""
    options: dict[str, Any] = {"operators": 8, "byzantine": 2, "traffic": 0.5}
    with running_devnet(tmp_path / "data", start_seconds=240, **options) as devnet:
        seen = AvsWatch(devnet)
        try:
            before = await seen.shares()

            async def both() -> bool:
                return {item.operator_id for item in await seen.slashed()} >= set(seen.ids[6:])

            await until("two operators slashed", both, 240)
            offences = {(item.operator_id, item.offence) for item in await seen.slashed()}
            assert (seen.ids[6], Offence.EQUIVOCATION) in offences
            wrong = {what for who, what in offences if who == seen.ids[7]}
            assert wrong
            assert wrong <= {Offence.CONTRADICTS_QUORUM, Offence.PROVEN_WRONG}
            assert {who for who, _ in offences} == set(seen.ids[6:])
            after = await seen.shares()
            assert after[:6] == before[:6]
            assert all(now < then for now, then in zip(after[6:], before[6:], strict=True))
            output = await devnet.final_output_above(INTERVAL, 240)
            await all_confirmed(devnet, output.l2_block)
        finally:
            await devnet.close()
