"""A running devnet: its processes in order, its L1 saved as it goes, its state for the view."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final, Self

from coprove.closing import AsyncClosing
from coprove.contracts.foundry_tools import free_port
from coprove.devnet.avs.processes import avs_processes
from coprove.devnet.deployment import AGGREGATION_VKEY, RANGE_VKEY, deploy
from coprove.devnet.errors import PortInUseError
from coprove.devnet.l1 import AnvilL1, answers
from coprove.devnet.operator import write_operator_settings
from coprove.devnet.probe import is_healthy
from coprove.devnet.supervisor import ChildSpec, Supervisor
from coprove.devnet.tee.processes import prover_processes
from coprove.errors import CoproveError
from coprove.rpc import EndpointOptions, JsonRpcTransport, RetryPolicy
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from coprove.devnet.manifest import AvsManifest, DataDir, Manifest, TeeManifest
    from coprove.devnet.options import DevnetOptions
    from coprove.devnet.tee.processes import ProverProcess

__all__ = ["SERVICES", "Devnet"]

SERVICES: Final = ("l1", "node", "batcher", "proposer", "traffic")
"""The processes in start order; they stop in the opposite one. A prover network, where one is
wanted, starts after the node; proposer and traffic may be left out. TEE provers, their lane, the
AVS' aggregator and operators start beside the last three."""
_log = get_logger(part="devnet")


class Devnet(AsyncClosing):
    """Use as an asynchronous context manager: entered, all processes run; left, none does."""

    def __init__(self, options: DevnetOptions, directory: DataDir) -> None:
        """`directory` must be locked by the caller."""
        self.options, self.directory = options, directory
        self.supervisor = Supervisor()
        self.l1 = AnvilL1(
            port=_port(options.l1_port),
            state_file=directory.l1_state,
            block_time=options.l1_block_time,
            slots_in_an_epoch=options.slots_in_an_epoch,
        )
        self.l2_port = _port(options.l2_port)
        self._exit = AsyncExitStack()
        self._manifest: Manifest | None = None
        self._network_url: str | None = None
        self.tee_provers: list[ProverProcess] = []
        """The TEE provers that run, once entered."""
        self.aggregator_url: str | None = None
        """The AVS' aggregator, once entered; None without one."""

    @property
    def l2_url(self) -> str:
        """The L2's JSON-RPC endpoint."""
        return f"http://127.0.0.1:{self.l2_port}"

    @property
    def manifest(self) -> Manifest:
        """What is deployed, once entered."""
        if self._manifest is None:
            raise RuntimeError("the devnet is not running")
        return self._manifest

    async def __aenter__(self) -> Self:
        """Start everything; what was started is stopped again when something fails."""
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Stop everything, the services first, the L1 after a last save."""
        await self.supervisor.stop_all(but=("l1",))
        await self._exit.aclose()
        await self.supervisor.stop_all()

    async def _start(self) -> None:
        manifest = self.directory.read_manifest()
        if manifest is None:
            # A deployment that did not finish is not resumed: it takes a second.
            self.l1.state_file.unlink(missing_ok=True)
        await self.supervisor.start(
            ChildSpec(
                name="l1",
                command=self.l1.command,
                log_path=self.directory.log("l1"),
                ready=lambda: answers(self.l1.url),
            )
        )
        options = EndpointOptions(timeout=20.0, retry=RetryPolicy(attempts=3))
        transport = await self._exit.enter_async_context(JsonRpcTransport(self.l1.url, options))
        if manifest is None:
            manifest = await deploy(self.options, self.directory, transport)
            await self.l1.end_deployment(transport)
            await self.l1.save(transport)
            self.directory.write_manifest(manifest)
            _log.info("contracts deployed", oracle=manifest.oracle, portal=manifest.portal)
        self._manifest = manifest
        self._say_what_is_fixed(manifest)
        saver = asyncio.create_task(self._keep_saving(transport))
        # Undone in the opposite order: the task ends before the last save.
        self._exit.push_async_callback(self._last_save, transport)
        self._exit.push_async_callback(_cancelled, saver)
        await self._start_node()
        if self.options.prover == "network":
            await self._start_prover_network()
        left_out = {"traffic"} if self.options.traffic == 0 else set()
        if not self.options.proposer:
            left_out.add("proposer")
            self._write_operator_settings(manifest)
        wanted = [name for name in SERVICES[2:] if name not in left_out]
        starts = [self._start_service(name) for name in wanted]
        await asyncio.gather(*starts, self._start_tee_lane(manifest))

    def _write_operator_settings(self, manifest: Manifest) -> None:
        path = write_operator_settings(
            self.directory,
            manifest,
            l1_url=self.l1.url,
            l2_url=self.l2_url,
            network_url=self._network_url,
            blocks_per_range=self.options.blocks_per_range,
            workers=self.options.workers,
        )
        _log.info("no proposer: run your own", command=f"coprove proposer --config {path}")

    def _say_what_is_fixed(self, manifest: Manifest) -> None:
        """Warn of options that a data directory has settled otherwise."""
        for name in ("block_time", "submission_interval"):
            kept, asked = getattr(manifest, name), getattr(self.options, name)
            if kept != asked:
                _log.warning("fixed since the first start", option=name, asked=asked, kept=kept)

    async def _start_node(self) -> None:
        chain = self.directory.chain
        self._write_config(
            "node",
            {
                "data_dir": str(self.directory.part("node")),
                "l2_genesis": str(chain / "genesis.json.gz"),
                "rollup_config": str(chain / "rollup.json"),
                "l1_chain_config": str(chain / "l1_chain_config.json"),
                "l1_rpc_url": self.l1.url,
                "http_port": self.l2_port,
                "l1_poll_interval": min(0.5, self.options.l1_block_time / 4),
                "log_level": self.options.log_level,
            },
        )
        await self._start_python("node", lambda: is_healthy(self.l2_port))

    async def _start_service(self, name: str) -> None:
        options, port = self.options, free_port()
        settings = self._service_settings(name, port)
        own: dict[str, dict[str, object]] = {
            "batcher": {
                "batch_type": options.batch_type,
                "max_channel_duration": options.max_channel_duration,
                "max_frame_size": options.max_frame_size,
            },
            "proposer": {
                "oracle": self.manifest.oracle,
                "aggregation_vkey": str(AGGREGATION_VKEY),
                "range_vkey_commitment": str(RANGE_VKEY),
                "blocks_per_range": options.blocks_per_range,
                "workers": options.workers,
                "prover": options.prover,
                "network_url": self._network_url,
            },
            "traffic": {"portal": self.manifest.portal, "rate": options.traffic or 1},
        }
        self._write_config(name, settings | own[name])
        await self._start_python(name, lambda: is_healthy(port))

    def _service_settings(self, name: str, port: int) -> dict[str, object]:
        """Return what all services have in common; `port` is that of metrics and health."""
        chain = self.directory.chain
        return {
            "l1_rpc_url": self.l1.url,
            "l2_rpc_url": self.l2_url,
            "data_dir": str(self.directory.part(name)),
            "rollup_config": str(chain / "rollup.json"),
            "l1_chain_config": str(chain / "l1_chain_config.json"),
            "poll_interval": min(0.5, self.options.l1_block_time / 4),
            "metrics_port": port,
            "log_level": self.options.log_level,
        }

    async def _start_tee_lane(self, manifest: Manifest) -> None:
        tee, avs = manifest.tee, manifest.avs
        claiming, operators = self.options.tee_provers, 0 if avs is None else avs.operators
        if self.options.operators != operators:
            _log.warning(
                "fixed since the first start",
                option="operators",
                asked=self.options.operators,
                kept=operators,
            )
        if tee is None:
            if claiming:
                _log.warning("this devnet was made without a TEE lane", asked=claiming)
            return
        count = max(claiming, operators)
        lying = range(max(0, operators - self.options.byzantine), operators)
        self.tee_provers = provers = prover_processes(tee, self.directory, count, lying=lying)
        await asyncio.gather(*(self.supervisor.start(prover.spec) for prover in provers))
        starts = []
        if claiming:
            starts.append(self._start_claims(manifest, tee, provers[:claiming], operators))
        if avs is not None:
            starts.append(self._start_avs(avs, provers))
        await asyncio.gather(*starts)

    async def _start_claims(
        self,
        manifest: Manifest,
        tee: TeeManifest,
        provers: Sequence[ProverProcess],
        operators: int,
    ) -> None:
        port = free_port()
        settings = self._service_settings("tee", port) | {
            "oracle": manifest.oracle,
            "registry": tee.registry,
            "poe_verifier": tee.poe_verifier,
            "collateral": tee.collateral,
            "provers": [
                {
                    "name": prover.name,
                    "url": prover.url,
                    "account": prover.account,
                    "kept": index >= operators,
                }
                for index, prover in enumerate(provers)
            ],
        }
        self._write_config("tee", settings)
        await self._start_python("tee", lambda: is_healthy(port))

    async def _start_avs(self, avs: AvsManifest, provers: Sequence[ProverProcess]) -> None:
        processes = avs_processes(
            avs,
            self.directory,
            provers,
            l1_url=self.l1.url,
            l2_url=self.l2_url,
            byzantine=self.options.byzantine,
        )
        self.aggregator_url = processes.aggregator_url
        await self.supervisor.start(processes.aggregator)
        await asyncio.gather(*(self.supervisor.start(spec) for spec in processes.operators))
        port = free_port()
        settings = self._service_settings("rewards", port) | {
            "rewards": avs.rewards,
            "rewards_coordinator": avs.rewards_coordinator,
        }
        self._write_config("rewards", settings)
        await self._start_python("rewards", lambda: is_healthy(port), module="avs.rewards")

    async def _start_prover_network(self) -> None:
        grpc_port, http_port = free_port(), free_port()
        self._write_config(
            "prover_network",
            {
                "data_dir": str(self.directory.part("prover_network")),
                "range_vkey_hash": str(RANGE_VKEY),
                "aggregation_vkey_hash": str(AGGREGATION_VKEY),
                "aggregation_vkey": str(AGGREGATION_VKEY),
                "grpc_port": grpc_port,
                "http_port": http_port,
                "workers": self.options.workers,
                "log_level": self.options.log_level,
            },
        )
        self._network_url = f"http://127.0.0.1:{grpc_port}"
        await self._start_python("prover_network", lambda: is_healthy(http_port))

    def _write_config(self, name: str, settings: dict[str, object]) -> None:
        path = self.directory.config(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings, indent=1) + "\n")

    async def _start_python(
        self, name: str, ready: Callable[[], Awaitable[bool]], *, module: str | None = None
    ) -> None:
        path = self.directory.config(name)
        command = [sys.executable, "-m", f"coprove.devnet.{module or name}", "--config", str(path)]
        await self.supervisor.start(
            ChildSpec(
                name=name,
                command=lambda: command,
                log_path=self.directory.log(name),
                ready=ready,
                environment={"PYTHONUNBUFFERED": "1"},
            )
        )

    async def _keep_saving(self, transport: JsonRpcTransport) -> None:
        """Save the L1 every second block: a killed anvil then loses less than is final."""
        while True:
            await asyncio.sleep(2 * self.l1.block_time)
            try:
                await self.l1.save(transport)
            except (CoproveError, OSError) as error:
                _log.warning("L1 state not saved", error=error)

    async def _last_save(self, transport: JsonRpcTransport) -> None:
        with suppress(CoproveError, OSError):
            await self.l1.save(transport)


def _port(wanted: int | None) -> int:
    """Return the wanted port, or a free one.

    PortInUseError when another process listens there: it would answer in our child's place.
    """
    if not wanted:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise PortInUseError(wanted) from error
    return wanted


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
