"""Where to start again after an L1 reorg or a restart: the heads that L1 still bears out.

op-node walks back a sequencing window from the unsafe head, because it cannot know from which L1
block a safe block was derived. This node has recorded that (its safe-head database), so it goes
back exactly as far as L1 did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import Critical

if TYPE_CHECKING:
    from coprove.devnet.node.chain import Chain
    from coprove.devnet.node.l1 import L1View
    from coprove.types import L2BlockRef

__all__ = ["HeadsAfterReset", "WrongL1Error", "find_heads"]


class WrongL1Error(Critical):
    """The L1 endpoint is not of the chain that this L2 was started on, or undid a finalized block.

    No reset helps: a person must look.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsAfterReset:
    """Heads that are consistent with L1."""

    unsafe: L2BlockRef
    """Highest block whose L1 origin is canonical, as are those of all before it."""
    safe: L2BlockRef
    """Highest block that was derived from canonical L1 blocks alone."""
    kept_l1_number: int
    """L1 block up to which safe heads stay recorded."""


async def find_heads(chain: Chain, l1: L1View) -> HeadsAfterReset:
    """Find the heads to go on from; reads L1 and the database, changes nothing.

    `WrongL1Error` when the L1 genesis block or the finalized head is not on this L1.
    """
    genesis = chain.config.genesis.l1
    start = await l1.canonical(genesis.number)
    if start is None or start.hash != genesis.hash:
        raise WrongL1Error(f"L1 block {genesis.number} is not {genesis.hash}, the rollup's start")
    safe, kept = await _safe_head(chain, l1)
    if safe.number < chain.finalized.number:
        raise WrongL1Error(f"L1 took back what made L2 block {chain.finalized.number} final")
    unsafe = chain.unsafe
    while unsafe.number > safe.number:
        origin = await l1.canonical(unsafe.l1_origin.number)
        if origin is not None and origin.hash == unsafe.l1_origin.hash:
            break
        unsafe = _last_of_epoch_before(chain, unsafe)
    if unsafe.number <= safe.number:
        unsafe = safe
    return HeadsAfterReset(unsafe=unsafe, safe=safe, kept_l1_number=kept)


def _last_of_epoch_before(chain: Chain, ref: L2BlockRef) -> L2BlockRef:
    epoch = ref.l1_origin
    while ref.l1_origin == epoch and ref.number > 0:
        ref = chain.ref(ref.parent_hash)
    return ref


async def _safe_head(chain: Chain, l1: L1View) -> tuple[L2BlockRef, int]:
    bound = 2**62
    while (entry := chain.store.safe_head_at(bound)) is not None:
        found = await l1.canonical(entry.l1_number)
        if found is not None and found.hash == entry.l1_hash:
            return chain.ref(entry.l2_hash), entry.l1_number
        bound = entry.l1_number - 1
    raise Critical("the database has lost the safe head of the L1 genesis block")
