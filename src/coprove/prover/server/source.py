"""Where a proof server takes inputs from: a recording, or the nodes of a live chain."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

from coprove.program import RangeInput
from coprove.program.range import configs
from coprove.prover.server.errors import SubproofError
from coprove.rpc import (
    EndpointOptions,
    L1Client,
    NotYetAvailableError,
    RollupNodeClient,
    open_transport,
    split_urls,
)
from coprove.types import BootInfo, Hash32, L1ChainConfig, RollupConfig
from coprove.witness import CollectTask, LiveOptions, RecordingError, collect_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from coprove.types import BlockRange
    from coprove.witness import LiveEndpoints, Recording, WorkExecutor

__all__ = ["LiveSource", "RecordingSource", "WitnessSource"]

_HEADERS_AT_ONCE = 1000
_OUTPUTS_AT_ONCE = 32


class WitnessSource(Protocol):
    """Inputs of ranges and aggregations. All methods may raise Temporary leaves."""

    async def prepare(self, blocks: BlockRange, target: Path) -> BootInfo:
        """Collect the input of a range, write it to `target`, return the claim that it supports."""

    async def is_current(self, blocks: BlockRange, claim: BootInfo) -> bool:
        """Whether the chains still have the L1 block and the outputs of a claim."""

    async def l1_headers(self, heads: Sequence[Hash32], checkpoint: Hash32) -> tuple[bytes, ...]:
        """Return the RLP of the L1 headers from the earliest of `heads` to the checkpoint."""

    async def agreed_block(self, claim: BootInfo, *, within: int) -> int:
        """Return the block whose output is the claim's l2_pre_root, at most `within` blocks back.

        SubproofError when none of them is.
        """

    async def rollup_config_hash(self) -> Hash32:
        """Return the hash of the chain's rollup config."""

    async def close(self) -> None:
        """Close connections."""


class RecordingSource:
    """Inputs from a recorded chain."""

    def __init__(self, recording: Recording) -> None:
        """Take an open recording."""
        self._recording = recording

    async def prepare(self, blocks: BlockRange, target: Path) -> BootInfo:
        """See `WitnessSource`."""

        def work() -> BootInfo:
            given = self._recording.range_input(blocks.start, blocks.end)
            target.write_bytes(given.encode())
            return _claim(given)

        return await asyncio.to_thread(work)

    async def is_current(self, blocks: BlockRange, claim: BootInfo) -> bool:
        """See `WitnessSource`; a recording has no reorgs."""
        return (
            blocks.end <= self._recording.last_l2
            and self._recording.expected_output(blocks.end) == claim.l2_post_root
            and self._recording.expected_output(blocks.start) == claim.l2_pre_root
        )

    async def l1_headers(self, heads: Sequence[Hash32], checkpoint: Hash32) -> tuple[bytes, ...]:
        """See `WitnessSource`; RecordingError for a hash that is not recorded."""
        return await asyncio.to_thread(self._l1_headers, heads, checkpoint)

    async def agreed_block(self, claim: BootInfo, *, within: int) -> int:
        """See `WitnessSource`."""
        highest = min(claim.l2_block_number - 1, self._recording.last_l2)
        for number in range(highest, max(-1, highest - within), -1):
            if self._recording.expected_output(number) == claim.l2_pre_root:
                return number
        raise _no_agreed_block(claim, within)

    async def rollup_config_hash(self) -> Hash32:
        """See `WitnessSource`."""
        config = self._recording.config
        built_in = L1ChainConfig.built_in(config.l1_chain_id)
        return config.config_hash(
            L1ChainConfig.from_json(self._recording.l1_config_json)
            if built_in is None
            else built_in
        )

    async def close(self) -> None:
        """See `WitnessSource`."""

    def _l1_headers(self, heads: Sequence[Hash32], checkpoint: Hash32) -> tuple[bytes, ...]:
        recording = self._recording
        numbers = {
            Hash32.from_hex(recording.l1_row(number).get("hash"), "L1 hash"): number
            for number in range(recording.last_l1 + 1)
        }
        for head in (*heads, checkpoint):
            if head not in numbers:
                raise RecordingError("l1.jsonl.gz", expected=f"block {head}", actual="none")
        first = min(numbers[head] for head in heads)
        return tuple(
            recording.l1_block(number).header for number in range(first, numbers[checkpoint] + 1)
        )


class LiveSource:
    """Inputs from the nodes of a live chain."""

    def __init__(
        self,
        endpoints: LiveEndpoints,
        executor: WorkExecutor,
        *,
        options: LiveOptions | None = None,
        endpoint_options: EndpointOptions | None = None,
        cache_path: Path | None = None,
    ) -> None:
        """URLs may be lists with commas; equal ones share one connection pool and rate limit.

        Inputs are collected by `executor`, which stays its owner's to close; a folder at
        `cache_path` keeps what ranges share: L1 blocks, receipts, blobs.
        """
        self._endpoints, self._executor, self._cache_path = endpoints, executor, cache_path
        self._options = options or LiveOptions()
        self._endpoint_options = endpoint_options or EndpointOptions()
        self._transports = {
            urls: open_transport(
                urls, endpoint_options, quorum=min(endpoints.quorum, len(split_urls(urls)))
            )
            for urls in dict.fromkeys((endpoints.l1, endpoints.node))
        }
        self._l1 = L1Client(self._transports[endpoints.l1])
        self._node = RollupNodeClient(self._transports[endpoints.node])

    async def prepare(self, blocks: BlockRange, target: Path) -> BootInfo:
        """See `WitnessSource`; further errors are those of `LiveWitness.range_input`."""
        task = CollectTask(
            endpoints=self._endpoints,
            from_block=blocks.start,
            to_block=blocks.end,
            options=self._options,
            endpoint_options=self._endpoint_options,
            cache_path=None if self._cache_path is None else str(self._cache_path),
        )
        data = await collect_in(self._executor, task)

        def work() -> BootInfo:
            target.write_bytes(data)
            return _claim(RangeInput.decode(data))

        return await asyncio.to_thread(work)

    async def is_current(self, blocks: BlockRange, claim: BootInfo) -> bool:
        """See `WitnessSource`."""
        try:
            named = await self._l1.header(claim.l1_head)
            at_number = await self._l1.header(named.header.number)
            claimed = await self._node.output_at_block(blocks.end)
            agreed = await self._node.output_at_block(blocks.start)
        except NotYetAvailableError:
            return False
        return (
            at_number.hash == claim.l1_head
            and claimed.root == claim.l2_post_root
            and agreed.root == claim.l2_pre_root
        )

    async def l1_headers(self, heads: Sequence[Hash32], checkpoint: Hash32) -> tuple[bytes, ...]:
        """See `WitnessSource`; the program checks that the headers are linked."""
        found = await self._l1.headers([checkpoint, *dict.fromkeys(heads)])
        first = min(item.header.number for item in found[1:])
        last = found[0].header.number
        headers: list[bytes] = []
        for begin in range(first, last, _HEADERS_AT_ONCE):
            numbers = range(begin, min(begin + _HEADERS_AT_ONCE, last))
            headers += [item.rlp for item in await self._l1.headers(numbers)]
        return (*headers, found[0].rlp)

    async def agreed_block(self, claim: BootInfo, *, within: int) -> int:
        """See `WitnessSource`."""
        highest = claim.l2_block_number - 1
        lowest = max(0, highest - within + 1)
        for end in range(highest, lowest - 1, -_OUTPUTS_AT_ONCE):
            numbers = range(end, max(lowest, end - _OUTPUTS_AT_ONCE + 1) - 1, -1)
            outputs = await asyncio.gather(*map(self._node.output_at_block, numbers))
            for number, output in zip(numbers, outputs, strict=True):
                if output.root == claim.l2_pre_root:
                    return number
        raise _no_agreed_block(claim, within)

    async def rollup_config_hash(self) -> Hash32:
        """See `WitnessSource`."""
        given = self._options.rollup_config
        if given is None:
            given = json.dumps(await self._node.rollup_config()).encode()
        config = RollupConfig.from_json(given)
        built_in = L1ChainConfig.built_in(config.l1_chain_id)
        return config.config_hash(
            L1ChainConfig.from_json(self._options.l1_config) if built_in is None else built_in
        )

    async def close(self) -> None:
        """See `WitnessSource`."""
        async with AsyncExitStack() as stack:
            for transport in self._transports.values():
                stack.push_async_callback(transport.close)


def _claim(given: RangeInput) -> BootInfo:
    config, l1_config = configs(given)
    return BootInfo(
        l1_head=given.l1_head,
        l2_pre_root=given.agreed_output_root,
        l2_post_root=given.claimed_output_root,
        l2_block_number=given.claimed_block_number,
        rollup_config_hash=config.config_hash(l1_config),
    )


def _no_agreed_block(claim: BootInfo, within: int) -> SubproofError:
    return SubproofError(
        f"subproof up to block {claim.l2_block_number}",
        expected=f"an agreed output of one of the {within} blocks before",
        actual=claim.l2_pre_root,
    )
