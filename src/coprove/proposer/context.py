"""What every step works with: settings, store, chains, contract, backend, memory."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.contracts import Mined, OutputContract
    from coprove.proposer.alerts import Alerts
    from coprove.proposer.background import Background
    from coprove.proposer.leadership import Leadership
    from coprove.proposer.metrics import ProposerMetrics
    from coprove.proposer.pauses import Pauses
    from coprove.proposer.settings import ProposerSettings
    from coprove.proposer.witness_cache import WitnessCache
    from coprove.prover import ProverBackend
    from coprove.prover.pool import RangePool
    from coprove.rpc import L1Client, L2Client, RollupNodeClient
    from coprove.storage import ConfigIdentity, Lease, RequestStore
    from coprove.types import Address, BlockRange
    from coprove.witness import LiveWitness

__all__ = ["Context", "Memory", "Sender"]


class Sender(Protocol):
    """Sends transactions from one account, each once for its key: `TransactionManager`."""

    @property
    def address(self) -> Address:
        """The account."""

    async def send(self, *, key: str, to: Address, data: bytes, value: int = 0) -> Mined:
        """Send once for `key` and wait until it is settled; see `TransactionManager.send`."""


@dataclass(slots=True, kw_only=True)
class Memory:
    """What saves work within a term; without it the same is found out again."""

    anchored_at: int | None = None
    """Latest output's block when the path of ranges was last brought into line with it."""
    refused_checkpoints: set[int] = field(default_factory=set)
    """L1 blocks for which the contract holds another hash than L1."""
    l1_tries: Counter[BlockRange] = field(default_factory=Counter)
    """How often the L1 blocks that a range was given turned out too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The proposer's hands. It lives for one term of leadership."""

    settings: ProposerSettings
    """What the operator chose."""
    store: RequestStore
    """All that survives."""
    leadership: Leadership
    """Whether this process may act."""
    l1: L1Client
    """L1."""
    l2: L2Client
    """The L2 execution node."""
    node: RollupNodeClient
    """The rollup node."""
    contract: OutputContract
    """Where outputs settle."""
    backend: ProverBackend
    """Who proves."""
    sender: Sender
    """Who pays."""
    witness: LiveWitness
    """Collects inputs."""
    pool: RangePool
    """Runs the range program."""
    cache: WitnessCache
    """Collected inputs on disk."""
    background: Background
    """Work beside the loop."""
    metrics: ProposerMetrics
    """What is measured."""
    alerts: Alerts
    """Who is told."""
    identity: ConfigIdentity
    """What proofs are made for."""
    pauses: Pauses
    """Which requests wait after a failure."""
    memory: Memory = field(default_factory=Memory)
    """What a term may forget."""
    now: Callable[[], float] = time.time
    """Unix time, in seconds."""

    @property
    def lease(self) -> Lease:
        """The lease to write with; NotLeadingError when this process does not lead."""
        return self.leadership.lease
