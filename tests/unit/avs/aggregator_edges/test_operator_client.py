"""Our operators' client against our server: sessions, polls, states, refusals, metrics."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coprove.avs.operator.aggregator_client import AggregatorClient, AggregatorOptions
from coprove.avs.operator.session import BlsSession
from coprove.avs.tasks import Handshake, Refusal, RefusedError, SessionScope, audience_of
from tests.unit.avs.aggregator_edges.chain import MANAGER, operator
from tests.unit.avs.aggregator_edges.server_lab import CHAIN_ID, Lab, serving, submission, task


class Signer:
    """Signs handshakes as an operator's signer does."""

    def __init__(self, lab: Lab, number: int) -> None:
        """Sign by the lab's clock."""
        self._lab, self._key = lab, operator(number)[1]

    def handshake(self, scope: SessionScope) -> Handshake:
        at = int(self._lab.now)
        operator_id = self._key.public_key.operator_id
        signature = self._key.sign(scope.digest(operator_id, at)).point.coordinates
        return Handshake(
            operator_id=operator_id, time=at, audience=scope.audience, signature=signature
        )


def client_of(lab: Lab, number: int = 1, *, session: bool = True) -> AggregatorClient:
    scope = SessionScope(
        audience=audience_of(lab.server.url), chain_id=CHAIN_ID, service_manager=MANAGER
    )
    signer: Any = Signer(lab, number)
    made = BlsSession(signer, scope, now=lambda: lab.now) if session else None
    return AggregatorClient(AggregatorOptions(url=lab.server.url), made)


async def test_a_task_is_fetched_and_its_state_taken_over_a_session() -> None:
    async with serving() as lab, client_of(lab) as client:
        poll = asyncio.create_task(client.fetch_task(0, 30))
        await lab.engine.asked(1)
        await lab.engine.issue(task(1))
        assert await poll == task(1)
        given = submission(1, task(1))
        await client.submit(given)
        assert lab.engine.taken == [(given, True)]


async def test_a_session_that_the_aggregator_forgot_is_opened_anew() -> None:
    """Tokens end with the process that made them."""
    async with serving() as lab, client_of(lab) as client:
        await client.submit(submission(1, task(1)))
    async with serving() as lab, client_of(lab) as client:
        await client.submit(submission(1, task(1)))
        lab.now += 3601
        await client.submit(submission(1, task(2)))
        assert [session for _, session in lab.engine.taken] == [True, True]


async def test_without_a_session_it_works_as_for_older_operators() -> None:
    async with serving() as lab, client_of(lab, session=False) as client:
        await lab.engine.issue(task(1))
        assert await client.fetch_task(0, 1) == task(1)
        await client.submit(submission(1, task(1)))
        assert [session for _, session in lab.engine.taken] == [False]


async def test_refusals_come_as_what_they_are() -> None:
    async with serving() as lab, client_of(lab) as client:
        for refusal in Refusal:
            if refusal is Refusal.UNAUTHORIZED:
                continue
            lab.engine.refusal = RefusedError(refusal, expected="this", actual="that")
            with pytest.raises(RefusedError) as caught:
                await client.submit(submission(1, task(1)))
            assert caught.value.refusal is refusal


async def test_its_metrics_are_shown_with_its_account() -> None:
    async with serving() as lab, client_of(lab) as client:
        account = operator(1)[0].hex0x
        family = {"name": "avs_operator_x", "type": 1, "metric": [{"gauge": {"value": 5}}]}
        await client.submit_metrics(f"{account}_v1", [family])
        assert f'avs_operator_x{{operator="{account}_v1"}} 5.0' in await lab.exposition()
