"""Who may sign, over a chain that forks, a node that is behind, and nodes that lie."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.attestation import Platform
from coprove.avs.aggregator.registry import (
    ChainRegistry,
    LiveProvers,
    RegistryDisagreesError,
    registry_addresses,
)
from coprove.errors import InputError, Reset, Temporary
from coprove.rpc import (
    ChainMovedError,
    EndpointOptions,
    MalformedResponseError,
    NotYetAvailableError,
    RetryPolicy,
    RpcTimeoutError,
    open_transport,
)
from coprove.types import Address
from tests.unit.avs.aggregator_edges.chain import (
    COORDINATOR,
    KEYS,
    MANAGER,
    POLICY,
    PROVERS,
    RETRIEVER,
    STAKES,
    VERIFIER,
    Chain,
    Prover,
    entering,
    key_log,
    leaving,
    log,
    operator,
    stake_log,
)
from tests.unit.rpc.fake import transport_to
from tests.unit.rpc.hostile import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from coprove.rpc import RpcTransport

FIRST, SECOND, THIRD = (operator(number)[1].public_key.operator_id for number in (1, 2, 3))


@dataclass
class Lab:
    """A registry over a chain."""

    chain: Chain
    registry: ChainRegistry
    alarms: list[RegistryDisagreesError] = field(default_factory=list)
    now: float = 0.0

    async def stakes(self, block: int, quorum: int = 0) -> dict[Any, int]:
        found = await self.registry.operator_set(block, [quorum])
        return dict(found.quorums[0].stakes)


@asynccontextmanager
async def lab(chain: Chain, transport: RpcTransport | None = None) -> AsyncIterator[Lab]:
    if transport is None:
        async with transport_to(chain.node()) as own, lab(chain, own) as made:
            yield made
        return
    alarms: list[RegistryDisagreesError] = []
    addresses = await registry_addresses(transport, coordinator=COORDINATOR, retriever=RETRIEVER)
    made = Lab(chain, None, alarms)  # type: ignore[arg-type]
    provers = LiveProvers(
        transport, service_manager=MANAGER, clock=lambda: made.now or time.time(), max_age=30
    )
    made.registry = ChainRegistry(
        transport, addresses, provers, start=1, timeout=20, alarm=alarms.append
    )
    try:
        yield made
    finally:
        await provers.close()


def busy_chain() -> Chain:
    """Operators 1 and 2 in quorum 0, 2 in quorum 1 as well; 1 gains stake in block 4."""
    chain = Chain()
    chain.mine(*entering(1, [0], 100))
    chain.mine(*entering(2, [0, 1], 50))
    chain.mine()
    chain.mine(stake_log(operator(1)[1], 0, 130))
    return chain


async def test_operators_and_stakes_are_those_of_the_block_that_was_asked_for() -> None:
    chain = busy_chain()
    chain.mine(*leaving(1, [0]))
    async with lab(chain) as made:
        assert await made.stakes(1) == {FIRST: 100}
        assert await made.stakes(3) == {FIRST: 100, SECOND: 50}
        assert await made.stakes(4) == {FIRST: 130, SECOND: 50}
        assert await made.stakes(5) == {SECOND: 50}
        both = await made.registry.operator_set(4, [0, 1])
        assert [(quorum.number, quorum.total) for quorum in both.quorums] == [(0, 180), (1, 50)]
        assert both.operators[SECOND].address == operator(2)[0]
        assert both.operators[SECOND].key == operator(2)[1].public_key
        assert both.block_hash.hex0x == chain.header(4)["hash"]
        assert made.alarms == []


async def test_a_block_that_is_not_there_yet_is_waited_for() -> None:
    chain = busy_chain()
    async with lab(chain) as made:
        with pytest.raises(NotYetAvailableError):
            await made.stakes(5)
        chain.mine(*entering(3, [0], 7))
        assert await made.stakes(5) == {FIRST: 130, SECOND: 50, THIRD: 7}


async def test_an_operator_that_a_reorg_removes_is_gone() -> None:
    chain = busy_chain()
    async with lab(chain) as made:
        assert SECOND in await made.stakes(4)
        chain.reorg(2, "other")
        chain.mine()
        chain.mine(*entering(3, [0], 9))
        chain.mine()
        assert await made.stakes(4) == {FIRST: 100, THIRD: 9}
        assert await made.registry.live_prover(SECOND, reference_block=4) is None
        assert (made.registry.reorgs, made.alarms) == (1, [])


async def test_a_reorg_to_fewer_blocks_takes_back_what_lies_above() -> None:
    chain = busy_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        chain.reorg(2, "short")
        chain.mine()
        await made.registry.sync()
        assert await made.stakes(2) == {FIRST: 100}
        chain.mine()
        chain.mine()
        assert await made.stakes(4) == {FIRST: 100}


async def test_a_reorg_of_everything_is_read_from_the_start() -> None:
    chain = busy_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        chain.reorg(1, "all")
        chain.mine(*entering(3, [0], 1))
        assert await made.stakes(1) == {THIRD: 1}


async def test_nothing_is_taken_back_for_a_node_that_is_behind() -> None:
    chain = busy_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        chain.served = 2
        assert (await made.registry.sync()).number == 4
        assert await made.stakes(2) == {FIRST: 100, SECOND: 50}
        with pytest.raises(Temporary):
            await made.stakes(4)
        chain.served = None
        assert await made.stakes(4) == {FIRST: 130, SECOND: 50}
        assert (made.registry.reorgs, made.alarms) == (0, [])


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call"])
async def test_a_reorg_between_two_questions_gives_no_answer(method: str) -> None:
    chain = busy_chain()

    def moves() -> None:
        chain.reorg(2, "meanwhile")
        for _ in range(4):
            chain.mine()

    async with lab(chain) as made:
        chain.when[method] = moves
        with pytest.raises(Reset):
            await made.stakes(4)
        assert await made.stakes(4) == {FIRST: 100}
        assert made.alarms == []


async def test_a_known_set_is_not_given_for_a_block_that_was_replaced() -> None:
    chain = busy_chain()
    async with lab(chain) as made:
        before = await made.registry.operator_set(4, [0])
        assert await made.registry.operator_set(4, [0]) is before
        chain.reorg(4, "last")
        chain.mine()
        after = await made.registry.operator_set(4, [0])
        assert after.block_hash != before.block_hash
        assert after.quorums[0].stakes[FIRST] == 100


async def test_lost_logs_are_noticed_and_read_again() -> None:
    chain = busy_chain()
    chain.hidden_logs = lambda entry: entry["address"] == STAKES.hex0x
    async with lab(chain) as made:
        with pytest.raises(RegistryDisagreesError, match="stake of"):
            await made.stakes(4)
        assert len(made.alarms) == 1
        chain.hidden_logs = lambda _: False
        assert await made.stakes(4) == {FIRST: 130, SECOND: 50}


async def test_an_operator_that_only_one_source_knows_is_an_alarm() -> None:
    chain = busy_chain()

    def leaves_out(name: str, _: Any, truth: Any) -> Any:
        return [[rows[:1] for rows in truth[0]]] if name.startswith("getOperatorState") else truth

    def invents(name: str, _: Any, truth: Any) -> Any:
        extra = (operator(3)[0].hex0x, bytes(THIRD), 5)
        return [[[*rows, extra] for rows in truth[0]]] if "OperatorState" in name else truth

    async with lab(chain) as made:
        for lie in (leaves_out, invents):
            chain.lie = lie
            with pytest.raises(RegistryDisagreesError, match="operators of quorum 0"):
                await made.stakes(4)
        assert len(made.alarms) == 2


@pytest.mark.parametrize(
    ("view", "position"), [("getOperatorState", 0), ("getOperatorState", 2), ("getTotalStake", 9)]
)
async def test_an_account_a_stake_or_a_total_that_differs_is_an_alarm(
    view: str, position: int
) -> None:
    chain = busy_chain()

    def lies(name: str, _: Any, truth: Any) -> Any:
        if not name.startswith(view) or "Indices" in name:
            return truth
        if position == 9:
            return [truth[0] + 1]
        row = list(truth[0][0][0])
        row[position] = MANAGER.hex0x if position == 0 else row[position] + 1
        return [[[tuple(row), *truth[0][0][1:]]]]

    chain.lie = lies
    async with lab(chain) as made:
        with pytest.raises(RegistryDisagreesError):
            await made.stakes(4)
        assert len(made.alarms) == 1


async def test_a_key_pair_of_two_secrets_is_refused() -> None:
    chain = Chain()
    account, key = operator(1)
    logs = entering(1, [0], 1)
    logs[0] = key_log(account, key, operator(2)[1])
    chain.mine(*logs)
    async with lab(chain) as made:
        with pytest.raises(RegistryDisagreesError, match="key of"):
            await made.stakes(1)
        assert len(made.alarms) == 1


async def test_a_key_that_is_not_the_operator_ids_is_refused() -> None:
    chain = Chain()
    logs = entering(1, [0], 1)
    logs[0] = key_log(operator(1)[0], operator(2)[1])
    chain.mine(*logs)
    async with lab(chain) as made:
        with pytest.raises(RegistryDisagreesError, match="operator id"):
            await made.stakes(1)


async def test_an_operator_whose_key_was_never_seen_is_refused() -> None:
    chain = Chain()
    chain.mine(*entering(1, [0], 1)[1:])
    async with lab(chain) as made:
        with pytest.raises(RegistryDisagreesError, match="key of"):
            await made.stakes(1)


async def test_logs_of_contracts_that_nobody_asked_about_are_refused() -> None:
    chain = busy_chain()
    node = chain.node()
    honest = node.methods["eth_getLogs"]

    def strange(criteria: Any) -> Any:
        found = honest(criteria)
        found[0]["address"] = POLICY.hex0x
        return found

    node.methods["eth_getLogs"] = strange
    async with transport_to(node) as transport, lab(chain, transport) as made:
        with pytest.raises(MalformedResponseError):
            await made.stakes(4)


async def test_of_two_nodes_that_differ_neither_is_believed() -> None:
    chain, other = busy_chain(), busy_chain()
    other.reorg(3, "lie")
    other.mine(*entering(3, [0], 10**9))
    other.mine()
    nodes = (chain.node(), other.node())
    async with transport_to(*nodes, quorum=2) as transport, lab(chain, transport) as made:
        with pytest.raises(Temporary):
            await made.stakes(4)


async def test_a_silent_node_is_an_error_in_time() -> None:
    chain = busy_chain()
    node, silent = chain.node(), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        if silent.is_set():
            await asyncio.sleep(60)
        return await node.handle(request)

    async with serving(handle) as url:
        options = EndpointOptions(retry=RetryPolicy(attempts=1))
        async with open_transport(url, options) as transport, lab(chain, transport) as made:
            await made.registry.sync()
            made.registry._timeout = 0.05
            silent.set()
            with pytest.raises(RpcTimeoutError):
                await made.stakes(4)
            with pytest.raises(RpcTimeoutError):
                await made.registry.live_prover(FIRST, reference_block=4)
            silent.clear()
            made.registry._timeout = 20
            assert await made.stakes(4) == {FIRST: 130, SECOND: 50}


async def test_quorums_must_be_ascending() -> None:
    async with lab(busy_chain()) as made:
        for quorums in ([], [1, 0], [0, 0], [192]):
            with pytest.raises(InputError):
                await made.registry.operator_set(4, quorums)


# Histories

step = st.tuples(
    st.sampled_from(["enter", "leave", "stake", "reorg", "nothing"]),
    st.integers(1, 4),
    st.integers(0, 1),
    st.integers(0, 1000),
)


@settings(max_examples=25)
@given(steps=st.lists(step, min_size=1, max_size=14))
def test_any_history_with_reorgs_ends_in_what_the_chain_says(
    steps: list[tuple[str, int, int, int]],
) -> None:
    async def run() -> None:
        chain = Chain()
        chain.mine()
        async with lab(chain) as made:
            for place, (what, number, quorum, amount) in enumerate(steps):
                account, key = operator(number)
                name = key.public_key.operator_id
                inside = name in chain.members(quorum, chain.head)
                known = any(
                    entry["topics"][1:] == [f"0x{(bytes(12) + account).hex()}"]
                    for _, logs in chain.blocks
                    for entry in logs
                )
                logs: list[dict[str, Any]] = []
                if what == "reorg" and chain.head > 1:
                    chain.reorg(max(1, chain.head - amount % 4), f"fork {place}")
                elif what == "enter" and not inside:
                    logs = entering(number, [quorum], amount)[1 if known else 0 :]
                elif what == "leave" and inside:
                    logs = leaving(number, [quorum])
                elif what == "stake" and inside:
                    logs = [stake_log(key, quorum, amount)]
                block = chain.mine(*logs)
                if amount % 3:
                    found = await made.registry.operator_set(block, [0, 1])
                    for member in found.quorums:
                        assert dict(member.stakes) == {
                            identity: stake
                            for identity, (_, stake) in chain.members(member.number, block).items()
                        }
            assert made.alarms == []

    asyncio.run(run())


# Provers


def live_chain(**changes: Any) -> Chain:
    chain = busy_chain()
    prover = Prover(operator(1)[0], Address(b"\x77" * 20), since=3, **changes)
    chain.provers[FIRST] = prover
    return chain


def renewed(chain: Chain) -> dict[str, Any]:
    prover = chain.provers[FIRST]
    topics = [bytes(FIRST), bytes(12) + prover.address, bytes(12) + prover.account]
    signature = "LivenessProofAccepted(bytes32,address,address,bytes32)"
    return log(VERIFIER, signature, topics, ["bytes32"], [bytes(32)])


def asked(chain: Chain) -> int:
    return chain.viewed.count("liveOperator(bytes32)")


async def test_a_prover_counts_from_the_block_since_which_it_is_live() -> None:
    chain = live_chain(tee=5)
    async with lab(chain) as made:
        await made.registry.sync()
        found = await made.registry.live_prover(FIRST, reference_block=3)
        assert found is not None
        assert (found.address, found.platform) == (Address(b"\x77" * 20), Platform.INTEL_TDX)
        assert found.valid_until == chain.provers[FIRST].attested_at + 3600
        assert await made.registry.live_prover(FIRST, reference_block=2) is None
        assert await made.registry.live_prover(SECOND, reference_block=4) is None
        assert asked(chain) == 2


async def test_a_prover_ends_with_its_registration() -> None:
    soon = int(time.time()) + 50
    chain = live_chain(until=soon)
    async with lab(chain) as made:
        await made.registry.sync()
        found = await made.registry.live_prover(FIRST, reference_block=4)
        assert found is not None
        assert found.valid_until == soon


async def test_answers_are_kept_until_an_event_names_the_prover() -> None:
    chain = live_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        for _ in range(3):
            assert await made.registry.live_prover(FIRST, reference_block=4) is not None
        assert asked(chain) == 1
        chain.mine(stake_log(operator(2)[1], 0, 51))
        await made.registry.sync()
        await made.registry.live_prover(FIRST, reference_block=4)
        assert asked(chain) == 1
        chain.provers[FIRST].liveness = 2
        prover = chain.provers[FIRST]
        topics = [bytes(12) + prover.address, bytes(12) + prover.account]
        chain.mine(log(PROVERS, "ProverSuspended(address,address)", topics, [], []))
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is None
        chain.provers[FIRST].liveness = 1
        chain.mine(renewed(chain))
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is not None


async def test_no_prover_is_remembered_as_well() -> None:
    chain = busy_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        for _ in range(3):
            assert await made.registry.live_prover(FIRST, reference_block=4) is None
        assert asked(chain) == 1
        assert await made.registry.live_prover(THIRD, reference_block=4) is None
        assert asked(chain) == 1


@pytest.mark.parametrize(
    "event",
    [
        log(POLICY, "MeasurementRevoked(bytes32)", [bytes(32)], [], []),
        log(PROVERS, "Paused(address)", [], ["address"], [bytes(20)]),
        log(VERIFIER, "AttestationImplChanged(address)", [bytes(32)], [], []),
        log(MANAGER, "PoAEnabled(bool)", [], ["bool"], [True]),
    ],
    ids=["measurement revoked", "registry paused", "another registry", "allow-list"],
)
async def test_what_may_concern_everybody_makes_everybody_be_asked_again(
    event: dict[str, Any],
) -> None:
    chain = live_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is not None
        chain.provers[FIRST].liveness = 9
        chain.mine(event)
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is None


async def test_an_operator_off_the_allow_list_has_no_prover_that_counts() -> None:
    chain = live_chain()
    chain.poa = True
    async with lab(chain) as made:
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is None
        account = operator(1)[0]
        chain.listed.add(account)
        topics = [bytes(12) + account]
        chain.mine(log(MANAGER, "OperatorListed(address,bool)", topics, ["bool"], [True]))
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is not None


async def test_no_answer_outlives_its_greatest_age() -> None:
    chain = live_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        made.now = time.time()
        assert await made.registry.live_prover(FIRST, reference_block=4) is not None
        chain.provers[FIRST].liveness = 12
        made.now += 29
        assert await made.registry.live_prover(FIRST, reference_block=4) is not None
        made.now += 2
        assert await made.registry.live_prover(FIRST, reference_block=4) is None


async def test_a_reorg_makes_everybody_be_asked_again() -> None:
    chain = live_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is not None
        chain.reorg(4, "other")
        chain.mine()
        chain.provers.clear()
        await made.registry.sync()
        assert await made.registry.live_prover(FIRST, reference_block=4) is None


async def test_many_questions_at_once_about_one_operator_are_one() -> None:
    chain = live_chain()
    async with lab(chain) as made:
        await made.registry.sync()
        questions = [made.registry.live_prover(FIRST, reference_block=4) for _ in range(20)]
        assert len(set(await asyncio.gather(*questions))) == 1
        assert asked(chain) == 1


def test_the_registries_are_those_that_the_coordinator_names() -> None:
    async def run() -> None:
        async with transport_to(Chain(blocks=[("", [])]).node()) as transport:
            found = await registry_addresses(
                transport, coordinator=COORDINATOR, retriever=RETRIEVER
            )
            assert (found.keys, found.stakes) == (KEYS, STAKES)

    asyncio.run(run())


async def test_a_moved_chain_is_told_apart_from_a_lie() -> None:
    """A reorg between events and statement is a Reset, and no alarm is raised for it."""
    chain = busy_chain()
    async with lab(chain) as made:
        await made.registry.sync()

        def moves() -> None:
            chain.reorg(4, "late")
            chain.mine()

        chain.when["eth_call"] = moves
        with pytest.raises(ChainMovedError):
            await made.stakes(4)
        assert made.alarms == []
