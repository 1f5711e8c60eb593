"""What a running devnet looks like at one moment, gathered from its RPCs, store and logs."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts import GENESIS_CONFIG
from coprove.devnet.avs.observer import AvsObserver
from coprove.devnet.deployment import L2_CHAIN_ID
from coprove.devnet.l1 import L1_CHAIN_ID
from coprove.devnet.outputs import ProposedOutput, proposed_outputs
from coprove.devnet.proposer.database import DATABASE, database_url
from coprove.devnet.tee.observer import TeeObserver, TeeProverState
from coprove.errors import CoproveError
from coprove.rpc import EndpointOptions, JsonRpcTransport, RetryPolicy, RollupNodeClient
from coprove.storage import DEAD, RequestKind, RequestStatus, Scope, open_store
from coprove.telemetry import get_logger
from coprove.types import Address

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.devnet.avs.observer import AvsState
    from coprove.devnet.runtime import Devnet
    from coprove.devnet.supervisor import ChildState
    from coprove.rpc import SyncStatus
    from coprove.storage import ProofRequest, RequestStore

__all__ = ["LogTail", "Observer", "Snapshot"]

_ERRORS_KEPT = 5
_WARNING_LEVELS = frozenset({"warning", "error", "critical"})
_OPEN = frozenset(RequestStatus) - DEAD - {RequestStatus.COMPLETE}
_log = get_logger(part="observer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One look at a devnet."""

    seconds: float
    """Seconds since the observer began."""
    urls: dict[str, str]
    """Endpoints by name."""
    status: SyncStatus | None
    """The node's heads; None while it does not answer."""
    blocks_per_second: float
    """Growth of the unsafe head since the look before the last ten."""
    children: dict[str, ChildState]
    """The processes."""
    ranges: list[ProofRequest]
    """Ranges that wait or run."""
    outputs: list[ProposedOutput]
    """Outputs on L1, oldest first."""
    tee: list[TeeProverState]
    """The simulated TEE provers; empty without a TEE lane."""
    avs: AvsState | None
    """The AVS; None in a devnet without one."""
    problems: list[str]
    """Latest warnings and errors of the processes, oldest first."""

    def final(self) -> list[ProposedOutput]:
        """Return the outputs whose L1 block is final."""
        if self.status is None:
            return []
        last = self.status.finalized_l1.number
        return [item for item in self.outputs if item.l1_block <= last]


class LogTail:
    """Follows a log file of JSON lines and gives the warnings and errors in it."""

    def __init__(self, name: str, path: Path) -> None:
        """Begin at the file's present end."""
        self._name, self._path = name, path
        self._offset = path.stat().st_size if path.exists() else 0

    def new_problems(self) -> list[str]:
        """Return `name: event` of each problem since the last call."""
        with suppress(OSError), self._path.open("rb") as log:
            log.seek(self._offset)
            lines = log.read(1 << 20)
            complete = lines[: lines.rfind(b"\n") + 1]
            self._offset += len(complete)
            return [text for line in complete.splitlines() if (text := self._problem(line))]
        return []

    def _problem(self, line: bytes) -> str | None:
        try:
            event = json.loads(line)
        except ValueError:
            return None
        if not isinstance(event, dict) or event.get("level") not in _WARNING_LEVELS:
            return None
        cause = event.get("error") or event.get("exception") or ""
        text = f"{self._name}: {event.get('event', '')} {cause}".strip()
        return " ".join(text.split())[:300]


class Observer:
    """Looks at a devnet again and again; whatever does not answer keeps its last value."""

    def __init__(self, devnet: Devnet) -> None:
        """`devnet` must be running."""
        self._devnet = devnet
        options = EndpointOptions(timeout=5.0, retry=RetryPolicy(attempts=1))
        self._l1 = JsonRpcTransport(devnet.l1.url, options)
        self._l2 = JsonRpcTransport(devnet.l2_url, options)
        self._oracle = Address.from_hex(devnet.manifest.oracle)
        self._scope = Scope(
            l1_chain_id=L1_CHAIN_ID,
            l2_chain_id=L2_CHAIN_ID,
            contract=self._oracle,
            config_name=GENESIS_CONFIG,
        )
        self._store: RequestStore | None = None
        tee = devnet.manifest.tee
        self._tee = None if tee is None else TeeObserver(self._l1, tee, devnet.tee_provers)
        avs = devnet.manifest.avs
        self._avs = (
            None if avs is None else AvsObserver(self._l1, avs, byzantine=devnet.options.byzantine)
        )
        self._tails = [
            LogTail(name, devnet.directory.log(name)) for name in devnet.supervisor.states
        ]
        self._problems: deque[str] = deque(maxlen=_ERRORS_KEPT)
        self._heads: deque[tuple[float, int]] = deque(maxlen=11)
        self._outputs: list[ProposedOutput] = []
        self._began = time.monotonic()

    async def close(self) -> None:
        """Close the connections."""
        if self._tee is not None:
            await self._tee.close()
        await self._l1.close()
        await self._l2.close()
        if self._store is not None:
            await self._store.close()

    async def look(self) -> Snapshot:
        """Return the present state; never raises for a part that does not answer."""
        status, outputs, tee, avs = await asyncio.gather(
            self._status(), self._read_outputs(), self._look_at_tee(), self._look_at_avs()
        )
        self._outputs = outputs
        for tail in self._tails:
            self._problems.extend(tail.new_problems())
        return Snapshot(
            seconds=time.monotonic() - self._began,
            urls={"L1": self._devnet.l1.url, "L2": self._devnet.l2_url},
            status=status,
            blocks_per_second=self._rate(status),
            children=self._devnet.supervisor.states,
            ranges=await self._open_ranges(),
            outputs=outputs,
            tee=tee,
            avs=avs,
            problems=list(self._problems),
        )

    async def _look_at_tee(self) -> list[TeeProverState]:
        return [] if self._tee is None else await self._tee.look()

    async def _look_at_avs(self) -> AvsState | None:
        return None if self._avs is None else await self._avs.look()

    async def _status(self) -> SyncStatus | None:
        try:
            return await RollupNodeClient(self._l2).sync_status()
        except CoproveError:
            return None

    async def _read_outputs(self) -> list[ProposedOutput]:
        try:
            return await proposed_outputs(self._l1, self._oracle)
        except CoproveError:
            return self._outputs

    def _rate(self, status: SyncStatus | None) -> float:
        if status is not None:
            self._heads.append((time.monotonic(), status.unsafe_l2.number))
        if len(self._heads) < 2:
            return 0.0
        (began, first), (ended, last) = self._heads[0], self._heads[-1]
        return max(0.0, (last - first) / max(ended - began, 0.001))

    async def _open_ranges(self) -> list[ProofRequest]:
        try:
            if self._store is None:
                folder = self._devnet.directory.part("proposer")
                if not (folder / DATABASE).exists():
                    return []
                self._store = await open_store(database_url(folder), self._scope)
            return list(await self._store.find(kind=RequestKind.RANGE, statuses=_OPEN))
        except CoproveError:
            return []
