"""debug_*: raw encodings and execution witnesses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from coprove.devnet.node.attributes import attributes_of_block
from coprove.devnet.node.rpc.codec import get_data, hex_data
from coprove.devnet.node.rpc.encode import block_rlp, header_json
from coprove.devnet.node.rpc.errors import SERVER_ERROR, RpcError

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.dispatch import Method
    from coprove.devnet.node.store import StoredBlock
    from coprove.execution import ExecutedBlock

__all__ = ["Debug"]


class Debug:
    """Methods for provers and tools."""

    def __init__(self, backend: Backend) -> None:
        """Serve from `backend`."""
        self._backend = backend

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "debug_getRawBlock": self.raw_block,
            "debug_getRawHeader": self.raw_header,
            "debug_getRawReceipts": self.raw_receipts,
            "debug_dbGet": self.db_get,
            "debug_executionWitness": self.execution_witness,
        }

    def _block(self, name: Any) -> StoredBlock:
        if isinstance(name, str) and len(name) == 66:
            block = self._backend.by_hash(name)
            if block is None:
                raise RpcError(SERVER_ERROR, "block not found")
            return block
        return self._backend.require(name)

    async def raw_block(self, block: Any) -> str:
        """debug_getRawBlock."""
        return hex_data(block_rlp(self._block(block)))

    async def raw_header(self, block: Any) -> str:
        """debug_getRawHeader."""
        return hex_data(self._block(block).header)

    async def raw_receipts(self, block: Any) -> list[str]:
        """debug_getRawReceipts."""
        return [hex_data(raw) for raw in self._block(block).receipts]

    async def db_get(self, key: Any) -> str:
        """debug_dbGet: a trie node by its hash, a code by its hash or by `c` and its hash."""
        raw = get_data(key, "key")
        is_code = len(raw) == 33 and raw[:1] == b"c"
        if len(raw) != 32 and not is_code:
            raise RpcError(SERVER_ERROR, "not found")
        state = self._backend.chain.state
        found = None if is_code else state.get_node(raw)
        if found is None:
            found = state.get_code(raw[-32:])
        if found is None:
            raise RpcError(SERVER_ERROR, "not found")
        return hex_data(found)

    async def execution_witness(self, block: Any) -> dict[str, Any]:
        """debug_executionWitness: all nodes, codes and headers that the block's execution needs.

        In geth's form, and complete: the message passer's path and the paths of absent accounts
        are in it.
        """
        target = self._block(block)
        if target.number == 0:
            raise RpcError(SERVER_ERROR, "genesis is not executed")
        executed = await asyncio.to_thread(self._execute_again, target)
        witness = executed.witness
        if witness is None or executed.hash != target.hash:
            raise RpcError(SERVER_ERROR, f"block {target.number} does not execute to its hash")
        return {
            "headers": [header_json(header) for header in witness.headers],
            "codes": [hex_data(code) for code in witness.codes],
            "state": [hex_data(node) for node in witness.nodes],
            "keys": None,
        }

    def _execute_again(self, block: StoredBlock) -> ExecutedBlock:
        chain = self._backend.chain
        executor = chain.executor(block.parent_hash, record=True)
        return executor.execute(attributes_of_block(chain.config, block))
