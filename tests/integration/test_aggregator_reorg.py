"""`coprove aggregator` on an L1 whose reorg takes an operator's registration back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.integration.aggregator_process import (
    OlderOperator,
    confirmed,
    lab_with_rollup,
    starting,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anvil


async def test_an_operator_that_a_reorg_removed_signs_nothing_more(tmp_path: Path) -> None:
    """The range gets a new task, whose reference block is on the chain that there is now."""
    async with lab_with_rollup(10) as (lab, _, node), aiohttp.ClientSession() as http:
        stays = await lab.operator(1, [0, 1])
        await lab.l1.mine(2)
        before = await lab.l1.rpc("evm_snapshot")
        goes = await lab.operator(2, [0, 1])
        await lab.l1.mine(2)
        async with starting(tmp_path, lab, node) as running:
            one = OlderOperator(running.url, stays, http)
            two = OlderOperator(running.url, goes, http)
            task = await one.fetch()
            assert await two.submit(two.signed(task)) == 0
            assert await lab.l1.rpc("evm_revert", before)
            await lab.l1.mine(60)
            later = await one.fetch(after=task["task_id"])
            assert later["ext"]["task_key"] == task["ext"]["task_key"]
            assert await two.submit(two.signed(later)) in (14105, 14106)
            assert await one.submit(one.signed(later)) == 0
            await confirmed(lab, 0)
