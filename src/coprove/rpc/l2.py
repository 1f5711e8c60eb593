"""An OP Stack execution client over JSON-RPC: proofs and execution witnesses, checked."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import CoproveError, Temporary
from coprove.primitives import keccak256, rlp
from coprove.rpc.encoding import encode_header, encode_transaction
from coprove.rpc.errors import (
    LooseNodeError,
    MethodNotFoundError,
    NotYetAvailableError,
    WrongDataError,
)
from coprove.rpc.eth import EthClient
from coprove.rpc.fields import array, data, quantity, record
from coprove.rpc.proof import EMPTY_TRIE_ROOT, check_linked, prove
from coprove.rpc.queries import Call, Query
from coprove.rpc.touched import (
    TouchedState,
    read_access_list,
    read_call_objects,
    read_parties,
    read_prestate_trace,
    united,
)
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc.eth import EthHeader
    from coprove.rpc.http import Json
    from coprove.rpc.queries import RpcTransport

__all__ = ["AccountWitness", "ExecutionWitness", "L2Client"]

_EMPTY_CODE_HASH = keccak256(b"")
_WITNESS_BATCH = 8
_LONGEST_PROOF = 65
"""Nodes: one for each of a path's 64 nibbles, and the leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionWitness:
    """What debug_executionWitness tells of one block: bytes to be looked up by their hash."""

    nodes: tuple[bytes, ...]
    """Trie nodes of the state before the block. op-geth leaves out the paths of absent accounts
    that were only read, and mostly the MessagePasser's: a caller completes them by proofs."""
    codes: tuple[bytes, ...]
    """Contract codes that the block ran."""
    headers: tuple[bytes, ...]
    """RLP of earlier headers, from the parent back, chained to each other by hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountWitness:
    """A checked eth_getProof answer."""

    address: Address
    """The account."""
    exists: bool
    """False when the proof shows that there is no such account."""
    storage_root: Hash32
    """Root of its storage trie; the empty trie's for an absent account."""
    code_hash: Hash32
    """Hash of its code; that of no code for an absent account."""
    nodes: tuple[bytes, ...]
    """All nodes of the account proof and the storage proofs."""


class L2Client(EthClient):
    """Typed, checked calls to an L2 execution client with its debug methods."""

    def __init__(self, transport: RpcTransport, *, raw: bool = True) -> None:
        """See EthClient."""
        super().__init__(transport, raw=raw)
        self._whole_tries = True

    async def execution_witness(self, header: EthHeader) -> ExecutionWitness:
        """Return the witness of the block `header` (debug_executionWitness)."""
        return (await self.execution_witnesses([header]))[0]

    async def execution_witnesses(self, headers: Sequence[EthHeader]) -> list[ExecutionWitness]:
        """Return the witnesses of several blocks, fetched in batches.

        Raises WrongDataError when a witness's headers do not chain to the block's parent. A node
        that hangs under nothing was altered on the way, and the witness is asked for again; what
        comes so again and again is taken as it is, since strange nodes do no harm.
        """
        if self._whole_tries:
            try:
                return await self.transport.read(
                    [self._witness_query(header, whole=True) for header in headers],
                    max_batch=_WITNESS_BATCH,
                )
            except LooseNodeError:
                self._whole_tries = False
        return await self.transport.read(
            [self._witness_query(header, whole=False) for header in headers],
            max_batch=_WITNESS_BATCH,
        )

    async def touched_state(self, headers: Sequence[EthHeader]) -> list[TouchedState]:
        """Return what each block reads and writes, as a trace tells it; unchecked.

        debug_traceBlockByHash with the prestate tracer; MethodNotFoundError where there is none.
        """
        options: dict[str, Json] = {"tracer": "prestateTracer"}
        return await self.transport.read(
            [
                Query(
                    Call("debug_traceBlockByHash", [header.hash.hex0x, options]),
                    read_prestate_trace,
                )
                for header in headers
            ],
            max_batch=_WITNESS_BATCH,
        )

    async def access_lists(self, blocks: Sequence[EthHeader]) -> TouchedState:
        """Return what the blocks' transactions would touch, each alone on its parent; unchecked.

        eth_createAccessList; what a transaction cannot do there, since it builds on an earlier
        one, is left out. MethodNotFoundError where the method is not served.
        """
        found = await self.transport.read(
            [
                Query(Call("eth_getBlockByHash", [block.hash.hex0x, True]), read_call_objects)
                for block in blocks
            ],
            max_batch=_WITNESS_BATCH,
        )
        calls = [
            Call("eth_createAccessList", [transaction, hex(block.header.number - 1)])
            for block, transactions in zip(blocks, found, strict=True)
            for transaction in transactions
        ]
        touched = [read_parties(transactions) for transactions in found]
        for result in await self.transport.batch(calls, max_batch=_WITNESS_BATCH):
            if isinstance(result, (Temporary, MethodNotFoundError)):
                raise result
            if not isinstance(result, CoproveError):
                touched.append(read_access_list(result))
        return united(touched)

    async def account(
        self, address: Address, slots: Sequence[Hash32], block: EthHeader
    ) -> AccountWitness:
        """Return the account and proofs of `slots` after `block`, checked by its state root."""
        return (await self.accounts([(address, slots, block)]))[0]

    async def accounts(
        self, wanted: Sequence[tuple[Address, Sequence[Hash32], EthHeader]]
    ) -> list[AccountWitness]:
        """As `account` for several accounts, slots and blocks, fetched in batches."""
        return await self.transport.read(
            [
                Query(Call(*_proof_call(*item)), functools.partial(_account, *item))
                for item in wanted
            ]
        )

    async def code(self, address: Address, block: EthHeader, code_hash: Hash32) -> bytes:
        """Return the code of an account after `block`, which must have the hash `code_hash`."""
        return (await self.codes([(address, code_hash)], block))[0]

    async def codes(
        self, wanted: Sequence[tuple[Address, Hash32]], block: EthHeader
    ) -> list[bytes]:
        """As `code` for several accounts, each with the hash of its code, fetched in batches."""
        number = hex(block.header.number)
        return await self.transport.read(
            [
                Query(
                    Call("eth_getCode", [address.hex0x, number]),
                    functools.partial(_preimage, f"code of {address}", name),
                )
                for address, name in wanted
            ],
            max_batch=_WITNESS_BATCH,
        )

    async def first_transactions(self, blocks: Sequence[int]) -> list[bytes | None]:
        """Return the first transaction of each block, None where there is none; unchecked.

        The L1-attributes deposit stands there: cheap to fetch where whole blocks are not needed.
        """
        queries = [
            Query(
                Call("eth_getTransactionByBlockNumberAndIndex", [hex(number), "0x0"]),
                lambda value, _: None if value is None else encode_transaction(value),
            )
            for number in blocks
        ]
        try:
            return await self.transport.read(queries)
        except MethodNotFoundError:
            whole = await self.blocks(blocks)
            return [block.transactions[0] if block.transactions else None for block in whole]

    async def database_value(self, name: Hash32) -> bytes:
        """Return the trie node or code with this hash from the node's database (debug_dbGet)."""
        return await self.transport.read_one(
            Query(
                Call("debug_dbGet", [name.hex0x]),
                functools.partial(_preimage, "database value", name),
            )
        )

    def _witness_query(self, header: EthHeader, *, whole: bool) -> Query[ExecutionWitness]:
        return Query(
            Call("debug_executionWitness", [hex(header.header.number)]),
            functools.partial(_witness, header, whole),
        )


def _witness(header: EthHeader, whole: bool, value: Json, where: str) -> ExecutionWitness:
    what = f"execution witness of block {header.header.number} from {where}"
    if value is None:
        raise NotYetAvailableError(f"{what}: none")
    obj = record(value, what)
    wanted = header.header.parent_hash
    headers: list[bytes] = []
    for item in array(obj.get("headers"), f"{what}: headers", 257):
        encoded = data(item, what) if isinstance(item, str) else encode_header(item)
        found = keccak256(encoded)
        if found != wanted:
            raise WrongDataError(
                f"{what}: header {len(headers)}",
                expected=f"hash {wanted}",
                actual=f"hash 0x{found.hex()}",
            )
        headers.append(encoded)
        wanted = Hash32(rlp.expect_bytes(rlp.decode_list(encoded)[0], what, 32))
    nodes = _blobs(obj.get("state"), f"{what}: state")
    if whole and headers:
        state_root = rlp.expect_bytes(rlp.decode_list(headers[0])[3], what, 32)
        check_linked(state_root, nodes, what)
    return ExecutionWitness(
        nodes=nodes,
        codes=_blobs(obj.get("codes"), f"{what}: codes"),
        headers=tuple(headers),
    )


def _account(
    address: Address, slots: Sequence[Hash32], block: EthHeader, value: Json, where: str
) -> AccountWitness:
    what = f"proof of {address} at block {block.header.number} from {where}"
    if value is None:
        raise NotYetAvailableError(f"{what}: none")
    obj = record(value, what)
    nodes = list(_blobs(obj.get("accountProof"), f"{what}: accountProof", _LONGEST_PROOF))
    leaf = prove(block.header.state_root, address, nodes, what)
    storage_root, code_hash = EMPTY_TRIE_ROOT, _EMPTY_CODE_HASH
    if leaf is not None:
        items = rlp.decode_list(leaf, what, 4)
        storage_root = rlp.expect_bytes(items[2], what, 32)
        code_hash = rlp.expect_bytes(items[3], what, 32)
    proofs = array(obj.get("storageProof") or [], f"{what}: storageProof", len(slots))
    by_slot: dict[int, tuple[bytes, ...]] = {}
    for entry in proofs:
        found = record(entry, what)
        key = quantity(found.get("key"), f"{what}: slot", 256)
        by_slot[key] = _blobs(found.get("proof"), f"{what}: storage proof", _LONGEST_PROOF)
    for slot in slots:
        proof = by_slot.get(int.from_bytes(slot, "big"))
        if proof is None:
            raise WrongDataError(what, expected=f"a proof of slot {slot}", actual="none")
        prove(storage_root, slot, proof, f"{what}, slot {slot}")
        nodes += proof
    return AccountWitness(
        address=address,
        exists=leaf is not None,
        storage_root=Hash32(storage_root),
        code_hash=Hash32(code_hash),
        nodes=tuple(dict.fromkeys(nodes)),
    )


def _preimage(what: str, name: Hash32, value: Json, where: str) -> bytes:
    found = data(value, what)
    if keccak256(found) != name:
        raise WrongDataError(
            f"{what} from {where}",
            expected=f"hash {name}",
            actual=f"hash 0x{keccak256(found).hex()}",
        )
    return found


def _blobs(value: Json, what: str, longest: int = 1_000_000) -> tuple[bytes, ...]:
    """Read a list of byte strings; some servers give an object of hash to bytes."""
    items = array(list(value.values()) if isinstance(value, dict) else value, what, longest)
    return tuple(data(item, what) for item in items)


def _proof_call(
    address: Address, slots: Sequence[Hash32], block: EthHeader
) -> tuple[str, list[Json]]:
    names: list[Json] = [slot.hex0x for slot in slots]
    return "eth_getProof", [address.hex0x, names, hex(block.header.number)]
