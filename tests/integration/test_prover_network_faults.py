"""Random faults, crashes and restarts around paid requests: never two for one key."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.devnet.prover_network import Fault, FaultKind, ProverNetworkServer
from coprove.devnet.prover_network.records import ArtifactRecord, ProgramRecord
from coprove.errors import Temporary
from coprove.prover.zk.network.account import NetworkAccount
from coprove.prover.zk.network.channel import NetworkChannel
from coprove.prover.zk.network.options import NetworkOptions
from coprove.prover.zk.network.signing import LocalNetworkSigner
from coprove.prover.zk.network.submission import Submission
from coprove.prover.zk.proto import network_pb2
from coprove.rpc import RetryPolicy
from tests.integration.prover_lab import KEY, network_settings
from tests.unit.prover.zk.jobs import RANGE_VKEY, MemoryIntents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

IMPATIENT = RetryPolicy(attempts=2, base_delay=0.001, max_delay=0.002, max_elapsed=10.0)

PLANNED_FAULTS = st.lists(
    st.builds(
        Fault,
        method=st.sampled_from(
            ["RequestProof", "RequestProof", "GetNonce", "GetFilteredProofRequests"]
        ),
        kind=st.sampled_from([FaultKind.FAIL, FaultKind.LOSE]),
        code=st.sampled_from(["UNAVAILABLE", "INTERNAL", "ABORTED", "UNKNOWN"]),
        count=st.integers(1, 3),
    ),
    max_size=6,
)
MOVES = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["submit", "submit", "find"])),
    min_size=1,
    max_size=8,
)
CRASHES = st.sets(st.tuples(st.integers(1, 10), st.booleans()), max_size=4)


class Crash(BaseException):
    """A process that ends here."""


class CrashingIntents(MemoryIntents):
    """Ends the process at some notes, before or after they are stored."""

    def __init__(self, crashes: set[tuple[int, bool]]) -> None:
        """Notes are counted from 1."""
        super().__init__()
        self.crashes, self.notes = crashes, 0

    async def note(self, key: str, values: Mapping[str, str | int]) -> None:
        self.notes += 1
        if (self.notes, False) in self.crashes:
            raise Crash
        await super().note(key, values)
        if (self.notes, True) in self.crashes:
            raise Crash


@asynccontextmanager
async def network() -> AsyncIterator[ProverNetworkServer]:
    """A network that knows the range program and the inputs of keys a and b."""
    with tempfile.TemporaryDirectory() as folder:
        async with ProverNetworkServer(network_settings(Path(folder), fulfil=False)) as server:
            server.core.store.put_program(
                ProgramRecord(
                    vkey_hash=RANGE_VKEY, vkey=b"", artifact_id="", owner=b"", created_at=0
                )
            )
            for key in "ab":
                server.core.store.put_artifact(
                    ArtifactRecord(
                        artifact_id=artifact_of(key), kind=2, token="", digest=artifact_of(key)
                    )
                )
            yield server


def artifact_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


class Scene:
    """Submissions of two keys; every move is made by a process of its own."""

    def __init__(self, server: ProverNetworkServer, intents: MemoryIntents) -> None:
        """`intents` is all that outlives a move, beside the network."""
        self.server, self.intents = server, intents
        self.given: dict[str, bytes] = {}

    async def move(self, key: str, kind: str) -> None:
        """Submit or find; whatever may fail may fail."""
        options = NetworkOptions(url=self.server.url, retry=IMPATIENT)
        channel = NetworkChannel(options)
        account = NetworkAccount(channel, LocalNetworkSigner.from_key(KEY), options)
        submission = Submission(channel, account, listing_delay=0.0)

        async def upload() -> str:
            return f"{self.server.http_url}/artifacts/{artifact_of(key)}"

        async def body(nonce: int, uri: str, now: int) -> network_pb2.RequestProofRequestBody:
            return network_pb2.RequestProofRequestBody(
                nonce=nonce,
                vk_hash=RANGE_VKEY,
                version="sp1-v6.1.0",
                mode=network_pb2.ProofMode.COMPRESSED,
                strategy=network_pb2.FulfillmentStrategy.RESERVED,
                stdin_uri=uri,
                deadline=now + 3600,
            )

        try:
            if kind == "find":
                found = await submission.find(key, self.intents)
            else:
                found = await submission.submit(key, self.intents, upload=upload, body=body)
        except (Temporary, Crash):
            return
        finally:
            await channel.close()
        if found is None:
            assert key not in self.given
            assert self.accepted(key) == 0
        else:
            assert self.given.setdefault(key, found) == found

    def accepted(self, key: str) -> int:
        """How many requests the network accepted for a key."""
        records = self.server.core.requests()
        return sum(record.stdin_digest == artifact_of(key) for record in records)


@given(faults=PLANNED_FAULTS, moves=MOVES, crashes=CRASHES)
@settings(max_examples=30, deadline=None)
def test_a_key_is_requested_once_whatever_fails(
    faults: list[Fault], moves: list[tuple[str, str]], crashes: set[tuple[int, bool]]
) -> None:
    """After any faults and crashes there is at most one request for a key; in the end just one."""

    async def play() -> None:
        async with network() as server:
            intents = CrashingIntents(crashes)
            scene = Scene(server, intents)
            for fault in faults:
                server.faults.add(fault)
            for key, kind in moves:
                await scene.move(key, kind)
                assert scene.accepted(key) <= 1
            server.faults.clear()
            intents.crashes = set()
            for key in "ab":
                await scene.move(key, "submit")
                await scene.move(key, "find")
                assert key in scene.given
                assert scene.accepted(key) == 1

    asyncio.run(play())


@given(order=st.permutations(["a", "b"]), lost=st.sampled_from(["a", "b"]))
@settings(max_examples=4, deadline=None)
def test_concurrent_submissions_of_one_process(order: list[str], lost: str) -> None:
    """Two keys at once, the answer to one lost: each is requested once."""

    async def play() -> None:
        async with network() as server:
            scene = Scene(server, MemoryIntents())
            server.faults.add(Fault(method="RequestProof", kind=FaultKind.LOSE))
            await asyncio.gather(*(scene.move(key, "submit") for key in order))
            for key in order:
                await scene.move(key, "submit")
            await scene.move(lost, "find")
            assert [scene.accepted(key) for key in order] == [1, 1]

    asyncio.run(play())
