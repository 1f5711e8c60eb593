"""What blocks touch, as traces and access lists tell: hints of which proofs to ask for.

Nothing of it is checked. A hint that is missing or wrong costs a further call, never a wrong state.
Sources: go-ethereum's prestateTracer; eth_createAccessList of the execution APIs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.rpc.fields import array, data, fixed, member, record
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from coprove.rpc.http import Json

__all__ = [
    "TouchedState",
    "read_access_list",
    "read_call_objects",
    "read_parties",
    "read_prestate_trace",
    "united",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchedState:
    """Accounts and slots that something reads or writes."""

    slots: Mapping[Address, frozenset[Hash32]] = field(default_factory=dict)
    """Slots by account; accounts without slots as well."""
    codes: frozenset[bytes] = frozenset()
    """Contract codes that came along, to be looked up by their hash."""


def united(parts: Iterable[TouchedState]) -> TouchedState:
    """Return all accounts, slots and codes of `parts`."""
    slots: dict[Address, set[Hash32]] = {}
    codes: set[bytes] = set()
    for part in parts:
        codes |= part.codes
        for address, names in part.slots.items():
            slots.setdefault(address, set()).update(names)
    return TouchedState(
        slots={address: frozenset(names) for address, names in slots.items()},
        codes=frozenset(codes),
    )


def read_prestate_trace(value: Json, where: str) -> TouchedState:
    """Read debug_traceBlockByHash's answer: one object of accounts for each transaction."""
    what = f"prestate trace from {where}"
    slots: dict[Address, set[Hash32]] = {}
    codes: set[bytes] = set()
    for entry in array(value, what):
        accounts = record(member(record(entry, what), "result", what), what)
        for name, given in accounts.items():
            account = record(given, what)
            found = slots.setdefault(Address(fixed(name, 20, f"{what}: account")), set())
            storage = record(account.get("storage") or {}, what)
            found.update(Hash32(fixed(slot, 32, f"{what}: slot")) for slot in storage)
            if account.get("code") is not None:
                codes.add(data(account["code"], f"{what}: code"))
    return TouchedState(
        slots={address: frozenset(names) for address, names in slots.items()},
        codes=frozenset(codes),
    )


def read_access_list(value: Json) -> TouchedState:
    """Read eth_createAccessList's answer."""
    what = "access list"
    slots: dict[Address, frozenset[Hash32]] = {}
    for entry in array(member(record(value, what), "accessList", what), what):
        item = record(entry, what)
        address = Address(fixed(item.get("address"), 20, f"{what}: address"))
        keys = array(item.get("storageKeys") or [], f"{what}: storageKeys")
        slots[address] = frozenset(Hash32(fixed(key, 32, f"{what}: slot")) for key in keys)
    return TouchedState(slots=slots)


def read_call_objects(value: Json, where: str) -> list[dict[str, Json]]:
    """Return the transactions of a block object as the call objects that simulate them."""
    what = f"block from {where}"
    calls: list[dict[str, Json]] = []
    for entry in array(member(record(value, what), "transactions", what), what):
        transaction = record(entry, f"{what}: transaction")
        names = ("from", "to", "value", "input", "accessList")
        calls.append({name: transaction[name] for name in names if transaction.get(name)})
    return calls


def read_parties(calls: Sequence[Mapping[str, Json]]) -> TouchedState:
    """Return the senders and recipients of call objects: access lists leave them out."""
    parties = [call[name] for call in calls for name in ("from", "to") if name in call]
    return TouchedState(
        slots={Address(fixed(party, 20, "transaction party")): frozenset() for party in parties}
    )
