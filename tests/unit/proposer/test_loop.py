"""The whole way of an output, on chains in memory."""

from coprove.prover import AggregationJob, RangeJob
from coprove.storage import RequestKind, RequestStatus
from tests.unit.proposer.bench import World


async def test_finalized_blocks_become_an_output(world: World) -> None:
    """Ranges, proofs, a checkpoint at the safe block, an aggregation, one proposal."""
    proposer = await world.begin()
    await proposer.until(lambda: world.contract.latest == 20)
    assert [output[:2] for output in world.contract.outputs] == [
        (0, world.l2.root(0)),
        (20, world.l2.root(20)),
    ]
    assert world.backend.count(RangeJob) == 4
    assert world.backend.count(AggregationJob) == 1
    assert len(set(world.backend.submissions)) == len(world.backend.submissions)
    assert len(world.sender.effects) == 2
    await proposer.ticks(3)
    assert len(world.sender.effects) == 2
    (aggregation,) = await world.live(RequestKind.AGGREGATION)
    assert aggregation.status is RequestStatus.RELAYED
    assert not world.alerts.sent
