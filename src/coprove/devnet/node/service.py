"""Puts the node together and runs it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import structlog
import uvicorn

from coprove.devnet.node import metrics as node_metrics
from coprove.devnet.node.chain import Chain
from coprove.devnet.node.genesis import load_genesis
from coprove.devnet.node.head_view import head_view
from coprove.devnet.node.l1 import L1View
from coprove.devnet.node.mempool import Mempool
from coprove.devnet.node.rpc.backend import Backend
from coprove.devnet.node.rpc.debug import Debug
from coprove.devnet.node.rpc.dispatch import Dispatcher
from coprove.devnet.node.rpc.eth_blocks import EthBlocks
from coprove.devnet.node.rpc.eth_state import EthState
from coprove.devnet.node.rpc.fee_market import FeeMarket
from coprove.devnet.node.rpc.filters import Filters
from coprove.devnet.node.rpc.misc import Misc
from coprove.devnet.node.rpc.optimism import Optimism
from coprove.devnet.node.rpc.server import create_app
from coprove.devnet.node.sequencer import Sequencer
from coprove.devnet.node.status import SyncStatus
from coprove.devnet.node.store import Store
from coprove.devnet.node.verifier import Verifier
from coprove.rpc import BeaconClient, EndpointOptions, JsonRpcTransport, L1Client, RetryPolicy
from coprove.telemetry import Metrics

if TYPE_CHECKING:
    from coprove.devnet.node.chain import HeadChange
    from coprove.devnet.node.config import NodeConfig

__all__ = ["Node"]

_STALE_L1 = 60.0
_log = structlog.get_logger("coprove.devnet.node")


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the process that it runs in has its own."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone."""
        yield


class Node:
    """One L2 node: store, chain, verifier, sequencer and RPC."""

    def __init__(self, config: NodeConfig) -> None:
        """Open the data folder; errors tell what is wrong with it or with the chain's files."""
        self._config = config
        genesis = load_genesis(config.l2_genesis, config.rollup_config, config.l1_chain_config)
        self.store = Store(config.data_dir)
        try:
            self.chain = Chain(self.store, genesis)
        except BaseException:
            self.store.close()
            raise
        # An address of an earlier run would mislead who waits for this one.
        (config.data_dir / "node.url").unlink(missing_ok=True)
        self.status = SyncStatus()
        self._metrics = Metrics(node_metrics.ALL)
        options = EndpointOptions(
            timeout=config.l1_request_timeout,
            retry=RetryPolicy(attempts=3, max_delay=1.0, max_elapsed=config.l1_request_timeout),
        )
        self._transport = JsonRpcTransport(config.l1_rpc_url, options)
        self._beacon = (
            None if config.l1_beacon_url is None else BeaconClient(config.l1_beacon_url, options)
        )
        self.l1 = L1View(
            L1Client(self._transport), self._beacon, genesis.rollup_config, self.status
        )
        self.mempool = Mempool(config.mempool, head_view(self.chain))
        self.chain.listen(self._on_head)
        self.verifier = Verifier(
            chain=self.chain,
            l1=self.l1,
            status=self.status,
            config=config,
            l1_chain_config=genesis.l1_chain_config,
        )
        self.sequencer = Sequencer(
            chain=self.chain,
            mempool=self.mempool,
            l1=self.l1,
            status=self.status,
            config=config,
            l1_chain_config=genesis.l1_chain_config,
            request_reset=self.verifier.request_reset,
        )
        self.dispatcher = self._dispatcher(
            Backend(
                chain=self.chain,
                mempool=self.mempool,
                status=self.status,
                config=config,
                l1_chain_config=genesis.l1_chain_config,
            )
        )
        self.url = ""

    def _dispatcher(self, backend: Backend) -> Dispatcher:
        filters = Filters(backend)
        parts = (
            EthBlocks(backend),
            EthState(backend),
            FeeMarket(backend),
            filters,
            Misc(backend, filters.on_transaction),
            Debug(backend),
            Optimism(backend),
        )
        methods = {name: item for part in parts for name, item in part.methods().items()}
        return Dispatcher(methods, max_batch=self._config.max_batch, observe=self._observe)

    def _observe(self, method: str, worked: bool) -> None:
        outcome = "ok" if worked else "error"
        self._metrics.inc(node_metrics.RPC_CALLS, method=method, outcome=outcome)

    def _on_head(self, change: HeadChange) -> None:
        dropped = [raw for block in reversed(change.left) for raw in block.transactions]
        self.mempool.reset(head_view(self.chain), dropped)

    def health(self) -> tuple[bool, dict[str, object]]:
        """Healthy: L1 answered in the last minute, and the heads are set."""
        age = time.monotonic() - self.status.last_poll
        fresh = self.status.head_l1 is not None and age < _STALE_L1
        return fresh and not self.status.is_resetting, {
            "l1_head": None if self.status.head_l1 is None else self.status.head_l1.number,
            "l1_age_seconds": round(age, 3),
            "resetting": self.status.is_resetting,
            "unsafe": self.chain.unsafe.number,
            "safe": self.chain.safe.number,
            "finalized": self.chain.finalized.number,
        }

    async def _measure(self) -> None:
        while True:
            for name, ref in (
                ("unsafe", self.chain.unsafe),
                ("safe", self.chain.safe),
                ("finalized", self.chain.finalized),
            ):
                self._metrics.set(node_metrics.HEAD, ref.number, head=name)
            for name, block in (("head", self.status.head_l1), ("current", self.status.current_l1)):
                if block is not None:
                    self._metrics.set(node_metrics.L1_HEAD, block.number, head=name)
            self._metrics.set(node_metrics.POOL, len(self.mempool))
            self._metrics.set(node_metrics.RESETS, self.status.resets)
            await asyncio.sleep(1)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve and follow L1 until `stop` is set; raises what stops the node for good."""
        app = create_app(
            self.dispatcher,
            health=self.health,
            registry=self._metrics.registry,
            max_body_bytes=self._config.max_body_bytes,
        )
        server = _Server(
            uvicorn.Config(
                app,
                host=self._config.http_host,
                port=self._config.http_port,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=2,
            )
        )
        work = [asyncio.create_task(self.verifier.poll_l1(), name="l1")]
        work.append(asyncio.create_task(self.verifier.run(), name="verifier"))
        work.append(asyncio.create_task(self._measure(), name="metrics"))
        if self._config.sequencer:
            work.append(asyncio.create_task(self.sequencer.run(), name="sequencer"))
        serving = asyncio.create_task(server.serve(), name="rpc")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        announcing = asyncio.create_task(self._announce(server), name="announce")
        try:
            done, _ = await asyncio.wait(
                [*work, serving, stopping], return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                task.result()
        finally:
            self.verifier.close()
            server.should_exit = True
            for task in (*work, stopping, announcing):
                task.cancel()
            await asyncio.gather(*work, serving, stopping, announcing, return_exceptions=True)
            await self._transport.close()
            if self._beacon is not None:
                await self._beacon.close()
            async with self.chain.lock:
                self.store.close()
            _log.info("node.stopped", unsafe=self.chain.unsafe.number, safe=self.chain.safe.number)

    async def _announce(self, server: uvicorn.Server) -> None:
        while not server.started:  # noqa: ASYNC110 - uvicorn has a flag, no event
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://{self._config.http_host}:{port}"
        (self._config.data_dir / "node.url").write_text(self.url + "\n", encoding="ascii")
        _log.info(
            "node.started",
            url=self.url,
            chain_id=self.chain.config.l2_chain_id,
            sequencer=self._config.sequencer,
            unsafe=self.chain.unsafe.number,
            safe=self.chain.safe.number,
        )
