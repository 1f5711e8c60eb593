"""The aggregator's core over the real contracts: registry, confirmation, evidence, reorgs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.avs.aggregator.evidence import slashing_call
from coprove.contracts.avs.slashing import AvsSlasher
from tests.integration.aggregator_lab import open_task, running_core, submission
from tests.integration.anvil_l1 import OTHER
from tests.integration.avs_lab import STAKE, running_avs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anvil


async def test_what_two_quorums_signed_is_confirmed_and_the_liar_is_slashed(
    tmp_path: Path,
) -> None:
    """The contract takes the sums over one and over both quorums, the slasher the evidence."""
    async with running_avs() as lab:
        liar = await lab.operator(1, [0])
        both = await lab.operator(2, [0, 1])
        second = await lab.operator(3, [1])
        first = await lab.operator(4, [0])
        more = await lab.operator(5, [0])
        async with running_core(lab, tmp_path) as core:
            engine = core.engine
            task = await open_task(lab, engine)
            await engine.submit(submission(liar, task, b"\x78" * 32))
            for one in (both, second, first, more):
                await engine.submit(submission(one, task))
            await engine.settled()
            (confirmed,) = await lab.manager.tasks_confirmed(first=0)
            assert confirmed.task_id == task.key
            assert confirmed.non_signers == (liar.operator_id,)
            assert confirmed.signed_stakes == (3 * STAKE, 2 * STAKE)
            assert await open_task(lab, engine) == task
            (evidence,) = await core.log.evidence()
        assert evidence.operator_id == liar.operator_id
        slasher = AvsSlasher(lab.l1.transport, lab.contracts.slasher)
        call = slashing_call(slasher.address, evidence)
        await slasher.check(call, sender=OTHER.address)
        before = await lab.eigenlayer.shares(liar.address, [lab.dev.strategy])
        await lab.send(call, by=OTHER)
        after = await lab.eigenlayer.shares(liar.address, [lab.dev.strategy])
        assert after < before


async def test_a_reorg_takes_a_confirmation_back_and_it_comes_again(tmp_path: Path) -> None:
    """The chain goes back to before the confirmation; the engine sees to it that it is there."""
    async with running_avs() as lab:
        both = await lab.operator(1, [0, 1])
        async with running_core(lab, tmp_path) as core:
            engine = core.engine
            task = await open_task(lab, engine)
            before = await lab.l1.rpc("evm_snapshot")
            await engine.submit(submission(both, task))
            await engine.settled()
            range_ = (1, task.draft.metadata.start_block, task.draft.metadata.end_block)
            assert await lab.manager.confirmed_output(*range_) is not None
            assert await lab.l1.rpc("evm_revert", before)
            assert await lab.manager.confirmed_output(*range_) is None
            while await lab.manager.confirmed_output(*range_) is None:
                await engine.tick()
                await engine.settled()
