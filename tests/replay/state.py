"""The whole state of a recorded chain at each of its blocks, and what each block touches of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coprove.execution import BlockExecutor, MissingStateError, NodeStore, genesis_state
from coprove.program.wire import pack_list
from coprove.types import BlockHeader
from coprove.witness import Recording
from coprove.witness.attributes import attributes_of_block

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.types import PayloadAttributes

Touched = dict[bytes, set[bytes]]


class FullState:
    """Every trie node and code that the chain ever had, made by executing it from genesis."""

    def __init__(self, path: Path) -> None:
        """Execute all recorded blocks; takes a fraction of a second."""
        self._recording = Recording(path)
        self._store = NodeStore()
        self._touched: dict[int, tuple[Touched, set[bytes]]] = {}
        genesis_state(self._store, self._recording.l2_genesis["alloc"])
        executor = self._executor(0, self._store, commit=True)
        for number in range(1, self._recording.last_l2 + 1):
            block = executor.execute(self._attributes(number))
            assert block.hash == self._recording.l2_block(number).hash

    def get(self, name: bytes) -> bytes | None:
        """Return a node or code by its hash."""
        return self._store.get_node(name) or self._store.get_code(name)

    def touched(self, number: int) -> tuple[Touched, set[bytes]]:
        """Return accounts with their slots, and codes, that a block reads or writes."""
        if number not in self._touched:
            self._touched[number] = self._find_touched(number)
        return self._touched[number]

    def _find_touched(self, number: int) -> tuple[Touched, set[bytes]]:
        store = NodeStore()
        executor = self._executor(number - 1, store)
        attributes = self._attributes(number)
        touched: Touched = {}
        codes: set[bytes] = set()
        while True:
            try:
                executor.execute(attributes)
                return touched, codes
            except MissingStateError as missing:
                lacking = missing
            value = self.get(lacking.node_hash or b"")
            assert value is not None
            if lacking.kind == "code":
                codes.add(value)
                store.add_codes(pack_list([value]))
                continue
            store.add_nodes(pack_list([value]))
            if lacking.address is not None:
                slots = touched.setdefault(lacking.address, set())
                if lacking.slot is not None:
                    slots.add(lacking.slot)

    def _executor(self, number: int, store: NodeStore, *, commit: bool = False) -> BlockExecutor:
        recording = self._recording
        ancestors = [recording.l2_block(n).header for n in range(max(0, number - 256), number)]
        header = recording.l2_block(number).header
        return BlockExecutor(recording.config, header, store, ancestors, commit=commit)

    def _attributes(self, number: int) -> PayloadAttributes:
        block = self._recording.l2_block(number)
        header = BlockHeader.decode_rlp(block.header)
        return attributes_of_block(self._recording.config, header, block.transactions)


def trace(touched: Touched, codes: set[bytes]) -> list[dict[str, Any]]:
    """Return the answer of debug_traceBlockByHash with the prestate tracer."""
    accounts: dict[str, dict[str, Any]] = {
        f"0x{address.hex()}": {
            "balance": "0x0",
            "storage": {f"0x{slot.hex()}": "0x" + "00" * 32 for slot in slots},
        }
        for address, slots in touched.items()
    }
    for name, code in zip(accounts, codes, strict=False):
        accounts[name]["code"] = f"0x{code.hex()}"
    return [{"txHash": "0x" + "00" * 32, "result": accounts}]


def access_list(touched: Touched) -> dict[str, Any]:
    """Return the answer of eth_createAccessList."""
    entries = [
        {
            "address": f"0x{address.hex()}",
            "storageKeys": [f"0x{slot.hex()}" for slot in slots],
        }
        for address, slots in touched.items()
    ]
    return {"accessList": entries, "gasUsed": "0x0"}
