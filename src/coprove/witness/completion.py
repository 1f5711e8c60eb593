"""Executing a range's blocks to find what their witnesses lack, and fetching it by proofs.

op-geth's debug_executionWitness leaves out the paths of absent accounts that were only read and
mostly the MessagePasser's. The executor names each missing piece; a proof against the parent's
state brings it.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, TypeVar

from coprove.execution import BlockExecutor, MissingStateError, NodeStore
from coprove.primitives import keccak256
from coprove.program.wire import pack_list
from coprove.rpc.errors import MethodNotFoundError, NotYetAvailableError, RpcError
from coprove.types import Address, Hash32
from coprove.witness.attributes import attributes_of_block
from coprove.witness.errors import ExecutionMismatchError, WitnessIncompleteError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.rpc import EthHeader, L2Client
    from coprove.types import OutputRoot, RollupConfig
    from coprove.witness.l2 import BlockWithWitness

__all__ = ["HeaderMissingError", "StateCompletion"]

T = TypeVar("T")

MESSAGE_PASSER = Address.from_hex("0x4200000000000000000000000000000000000016")
"""L2ToL1MessagePasser, whose storage root is part of every output root."""

_READ_IN_EVERY_BLOCK = tuple(
    Address.from_hex(address)
    for address in (
        "0x4200000000000000000000000000000000000011",  # SequencerFeeVault
        "0x4200000000000000000000000000000000000015",  # L1Block
        "0x4200000000000000000000000000000000000019",  # BaseFeeVault
        "0x420000000000000000000000000000000000001a",  # L1FeeVault
        "0x420000000000000000000000000000000000001b",  # OperatorFeeVault
    )
)


class HeaderMissingError(WitnessIncompleteError):
    """BLOCKHASH reaches further back than the headers at hand."""


class StateCompletion:
    """Executes blocks in order over one node store, completed as execution asks for more."""

    def __init__(
        self,
        config: RollupConfig,
        l2: L2Client,
        agreed: EthHeader,
        ancestors: Sequence[EthHeader],
    ) -> None:
        """`ancestors` are the headers before `agreed`, ascending."""
        self._config = config
        self._l2 = l2
        self._parent = agreed
        self._store = NodeStore()
        self._executor = BlockExecutor(
            config, agreed.rlp, self._store, [header.rlp for header in ancestors]
        )
        self.nodes: dict[bytes, bytes] = {}
        self.codes: dict[bytes, bytes] = {}
        self.proofs_fetched = 0

    async def run(
        self,
        blocks: Sequence[BlockWithWitness],
        agreed: OutputRoot,
        claimed: OutputRoot,
        progress: Callable[[str, int, int], None],
    ) -> None:
        """Execute all blocks; afterwards `nodes` and `codes` hold all that they read.

        Raises ExecutionMismatchError when a block or an output comes out otherwise than the node
        says, WitnessIncompleteError when something missing cannot be had, HeaderMissingError.
        """
        accounts = await self._l2.accounts(
            [(address, (), self._parent) for address in (MESSAGE_PASSER, *_READ_IN_EVERY_BLOCK)]
        )
        for account in accounts:
            self._add(account.nodes, ())
        await self._check_output(agreed)
        for done, item in enumerate(blocks, 1):
            self._add(item.witness.nodes, item.witness.codes)
            attributes = attributes_of_block(
                self._config, item.block.header, item.block.transactions
            )
            executed = await self._completed(functools.partial(self._executor.execute, attributes))
            if executed.hash != item.block.hash:
                raise ExecutionMismatchError(
                    f"L2 block {item.block.header.number} executes to "
                    f"0x{executed.hash.hex()}, not to its hash {item.block.hash}"
                )
            self._parent = item.block
            progress("execution", done, len(blocks))
        await self._check_output(claimed)

    async def _check_output(self, expected: OutputRoot) -> None:
        found = await self._completed(self._executor.output_root)
        if found != expected:
            raise ExecutionMismatchError(
                f"output of L2 block {self._parent.header.number} is {found}, "
                f"but the rollup node says {expected}"
            )

    async def _completed(self, action: Callable[[], T]) -> T:
        """Run `action` in a thread until it misses nothing; an error leaves no trace in it."""
        while True:
            try:
                return await asyncio.to_thread(action)
            except MissingStateError as missing:
                await self._fetch(missing)

    async def _fetch(self, missing: MissingStateError) -> None:
        """Bring just what is missing; WitnessIncompleteError when it cannot be had.

        Other nodes that came are no progress: a server could go on with them for ever.
        """
        if missing.kind == "header":
            raise HeaderMissingError("L2 headers", expected="more ancestors", actual=str(missing))
        if missing.address is not None:
            address = Address(missing.address)
            slots = () if missing.slot is None else (Hash32(missing.slot),)
            account = await self._l2.account(address, slots, self._parent)
            self.proofs_fetched += 1
            self._add(account.nodes, ())
            if missing.kind == "code":
                code = await self._l2.code(address, self._parent, account.code_hash)
                self._add((), (code,))
        if missing.node_hash not in self.nodes and missing.node_hash not in self.codes:
            await self._fetch_by_hash(missing)

    async def _fetch_by_hash(self, missing: MissingStateError) -> None:
        """Ask the node's database, the last resort; not every node serves it."""
        name = missing.node_hash
        found: bytes | None = None
        if name is not None:
            try:
                found = await self._l2.database_value(Hash32(name))
            except (MethodNotFoundError, NotYetAvailableError, RpcError):
                found = None
        if found is None:
            raise WitnessIncompleteError(
                "execution witness", expected="a proof of what is missing", actual=str(missing)
            )
        if missing.kind == "code":
            self._add((), (found,))
        else:
            self._add((found,), ())

    def _add(self, nodes: Sequence[bytes], codes: Sequence[bytes]) -> None:
        new_nodes = _new(self.nodes, nodes)
        new_codes = _new(self.codes, codes)
        if new_nodes:
            self._store.add_nodes(pack_list(new_nodes))
        if new_codes:
            self._store.add_codes(pack_list(new_codes))


def _new(known: dict[bytes, bytes], values: Sequence[bytes]) -> list[bytes]:
    """Add to `known` and return the values that were not in it."""
    added = []
    for value in values:
        name = keccak256(value)
        if name not in known:
            known[name] = value
            added.append(value)
    return added
