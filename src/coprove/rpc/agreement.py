"""Cross-checking what no hash proves: heads, configs, outputs at a number.

With a quorum above one the same question goes to several endpoints. Values that must be equal are
compared; heads, which differ by a block or two between honest nodes, are compared by whether the
lowest one lies on the chain of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from coprove.rpc.errors import EndpointsDisagreeError, NotYetAvailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from coprove.rpc.queries import Answer, Query, RpcTransport

__all__ = ["agreed", "lowest_agreed"]

T = TypeVar("T")

_ROUNDS = 3
"""Times that a disagreement is looked at: one that passes (a reorg, a slip) is none."""


async def agreed(
    transport: RpcTransport, query: Query[T], *, same: Callable[[T], Hashable], what: str
) -> T:
    """Return the value on which a quorum agrees, judged by `same`.

    Where the first answers differ all endpoints are asked; those in the minority are blamed.
    Raises EndpointsDisagreeError, naming two that differ, when no value has a quorum and a
    majority.
    """
    answers = await transport.each(query)
    for _ in range(_ROUNDS):
        groups: dict[Hashable, list[Answer[T]]] = {}
        for answer in answers:
            groups.setdefault(same(answer.value), []).append(answer)
        ranked = sorted(groups.values(), key=len, reverse=True)
        first = ranked[0]
        if len(ranked) == 1:
            return first[0].value
        disagreement = _disagreement(what, first[0], ranked[1][0], same)
        if len(first) >= transport.quorum and len(first) > len(ranked[1]):
            for group in ranked[1:]:
                for answer in group:
                    transport.blame(answer.source, disagreement)
            return first[0].value
        answers = await transport.each(query, everyone=True)
    raise disagreement


async def lowest_agreed(
    transport: RpcTransport,
    query: Query[T],
    *,
    height: Callable[[T], int],
    places: Callable[[T], Sequence[tuple[Query[Hashable], Hashable]]],
    what: str,
) -> T:
    """Return the answer of the lowest `height` among a quorum, once the others confirm it.

    `places` gives questions about that answer, each with what an endpoint on the same chain says.
    Raises EndpointsDisagreeError, naming both, when one says something else.
    """
    left = _ROUNDS
    while True:
        answers = await transport.each(query)
        lowest = min(answers, key=lambda answer: height(answer.value))
        disagreement = None
        for other in answers:
            if other is not lowest and disagreement is None:
                disagreement = await _denial(lowest, other, places(lowest.value), what)
        if disagreement is None:
            return lowest.value
        left -= 1
        if not left:
            raise disagreement


async def _denial(
    lowest: Answer[T],
    other: Answer[T],
    places: Sequence[tuple[Query[Hashable], Hashable]],
    what: str,
) -> EndpointsDisagreeError | None:
    """Return the disagreement if `other` does not have what `lowest` tells of."""
    for query, expected in places:
        try:
            found: Hashable = await other.source.read_one(query)
        except NotYetAvailableError:
            found = "nothing there"
        if found != expected:
            return EndpointsDisagreeError(
                what, first=lowest.source.name, says=expected, second=other.source.name, but=found
            )
    return None


def _disagreement(
    what: str, one: Answer[T], other: Answer[T], same: Callable[[T], Hashable]
) -> EndpointsDisagreeError:
    return EndpointsDisagreeError(
        what,
        first=one.source.name,
        says=same(one.value),
        second=other.source.name,
        but=same(other.value),
    )
