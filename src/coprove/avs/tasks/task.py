"""A task as an aggregator issues it and operators fetch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coprove.avs.tasks.fields import hex_bytes, hex_number, number, record
from coprove.avs.tasks.range_metadata import RangeMetadata
from coprove.contracts.avs.headers import ReducedStateHeader, task_id
from coprove.errors import InputError
from coprove.types import Hash32

__all__ = ["OP_STACK_TASK", "AvsTask", "TaskDraft"]

OP_STACK_TASK: Final = 3
"""`task_type` of OP Stack ranges; 1 is Scroll, 2 Linea."""
_MAX_QUORUMS: Final = 192


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDraft:
    """A range that a task source found; what is still missing is when and for whom."""

    committee_id: int
    """Committee on chain that is to sign."""
    metadata: RangeMetadata
    """The range."""
    l1_head: Hash32
    """Hash of the finalized L1 block up to which L1 data is read."""
    l1_head_number: int
    """Its number."""

    @property
    def key(self) -> Hash32:
        """Name of the task on chain; equal for all drafts of the range."""
        return task_id(self.committee_id, self.metadata.start_block, self.metadata.end_block)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsTask:
    """A task that was issued; InputError when it cannot be."""

    number: int
    """`task_id` of the JSON-RPC interface: from 1, rising, never given twice by one aggregator."""
    draft: TaskDraft
    """What it is about."""
    reference_block: int
    """L1 block at which stakes count; part of what is signed."""
    quorums: tuple[int, ...]
    """The committee's quorums, ascending."""
    thresholds: tuple[int, ...]
    """Percent of each quorum's stake that must sign."""
    created_at: int
    """Unix seconds."""
    expires_at: int
    """Unix seconds from which nothing more is taken."""

    def __post_init__(self) -> None:
        """Check what belongs together."""
        if list(self.quorums) != sorted(set(self.quorums)) or not self.quorums:
            raise InputError("quorums", expected="ascending, one or more", actual=self.quorums)
        if len(self.thresholds) != len(self.quorums):
            raise InputError("thresholds", expected="one a quorum", actual=self.thresholds)

    @property
    def key(self) -> Hash32:
        """Name of the task on chain."""
        return self.draft.key

    def header(self, state: bytes) -> ReducedStateHeader:
        """Return what an operator signs whose prover gave this state."""
        return ReducedStateHeader(
            committee_id=self.draft.committee_id,
            metadata=self.draft.metadata.encode(),
            state=state,
            reference_block=self.reference_block,
        )

    def to_ext(self) -> dict[str, object]:
        """Return `ext` of `aggregator_fetchTask` for an OP Stack task."""
        range_ = self.draft.metadata
        return {
            "start_block": hex(range_.start_block),
            "end_block": hex(range_.end_block),
            "batch_id": range_.batch_id,
            "l1_head": self.draft.l1_head.hex0x,
            "l1_head_number": self.draft.l1_head_number,
            "reference_block_number": self.reference_block,
            "committee_id": self.draft.committee_id,
            "quorum_numbers": f"0x{bytes(self.quorums).hex()}",
            "quorum_threshold_percentages": f"0x{bytes(self.thresholds).hex()}",
            "task_key": self.key.hex0x,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
        }

    @classmethod
    def from_ext(cls, task_number: int, ext: object) -> AvsTask:
        """Read an aggregator's `ext`; InputError names what is wrong in it."""
        values = record(ext, "ext")
        quorums = hex_bytes(values, "quorum_numbers", at_most=_MAX_QUORUMS)
        task = cls(
            number=task_number,
            draft=TaskDraft(
                committee_id=number(values, "committee_id", bits=256),
                metadata=RangeMetadata(
                    start_block=hex_number(values, "start_block", bits=64),
                    end_block=hex_number(values, "end_block", bits=64),
                    batch_id=number(values, "batch_id", bits=64),
                ),
                l1_head=Hash32(hex_bytes(values, "l1_head", exactly=32)),
                l1_head_number=number(values, "l1_head_number", bits=64),
            ),
            reference_block=number(values, "reference_block_number", bits=32),
            quorums=tuple(quorums),
            thresholds=tuple(
                hex_bytes(values, "quorum_threshold_percentages", exactly=len(quorums))
            ),
            created_at=number(values, "created_at", bits=64),
            expires_at=number(values, "expires_at", bits=64),
        )
        key = Hash32(hex_bytes(values, "task_key", exactly=32))
        if key != task.key:
            raise InputError("task_key", expected=task.key, actual=key)
        return task
