"""Where the state that a range reads comes from, ahead of its execution.

The best a node offers is used: debug_executionWitness; else a trace of what each block touches, or
access lists, and proofs of all that at the agreed block; else nothing, and execution itself finds
out piece by piece. Whatever is lacking afterwards is completed by execution too.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import InputError, Temporary
from coprove.primitives import keccak256
from coprove.rpc.errors import MethodNotFoundError, RequestRefusedError, RpcError
from coprove.rpc.tasks import ahead
from coprove.rpc.touched import TouchedState, united
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
    from typing import Any

    from coprove.rpc import EthBlock, EthHeader, L2Client

__all__ = ["MESSAGE_PASSER", "READ_IN_EVERY_BLOCK", "StateAhead", "StatePart"]

MESSAGE_PASSER = Address.from_hex("0x4200000000000000000000000000000000000016")
"""L2ToL1MessagePasser, whose storage root is part of every output root."""

READ_IN_EVERY_BLOCK = tuple(
    Address.from_hex(address)
    for address in (
        "0x4200000000000000000000000000000000000011",  # SequencerFeeVault
        "0x4200000000000000000000000000000000000015",  # L1Block
        "0x4200000000000000000000000000000000000019",  # BaseFeeVault
        "0x420000000000000000000000000000000000001a",  # L1FeeVault
        "0x420000000000000000000000000000000000001b",  # OperatorFeeVault
    )
)
"""Accounts that are looked at whatever a block does."""

_CHUNK = 16
_CHUNKS_AHEAD = 4
_SLOTS_A_PROOF = 200
_NO_CODE = Hash32(keccak256(b""))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePart:
    """Blocks, and state that their execution reads."""

    blocks: tuple[EthBlock, ...]
    """Consecutive blocks."""
    nodes: tuple[bytes, ...]
    """Trie nodes."""
    codes: tuple[bytes, ...]
    """Contract codes."""
    lowest: int
    """Number of the lowest block whose header they need for BLOCKHASH, as far as is known."""


class StateAhead:
    """Fetches the state of a range's blocks some chunks ahead of their execution.

    At most four chunks of sixteen blocks are held at once, whatever the length of the range.
    """

    def __init__(self, l2: L2Client, agreed: EthHeader) -> None:
        """`agreed` is the block before the range; proofs are of the state after it."""
        self._l2 = l2
        self._agreed = agreed
        self._ways: list[Callable[[Sequence[EthBlock]], Coroutine[Any, Any, TouchedState]]] = [
            self._traced,
            self._listed,
        ]
        self._witnesses = True
        self._proven: set[tuple[Address, Hash32 | None]] = set()
        self._known_codes: set[Hash32] = {_NO_CODE}

    async def parts(self, blocks: Sequence[EthBlock]) -> AsyncGenerator[StatePart, None]:
        """Yield the blocks in order, chunk by chunk, each with its state."""

        def chunk(start: int) -> Callable[[], Coroutine[Any, Any, StatePart]]:
            return lambda: self._part(blocks[start : start + _CHUNK])

        chunks = (chunk(start) for start in range(0, len(blocks), _CHUNK))
        async with aclosing(ahead(chunks, _CHUNKS_AHEAD)) as parts:
            async for part in parts:
                yield part

    async def _part(self, blocks: Sequence[EthBlock]) -> StatePart:
        if self._witnesses:
            try:
                found = await self._l2.execution_witnesses(blocks)
                return StatePart(
                    blocks=tuple(blocks),
                    nodes=tuple(dict.fromkeys(node for item in found for node in item.nodes)),
                    codes=tuple(dict.fromkeys(code for item in found for code in item.codes)),
                    lowest=min(
                        block.header.number - len(item.headers)
                        for block, item in zip(blocks, found, strict=True)
                    ),
                )
            except (MethodNotFoundError, RequestRefusedError):
                self._witnesses = False
        touched = await self._touched(blocks)
        nodes, codes = await self._proofs(touched)
        return StatePart(
            blocks=tuple(blocks),
            nodes=nodes,
            codes=(*touched.codes, *codes),
            lowest=blocks[0].header.number - 1,
        )

    async def _touched(self, blocks: Sequence[EthBlock]) -> TouchedState:
        """Return what the blocks touch as the best way there is tells it: a hint, not checked."""
        for way in list(self._ways):
            try:
                return await way(blocks)
            except (MethodNotFoundError, RequestRefusedError):
                if way in self._ways:
                    self._ways.remove(way)
            except (RpcError, Temporary, InputError):
                continue  # too slow, pruned, malformed: this chunk goes another way
        return TouchedState()

    async def _traced(self, blocks: Sequence[EthBlock]) -> TouchedState:
        return united(await self._l2.touched_state(blocks))

    async def _listed(self, blocks: Sequence[EthBlock]) -> TouchedState:
        return await self._l2.access_lists(blocks)

    async def _proofs(self, touched: TouchedState) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Prove what was not proven yet, and fetch codes that did not come with the trace."""
        wanted: list[tuple[Address, tuple[Hash32, ...], EthHeader]] = []
        for address, names in sorted(touched.slots.items()):
            slots = sorted(slot for slot in names if (address, slot) not in self._proven)
            self._proven.update((address, slot) for slot in slots)
            if not slots and (address, None) not in self._proven:
                wanted.append((address, (), self._agreed))
            for start in range(0, len(slots), _SLOTS_A_PROOF):
                part = tuple(slots[start : start + _SLOTS_A_PROOF])
                wanted.append((address, part, self._agreed))
            self._proven.add((address, None))
        if not wanted:
            return (), ()
        accounts = await self._l2.accounts(wanted)
        self._known_codes.update(Hash32(keccak256(code)) for code in touched.codes)
        missing = {
            account.code_hash: account.address
            for account in accounts
            if account.code_hash not in self._known_codes
        }
        self._known_codes.update(missing)
        codes = await self._l2.codes(
            [(address, name) for name, address in missing.items()], self._agreed
        )
        nodes = dict.fromkeys(node for account in accounts for node in account.nodes)
        return tuple(nodes), tuple(codes)
