"""The half of the proposer that turns claims into outputs on L1, each step stored before it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from coprove.contracts.errors import TransactionRevertedError
from coprove.contracts.mock_proof import mock_proof
from coprove.devnet.proposer.records import OutputIntent, OutputState
from coprove.devnet.proposer.steps import (
    chain_of_ranges,
    choose_checkpoint,
    output_end,
    stale_ranges,
)
from coprove.errors import Critical
from coprove.program import AggregationInput, run_aggregation
from coprove.rpc import NotYetAvailableError
from coprove.telemetry import MetricKind, MetricSpec, get_logger
from coprove.types import BlockId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.devnet.proposer.records import StoredRange
    from coprove.devnet.proposer.settlement import Settlement
    from coprove.devnet.proposer.store import ProposerStore
    from coprove.rpc import L1Client, RollupNodeClient
    from coprove.telemetry import Metrics
    from coprove.types import AggregationOutputs, Hash32

__all__ = ["LATEST_OUTPUT", "OUTPUTS", "OutputMismatchError", "OutputProposer"]

OUTPUTS = MetricSpec(
    name="coprove_devnet_proposer_outputs", kind=MetricKind.COUNTER, help="Outputs proposed."
)
LATEST_OUTPUT = MetricSpec(
    name="coprove_devnet_proposer_latest_output",
    kind=MetricKind.GAUGE,
    help="L2 block of the newest output on L1.",
)
_log = get_logger(part="outputs")


class OutputMismatchError(Critical):
    """The program's output root is not the node's: one of the two is wrong, nothing is proposed."""


class OutputProposer:
    """Proposes the next output as soon as its ranges are done."""

    def __init__(
        self,
        store: ProposerStore,
        *,
        l1: L1Client,
        node: RollupNodeClient,
        settlement: Settlement,
        metrics: Metrics,
    ) -> None:
        """All state is in `store` and on L1."""
        self._store, self._l1, self._node = store, l1, node
        self._settlement, self._metrics = settlement, metrics

    async def tick(self) -> None:
        """Take the next output one step, or all steps, further."""
        latest, target = await asyncio.gather(
            self._settlement.latest_block(), self._settlement.next_block()
        )
        self._metrics.set(LATEST_OUTPUT, latest)
        await self._note_proposed(latest)
        known = self._store.ranges()
        end = output_end(
            known, latest=latest, interval=target - latest, intended=self._intended(latest)
        )
        if end is None:
            return
        chain = chain_of_ranges(known, start=latest, end=end)
        if await self._discard_stale(chain):
            return
        heads = await self._l1_heads(chain)
        output = await self._with_checkpoint(chain, heads)
        if output is None:
            return
        outputs = await self._aggregate(chain, output, lowest=min(heads))
        await self._propose(output, outputs)

    def _intended(self, latest: int) -> list[int]:
        """Return the blocks of outputs above `latest` that were begun."""
        return [
            item.end
            for item in self._store.outputs()
            if item.start == latest and item.state is OutputState.INTENDED
        ]

    async def _note_proposed(self, latest: int) -> None:
        """Note the transactions of outputs that were mined while no process watched."""
        for intent in self._store.outputs():
            if intent.state is OutputState.PROPOSED or intent.end > latest:
                continue
            tx_hash = await self._settlement.proposed_in(intent.end)
            if tx_hash is not None:
                self._store.put_output(
                    dataclasses.replace(intent, state=OutputState.PROPOSED, tx_hash=tx_hash)
                )
                _log.info("output of an earlier run found", l2_block=intent.end, tx=tx_hash)

    async def _discard_stale(self, chain: Sequence[StoredRange]) -> bool:
        """Have ranges run again whose L1 head or L2 blocks were reorganised away."""
        ends = sorted({block for item in chain for block in (item.start, item.end)})
        answers = await asyncio.gather(*(self._node.output_at_block(end) for end in ends))
        roots = dict(zip(ends, (answer.root for answer in answers), strict=True))
        heads = {item.boot_info.l1_head for item in chain if item.boot_info is not None}
        canonical = [head for head in heads if await self._number_of(head) is not None]
        stale = stale_ranges(chain, roots=roots, canonical=canonical)
        for item in stale:
            self._store.discard_claim(item.start)
            _log.warning("range stands on a chain that is gone", start=item.start, end=item.end)
        return bool(stale)

    async def _number_of(self, block_hash: Hash32) -> int | None:
        """Return the number of an L1 block that is canonical."""
        try:
            number = (await self._l1.header(block_hash)).header.number
            found = await self._l1.header(number)
        except NotYetAvailableError:
            return None
        return number if found.hash == block_hash else None

    async def _l1_heads(self, chain: Sequence[StoredRange]) -> list[int]:
        hashes = {item.boot_info.l1_head for item in chain if item.boot_info is not None}
        return [(await self._l1.header(block_hash)).header.number for block_hash in hashes]

    async def _with_checkpoint(
        self, chain: Sequence[StoredRange], heads: Sequence[int]
    ) -> OutputIntent | None:
        """Return the stored intent once the contract holds the right hash of its checkpoint."""
        last = chain[-1].boot_info
        if last is None:
            return None
        intent = self._store.output(chain[-1].end)
        if intent is None or not await self._still_fits(intent, chain, heads):
            safe = await self._l1.block_ref("safe")
            # A checkpoint that failed is not tried again: a newer one is needed.
            not_below = 0 if intent is None else intent.checkpoint.number + 1
            number = choose_checkpoint(l1_heads=heads, safe=safe.number, not_below=not_below)
            if number is None:
                return None
            intent = OutputIntent(
                start=chain[0].start,
                end=chain[-1].end,
                root=last.l2_post_root,
                checkpoint=BlockId(hash=safe.hash, number=number),
                attempt=1 if intent is None else intent.attempt + 1,
                state=OutputState.INTENDED,
                tx_hash=None,
            )
            self._store.put_output(intent)
            _log.info("checkpoint chosen", l2_block=intent.end, l1_block=number)
        checkpoint = intent.checkpoint
        if await self._settlement.checkpointed_hash(checkpoint.number) != checkpoint.hash:
            key = f"checkpoint-{checkpoint.hash.hex()}-{intent.attempt}"
            await self._settlement.checkpoint(checkpoint.number, key=key)
        held = await self._settlement.checkpointed_hash(checkpoint.number)
        if held == checkpoint.hash:
            return intent
        # The block went in a reorg, or is older than the L1 node's own memory of hashes.
        _log.warning("the contract holds another hash", l1_block=checkpoint.number, hash=held)
        return None

    async def _still_fits(
        self, intent: OutputIntent, chain: Sequence[StoredRange], heads: Sequence[int]
    ) -> bool:
        """Whether an earlier intent for this output can be carried on."""
        last = chain[-1].boot_info
        if last is None or intent.root != last.l2_post_root or intent.start != chain[0].start:
            return False
        if intent.checkpoint.number < max(heads):
            return False
        if intent.tx_hash is not None and not await self._settlement.is_mined(intent.tx_hash):
            return False
        held = await self._settlement.checkpointed_hash(intent.checkpoint.number)
        if held is not None and held != intent.checkpoint.hash:
            return False
        return await self._number_of(intent.checkpoint.hash) is not None

    async def _aggregate(
        self, chain: Sequence[StoredRange], output: OutputIntent, *, lowest: int
    ) -> AggregationOutputs:
        numbers = list(range(lowest, output.checkpoint.number + 1))
        headers = await self._l1.headers(numbers)
        return run_aggregation(
            AggregationInput(
                boot_infos=tuple(item.boot_info for item in chain if item.boot_info is not None),
                l1_headers=tuple(item.rlp for item in headers),
                checkpoint_l1_head=output.checkpoint.hash,
                range_vkey_commitment=await self._settlement.range_vkey_commitment(),
            )
        )

    async def _propose(self, output: OutputIntent, claim: AggregationOutputs) -> None:
        """Compare with the node, try the call, then send it."""
        expected = (await self._node.output_at_block(output.end)).root
        if claim.l2_post_root != expected:
            msg = f"block {output.end}: program says {claim.l2_post_root}, node says {expected}"
            raise OutputMismatchError(msg)
        if await self._settlement.latest_block() != output.start:
            return  # a transaction that L1 had dropped came back meanwhile
        l1_block = output.checkpoint.number
        vkey = await self._settlement.aggregation_vkey()
        # A real verifier refuses it, and the mock verifier works on development chains only.
        proof = mock_proof(vkey, claim.abi_encode())
        await self._settlement.simulate(output.root, output.end, l1_block, proof)
        try:
            mined = await self._settlement.propose(
                output.root,
                output.end,
                l1_block,
                proof,
                key=f"propose-{output.end}-{output.root.hex()}-{output.attempt}",
            )
        except TransactionRevertedError:
            # L1 changed between the trial and the block. The key is used up: the next has another.
            self._store.put_output(dataclasses.replace(output, attempt=output.attempt + 1))
            raise
        self._store.put_output(
            dataclasses.replace(output, state=OutputState.PROPOSED, tx_hash=mined.tx_hash)
        )
        self._metrics.inc(OUTPUTS)
        self._metrics.set(LATEST_OUTPUT, output.end)
        _log.info(
            "output proposed with a mock proof",
            l2_block=output.end,
            root=output.root,
            tx=mined.tx_hash,
            l1_block=mined.block_number,
        )
