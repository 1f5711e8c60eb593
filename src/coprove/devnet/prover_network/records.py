"""What the network remembers: programs, artifacts and requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.prover import Execution, Fulfillment

__all__ = ["ArtifactRecord", "ProgramRecord", "RequestRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRecord:
    """A registered program."""

    vkey_hash: bytes
    """Hash of its verification key."""
    vkey: bytes
    """The key, as the requester gave it."""
    artifact_id: str
    """Its executable."""
    owner: bytes
    """Who registered it."""
    created_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRecord:
    """A place for content."""

    artifact_id: str
    """Name of its file."""
    kind: int
    """artifact.ArtifactType."""
    token: str
    """Secret of the upload URL."""
    digest: str | None
    """SHA-256 of the content, hex; None as long as nothing was uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A proof request that was accepted."""

    request_id: bytes
    """32 bytes."""
    requester: bytes
    """Who signed it."""
    body: bytes
    """The encoded network.RequestProofRequestBody."""
    stdin_digest: str
    """SHA-256 of the input's artifact, hex: equal for equal work."""
    fulfillment: Fulfillment
    """State of the proof."""
    execution: Execution
    """State of the execution."""
    created_at: int
    """Unix seconds."""
    updated_at: int
    """Unix seconds."""
    fulfilled_at: int | None = None
    """Unix seconds."""
    cause: int = 0
    """network.ExecuteFailureCause."""
    cycles: int | None = None
    """Estimate of the cycles."""
    gas: int | None = None
    """Prover gas units."""
    price: int | None = None
    """What the requester was charged."""
    proof_artifact: str | None = None
    """The proof, once fulfilled."""
    public_values: bytes | None = None
    """What the program committed to."""
