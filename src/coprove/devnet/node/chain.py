"""The L2 chain of this node: executes blocks, keeps them, moves the three heads.

One instance owns the kernel's state and the database's writes. `lock` is held by whoever executes
a block and then moves a head on the strength of it, so that the sequencer and the verifier never
work on each other's half-done step.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog

from coprove.derivation.l1_info import l2_block_ref
from coprove.devnet.node.store import HeadName, SafeHead, Store, StoredBlock, StoreError
from coprove.errors import Critical
from coprove.execution import BlockExecutor, ExecutedBlock, NodeStore, StateReader
from coprove.primitives import keccak256
from coprove.types import Address, BlockHeader, Fork, OutputRoot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.devnet.node.genesis import Genesis
    from coprove.types import Hash32, L1BlockRef, L2BlockRef, PayloadAttributes, RollupConfig

__all__ = ["MESSAGE_PASSER", "Chain", "HeadChange"]

MESSAGE_PASSER = Address.from_hex("0x4200000000000000000000000000000000000016")
"""The L2ToL1MessagePasser predeploy, whose storage holds the withdrawals."""

T = TypeVar("T")

_ANCESTORS = 256
_KEPT = 4096
_log = structlog.get_logger("coprove.devnet.node.chain")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadChange:
    """What a move of the unsafe head did to the canonical chain."""

    left: tuple[StoredBlock, ...]
    """Blocks that left it, from the highest down."""
    joined: tuple[StoredBlock, ...]
    """Blocks that joined it, from the lowest up."""


class Chain:
    """Blocks, state and heads of the L2."""

    def __init__(self, store: Store, genesis: Genesis) -> None:
        """Open the chain that the store holds, or start it at `genesis`.

        `StoreError` when the store belongs to another genesis.
        """
        self.lock = asyncio.Lock()
        self.store = store
        self.config: RollupConfig = genesis.rollup_config
        self.state = NodeStore()
        self._listeners: list[Callable[[HeadChange], None]] = []
        self._executor: BlockExecutor | None = None
        # The threads of asyncio serve whoever calls: blocks must not queue behind eth_call.
        self._kernel = ThreadPoolExecutor(1, thread_name_prefix="kernel")
        self._refs: dict[bytes, L2BlockRef] = {}
        self._headers: dict[bytes, tuple[bytes, int, bytes]] = {}
        known = store.meta("genesis")
        if known is None:
            self._start(genesis)
        elif known != genesis.block.hash:
            raise StoreError(
                f"the data folder holds the chain of genesis 0x{known.hex()},"
                f" not of 0x{genesis.block.hash.hex()}"
            )
        else:
            for nodes, codes in store.states():
                self.state.add_nodes(nodes)
                self.state.add_codes(codes)
        self.unsafe = self._stored_head("unsafe")
        self.safe = self._stored_head("safe")
        self.finalized = self._stored_head("finalized")

    def _start(self, genesis: Genesis) -> None:
        self.state.add_nodes(genesis.nodes)
        self.state.add_codes(genesis.codes)
        with self.store.transaction():
            self.store.put_state(genesis.nodes, genesis.codes)
            self.store.put_block(genesis.block)
            self.store.make_canonical(genesis.block.hash)
            for name in ("unsafe", "safe", "finalized"):
                self.store.put_head(name, genesis.block.hash)
            # As op-node: genesis is what its L1 block makes safe.
            start = self.config.genesis.l1
            self.store.put_safe_head(
                SafeHead(
                    l1_number=start.number,
                    l1_hash=start.hash,
                    l2_number=0,
                    l2_hash=genesis.block.hash,
                )
            )
            self.store.put_meta("genesis", genesis.block.hash)

    def _stored_head(self, name: HeadName) -> L2BlockRef:
        block_hash = self.store.head(name)
        if block_hash is None:
            raise StoreError(f"the database has no {name} head")
        return self.ref(block_hash)

    def listen(self, listener: Callable[[HeadChange], None]) -> None:
        """Call `listener` after each move of the unsafe head."""
        self._listeners.append(listener)

    def block(self, block_hash: bytes) -> StoredBlock:
        """The block of this hash; `StoreError` when it is not there."""
        found = self.store.block(block_hash)
        if found is None:
            raise StoreError(f"no block 0x{block_hash.hex()}")
        return found

    def ref(self, block_hash: bytes) -> L2BlockRef:
        """The reference of a block, with its L1 origin."""
        cached = self._refs.get(block_hash)
        if cached is None:
            block = self.block(block_hash)
            first = block.transactions[0] if block.transactions else None
            cached = l2_block_ref(self.config, BlockHeader.decode_rlp(block.header), first)
            if len(self._refs) > _KEPT:
                self._refs.clear()
            self._refs[block_hash] = cached
        return cached

    def canonical(self, number: int) -> L2BlockRef | None:
        """The canonical block of this number."""
        block_hash = self.store.canonical_hash(number)
        return None if block_hash is None else self.ref(block_hash)

    def reader(self, header: bytes) -> StateReader:
        """The state after the block of this header."""
        return StateReader(self.state, BlockHeader.decode_rlp(header).state_root)

    def ancestors(self, block_hash: bytes) -> list[bytes]:
        """Up to 256 headers before a block, the oldest first."""
        headers: list[bytes] = []
        _, number, cursor = self._header(block_hash)
        while number > 0 and len(headers) < _ANCESTORS:
            raw, number, cursor = self._header(cursor)
            headers.append(raw)
        return headers[::-1]

    def _header(self, block_hash: bytes) -> tuple[bytes, int, bytes]:
        """RLP, number and parent hash of a block's header; the last few thousand are kept."""
        found = self._headers.get(block_hash)
        if found is None:
            raw = self.store.header(block_hash)
            if raw is None:
                raise StoreError(f"no block 0x{block_hash.hex()}")
            header = BlockHeader.decode_rlp(raw)
            found = (raw, header.number, header.parent_hash)
            if len(self._headers) > _KEPT:
                self._headers.clear()
            self._headers[block_hash] = found
        return found

    def executor(
        self, parent_hash: bytes, *, commit: bool = False, record: bool = False
    ) -> BlockExecutor:
        """A fresh executor whose head is `parent_hash`."""
        return BlockExecutor(
            self.config,
            self.block(parent_hash).header,
            self.state,
            self.ancestors(parent_hash),
            commit=commit,
            record=record,
        )

    def _committing(self, parent_hash: bytes) -> BlockExecutor:
        if self._executor is None or self._executor.head_hash != parent_hash:
            self._executor = self.executor(parent_hash, commit=True)
        return self._executor

    async def _in_kernel(self, work: Callable[..., T], *values: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._kernel, work, *values)

    async def execute(self, parent_hash: bytes, attributes: PayloadAttributes) -> StoredBlock:
        """Make and keep the block that `attributes` ask for; the heads stay as they are.

        `InvalidPayloadError` when the attributes break a rule.
        """
        executor = self._committing(parent_hash)
        return self._keep(await self._in_kernel(executor.execute, attributes))

    async def build(
        self, parent_hash: bytes, attributes: PayloadAttributes, candidates: Sequence[bytes]
    ) -> tuple[StoredBlock, dict[bytes, str]]:
        """Like `execute`, with those of `candidates` that fit.

        Returns also the hashes of those that can never be included, with the reason.
        """
        executor = self._committing(parent_hash)
        built = await self._in_kernel(executor.build, attributes, candidates)
        invalid = {
            keccak256(candidates[item.index]): item.reason
            for item in built.rejected
            if item.permanent
        }
        return self._keep(built.block), invalid

    def _keep(self, executed: ExecutedBlock) -> StoredBlock:
        header = BlockHeader.decode_rlp(executed.header)
        block = StoredBlock(
            hash=executed.hash,
            number=executed.number,
            parent_hash=header.parent_hash,
            header=executed.header,
            transactions=executed.transactions,
            receipts=executed.receipts,
            senders=tuple(bytes(sender) for sender in executed.senders),
        )
        nodes, codes = self.state.drain_new()
        with self.store.transaction():
            self.store.put_state(nodes, codes)
            self.store.put_block(block)
            self.store.index_transactions(
                block.hash, [keccak256(raw) for raw in block.transactions]
            )
        return block

    def set_unsafe(self, block_hash: bytes) -> None:
        """Move the unsafe head, over a reorg when the block is not above the present one."""
        if block_hash == self.unsafe.hash:
            return
        with self.store.transaction():
            left, joined = self.store.make_canonical(block_hash)
            self.store.put_head("unsafe", block_hash)
        self.unsafe = self.ref(block_hash)
        if left:
            _log.warning(
                "chain.reorg",
                left=len(left),
                joined=len(joined),
                head=self.unsafe.number,
                hash=str(self.unsafe.hash),
            )
        change = HeadChange(
            left=tuple(self.block(item) for item in left),
            joined=tuple(self.block(item) for item in reversed(joined)),
        )
        for listener in self._listeners:
            listener(change)

    def set_safe(self, block_hash: bytes, derived_from: L1BlockRef | None) -> None:
        """Move the safe head; `derived_from` is the L1 block that proves it, None on a reset."""
        self._check_canonical(block_hash)
        ref = self.ref(block_hash)
        with self.store.transaction():
            self.store.put_head("safe", block_hash)
            if derived_from is not None:
                self.store.put_safe_head(
                    SafeHead(
                        l1_number=derived_from.number,
                        l1_hash=derived_from.hash,
                        l2_number=ref.number,
                        l2_hash=ref.hash,
                    )
                )
        self.safe = ref

    def set_finalized(self, block_hash: bytes) -> None:
        """Move the finalized head."""
        self._check_canonical(block_hash)
        self.store.put_head("finalized", block_hash)
        self.finalized = self.ref(block_hash)

    def _check_canonical(self, block_hash: bytes) -> None:
        ref = self.ref(block_hash)
        if self.store.canonical_hash(ref.number) != block_hash:
            raise Critical(f"block {ref.number} {ref.hash} is not canonical")

    def output(self, block_hash: bytes) -> OutputRoot:
        """The output of a block."""
        raw = self.block(block_hash).header
        header = BlockHeader.decode_rlp(raw)
        if self.config.is_active(Fork.ISTHMUS, header.timestamp):
            return OutputRoot.from_isthmus_header(header)
        passer = self.reader(raw).account(MESSAGE_PASSER)
        if passer is None:
            raise Critical(f"block {header.number} has no message passer")
        return OutputRoot(
            state_root=header.state_root,
            message_passer_storage_root=passer.storage_root,
            block_hash=header.hash(),
        )

    @property
    def genesis_hash(self) -> Hash32:
        """Hash of block 0."""
        return self.config.genesis.l2.hash
