"""A slashing-protection database as JSON, to take along when an operator moves to another machine.

One object: `metadata` (format, chain id, service manager, operator id) and `data`, an entry for
each signature, by hashes. Numbers are decimal strings, as in EIP-3076, so that no reader rounds
them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from coprove.avs.operator.errors import ProtectionError
from coprove.avs.operator.protection import ProtectionScope, SignedState
from coprove.avs.tasks.fields import decimal_number, hex_bytes, record
from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FORMAT", "read_interchange", "write_interchange"]

FORMAT: Final = "coprove-avs-slashing-protection-1"
"""Name of the format in `metadata`."""


def write_interchange(scope: ProtectionScope, states: Iterable[SignedState]) -> str:
    """Return the JSON of what an operator signed."""
    metadata = {
        "interchange_format": FORMAT,
        "chain_id": str(scope.chain_id),
        "service_manager": scope.service_manager.hex0x,
        "operator_id": scope.operator_id.hex0x,
    }
    data = [
        {
            "task_key": state.task_key.hex0x,
            "batch_hash": state.batch_hash.hex0x,
            "state_hash": state.state_hash.hex0x,
            "l1_head": state.l1_head.hex0x,
            "l1_head_number": str(state.l1_head_number),
            "reference_block": str(state.reference_block),
            "digest": state.digest.hex0x,
            "signed_at": str(state.signed_at),
        }
        for state in states
    ]
    return json.dumps({"metadata": metadata, "data": data}, indent=1)


def read_interchange(text: bytes, scope: ProtectionScope) -> tuple[SignedState, ...]:
    """Read such JSON; ProtectionError when it is another operator's or damaged."""
    try:
        values = record(load_json(text), "interchange")
        metadata = record(values.get("metadata"), "metadata")
        _check(metadata, scope)
        data: Any = values.get("data")
        if not isinstance(data, list):
            raise InputError("data", expected="a list", actual=type(data).__name__)
        return tuple(_state(record(item, "entry")) for item in data)
    except ProtectionError:
        raise
    except InputError as error:
        raise ProtectionError(error.what, expected=error.expected, actual=error.actual) from None
    except ValueError as error:
        raise ProtectionError("interchange", expected="JSON", actual=error) from None


def _check(metadata: Mapping[str, object], scope: ProtectionScope) -> None:
    found = metadata.get("interchange_format")
    if found != FORMAT:
        raise ProtectionError("interchange_format", expected=FORMAT, actual=found)
    stated = ProtectionScope(
        chain_id=decimal_number(metadata, "chain_id"),
        service_manager=Address(hex_bytes(metadata, "service_manager", exactly=20)),
        operator_id=Hash32(hex_bytes(metadata, "operator_id", exactly=32)),
    )
    if stated != scope:
        raise ProtectionError("operator and AVS", expected=scope, actual=stated)


def _state(values: Mapping[str, object]) -> SignedState:
    return SignedState(
        task_key=_hash(values, "task_key"),
        batch_hash=_hash(values, "batch_hash"),
        state_hash=_hash(values, "state_hash"),
        l1_head=_hash(values, "l1_head"),
        l1_head_number=_number(values, "l1_head_number", 63),
        reference_block=_number(values, "reference_block", 32),
        digest=_hash(values, "digest"),
        signed_at=_number(values, "signed_at", 63),
    )


def _hash(values: Mapping[str, object], name: str) -> Hash32:
    return Hash32(hex_bytes(values, name, exactly=32))


def _number(values: Mapping[str, object], name: str, bits: int) -> int:
    found = decimal_number(values, name)
    if found >= 1 << bits:
        raise ProtectionError(name, expected=f"below 2^{bits}", actual=found)
    return found
