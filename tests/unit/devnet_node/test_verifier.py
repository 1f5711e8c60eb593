"""The verifier on the recorded L1, compared with op-node's safe heads."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from coprove.devnet.node.chain import Chain
from coprove.devnet.node.config import NodeConfig
from coprove.devnet.node.l1 import L1UnavailableError, L1View
from coprove.devnet.node.status import SyncStatus
from coprove.devnet.node.store import Store
from coprove.devnet.node.verifier import L1ReorgSeenError, Verifier
from coprove.primitives.kzg import KzgError
from coprove.primitives.rlp import RlpError
from coprove.rpc.errors import (
    MethodNotFoundError,
    NotYetAvailableError,
    ResponseTooLargeError,
    RpcTimeoutError,
    WrongDataError,
)
from tests.unit.devnet_node.recorded import EXAMPLE, hexed, rows
from tests.unit.devnet_node.test_chain import genesis, replay
from tests.unit.devnet_node.test_reset import l1_blocks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coprove.derivation.source import L1Block
    from coprove.errors import CoproveError
    from coprove.rpc import L1Client
    from coprove.types import Hash32, L1BlockRef


class FakeClient:
    """An `L1Client` over the recorded L1; `head` and `finalized` say how far it is."""

    def __init__(self) -> None:
        """Start at genesis."""
        self.head = 0
        self.finalized = 0
        self.failures: list[CoproveError] = []

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def block_ref(self, block: int | str) -> L1BlockRef:
        self._fail()
        number = {"latest": self.head, "safe": self.finalized, "finalized": self.finalized}.get(
            cast("str", block), block
        )
        if cast("int", number) > self.head:
            raise NotYetAvailableError("not there")
        return l1_blocks()[cast("int", number)].ref

    async def header(self, block_hash: Hash32) -> Any:
        return await self.block(block_hash)

    async def block(self, block_hash: Hash32) -> L1Block:
        self._fail()
        for block in l1_blocks()[: self.head + 1]:
            if block.hash == block_hash:
                return block
        raise NotYetAvailableError("not there")

    async def receipts(self, blocks: list[L1Block]) -> list[Any]:
        self._fail()
        return [block.receipts for block in blocks]


class Bench:
    """A verifier with everything around it."""

    def __init__(self, folder: Path) -> None:
        """Open a fresh chain in `folder`."""
        self.store = Store(folder)
        self.chain = Chain(self.store, genesis())
        self.client = FakeClient()
        self.status = SyncStatus()
        self.view = L1View(cast("L1Client", self.client), None, self.chain.config, self.status)
        config = NodeConfig(
            data_dir=folder,
            l2_genesis=folder,
            rollup_config=folder,
            l1_chain_config=folder,
            l1_rpc_url="",
            l1_poll_interval=0.01,
        )
        self.verifier = Verifier(
            chain=self.chain,
            l1=self.view,
            status=self.status,
            config=config,
            l1_chain_config=genesis().l1_chain_config,
        )

    async def advance(self, head: int) -> None:
        """Let L1 grow and derive all there is."""
        self.client.head = head
        await self.view.poll()
        while await self.verifier.step():
            pass


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    built = Bench(tmp_path)
    await built.view.poll()
    await built.verifier.reset()
    yield built
    built.verifier.close()
    built.store.close()


def recorded_safe_heads() -> list[dict[str, int]]:
    found: list[dict[str, int]] = json.loads((EXAMPLE / "sync_status.json").read_text())[
        "safe_head_at_l1"
    ]
    return found


async def test_safe_heads_are_op_nodes(bench: Bench) -> None:
    """From L1 alone every block has op-geth's hash and becomes safe at op-node's L1 block."""
    for entry in recorded_safe_heads():
        await bench.advance(entry["l1"])
        found = bench.store.safe_head_at(entry["l1"])
        assert found is not None
        assert (found.l1_number, found.l2_number) == (entry["safe_head_l1"], entry["safe_head"])
    assert bench.chain.safe.number == 118
    assert bench.chain.safe.hash == hexed(rows()[118]["hash"])
    assert bench.chain.unsafe == bench.chain.safe
    assert bench.status.current_l1 == l1_blocks()[64].ref


async def test_equal_unsafe_blocks_are_kept(bench: Bench) -> None:
    """Unsafe blocks that derivation confirms become safe without being made again."""
    await replay(bench.chain)
    changes: list[object] = []
    bench.chain.listen(changes.append)
    await bench.advance(64)
    assert bench.chain.safe.number == 118
    assert changes == []


async def test_finality_follows_l1(bench: Bench) -> None:
    """Finalized is what was safe at L1's finalized block."""
    bench.client.finalized = 0
    await bench.advance(40)
    assert bench.chain.finalized.number == 0
    bench.client.finalized = 30
    await bench.advance(41)
    assert bench.chain.finalized.number == recorded_safe_heads()[30]["safe_head"]
    assert bench.chain.finalized.number < bench.chain.safe.number


async def test_a_restart_goes_on(bench: Bench, tmp_path: Path) -> None:
    """After a restart in the middle derivation ends at the same block."""
    await bench.advance(30)
    safe = bench.chain.safe
    bench.verifier.close()
    bench.store.close()
    again = Bench(tmp_path)
    again.client.head = 30
    await again.view.poll()
    await again.verifier.reset()
    assert again.chain.safe == safe
    await again.advance(64)
    assert again.chain.safe.hash == hexed(rows()[118]["hash"])
    again.verifier.close()
    again.store.close()


async def test_failures_in_between_change_nothing(bench: Bench) -> None:
    """Time-outs and wrong answers in the middle of derivation leave the result as it is."""
    for head in range(1, 65):
        bench.client.head = head
        await bench.view.poll()
        bench.client.failures = [
            RpcTimeoutError("slow"),
            WrongDataError("block", expected="a hash", actual="another"),
        ]
        while True:
            try:
                if not await bench.verifier.step():
                    break
            except (RpcTimeoutError, L1UnavailableError):
                continue
        bench.client.failures = []
    assert bench.chain.safe.hash == hexed(rows()[118]["hash"])


@pytest.mark.parametrize(
    "failure",
    [
        ResponseTooLargeError("a flood"),
        RlpError("header", expected="32 bytes", actual="31 bytes"),
        KzgError("blob", expected="a proof that holds", actual="none"),
        MethodNotFoundError("eth_getBlockByNumber", code=-32601, message="no"),
    ],
)
async def test_whatever_an_endpoint_does_wrong_is_waited_out(
    bench: Bench, failure: CoproveError
) -> None:
    """None of it says anything of the chain, so none of it may end the node."""
    bench.client.failures = [failure]
    with pytest.raises(L1UnavailableError):
        await bench.view.poll()
    await bench.advance(10)
    assert bench.chain.safe.number == recorded_safe_heads()[10]["safe_head"]


async def test_a_shorter_l1_is_a_reorg(bench: Bench) -> None:
    """When L1 loses the block that derivation stands on the heads go back, and forward again."""
    await bench.advance(40)
    before = bench.chain.safe
    bench.client.head = 20
    await bench.view.poll()
    with pytest.raises(L1ReorgSeenError):
        await bench.verifier._check_canonical()
    bench.verifier.request_reset("L1 lost blocks")
    assert bench.status.is_resetting
    await bench.verifier.reset()
    assert bench.chain.safe.number == recorded_safe_heads()[20]["safe_head"]
    assert not bench.status.is_resetting
    await bench.advance(40)
    assert bench.chain.safe == before


async def test_the_loop_follows_l1(bench: Bench) -> None:
    """The two tasks of the node derive as L1 grows, through failures, until cancelled."""
    tasks = [
        asyncio.create_task(bench.verifier.poll_l1()),
        asyncio.create_task(bench.verifier.run()),
    ]
    for head in (10, 30, 64):
        bench.client.head = head
        bench.client.failures = [RpcTimeoutError("slow")]
        wanted = recorded_safe_heads()[head]["safe_head"]
        async with asyncio.timeout(20):
            while bench.chain.safe.number < wanted:  # noqa: ASYNC110 - the loop under test moves it
                await asyncio.sleep(0.01)
    bench.verifier.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
