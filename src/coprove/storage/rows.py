"""Records from rows of the database, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from coprove.storage.checks import dump_values, load_values
from coprove.storage.records import (
    Checkpoint,
    ConfigIdentity,
    Intent,
    IntentKind,
    IntentState,
    ProofRequest,
)
from coprove.storage.states import RequestKind, RequestStatus
from coprove.types import Address, BlockId, BlockRange, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import RowMapping

    from coprove.storage.records import RequestChanges
    from coprove.storage.session import NewRequest

__all__ = [
    "change_columns",
    "checkpoint_record",
    "intent_columns",
    "intent_record",
    "new_request_columns",
    "request_record",
]

_DIRECT = frozenset(
    {
        "backend",
        "witness_seconds",
        "execution_seconds",
        "proof_seconds",
        "proof_id",
        "deadline",
        "end_hash",
        "agreed_root",
        "claimed_root",
        "witness_path",
        "witness_digest",
        "error",
        "relay_tx",
        "prover_address",
    }
)


def _hash(value: bytes | None) -> Hash32 | None:
    return None if value is None else Hash32(value)


def _block(number: int | None, block_hash: bytes | None) -> BlockId | None:
    if number is None or block_hash is None:
        return None
    return BlockId(hash=Hash32(block_hash), number=number)


def request_record(row: RowMapping) -> ProofRequest:
    """Return a row of `requests`; InputError when a hash in it has another size."""
    config = None
    if row["aggregation_vkey"] is not None:
        config = ConfigIdentity(
            aggregation_vkey=Hash32(row["aggregation_vkey"]),
            range_vkey_commitment=Hash32(row["range_vkey_commitment"]),
            rollup_config_hash=Hash32(row["rollup_config_hash"]),
        )
    prover = row["prover_address"]
    return ProofRequest(
        id=row["id"],
        kind=RequestKind(row["kind"]),
        status=RequestStatus(row["status"]),
        backend=row["backend"],
        blocks=BlockRange(start=row["start_block"], end=row["end_block"]),
        attempts=row["attempts"],
        replaces=row["replaces"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        witness_begun_at=row["witness_begun_at"],
        requested_at=row["requested_at"],
        witness_seconds=row["witness_seconds"],
        execution_seconds=row["execution_seconds"],
        proof_seconds=row["proof_seconds"],
        proof_id=row["proof_id"],
        deadline=row["deadline"],
        l1_head=_block(row["l1_head_number"], row["l1_head_hash"]),
        end_hash=_hash(row["end_hash"]),
        agreed_root=_hash(row["agreed_root"]),
        claimed_root=_hash(row["claimed_root"]),
        checkpoint=_block(row["checkpoint_number"], row["checkpoint_hash"]),
        witness_path=row["witness_path"],
        witness_digest=_hash(row["witness_digest"]),
        statistics=load_values(row["statistics"]),
        cost=load_values(row["cost"]),
        error=row["error"],
        relay_tx=_hash(row["relay_tx"]),
        config=config,
        prover_address=None if prover is None else Address(prover),
    )


def new_request_columns(scope_id: int, new: NewRequest, now: float) -> dict[str, object]:
    """Return the columns of a request that is to be inserted as UNREQUESTED."""
    return {
        "scope_id": scope_id,
        "kind": int(new.kind),
        "status": int(RequestStatus.UNREQUESTED),
        "backend": new.backend,
        "start_block": new.blocks.start,
        "end_block": new.blocks.end,
        "live_end": new.blocks.end if new.kind is RequestKind.RANGE else None,
        "attempts": new.attempts,
        "replaces": new.replaces,
        "created_at": now,
        "updated_at": now,
        "end_hash": new.end_hash,
        "statistics": "{}",
        "cost": "{}",
        **_config_columns(new.config),
        **_block_columns("checkpoint", new.checkpoint),
    }


def change_columns(changes: RequestChanges) -> dict[str, object]:
    """Return the columns of the fields that are to be set."""
    given = cast("Mapping[str, object]", changes)
    columns = {name: value for name, value in given.items() if name in _DIRECT}
    if "l1_head" in changes:
        columns |= _block_columns("l1_head", changes["l1_head"])
    if "checkpoint" in changes:
        columns |= _block_columns("checkpoint", changes["checkpoint"])
    if "config" in changes:
        columns |= _config_columns(changes["config"])
    if "statistics" in changes:
        columns["statistics"] = dump_values(changes["statistics"])
    if "cost" in changes:
        columns["cost"] = dump_values(changes["cost"])
    return columns


def _block_columns(name: str, block: BlockId | None) -> dict[str, object]:
    return {
        f"{name}_number": None if block is None else block.number,
        f"{name}_hash": None if block is None else block.hash,
    }


def _config_columns(config: ConfigIdentity | None) -> dict[str, object]:
    return {
        "aggregation_vkey": None if config is None else config.aggregation_vkey,
        "range_vkey_commitment": None if config is None else config.range_vkey_commitment,
        "rollup_config_hash": None if config is None else config.rollup_config_hash,
    }


def intent_record(row: RowMapping) -> Intent:
    """Return a row of `intents`."""
    return Intent(
        key=row["key"],
        kind=IntentKind(row["kind"]),
        request_id=row["request_id"],
        values=load_values(row["facts"]),
        state=IntentState(row["state"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def intent_columns(intent: Intent) -> dict[str, object]:
    """Return the columns of an intent that may change."""
    return {
        "facts": dump_values(intent.values),
        "state": intent.state.value,
        "updated_at": intent.updated_at,
    }


def checkpoint_record(row: RowMapping) -> Checkpoint:
    """Return a row of `checkpoints`."""
    return Checkpoint(
        block=BlockId(hash=Hash32(row["hash"]), number=row["number"]),
        tx_hash=_hash(row["tx_hash"]),
        created_at=row["created_at"],
    )
