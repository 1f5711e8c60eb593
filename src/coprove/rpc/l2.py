"""An OP Stack execution client over JSON-RPC: proofs and execution witnesses, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.primitives import keccak256, rlp
from coprove.rpc.encoding import encode_header, encode_transaction
from coprove.rpc.errors import MethodNotFoundError, NotYetAvailableError, WrongDataError
from coprove.rpc.eth import EthClient
from coprove.rpc.fields import array, data, quantity, record
from coprove.rpc.proof import EMPTY_TRIE_ROOT, prove
from coprove.rpc.transport import Call
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc.eth import EthHeader
    from coprove.rpc.http import Json

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

    async def execution_witness(self, header: EthHeader) -> ExecutionWitness:
        """Return the witness of the block `header` (debug_executionWitness)."""
        return (await self.execution_witnesses([header]))[0]

    async def execution_witnesses(self, headers: Sequence[EthHeader]) -> list[ExecutionWitness]:
        """Return the witnesses of several blocks, fetched in batches.

        Raises WrongDataError when a witness's headers do not chain to the block's parent.
        """
        calls = [Call("debug_executionWitness", [hex(header.header.number)]) for header in headers]
        results = await self.transport.all(calls, max_batch=_WITNESS_BATCH)
        return [
            self._witness(value, header) for value, header in zip(results, headers, strict=True)
        ]

    async def account(
        self, address: Address, slots: Sequence[Hash32], block: EthHeader
    ) -> AccountWitness:
        """Return the account and proofs of `slots` after `block`, checked by its state root."""
        value = await self.transport.call(*_proof_call(address, slots, block))
        return self._account(value, address, slots, block)

    async def accounts(
        self, wanted: Sequence[tuple[Address, Sequence[Hash32], EthHeader]]
    ) -> list[AccountWitness]:
        """As `account` for several accounts, slots and blocks, fetched in batches."""
        calls = [Call(*_proof_call(*item)) for item in wanted]
        results = await self.transport.all(calls)
        return [self._account(value, *item) for value, item in zip(results, wanted, strict=True)]

    async def code(self, address: Address, block: EthHeader, code_hash: Hash32) -> bytes:
        """Return the code of an account after `block`, which must have the hash `code_hash`."""
        value = await self.transport.call("eth_getCode", [address.hex0x, hex(block.header.number)])
        code = data(value, f"code of {address}")
        found = keccak256(code)
        if found != code_hash:
            raise WrongDataError(
                f"code of {address} from {self.transport.name}",
                expected=f"hash {code_hash}",
                actual=f"hash 0x{found.hex()}",
            )
        return code

    async def first_transactions(self, blocks: Sequence[int]) -> list[bytes | None]:
        """Return the first transaction of each block, None where there is none; unchecked.

        The L1-attributes deposit stands there: cheap to fetch where whole blocks are not needed.
        """
        calls = [
            Call("eth_getTransactionByBlockNumberAndIndex", [hex(number), "0x0"])
            for number in blocks
        ]
        try:
            results = await self.transport.all(calls)
        except MethodNotFoundError:
            whole = await self.blocks(blocks)
            return [block.transactions[0] if block.transactions else None for block in whole]
        return [None if value is None else encode_transaction(value) for value in results]

    async def database_value(self, name: Hash32) -> bytes:
        """Return the trie node or code with this hash from the node's database (debug_dbGet)."""
        found = data(await self.transport.call("debug_dbGet", [name.hex0x]), f"value of {name}")
        if keccak256(found) != name:
            raise WrongDataError(
                f"database value from {self.transport.name}",
                expected=f"hash {name}",
                actual=f"hash 0x{keccak256(found).hex()}",
            )
        return found

    def _witness(self, value: Json, header: EthHeader) -> ExecutionWitness:
        number = header.header.number
        what = f"execution witness of block {number} from {self.transport.name}"
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
        return ExecutionWitness(
            nodes=_blobs(obj.get("state"), f"{what}: state"),
            codes=_blobs(obj.get("codes"), f"{what}: codes"),
            headers=tuple(headers),
        )

    def _account(
        self, value: Json, address: Address, slots: Sequence[Hash32], block: EthHeader
    ) -> AccountWitness:
        what = f"proof of {address} at block {block.header.number} from {self.transport.name}"
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


def _blobs(value: Json, what: str, longest: int = 1_000_000) -> tuple[bytes, ...]:
    """Read a list of byte strings; some servers give an object of hash to bytes."""
    items = array(list(value.values()) if isinstance(value, dict) else value, what, longest)
    return tuple(data(item, what) for item in items)


def _proof_call(
    address: Address, slots: Sequence[Hash32], block: EthHeader
) -> tuple[str, list[Json]]:
    names: list[Json] = [slot.hex0x for slot in slots]
    return "eth_getProof", [address.hex0x, names, hex(block.header.number)]
