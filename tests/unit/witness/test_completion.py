"""Completing a witness by proofs: each answer brings what is missing, or it ends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from coprove.primitives import keccak256
from coprove.rpc import AccountWitness, EthHeader, L2Client, MethodNotFoundError
from coprove.types import Address, BlockHeader, Hash32, OutputRoot
from coprove.witness.completion import StateCompletion
from coprove.witness.errors import WitnessIncompleteError
from tests.unit.execution.chains import recorded
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT = 20


@dataclass
class Flood:
    """An L2 node whose every proof brings new nodes, and none that is asked for."""

    asked: int = 0
    junk: Iterator[int] = field(default_factory=itertools.count)

    async def accounts(
        self, wanted: Sequence[tuple[Address, Sequence[Hash32], EthHeader]]
    ) -> list[AccountWitness]:
        return [await self.account(*item) for item in wanted]

    async def account(
        self, address: Address, _slots: Sequence[Hash32], _block: EthHeader
    ) -> AccountWitness:
        self.asked += 1
        assert self.asked < LIMIT, "asks for ever"
        return AccountWitness(
            address=address,
            exists=True,
            storage_root=Hash32(bytes(32)),
            code_hash=Hash32(bytes(32)),
            nodes=(next(self.junk).to_bytes(40, "big"),),
        )

    async def database_value(self, name: Hash32) -> bytes:
        raise MethodNotFoundError("debug_dbGet", code=-32601, message=f"no {name}")


async def test_a_node_that_brings_other_nodes_than_the_missing_one_is_not_asked_for_ever() -> None:
    """New nodes are no progress as long as the one that is missing is not among them."""
    case = next(recorded(recording_dir("calldata")))
    header = BlockHeader.decode_rlp(case.parent)
    parent = EthHeader(header=header, rlp=case.parent, hash=Hash32(keccak256(case.parent)))
    completion = StateCompletion(case.config, cast("L2Client", Flood()), parent, [])
    output = OutputRoot(
        state_root=header.state_root,
        message_passer_storage_root=Hash32(bytes(32)),
        block_hash=parent.hash,
    )
    with pytest.raises(WitnessIncompleteError):
        await completion.run([], output, output, lambda *_: None)
