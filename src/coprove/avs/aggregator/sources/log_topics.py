"""Any event of any contract as a source of ranges: the older aggregator's TaskFetcher."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.avs.aggregator.raw_logs import read_logs
from coprove.avs.aggregator.sources.events import EventRanges
from coprove.avs.aggregator.sources.ranges import CommitteeRange
from coprove.errors import InputError
from coprove.rpc import EthClient
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.avs.aggregator.sources.layout import RangeLayout
    from coprove.avs.aggregator.sources.moment import FinalMoment, Moments
    from coprove.avs.aggregator.sources.ranges import RangeStates
    from coprove.rpc import Json, RpcTransport
    from coprove.types import Address, Hash32

__all__ = ["LogTopics", "LogTopicsOptions"]

_DEPTH: Final = 5
_WIDTH: Final = 100
_QUERIES: Final = 50
"""Queries in one poll, while there is so much to catch up with."""
_log = get_logger(part="task-source")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTopicsOptions:
    """A TaskFetcher's settings."""

    committee_id: int
    """Committee that is asked about the ranges."""
    topics: tuple[tuple[Hash32, ...], ...]
    """Topics as eth_getLogs takes them: any of each list; an empty list takes all."""
    addresses: tuple[Address, ...]
    """Contracts whose logs are read; one or more."""
    layout: RangeLayout
    """How a range stands in a log."""
    start: int = 0
    """PresetStartBlock: first block that is read; 0: the one of the first look."""
    interval: float = 12.0
    """ScanIntervalSecs: seconds between two looks."""


class LogTopics(EventRanges):
    """Reads the chain of an endpoint of its own up to five blocks below its head."""

    def __init__(
        self,
        options: LogTopicsOptions,
        *,
        transport: RpcTransport,
        moments: Moments,
        states: RangeStates,
        max_open: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read logs through `transport`, which need not be L1's; InputError without addresses."""
        if not options.addresses:
            raise InputError("addresses", expected="one or more", actual="none")
        super().__init__(
            f"logs-{options.committee_id}",
            moments=moments,
            states=states,
            start=options.start,
            max_open=max_open,
            step=_WIDTH * _QUERIES,
        )
        self._options, self._transport, self._clock = options, transport, clock
        self._client = EthClient(transport)
        self._scanned_at: float | None = None
        self._caught_up = False

    async def _last(self, moment: FinalMoment) -> int:  # noqa: ARG002 - the base's
        now = self._clock()
        waits = self._scanned_at is not None and now - self._scanned_at < self._options.interval
        if waits and self._caught_up:
            return -1
        self._scanned_at = now
        last = (await self._client.header("latest")).header.number - _DEPTH
        if self._next == 0:
            self._next = max(1, last)
        self._caught_up = last < self._next + self._step
        return last

    async def _found(self, first: int, last: int) -> Sequence[CommitteeRange]:
        ranges = []
        topics: list[Json] = [
            [topic.hex0x for topic in wanted] or None for wanted in self._options.topics
        ]
        for begin in range(first, last + 1, _WIDTH):
            logs = await read_logs(
                self._transport,
                addresses=self._options.addresses,
                topics=topics,
                first=begin,
                last=min(last, begin + _WIDTH - 1),
            )
            for log in logs:
                try:
                    found = self._options.layout.range_of(log.topics, log.data)
                except InputError as error:
                    _log.warning("a log that is not the event", source=self.name, error=error)
                    continue
                if found is None:
                    _log.warning("a log without a range", source=self.name, block=log.block)
                    continue
                ranges.append(
                    CommitteeRange(
                        committee_id=self._options.committee_id, start=found[0], end=found[1]
                    )
                )
        return ranges
