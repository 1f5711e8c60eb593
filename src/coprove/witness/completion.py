"""Executing a range's blocks to find what their witnesses lack, and fetching it by proofs.

op-geth's debug_executionWitness leaves out the paths of absent accounts that were only read and
mostly the MessagePasser's, and other servers have no such method. The executor names each missing
piece; a proof against the parent's state brings it.
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from coprove.execution import BlockExecutor, MissingStateError, NodeStore
from coprove.primitives import keccak256
from coprove.program.wire import pack_list
from coprove.rpc.errors import MethodNotFoundError, NotYetAvailableError, RpcError
from coprove.types import Address, Hash32
from coprove.witness.attributes import attributes_of_block
from coprove.witness.errors import ExecutionMismatchError, WitnessIncompleteError
from coprove.witness.prestate import PrestateFilter
from coprove.witness.state import MESSAGE_PASSER, READ_IN_EVERY_BLOCK, StateAhead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.rpc import EthBlock, EthHeader, L2Client
    from coprove.types import OutputRoot, RollupConfig

__all__ = ["HeaderMissingError", "StateCompletion"]

T = TypeVar("T")


class HeaderMissingError(WitnessIncompleteError):
    """BLOCKHASH reaches further back than the headers at hand.

    `number` is that of the block whose header is needed, at least; `exact` tells whether none
    further back will be.
    """

    def __init__(self, number: int, *, exact: bool) -> None:
        """Keep how far back it reaches."""
        super().__init__("L2 headers", expected=f"block {number}", actual="later ones only")
        self.number = number
        self.exact = exact


class StateCompletion:
    """Executes blocks in order over one node store, completed as execution asks for more.

    Only nodes of the state before the range are kept, so memory does not grow with what the
    blocks of the range create.
    """

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
        self._ahead = StateAhead(l2, agreed)
        self._lowest = ancestors[0].header.number if ancestors else agreed.header.number
        self._prestate = PrestateFilter(agreed.header.state_root)
        self.codes: dict[bytes, bytes] = {}
        self.proofs_fetched = 0

    @property
    def nodes(self) -> dict[bytes, bytes]:
        """The nodes of the state before the range that were brought, by hash."""
        return self._prestate.nodes

    async def run(
        self,
        blocks: Sequence[EthBlock],
        agreed: OutputRoot,
        claimed: OutputRoot,
        progress: Callable[[str, int, int], None],
    ) -> None:
        """Execute all blocks; afterwards `nodes` and `codes` hold all that they read.

        Raises ExecutionMismatchError when a block or an output comes out otherwise than the node
        says, WitnessIncompleteError when something missing cannot be had, HeaderMissingError.
        """
        accounts = await self._l2.accounts(
            [(address, (), self._parent) for address in (MESSAGE_PASSER, *READ_IN_EVERY_BLOCK)]
        )
        self._add([node for account in accounts for node in account.nodes], ())
        await self._check_output(agreed)
        done = 0
        async with aclosing(self._ahead.parts(blocks)) as parts:
            async for part in parts:
                if part.lowest < self._lowest:
                    raise HeaderMissingError(part.lowest, exact=True)
                await asyncio.to_thread(self._add, part.nodes, part.codes)
                for block in part.blocks:
                    await self._execute(block)
                    done += 1
                    progress("execution", done, len(blocks))
        await self._check_output(claimed)

    async def _execute(self, block: EthBlock) -> None:
        attributes = attributes_of_block(self._config, block.header, block.transactions)
        executed = await self._completed(functools.partial(self._executor.execute, attributes))
        if executed.hash != block.hash:
            raise ExecutionMismatchError(
                f"L2 block {block.header.number} executes to "
                f"0x{executed.hash.hex()}, not to its hash {block.hash}"
            )
        self._parent = block

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
            raise HeaderMissingError(missing.number or 0, exact=False)
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
        kept = self._prestate.add(nodes)
        new_codes = {keccak256(code): code for code in codes}
        fresh = [code for name, code in new_codes.items() if name not in self.codes]
        self.codes.update(new_codes)
        if kept:
            self._store.add_nodes(pack_list(kept))
        if fresh:
            self._store.add_codes(pack_list(fresh))
