"""Whether a live contract keeps its variables where another implementation would look for them.

Each variable of the new layout is read from its raw slot and asked for by its getter. Where the
contract answers, both must agree; where it knows no such variable, the slot must be empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.contracts.errors import CallRevertedError
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.artifacts import StorageVariable
    from coprove.rpc import RpcTransport
    from coprove.types import Address

__all__ = ["compare_storage", "initialized_version", "read_slot"]

_SIZES: Final = {"uint8": 1, "bool": 1, "address": 20, "uint256": 32, "bytes32": 32}
_INITIALIZING: Final = "_initializing"
_INITIALIZED: Final = "_initialized"
_PRIVATE_FLAGS: Final = frozenset({_INITIALIZING, "_enteredDGFCreate"})
_GENESIS: Final = keccak256(b"opsuccinct_genesis")


async def read_slot(transport: RpcTransport, address: Address, slot: int) -> int:
    """Return a storage slot of a contract, as a number."""
    answer = await transport.call("eth_getStorageAt", [address.hex0x, hex(slot), "latest"])
    return int.from_bytes(Hash32.from_hex(answer, f"slot {slot} of {address}"))


async def initialized_version(transport: RpcTransport, address: Address) -> int:
    """Return which version of its initializer a live oracle has run, from slot 0."""
    return await read_slot(transport, address, 0) & 0xFF


async def compare_storage(
    transport: RpcTransport, address: Address, layout: Sequence[StorageVariable]
) -> list[str]:
    """Return a line for each variable that a contract of this layout would read otherwise."""
    found = []
    for variable in layout:
        raw = await _raw(transport, address, variable)
        if variable.label == _INITIALIZED:
            continue
        if variable.label in _PRIVATE_FLAGS:
            if raw:
                found.append(f"{_place(variable)} is set in the middle of a call")
            continue
        told = await _told(transport, address, variable)
        if told is None:
            if raw:
                found.append(f"{_place(variable)} must be empty, holds {raw:#x}")
        elif raw != told:
            found.append(f"{_place(variable)} holds {raw:#x}, the contract tells {told:#x}")
    return found


def _place(variable: StorageVariable) -> str:
    return f"{variable.label} (slot {variable.slot}, byte {variable.offset})"


async def _raw(transport: RpcTransport, address: Address, variable: StorageVariable) -> int:
    """Return what lies where the new layout has the variable; for a mapping a sample of it."""
    slot = variable.slot
    if variable.label == "opSuccinctConfigs":
        slot = _entry(_GENESIS, slot)
    elif variable.label == "approvedProposers":
        slot = _entry(bytes(32), slot)
    word = await read_slot(transport, address, slot)
    size = _SIZES.get(variable.type, 32)
    return (word >> (8 * variable.offset)) & ((1 << (8 * size)) - 1)


async def _told(transport: RpcTransport, address: Address, variable: StorageVariable) -> int | None:
    """Return what the live contract says of the variable; None when it does not know it."""
    reader = ContractReader(transport, address)
    try:
        if variable.label == "l2Outputs":
            return int(await reader.call(Function("nextOutputIndex()", "(uint256)")))
        if variable.label == "opSuccinctConfigs":
            getter = Function("opSuccinctConfigs(bytes32)", "(bytes32,bytes32,bytes32)")
            return int.from_bytes((await reader.call(getter, _GENESIS))[0])
        if variable.label == "approvedProposers":
            getter = Function("approvedProposers(address)", "(bool)")
            return int(await reader.call(getter, bytes(20)))
        if variable.type not in _SIZES:
            return None  # Other mappings and gaps keep nothing in their own slot.
        # Every value type is one word, right-aligned: read as a number.
        return int(await reader.call(Function(f"{variable.label}()", "(uint256)")))
    except (CallRevertedError, InputError):
        return None


def _entry(key: bytes, slot: int) -> int:
    """Return where a mapping keeps the first word of an entry."""
    return int.from_bytes(keccak256(key + slot.to_bytes(32)))
