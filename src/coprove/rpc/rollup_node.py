"""The rollup node's own methods (op-node's optimism_* namespace)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import CoproveError
from coprove.rpc.agreement import agreed, lowest_agreed
from coprove.rpc.errors import MalformedResponseError, NotYetAvailableError, WrongDataError
from coprove.rpc.fields import fixed, integer, member, record
from coprove.rpc.queries import Call, Query
from coprove.types import BlockId, Hash32, L1BlockRef, L2BlockRef, OutputRoot

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from coprove.rpc.http import Json
    from coprove.rpc.queries import RpcTransport

__all__ = ["OutputAtBlock", "RollupNodeClient", "SafeHeadAtL1Block", "SyncStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAtBlock:
    """The output of one L2 block."""

    output: OutputRoot
    """The preimage of the output root."""
    root: Hash32
    """Its hash, checked."""
    block: L2BlockRef
    """The block, as the node tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """How far the node has come; nothing of it can be checked."""

    current_l1: L1BlockRef
    """The L1 block that derivation stands on."""
    head_l1: L1BlockRef
    """The newest L1 block."""
    safe_l1: L1BlockRef
    """The newest L1 block that its consensus calls safe."""
    finalized_l1: L1BlockRef
    """The newest finalised L1 block."""
    unsafe_l2: L2BlockRef
    """The newest L2 block, as the sequencer gave it."""
    safe_l2: L2BlockRef
    """The newest L2 block derived from L1."""
    finalized_l2: L2BlockRef
    """The newest L2 block derived from finalised L1 blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeHeadAtL1Block:
    """The safe L2 head once the node had read L1 up to a block (from its safe-head database)."""

    l1_block: BlockId
    """The newest L1 block, not above the one asked for, at which the safe head moved."""
    safe_head: BlockId
    """The safe L2 head there."""


class RollupNodeClient:
    """Typed calls to a rollup node."""

    def __init__(self, transport: RpcTransport) -> None:
        """The node may be served at the same address as the L2 execution client."""
        self.transport = transport

    async def output_at_block(self, number: int) -> OutputAtBlock:
        """Return the output of an L2 block; its parts must hash to its root.

        A quorum must agree on the root (EndpointsDisagreeError). NotYetAvailableError for a block
        that the node does not have.
        """
        return await agreed(
            self.transport,
            _output_query(number),
            same=lambda found: found.root,
            what=f"output of L2 block {number}",
        )

    async def sync_status(self) -> SyncStatus:
        """Return the node's heads (optimism_syncStatus).

        With a quorum, those of the node whose safe head is the lowest, once the others have its
        safe and finalised block too (EndpointsDisagreeError).
        """
        return await lowest_agreed(
            self.transport,
            Query(Call("optimism_syncStatus"), _sync_status),
            height=lambda status: status.safe_l2.number,
            places=lambda status: [
                (_block_hash_query(head.number), head.hash)
                for head in (status.safe_l2, status.finalized_l2)
            ],
            what="sync status",
        )

    async def safe_head_at_l1_block(self, number: int) -> SafeHeadAtL1Block:
        """Return the safe head after L1 block `number`.

        Raises NotYetAvailableError where nothing is recorded so early, MethodNotFoundError or
        RpcError where the node keeps no safe-head database.
        """
        return await self.transport.read_one(_safe_head_query(number))

    async def safe_heads_at_l1_blocks(
        self, numbers: Sequence[int]
    ) -> list[SafeHeadAtL1Block | None]:
        """As `safe_head_at_l1_block` for several blocks, fetched in batches.

        None where nothing is recorded so early, or the answer is malformed.
        """
        queries = [_safe_head_query(number) for number in numbers]
        results = await self.transport.batch([query.call for query in queries])
        heads: list[SafeHeadAtL1Block | None] = []
        for result, query in zip(results, queries, strict=True):
            if isinstance(result, CoproveError):
                if not isinstance(result, (NotYetAvailableError, MalformedResponseError)):
                    raise result
                heads.append(None)
                continue
            try:
                heads.append(query.read(result, self.transport.name))
            except MalformedResponseError:
                heads.append(None)
        return heads

    async def rollup_config(self) -> dict[str, Json]:
        """Return the rollup config as JSON; `RollupConfig.from_json` reads and checks it.

        A quorum must agree on it (EndpointsDisagreeError).
        """
        return await agreed(
            self.transport,
            Query(
                Call("optimism_rollupConfig"),
                lambda value, where: record(value, f"rollup config from {where}"),
            ),
            same=lambda found: json.dumps(found, sort_keys=True),
            what="rollup config",
        )


def _output_query(number: int) -> Query[OutputAtBlock]:
    def read(value: Json, where: str) -> OutputAtBlock:
        what = f"output of block {number} from {where}"
        obj = record(value, what)
        block = _l2_ref(member(obj, "blockRef", what), f"{what}.blockRef")
        output = OutputRoot(
            state_root=_hash(obj, "stateRoot", what),
            message_passer_storage_root=_hash(obj, "withdrawalStorageRoot", what),
            block_hash=block.hash,
        )
        claimed = _hash(obj, "outputRoot", what)
        if any(_hash(obj, "version", what)):
            raise WrongDataError(what, expected="version 0", actual=obj.get("version"))
        if block.number != number:
            raise WrongDataError(what, expected=f"block {number}", actual=block.number)
        if output.hash() != claimed:
            raise WrongDataError(
                what, expected=f"parts that hash to {claimed}", actual=output.hash()
            )
        return OutputAtBlock(output=output, root=claimed, block=block)

    return Query(Call("optimism_outputAtBlock", [hex(number)]), read)


def _block_hash_query(number: int) -> Query[Hashable]:
    """What is the hash of the L2 block with this number?"""
    query = _output_query(number)
    return Query(query.call, lambda value, where: query.read(value, where).block.hash)


def _safe_head_query(number: int) -> Query[SafeHeadAtL1Block]:
    def read(value: Json, where: str) -> SafeHeadAtL1Block:
        what = f"safe head at L1 block {number} from {where}"
        obj = record(value, what)
        return SafeHeadAtL1Block(
            l1_block=_block_id(member(obj, "l1Block", what), f"{what}.l1Block"),
            safe_head=_block_id(member(obj, "safeHead", what), f"{what}.safeHead"),
        )

    return Query(Call("optimism_safeHeadAtL1Block", [hex(number)]), read)


def _sync_status(value: Json, where: str) -> SyncStatus:
    what = f"sync status from {where}"
    obj = record(value, what)

    def l1(name: str) -> L1BlockRef:
        return _l1_ref(member(obj, name, what), f"{what}.{name}")

    def l2(name: str) -> L2BlockRef:
        return _l2_ref(member(obj, name, what), f"{what}.{name}")

    return SyncStatus(
        current_l1=l1("current_l1"),
        head_l1=l1("head_l1"),
        safe_l1=l1("safe_l1"),
        finalized_l1=l1("finalized_l1"),
        unsafe_l2=l2("unsafe_l2"),
        safe_l2=l2("safe_l2"),
        finalized_l2=l2("finalized_l2"),
    )


def _hash(obj: dict[str, Json], name: str, what: str) -> Hash32:
    return Hash32(fixed(member(obj, name, what), 32, f"{what}.{name}"))


def _block_id(value: Json, what: str) -> BlockId:
    obj = record(value, what)
    return BlockId(
        hash=_hash(obj, "hash", what), number=integer(obj.get("number"), f"{what}.number")
    )


def _l1_ref(value: Json, what: str) -> L1BlockRef:
    obj = record(value, what)
    return L1BlockRef(
        hash=_hash(obj, "hash", what),
        number=integer(obj.get("number"), f"{what}.number"),
        parent_hash=_hash(obj, "parentHash", what),
        timestamp=integer(obj.get("timestamp"), f"{what}.timestamp"),
    )


def _l2_ref(value: Json, what: str) -> L2BlockRef:
    obj = record(value, what)
    return L2BlockRef(
        hash=_hash(obj, "hash", what),
        number=integer(obj.get("number"), f"{what}.number"),
        parent_hash=_hash(obj, "parentHash", what),
        timestamp=integer(obj.get("timestamp"), f"{what}.timestamp"),
        l1_origin=_block_id(member(obj, "l1origin", what), f"{what}.l1origin"),
        sequence_number=integer(obj.get("sequenceNumber"), f"{what}.sequenceNumber"),
    )
