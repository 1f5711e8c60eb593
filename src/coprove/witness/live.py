"""RangeInputs from live RPCs: L1, beacon, L2 and rollup node, everything checked on arrival."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coprove.derivation.l1_info import system_config_from_l2_block
from coprove.errors import InputError, Reset
from coprove.program import RangeInput
from coprove.program.wire import pack_list
from coprove.rpc.tasks import both
from coprove.telemetry import get_logger
from coprove.types import BlockRange, L1ChainConfig, RollupConfig
from coprove.witness.completion import HeaderMissingError, StateCompletion
from coprove.witness.errors import RangeNotSafeError
from coprove.witness.l1 import L1Collection, choose_l1_head, collect_l1
from coprove.witness.l2 import L2Side, collect_blocks, collect_headers, look_back
from coprove.witness.prestate import prestate
from coprove.witness.rehearsal import l2_inputs, rehearse_live

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.rpc import (
        BeaconClient,
        EthHeader,
        L1Client,
        L2Client,
        OutputAtBlock,
        RollupNodeClient,
    )
    from coprove.witness.l2 import BlockWithWitness, Lookback

__all__ = ["LiveOptions", "LiveWitness", "Progress"]

_BLOCKHASH_REACH = 256


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
        beacon: BeaconClient | None,
        l2: L2Client,
        node: RollupNodeClient,
        *,
        options: LiveOptions | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """`beacon` may be None for chains whose batches are in calldata."""
        self._l1 = l1
        self._beacon = beacon
        self._l2 = l2
        self._node = node
        self._options = options or LiveOptions()
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
        config, config_json = await self._rollup_config()
        l1_config = self._l1_config(config)
        agreed, claimed = await both(
            self._node.output_at_block(blocks.start), self._node.output_at_block(blocks.end)
        )
        lookback = await look_back(config, self._l2, agreed.block)
        status = await self._node.sync_status()
        head = l1_head
        if head is None:
            head = await choose_l1_head(self._node, status, claimed.block, self._options.l1_buffer)
        l1_side, side = await both(
            self._l1_side(config, lookback, head),
            self._l2_side(config, lookback, agreed, claimed),
        )
        whole = {
            block.header.number: block.transactions for block in (lookback.start, lookback.agreed)
        }
        while True:
            given = RangeInput(
                rollup_config=config_json,
                l1_config=l1_config,
                l1_head=l1_side.head,
                agreed_output_root=agreed.root,
                claimed_output_root=claimed.root,
                claimed_block_number=blocks.end,
                agreed_output=agreed.output,
                l2_blocks=l2_inputs(side.headers, whole),
                l2_start_number=lookback.start.header.number,
                l1_blocks=l1_side.blocks,
                blobs=l1_side.blobs,
                nodes=pack_list(side.nodes),
                codes=pack_list(side.codes),
            )
            rehearsal = await rehearse_live(config, self._l2, given, side)
            last_l1 = status.current_l1.number
            if not rehearsal.exhausted:
                inputs = l2_inputs(rehearsal.headers, {**whole, **rehearsal.overlapped})
                return replace(given, l2_blocks=inputs)
            if l1_head is not None or head >= last_l1:
                raise RangeNotSafeError(
                    f"L1 data up to block {head} derives L2 blocks to {rehearsal.reached} only"
                )
            head = min(last_l1, head + len(l1_side.blocks))
            l1_side = await self._l1_side(config, lookback, head)

    async def _l1_side(self, config: RollupConfig, lookback: Lookback, head: int) -> L1Collection:
        """Return the L1 blocks from the pipeline's start to number `head`, with their blobs."""
        first = lookback.start.transactions[0] if lookback.start.transactions else None
        batcher = system_config_from_l2_block(config, lookback.start.header, first).batcher_address
        return await collect_l1(
            config,
            self._l1,
            self._beacon,
            origin=lookback.start_ref.l1_origin,
            agreed_origin=lookback.agreed_ref.l1_origin,
            head=head,
            batcher=batcher,
            progress=self._report,
        )

    async def _l2_side(
        self,
        config: RollupConfig,
        lookback: Lookback,
        agreed: OutputAtBlock,
        claimed: OutputAtBlock,
    ) -> L2Side:
        """Return the L2 headers up to the agreed block, and the state before the range."""
        blocks = await collect_blocks(
            self._l2, lookback.agreed, claimed.block.number, claimed.block.hash, self._report
        )
        headers: tuple[EthHeader, ...] = lookback.headers
        reach = _blockhash_reach(blocks, headers[0].header.number)
        while True:
            if reach < headers[0].header.number:
                headers = (*await collect_headers(self._l2, reach, headers[0]), *headers)
            completion = StateCompletion(config, self._l2, lookback.agreed, headers[:-1])
            try:
                await completion.run(blocks, agreed.output, claimed.output, self._report)
                break
            except HeaderMissingError:
                furthest = max(0, lookback.agreed.header.number + 1 - _BLOCKHASH_REACH)
                if headers[0].header.number <= furthest:
                    raise
                reach = furthest
        nodes, codes = prestate(
            agreed.output.state_root, completion.nodes.values(), completion.codes.values()
        )
        return L2Side(
            headers=headers,
            blocks=tuple(item.block for item in blocks),
            nodes=tuple(nodes),
            codes=tuple(codes),
        )

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


def _blockhash_reach(blocks: Sequence[BlockWithWitness], known: int) -> int:
    """Return the lowest number among the headers of all witnesses, at most `known`."""
    lowest = min(item.block.header.number - len(item.witness.headers) for item in blocks)
    return max(0, min(lowest, known))
