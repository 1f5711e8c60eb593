"""What the store keeps: scopes, proof requests, intents, leases, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

from coprove.storage.states import LIVE, RequestKind

if TYPE_CHECKING:
    from coprove.storage.states import RequestStatus
    from coprove.types import Address, BlockId, BlockRange, Hash32

__all__ = [
    "Checkpoint",
    "ConfigIdentity",
    "Intent",
    "IntentKind",
    "IntentState",
    "JsonScalar",
    "Lease",
    "ProofRequest",
    "RangePlan",
    "Reanchored",
    "Recovery",
    "Replaced",
    "RequestChanges",
    "Scope",
    "Values",
]

JsonScalar = str | int | float | bool | None
"""What statistics and the values of an intent may hold. Whole numbers have any size."""
Values = Mapping[str, JsonScalar]
"""Named scalars, stored as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose requests these are. One database may serve several, which never see each other."""

    l1_chain_id: int
    """EIP-155 number of the L1."""
    l2_chain_id: int
    """EIP-155 number of the L2."""
    contract: Address
    """The L2OutputOracle, or the DisputeGameFactory."""
    config_name: str = ""
    """Name of the configuration in contracts that have several (OP_SUCCINCT_CONFIG_NAME)."""

    def __str__(self) -> str:
        """Return a short form for logs and errors."""
        name = f"/{self.config_name}" if self.config_name else ""
        return f"{self.l1_chain_id}/{self.l2_chain_id}/{self.contract}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigIdentity:
    """What proofs are made for; a proof for another identity is of no use."""

    aggregation_vkey: Hash32
    """Hash of the aggregation program's verifying key."""
    range_vkey_commitment: Hash32
    """Commitment to the range program's verifying key."""
    rollup_config_hash: Hash32
    """Hash of the rollup config."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangePlan:
    """A range to be proven, before it has a number."""

    blocks: BlockRange
    """The agreed and the claimed block."""
    end_hash: Hash32 | None = None
    """Hash of the claimed L2 block when it was planned: another one later means an L2 reorg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRequest:
    """One request for a proof, as stored, without the proof's bytes."""

    id: int
    """Number in the database; rises, is never used again."""
    kind: RequestKind
    """Range or aggregation."""
    status: RequestStatus
    """Where it stands."""
    backend: str
    """Name of the backend that proves it: "mock", "execute", "network" (op-succinct's `mode`)."""
    blocks: BlockRange
    """The agreed and the claimed block."""
    attempts: int = 0
    """How many requests for these blocks failed before this one."""
    replaces: int | None = None
    """The request whose blocks, or part of them, this one took over."""
    created_at: float
    """When it was planned; unix time in seconds, as all times here."""
    updated_at: float
    """When it was last written."""
    witness_begun_at: float | None = None
    """When it last went into WITNESS_GENERATION: what the witness timeout counts from."""
    requested_at: float | None = None
    """When a backend accepted it."""
    witness_seconds: float | None = None
    """How long its witness took."""
    execution_seconds: float | None = None
    """How long the program ran natively."""
    proof_seconds: float | None = None
    """How long the backend took."""
    proof_id: bytes | None = None
    """The backend's identifier of the proof."""
    deadline: float | None = None
    """Unix time at which the backend itself gives up."""
    l1_head: BlockId | None = None
    """The L1 block that the proof stands on; with another hash there, the proof is stale."""
    end_hash: Hash32 | None = None
    """Hash of the claimed L2 block."""
    agreed_root: Hash32 | None = None
    """Output root of the agreed block."""
    claimed_root: Hash32 | None = None
    """Output root of the claimed block, as our own program computed it."""
    checkpoint: BlockId | None = None
    """Aggregation: the L1 block that the contract has the hash of."""
    witness_path: str | None = None
    """File with the encoded input."""
    witness_digest: Hash32 | None = None
    """SHA-256 of that file."""
    statistics: Values = field(default_factory=dict)
    """What executing it took: blocks, transactions, gas, cycles."""
    cost: Values = field(default_factory=dict)
    """What proving it took, as far as the backend says: cycles, gas, price."""
    error: str | None = None
    """Why it failed or was cancelled, or the last thing that went wrong."""
    relay_tx: Hash32 | None = None
    """Aggregation: the L1 transaction that proposed its output."""
    config: ConfigIdentity | None = None
    """What it is proven for."""
    prover_address: Address | None = None
    """Aggregation: the address that the proof names as its prover."""

    @property
    def is_live(self) -> bool:
        """Whether it counts: not failed, not cancelled."""
        return self.status in LIVE


class RequestChanges(TypedDict, total=False):
    """The fields of a request that a step may set beside its state; see `ProofRequest`."""

    backend: str
    witness_seconds: float | None
    execution_seconds: float | None
    proof_seconds: float | None
    proof_id: bytes | None
    deadline: float | None
    l1_head: BlockId | None
    end_hash: Hash32 | None
    agreed_root: Hash32 | None
    claimed_root: Hash32 | None
    checkpoint: BlockId | None
    witness_path: str | None
    witness_digest: Hash32 | None
    statistics: Values
    cost: Values
    error: str | None
    relay_tx: Hash32 | None
    config: ConfigIdentity | None
    prover_address: Address | None


class IntentKind(StrEnum):
    """What is about to be done that costs money or cannot be undone."""

    PROOF_REQUEST = "proof_request"
    """Ask a backend for a proof."""
    CHECKPOINT = "checkpoint"
    """Store an L1 block hash in the contract."""
    PROPOSAL = "proposal"
    """Propose an output."""


class IntentState(StrEnum):
    """Where an intent stands."""

    OPEN = "open"
    """It may or may not have happened: only its own reconciliation may say."""
    DONE = "done"
    """It has happened and is taken note of."""
    ABANDONED = "abandoned"
    """It has certainly not happened and never will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Something that is about to be done, stored before it is."""

    key: str
    """Names the effect within the scope: it happens once for each key."""
    kind: IntentKind
    """What it is."""
    request_id: int | None
    """The request that it serves."""
    values: Values
    """What is known of it: a nonce, a transaction hash, an artifact's address."""
    state: IntentState
    """Whether it is settled."""
    created_at: float
    """When it was opened; unix time in seconds."""
    updated_at: float
    """When it was last written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write in a scope, for a time. Every write names it and is checked against it."""

    scope: Scope
    """Where it leads."""
    holder: str
    """Who leads; unique to the process, or a dead one's successor could not be told from it."""
    token: int
    """Fencing token: rises with every new holder. Writes with a lower one are refused."""
    expires_at: float
    """Until when, by the database's clock; unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An L1 block whose hash the contract was asked to keep."""

    block: BlockId
    """Number and hash."""
    tx_hash: Hash32 | None
    """The transaction that stored it; None when someone else's did."""
    created_at: float
    """When it was noted; unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What a replacement did."""

    old: ProofRequest
    """The request that gave its blocks up, FAILED or CANCELLED now."""
    new: tuple[ProofRequest, ...]
    """Those that took over, in order."""
    cancelled: tuple[ProofRequest, ...] = ()
    """Aggregations that stood on the old one and were not on L1 yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reanchored:
    """What moving or cutting the path did."""

    anchor: int
    """Block at which the path begins now."""
    new: tuple[ProofRequest, ...]
    """Ranges that fill the way from the anchor to what was kept."""
    cancelled: tuple[ProofRequest, ...]
    """Requests that are of no use any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What a restart found of the process before it."""

    requeued: tuple[Replaced, ...]
    """Work that ended with the process: failed, and queued again."""
    unsettled: tuple[ProofRequest, ...]
    """Work with an open intent: it may have been asked for, so its intent is reconciled first."""
