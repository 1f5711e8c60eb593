"""Which waiting requests are taken up: a pure function of what waits and what is in work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage import RequestKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coprove.storage import ProofRequest

__all__ = ["select"]


def select(
    waiting: Iterable[ProofRequest],
    *,
    in_flight: int,
    collecting: int,
    max_in_flight: int,
    max_collecting: int,
) -> list[ProofRequest]:
    """Return the requests to take up now, in order: aggregations first, then the lowest ranges.

    `in_flight` counts requests from their witness to their proof, `collecting` those of them whose
    witness is not with a backend yet. Both caps hold back ranges; an aggregation counts, but is
    never held back: it is what the ranges were proven for.
    """
    chosen = []
    for request in sorted(waiting, key=_order):
        has_room = in_flight < max_in_flight and collecting < max_collecting
        if request.kind is RequestKind.AGGREGATION or has_room:
            chosen.append(request)
            in_flight += 1
            collecting += 1
    return chosen


def _order(request: ProofRequest) -> tuple[bool, int, int]:
    return request.kind is RequestKind.RANGE, request.blocks.start, request.id
