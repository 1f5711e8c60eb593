"""RangeInputs from live RPCs: L1, beacon, L2 and rollup node, everything checked on arrival."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coprove.derivation.l1_info import system_config_from_l2_block
from coprove.errors import InputError, Reset
from coprove.program import RangeInput
from coprove.program.wire import pack_list
from coprove.rpc.errors import NotYetAvailableError, WrongDataError
from coprove.rpc.tasks import both, three
from coprove.telemetry import get_logger
from coprove.types import BlockRange, L1ChainConfig, RollupConfig
from coprove.witness.chain import Chain, blocks_of, headers_of
from coprove.witness.completion import HeaderMissingError, StateCompletion
from coprove.witness.errors import ChainReorgError, RangeNotSafeError
from coprove.witness.l1 import L1Collection, L1Collector, choose_l1_head
from coprove.witness.l2 import L2Side, block_ref, look_back
from coprove.witness.prestate import prestate
from coprove.witness.rehearsal import l2_inputs, rehearse_live

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.rpc import (
        BeaconSource,
        EthBlock,
        EthHeader,
        L1Client,
        L2Client,
        OutputAtBlock,
        RollupNodeClient,
        SyncStatus,
    )
    from coprove.witness.cache import ChainCache
    from coprove.witness.l2 import Lookback

__all__ = ["LiveOptions", "LiveWitness", "Progress"]

_BLOCKHASH_REACH = 256
_STATUS_READS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the collection of a range is."""

    stage: str
    """What is being collected: "L1 blocks", "blobs", "L2 blocks" or "execution"."""
    done: int
    """Items collected of this stage."""
    total: int
    """Items in this stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """Choices of a collection."""

    rollup_config: bytes | None = None
    """rollup.json; None asks the rollup node (optimism_rollupConfig)."""
    l1_config: bytes = b""
    """The L1 chain config as JSON, needed for an L1 that is not built in."""
    l1_buffer: int = 20
    """L1 blocks read beyond the claimed block's origin where the node has no safe-head database;
    more are read when deriving the range shows that they are not enough."""
    restarts: int = 3
    """Times that a collection begins again after a reorg."""


class LiveWitness:
    """Collects RangeInputs of one chain from its nodes."""

    def __init__(
        self,
        l1: L1Client,
        beacon: BeaconSource | None,
        l2: L2Client,
        node: RollupNodeClient,
        *,
        options: LiveOptions | None = None,
        cache: ChainCache | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """`beacon` may be None for chains whose batches are in calldata; `cache` is shared."""
        self._l1 = l1
        self._beacon = beacon
        self._l2 = l2
        self._node = node
        self._options = options or LiveOptions()
        self._cache = cache
        self._progress = progress
        self._config: tuple[RollupConfig, bytes] | None = None
        self._log = get_logger()

    async def range_input(
        self, from_block: int, to_block: int, *, l1_head: int | None = None
    ) -> RangeInput:
        """Return the input for the range after `from_block` up to `to_block`.

        `l1_head` is the number of the last L1 block to read, by default one from which `to_block`
        is derived. Begins again after a reorg, at most `restarts` times. Raises RangeNotSafeError
        while the L1 data does not give `to_block`, the typed errors of rpc and da for servers that
        fail or lie, and those of this room.
        """
        blocks = BlockRange(start=from_block, end=to_block)
        for left in range(self._options.restarts, -1, -1):
            try:
                return await self._collect(blocks, l1_head)
            except Reset as reset:
                if not left:
                    raise
                self._log.info("collection begins again", range=str(blocks), reason=str(reset))
        raise AssertionError("the loop returns or raises")

    async def rollup_config(self) -> RollupConfig:
        """Return the chain's rollup config."""
        return (await self._rollup_config())[0]

    async def _collect(self, blocks: BlockRange, l1_head: int | None) -> RangeInput:
        (config, config_json), status, (agreed, claimed) = await three(
            self._rollup_config(),
            self._status(),
            both(self._node.output_at_block(blocks.start), self._node.output_at_block(blocks.end)),
        )
        l1_config = self._l1_config(config)
        l2_blocks = blocks_of(
            "L2", self._l2, config.l2_chain_id, status.finalized_l2.number, self._cache
        )
        l2_headers = headers_of(
            "L2", self._l2, config.l2_chain_id, status.finalized_l2.number, self._cache
        )
        first, last = await self._ends(l2_blocks, agreed, claimed)
        lookback, range_blocks, head = await three(
            look_back(config, self._l2, (l2_blocks, l2_headers), first),
            self._range_blocks(l2_blocks, first, last),
            self._l1_head(config, status, last, l1_head),
        )
        l1 = L1Collector(
            config,
            self._l1,
            self._beacon,
            blocks_of("L1", self._l1, config.l1_chain_id, status.finalized_l1.number, self._cache),
            self._report,
        )
        l1_side, side = await both(
            self._l1_side(l1, config, lookback, head),
            self._l2_side(config, l2_headers, lookback, range_blocks, (agreed, claimed)),
        )
        whole = {
            block.header.number: block.transactions for block in (lookback.start, lookback.agreed)
        }
        base = RangeInput(
            rollup_config=config_json,
            l1_config=l1_config,
            l1_head=l1_side.hashes[-1],
            agreed_output_root=agreed.root,
            claimed_output_root=claimed.root,
            claimed_block_number=blocks.end,
            agreed_output=agreed.output,
            l2_blocks=l2_inputs(side.headers, whole),
            l2_start_number=lookback.start.header.number,
            l1_blocks=(),
            blobs=(),
            nodes=pack_list(side.nodes),
            codes=pack_list(side.codes),
        )
        while True:
            given = l1_side.applied_to(base)
            rehearsal = await rehearse_live(config, self._l2, l2_headers, given, side)
            if not rehearsal.exhausted:
                break
            last_l1 = status.current_l1.number
            if l1_head is not None or head >= last_l1:
                raise RangeNotSafeError(
                    f"L1 data up to block {head} derives L2 blocks to {rehearsal.reached} only"
                )
            head = min(last_l1, head + len(l1_side.blocks))
            l1_side = await self._l1_side(l1, config, lookback, head)
        if l1_head is None and rehearsal.reached == blocks.end:
            # What the node told of its safe heads was a hint; this is what derivation needs.
            given = l1_side.up_to(rehearsal.l1_end).applied_to(base)
        inputs = l2_inputs(rehearsal.headers, {**whole, **rehearsal.overlapped})
        return replace(given, l2_blocks=inputs)

    async def _status(self) -> SyncStatus:
        """Return the rollup node's heads, once L1 and L2 have the blocks that it names.

        Raises ChainReorgError when they have others at these numbers.
        """
        for _ in range(_STATUS_READS):
            status = await self._node.sync_status()
            try:
                l1, l2 = await both(
                    self._l1.headers([status.current_l1.number]),
                    self._l2.headers([status.safe_l2.number]),
                )
            except NotYetAvailableError:
                continue
            if (l1[0].hash, l2[0].hash) == (status.current_l1.hash, status.safe_l2.hash):
                return status
        raise ChainReorgError(
            f"{self._node.transport.name} names current L1 block {status.current_l1} and safe L2 "
            f"block {status.safe_l2}, which the execution nodes do not have"
        )

    async def _ends(
        self, chain: Chain[EthBlock], agreed: OutputAtBlock, claimed: OutputAtBlock
    ) -> tuple[EthBlock, EthBlock]:
        """Return the agreed and the claimed block, whole, by their hashes."""
        outputs = (agreed, claimed)
        try:
            found = await chain.named([output.output.block_hash for output in outputs])
        except NotYetAvailableError as error:
            raise ChainReorgError(f"block of an output: {error}") from None
        for output, block in zip(outputs, found, strict=True):
            if block.header.number != output.block.number:
                raise WrongDataError(
                    f"L2 block {block.hash}",
                    expected=f"number {output.block.number}, as the rollup node says",
                    actual=block.header.number,
                )
        return found[0], found[1]

    async def _range_blocks(
        self, chain: Chain[EthBlock], agreed: EthBlock, claimed: EthBlock
    ) -> list[EthBlock]:
        """Return the blocks of the range, which lead from `agreed` to `claimed`."""
        first, last = agreed.header.number + 1, claimed.header.number
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            if more:
                self._report("L2 blocks", done, last - first + 1)

        blocks = await chain.up_to(first, last, claimed.hash, known={last: claimed}, progress=count)
        if blocks[0].header.parent_hash != agreed.hash:
            raise ChainReorgError(
                f"L2 block {first} has parent {blocks[0].header.parent_hash}, but block "
                f"{first - 1} was {agreed.hash}"
            )
        return blocks

    async def _l1_head(
        self, config: RollupConfig, status: SyncStatus, claimed: EthBlock, l1_head: int | None
    ) -> int:
        if l1_head is not None:
            return l1_head
        ref = block_ref(config, claimed)
        return await choose_l1_head(self._node, status, ref, self._options.l1_buffer)

    async def _l1_side(
        self, l1: L1Collector, config: RollupConfig, lookback: Lookback, head: int
    ) -> L1Collection:
        """Return the L1 blocks from the pipeline's start to number `head`, with their blobs."""
        first = lookback.start.transactions[0] if lookback.start.transactions else None
        batcher = system_config_from_l2_block(config, lookback.start.header, first).batcher_address
        return await l1.collect(
            origin=lookback.start_ref.l1_origin,
            agreed_origin=lookback.agreed_ref.l1_origin,
            head=head,
            batcher=batcher,
        )

    async def _l2_side(
        self,
        config: RollupConfig,
        chain: Chain[EthHeader],
        lookback: Lookback,
        blocks: list[EthBlock],
        outputs: tuple[OutputAtBlock, OutputAtBlock],
    ) -> L2Side:
        """Return the L2 headers up to the agreed block, and the state before the range."""
        agreed, claimed = outputs
        headers: tuple[EthHeader, ...] = lookback.headers
        while True:
            completion = StateCompletion(config, self._l2, lookback.agreed, headers[:-1])
            try:
                await completion.run(blocks, agreed.output, claimed.output, self._report)
                break
            except HeaderMissingError as missing:
                furthest = max(0, lookback.agreed.header.number + 1 - _BLOCKHASH_REACH)
                reach = max(furthest, missing.number) if missing.exact else furthest
                first = headers[0]
                if reach >= first.header.number:
                    raise
                earlier = await chain.up_to(
                    reach, first.header.number - 1, first.header.parent_hash
                )
                headers = (*earlier, *headers)
        nodes, codes = await asyncio.to_thread(
            prestate,
            agreed.output.state_root,
            completion.nodes.values(),
            completion.codes.values(),
        )
        return L2Side(headers=headers, blocks=tuple(blocks), nodes=nodes, codes=codes)

    async def _rollup_config(self) -> tuple[RollupConfig, bytes]:
        if self._config is None:
            given = self._options.rollup_config
            if given is None:
                given = json.dumps(await self._node.rollup_config()).encode()
            self._config = RollupConfig.from_json(given), given
        return self._config

    def _l1_config(self, config: RollupConfig) -> bytes:
        if L1ChainConfig.built_in(config.l1_chain_id) is not None:
            return b""
        if not self._options.l1_config:
            raise InputError(
                "L1 chain config (--l1-config)",
                expected=f"one for chain {config.l1_chain_id}, which is not built in",
                actual="none",
            )
        return self._options.l1_config

    def _report(self, stage: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(Progress(stage=stage, done=done, total=total))
