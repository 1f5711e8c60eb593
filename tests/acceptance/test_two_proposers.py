"""Two `coprove proposer` processes on one PostgreSQL: one leads, whatever happens to it."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.audit import Audit
from tests.acceptance.devnets import RunningDevnet, running_devnet, until
from tests.acceptance.evidence import accepted_requests, check_contract, check_store, drained
from tests.acceptance.operators import Operated
from tests.acceptance.relay import SENDING, Relay

from coprove.contracts import GENESIS_CONFIG
from coprove.devnet.deployment import L2_CHAIN_ID
from coprove.devnet.l1 import L1_CHAIN_ID
from coprove.storage import Scope, open_store
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.acceptance.operators import Probe
    from tests.postgres import PostgresServer

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

INTERVAL = BLOCKS = 5
LEASE = 6.0
"""Seconds. A standby asks each third of it, so that two thirds are left for a slow machine."""


@dataclass
class Lab:
    """A devnet, a database, and two proposers, each with its own folder and way to L1."""

    devnet: RunningDevnet
    audit: Audit
    url: str
    relays: dict[str, Relay] = field(default_factory=dict)
    proposers: dict[str, Operated] = field(default_factory=dict)

    def leader(self) -> str | None:
        """Return which proposer the lease names, by the process id in its holder."""
        _, holder = self.audit.leader()
        for name, operated in self.proposers.items():
            if operated.process is not None and f"-{operated.pid}-" in (holder or ""):
                return name
        return None

    async def leads(self, name: str) -> None:
        async def does() -> bool:
            self.proposers[name].require_alive()
            return self.leader() == name

        await until(f"{name} leads", does, 60)

    async def proposes(self, name: str) -> None:
        """Wait until an output more than now is on L1 and that process sent a transaction."""
        before, sent = len(await self.devnet.outputs()), len(self.relays[name].sent)

        async def has() -> bool:
            self.proposers[name].require_alive()
            more = len(await self.devnet.outputs()) > before
            return more and len(self.relays[name].sent) > sent

        await until(f"{name} proposes", has, 120)

    def check_writers(self) -> None:
        """Of all rows that were written under one token one process wrote every single one."""
        writers: dict[int, set[str]] = {}
        for write in self.audit.writes():
            writers.setdefault(write.token, set()).add(write.who)
        assert {len(names) for names in writers.values()} == {1}, writers

    def standing_by(self, name: str) -> int:
        """Return how often a proposer has begun to stand by."""
        return self.proposers[name].said.count('"standing by"')

    async def stands_by(self, name: str, times: int = 1) -> None:
        async def does() -> bool:
            self.proposers[name].require_alive()
            return self.standing_by(name) >= times

        await until(f"{name} stands by", does, 60)

    async def probe(self, name: str, path: str) -> Probe:
        """Ask a proposer's probes; the log of its present life says where they are."""
        url = re.findall(r'"probes": "(http[^"]*)"', self.proposers[name].said)[-1]
        return await self.proposers[name].ask(url + path)

    async def begin(self) -> None:
        """Let one lead and propose while two stands by."""
        self.proposers["one"].start()
        await self.leads("one")
        self.proposers["two"].start()
        await self.stands_by("two")
        await self.proposes("one")
        assert self.leader() == "one"
        assert not self.relays["two"].sent

    async def check_end(self) -> None:
        """Contract, store and network tell one story, in which each row had one writer."""
        await drained(self.devnet, self.url, interval=INTERVAL, blocks=BLOCKS)
        outputs = await check_contract(self.devnet)
        for name in ("one", "two"):
            assert self.proposers[name].stop() == 0, self.proposers[name].said[-3000:]
        asked = dict(check_store(self.url, outputs))
        assert {item.request_id for item in accepted_requests(self.devnet)} == set(asked)
        self.check_writers()


@asynccontextmanager
async def lab(folder: Path, postgres: PostgresServer) -> AsyncIterator[Lab]:
    options = {"submission_interval": INTERVAL, "blocks_per_range": BLOCKS}
    async with AsyncExitStack() as stack:
        devnet = stack.enter_context(
            running_devnet(folder / "data", prover="network", proposer=False, **options)
        )
        stack.push_async_callback(devnet.close)
        url = postgres.new_database()
        scope = Scope(
            l1_chain_id=L1_CHAIN_ID,
            l2_chain_id=L2_CHAIN_ID,
            contract=Address.from_hex(devnet.manifest.oracle),
            config_name=GENESIS_CONFIG,
        )
        async with await open_store(url, scope):
            pass  # the tables are made
        found = Lab(devnet, Audit(url), url)
        for name in ("one", "two"):
            relay = await stack.enter_async_context(Relay(devnet.l1_url))
            settings = {
                "telemetry.metrics_port": 0,
                "proposer.lease": LEASE,
                "proposer.poll_interval": 0.25,
                "storage.data_dir": folder / name,
            }
            operated = Operated(
                name,
                folder,
                "proposer",
                devnet.data_dir / "operator" / "coprove.toml",
                settings,
                {"DATABASE_URL": f"{url}&application_name={name}", "L1_RPC": relay.url},
            )
            stack.callback(operated.close)
            found.relays[name], found.proposers[name] = relay, operated
        yield found


async def test_a_standby_takes_over_when_the_leader_is_killed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """In the middle of a proposal: within a lease's length the other goes on with it."""
    async with lab(tmp_path, postgres) as found:
        await found.begin()
        one, killed_at = found.proposers["one"], 0.0

        async def kill() -> None:
            nonlocal killed_at
            killed_at = found.audit.now()
            one.kill()

        await found.relays["one"].once("eth_estimateGas", kill)
        await found.leads("two")
        writes = found.audit.writes()
        taking = next(write for write in writes if write.who == "two")
        last = [write for write in writes if write.n < taking.n][-1]
        assert (taking.what, taking.token) == ("UPDATE leases", last.token + 1)
        # By the database's clock: not before the dead one's lease was over, and soon after it.
        assert killed_at < last.expires_at <= killed_at + LEASE
        assert last.expires_at <= taking.at <= last.expires_at + LEASE
        await found.proposes("two")
        one.start()
        await found.stands_by("one", found.standing_by("one") + 1)
        await found.proposes("two")
        await found.check_end()


@pytest.mark.parametrize("moment", ["eth_estimateGas", "held"])
async def test_a_leader_that_slept_writes_and_sends_nothing(
    tmp_path: Path, postgres: PostgresServer, moment: str
) -> None:
    """Stopped past its lease: when it was about to send, or with what it sent held up.

    Held up, its transaction reaches L1 after the other has brought the same effect there.
    """
    async with lab(tmp_path, postgres) as found:
        await found.begin()
        one, relay = found.proposers["one"], found.relays["one"]
        sleeps, go_on = asyncio.Event(), asyncio.Event()

        async def stop() -> None:
            await one.stopped()
            sleeps.set()
            if moment == "held":
                await go_on.wait()

        holding = asyncio.create_task(relay.once(SENDING if moment == "held" else moment, stop))
        try:
            await asyncio.wait_for(sleeps.wait(), 120)
            sent = list(relay.sent)
            await found.leads("two")
            await found.proposes("two")
            go_on.set()
            await holding
        finally:
            holding.cancel()
        before, times = found.audit.writes()[-1].n, found.standing_by("one")
        one.signal(signal.SIGCONT)
        await found.stands_by("one", times + 1)
        await found.proposes("two")
        assert [write for write in found.audit.writes(before) if write.who == "one"] == []
        assert relay.sent == sent
        assert (await found.probe("one", "/readyz")).status == 200
        assert "coprove_proposer_leading 0.0" in (await found.probe("one", "/metrics")).text
        assert "coprove_proposer_leading 1.0" in (await found.probe("two", "/metrics")).text
        # It can lead again, under a new token, and need not wait for one that says goodbye.
        assert found.proposers["two"].stop() == 0
        await found.proposes("one")
        found.proposers["two"].start()
        await found.check_end()
