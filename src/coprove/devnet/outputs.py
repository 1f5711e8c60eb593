"""Which outputs are on L1, and which of them are final, read from the oracle's events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.rpc import get_logs
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.rpc import Json, RpcTransport
    from coprove.types import Address

__all__ = ["ProposedOutput", "final_outputs", "proposed_outputs"]

_PROPOSED = Hash32(keccak256(b"OutputProposed(bytes32,uint256,uint256,uint256)"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedOutput:
    """One output on L1."""

    index: int
    """Its place in the oracle's list; the starting output has 0."""
    l2_block: int
    """Number of its L2 block."""
    root: Hash32
    """The output root."""
    tx_hash: Hash32
    """The L1 transaction that proposed it."""
    l1_block: int
    """The L1 block that holds the transaction."""


async def proposed_outputs(
    transport: RpcTransport, oracle: Address, *, l2_block: int | None = None
) -> list[ProposedOutput]:
    """Return the outputs that transactions proposed, in order; with `l2_block` that one alone.

    The starting output, which the deployment sets, is left out. InputError when a log has another
    shape.
    """
    topics: list[Json] = [str(_PROPOSED)]
    if l2_block is not None:
        topics += [None, None, f"0x{l2_block:064x}"]
    logs = await get_logs(transport, {"address": str(oracle), "topics": topics}, first=0)
    found = [_output(log) for log in logs]
    return sorted((item for item in found if item.index > 0), key=lambda item: item.index)


def final_outputs(outputs: list[ProposedOutput], finalized_l1: int) -> list[ProposedOutput]:
    """Return those whose L1 block is final."""
    return [item for item in outputs if item.l1_block <= finalized_l1]


def _output(log: object) -> ProposedOutput:
    try:
        _, root, index, l2_block = log["topics"]  # type: ignore[index]
        return ProposedOutput(
            index=int(index, 16),
            l2_block=int(l2_block, 16),
            root=Hash32.from_hex(root),
            tx_hash=Hash32.from_hex(log["transactionHash"]),  # type: ignore[index]
            l1_block=int(log["blockNumber"], 16),  # type: ignore[index]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("OutputProposed log", expected="its topics", actual=error) from error
