"""Recording an L1 block hash in the oracle: at or behind the safe block, and checked afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts.errors import CheckpointLostError
from coprove.errors import InputError
from coprove.rpc import L1Client

if TYPE_CHECKING:
    from coprove.contracts.settlement import OutputContract
    from coprove.contracts.transactions import Mined, TransactionManager
    from coprove.rpc import RpcTransport
    from coprove.types import Hash32

__all__ = ["Checkpoint", "checkpoint_block"]

_REACH = 256
"""Blocks behind the current one whose hash the EVM tells."""
_MARGIN = 16
"""Of these, left for the transaction to be mined in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An L1 block whose hash the contract holds."""

    l1_block: int
    """The block."""
    l1_hash: Hash32
    """Its hash, the same in the contract and in the chain."""
    mined: Mined | None
    """The transaction that recorded it; None when it was there already."""


async def checkpoint_block(
    manager: TransactionManager,
    transport: RpcTransport,
    contract: OutputContract,
    *,
    l1_block: int | None = None,
) -> Checkpoint:
    """Have the contract record the hash of an L1 block, the safe one by default.

    A block above the safe one may leave the chain and take the proofs made for it along: it is an
    InputError, as is one that the EVM may no longer reach. Nothing is sent where the contract holds
    the hash already. CheckpointLostError when a reorg came in between: then try again.
    """
    l1 = L1Client(transport)
    safe = await l1.block_ref("safe")
    head = await l1.block_ref("latest")
    number = safe.number if l1_block is None else l1_block
    lowest = max(0, head.number - _REACH + _MARGIN)
    if not lowest <= number <= safe.number:
        raise InputError(
            "L1 block to checkpoint", expected=f"from {lowest} to {safe.number}", actual=number
        )
    expected = (await l1.block_ref(number)).hash
    if await contract.historic_block_hash(number) == expected:
        return Checkpoint(l1_block=number, l1_hash=expected, mined=None)
    call = contract.checkpoint_call(number)
    mined = await manager.send(
        key=f"checkpoint/{contract.address}/{number}/{expected}", to=call.to, data=call.data
    )
    recorded = await contract.historic_block_hash(number)
    current = (await l1.block_ref(number)).hash
    if recorded is None or recorded != current:
        raise CheckpointLostError(number, recorded=str(recorded), current=str(current))
    return Checkpoint(l1_block=number, l1_hash=current, mined=mined)
