"""The life of a proof request as data: states, kinds, and every step between them.

`TRANSITIONS` is the only place that says which step is allowed. The guard of every UPDATE, the
diagram in docs/reference/request-states.md and the property tests are read from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "CLAIMED",
    "DEAD",
    "LIVE",
    "TRANSITIONS",
    "RequestKind",
    "RequestStatus",
    "Transition",
    "is_allowed",
    "mermaid",
    "sources",
    "targets",
]


class RequestKind(IntEnum):
    """What a request asks a proof of; numbered as op-succinct's `req_type`."""

    RANGE = 0
    """One range of L2 blocks."""
    AGGREGATION = 1
    """Consecutive proven ranges under one L1 checkpoint."""

    @property
    def early_name(self) -> str:
        """Its name in op-succinct's first proposer: SPAN or AGG."""
        return "SPAN" if self is RequestKind.RANGE else "AGG"


class RequestStatus(IntEnum):
    """Where a request stands; numbered as op-succinct's `status`."""

    UNREQUESTED = 0
    """Waits for its turn."""
    WITNESS_GENERATION = 1
    """Its input is being collected, and then handed to the backend."""
    EXECUTION = 2
    """The program runs on its input here, before a proof is asked for or in place of one."""
    PROVING = 3
    """A backend has it, under an identifier that is stored."""
    COMPLETE = 4
    """Its proof is stored."""
    RELAYED = 5
    """An aggregation's output is on L1."""
    FAILED = 6
    """It will give no proof; another request took over its blocks."""
    CANCELLED = 7
    """Nobody needs it any more: its blocks were settled by others, or its chain was reorged."""

    @property
    def early_name(self) -> str:
        """Its name in op-succinct's first proposer, which had five."""
        return _EARLY_NAMES[self]


_EARLY_NAMES = {
    RequestStatus.UNREQUESTED: "UNREQ",
    RequestStatus.WITNESS_GENERATION: "WITNESSGEN",
    RequestStatus.EXECUTION: "WITNESSGEN",
    RequestStatus.PROVING: "PROVING",
    RequestStatus.COMPLETE: "COMPLETE",
    RequestStatus.RELAYED: "COMPLETE",
    RequestStatus.FAILED: "FAILED",
    RequestStatus.CANCELLED: "FAILED",
}

DEAD = frozenset({RequestStatus.FAILED, RequestStatus.CANCELLED})
"""States without a way out."""
LIVE = frozenset(RequestStatus) - DEAD
"""All others. The live ranges of a scope are one path: no gap, no overlap."""
CLAIMED = frozenset({RequestStatus.WITNESS_GENERATION, RequestStatus.EXECUTION})
"""Work of a process of ours that ends with it: what a restart has to take up again."""

_BOTH = frozenset(RequestKind)
_AGGREGATION = frozenset({RequestKind.AGGREGATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One allowed step."""

    letter: str
    """Names the step in the documentation."""
    source: RequestStatus
    """State before."""
    target: RequestStatus
    """State after."""
    when: str
    """What has happened."""
    kinds: frozenset[RequestKind] = _BOTH
    """Which requests may take it."""


def _table() -> tuple[Transition, ...]:
    s = RequestStatus
    steps: tuple[tuple[RequestStatus, RequestStatus, str, frozenset[RequestKind]], ...] = (
        (s.UNREQUESTED, s.WITNESS_GENERATION, "its turn has come", _BOTH),
        (s.WITNESS_GENERATION, s.UNREQUESTED, "put back; nothing was asked of a backend", _BOTH),
        (s.WITNESS_GENERATION, s.EXECUTION, "the witness is ready and is executed here", _BOTH),
        (s.WITNESS_GENERATION, s.PROVING, "a backend accepted it", _BOTH),
        (s.EXECUTION, s.UNREQUESTED, "put back; nothing was asked of a backend", _BOTH),
        (s.EXECUTION, s.PROVING, "a backend accepted it", _BOTH),
        (s.EXECUTION, s.COMPLETE, "executed, and the mode wants no more", _BOTH),
        (s.PROVING, s.COMPLETE, "the proof is here", _BOTH),
        (s.COMPLETE, s.RELAYED, "the output is on L1", _AGGREGATION),
        (s.RELAYED, s.COMPLETE, "the output left L1: a reorg, or deleted", _AGGREGATION),
        (s.WITNESS_GENERATION, s.FAILED, "no witness, or the process died", _BOTH),
        (s.EXECUTION, s.FAILED, "the program failed, or the process died", _BOTH),
        (s.PROVING, s.FAILED, "unfulfillable, unexecutable or past the deadline", _BOTH),
        (s.UNREQUESTED, s.CANCELLED, "not needed any more", _BOTH),
        (s.WITNESS_GENERATION, s.CANCELLED, "not needed any more", _BOTH),
        (s.EXECUTION, s.CANCELLED, "not needed any more", _BOTH),
        (s.PROVING, s.CANCELLED, "not needed any more", _BOTH),
        (s.COMPLETE, s.CANCELLED, "its L1 head or its blocks were reorged", _BOTH),
    )
    return tuple(
        Transition(letter=chr(ord("a") + i), source=source, target=target, when=when, kinds=kinds)
        for i, (source, target, when, kinds) in enumerate(steps)
    )


TRANSITIONS = _table()
"""Every allowed step, lettered in order."""


def sources(target: RequestStatus) -> frozenset[RequestStatus]:
    """Return the states that a request may come from to `target`."""
    return frozenset(step.source for step in TRANSITIONS if step.target is target)


def targets(source: RequestStatus) -> frozenset[RequestStatus]:
    """Return the states that a request may go to from `source`."""
    return frozenset(step.target for step in TRANSITIONS if step.source is source)


def is_allowed(kind: RequestKind, source: RequestStatus, target: RequestStatus) -> bool:
    """Whether a request of this kind may go from `source` to `target`."""
    return any(
        step.source is source and step.target is target and kind in step.kinds
        for step in TRANSITIONS
    )


def mermaid() -> str:
    """Return the table as a Mermaid state diagram, as docs/reference/request-states.md shows it."""
    lines = ["stateDiagram-v2", f"    [*] --> {RequestStatus.UNREQUESTED.name}"]
    lines += [f"    {t.source.name} --> {t.target.name}: {t.letter}" for t in TRANSITIONS]
    lines += [f"    {status.name} --> [*]" for status in sorted(DEAD)]
    return "\n".join(lines)
