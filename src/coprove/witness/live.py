"""RangeInputs from live RPCs: L1, beacon, L2 and rollup node, everything checked on arrival."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coprove.derivation import L2Block, MissingL2BlockError
from coprove.derivation.l1_info import system_config_from_l2_block
from coprove.errors import InputError, Reset
from coprove.program import L2BlockInput, RangeInput, overlapped_blocks
from coprove.program.wire import pack_list
from coprove.rpc.tasks import both
from coprove.telemetry import get_logger
from coprove.types import BlockRange, L1ChainConfig, RollupConfig
from coprove.witness.completion import HeaderMissingError, StateCompletion
from coprove.witness.l1 import L1Collection, choose_l1_head, collect_l1
from coprove.witness.l2 import (
    L2Side,
    OlderBlocks,
    block_ref,
    collect_blocks,
    collect_headers,
    look_back,
)
from coprove.witness.prestate import prestate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    """L1 blocks read beyond the claimed block's origin where the node has no safe-head database."""
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
        is known to be derivable. Begins again after a reorg, at most `restarts` times. Raises
        RangeNotSafeError while `to_block` is not safe, the typed errors of rpc and da for servers
        that fail or lie, and those of this room.
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
        if l1_head is None:
            status = await self._node.sync_status()
            l1_head = await choose_l1_head(
                self._node, status, claimed.block, self._options.l1_buffer
            )
        l1_side, l2_side = await self._both_sides(config, lookback, agreed, claimed, l1_head)
        known = {
            block.header.number: block.transactions for block in (lookback.start, lookback.agreed)
        }
        given = RangeInput(
            rollup_config=config_json,
            l1_config=l1_config,
            l1_head=l1_side.head,
            agreed_output_root=agreed.root,
            claimed_output_root=claimed.root,
            claimed_block_number=blocks.end,
            agreed_output=agreed.output,
            l2_blocks=_l2_inputs(l2_side.headers, known),
            l2_start_number=lookback.start.header.number,
            l1_blocks=l1_side.blocks,
            blobs=l1_side.blobs,
            nodes=pack_list(l2_side.nodes),
            codes=pack_list(l2_side.codes),
        )
        return await self._with_overlaps(config, given, l2_side, known)

    async def _with_overlaps(
        self,
        config: RollupConfig,
        given: RangeInput,
        side: L2Side,
        known: dict[int, tuple[bytes, ...]],
    ) -> RangeInput:
        """Add the older blocks that the range's span batches overlap, each as it is asked for."""
        executed = [
            L2Block(ref=block_ref(config, block), transactions=block.transactions)
            for block in side.blocks
        ]
        headers = side.headers
        fetched = OlderBlocks()
        while True:
            try:
                asked = await asyncio.to_thread(overlapped_blocks, given, executed, fetched)
            except MissingL2BlockError as missing:
                block = await self._l2.block(missing.number)
                fetched.add(L2Block(ref=block_ref(config, block), transactions=block.transactions))
                continue
            break
        if not asked:
            return given
        if min(asked) < headers[0].header.number:
            headers = (*await collect_headers(self._l2, min(asked), headers[0]), *headers)
        whole = known | {number: fetched.transactions(number) for number in asked}
        return replace(given, l2_blocks=_l2_inputs(headers, whole))

    async def _both_sides(
        self,
        config: RollupConfig,
        lookback: Lookback,
        agreed: OutputAtBlock,
        claimed: OutputAtBlock,
        l1_head: int,
    ) -> tuple[L1Collection, L2Side]:
        first = lookback.start.transactions[0] if lookback.start.transactions else None
        batcher = system_config_from_l2_block(config, lookback.start.header, first).batcher_address
        return await both(
            collect_l1(
                config,
                self._l1,
                self._beacon,
                origin=lookback.start_ref.l1_origin,
                agreed_origin=lookback.agreed_ref.l1_origin,
                head=l1_head,
                batcher=batcher,
                progress=self._report,
            ),
            self._l2_side(config, lookback, agreed, claimed),
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
                "L1 chain config", expected=f"one for chain {config.l1_chain_id}", actual="none"
            )
        return self._options.l1_config

    def _report(self, stage: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(Progress(stage=stage, done=done, total=total))


def _l2_inputs(
    headers: Sequence[EthHeader], whole: Mapping[int, tuple[bytes, ...]]
) -> tuple[L2BlockInput, ...]:
    """Return blocks of these headers, those of `whole` with their transactions."""
    return tuple(
        L2BlockInput(header=header.rlp, transactions=whole.get(header.header.number))
        for header in headers
    )


def _blockhash_reach(blocks: Sequence[BlockWithWitness], known: int) -> int:
    """Return the lowest number among the headers of all witnesses, at most `known`."""
    lowest = min(item.block.header.number - len(item.witness.headers) for item in blocks)
    return max(0, min(lowest, known))
