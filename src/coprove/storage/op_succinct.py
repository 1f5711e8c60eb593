"""Reads the databases of op-succinct's proposers, so that their work can be taken over.

The first proposer kept `proof_requests` in SQLite (proofs.db), today's keeps `requests` in
PostgreSQL. Both are only read. The other proposer must be stopped for good: two that prove the
same blocks pay twice.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

from coprove.errors import InputError
from coprove.storage.adoption import ForeignRequest
from coprove.storage.engine import database_url, shown_address
from coprove.storage.errors import StoreUnavailableError
from coprove.storage.states import RequestKind, RequestStatus
from coprove.types import BlockId, BlockRange, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from coprove.storage.records import ConfigIdentity, Scope

__all__ = ["read_early", "read_today"]

_EARLY = (
    "SELECT type, start_block, end_block, status, prover_request_id, l1_block_number,"
    " l1_block_hash, proof FROM proof_requests ORDER BY id"
)
_EARLY_STATUS = {
    "UNREQ": RequestStatus.UNREQUESTED,
    "WITNESSGEN": RequestStatus.WITNESS_GENERATION,
    "PROVING": RequestStatus.PROVING,
    "COMPLETE": RequestStatus.COMPLETE,
    "FAILED": RequestStatus.FAILED,
}
_EARLY_KIND = {kind.early_name: kind for kind in RequestKind}
# A range names no contract there; a proof for another identity would be of no use.
_TODAY = """
SELECT req_type, start_block, end_block, status, proof_request_id, proof,
       checkpointed_l1_block_number, checkpointed_l1_block_hash
FROM requests
WHERE l1_chain_id = %(l1)s AND l2_chain_id = %(l2)s
  AND range_vkey_commitment = %(range)s AND rollup_config_hash = %(rollup)s
  AND (req_type = 0
       OR (aggregation_vkey_hash = %(aggregation)s AND contract_address = %(contract)s))
ORDER BY id
"""


async def read_early(path: Path) -> list[ForeignRequest]:
    """Return the requests in a `proofs.db` of the first proposer.

    InputError when a row is not what that proposer writes, StoreUnavailableError when the file
    cannot be read.
    """
    return await asyncio.to_thread(_read_early, path)


def _read_early(path: Path) -> list[ForeignRequest]:
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            rows = db.execute(_EARLY).fetchall()
        finally:
            db.close()
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"{path}: {error}") from error
    return [_early_request(row) for row in rows]


def _early_request(row: tuple[object, ...]) -> ForeignRequest:
    kind, start, end, status, proof_id, l1_number, l1_hash, proof = row
    if kind not in _EARLY_KIND or status not in _EARLY_STATUS:
        raise InputError("type and status", expected="those of rc4", actual=f"{kind}, {status}")
    checkpoint = None
    if l1_number is not None and l1_hash is not None:
        text = str(l1_hash)
        number = _number("l1_block_number", l1_number)
        with_prefix = text if text.startswith("0x") else f"0x{text}"
        checkpoint = BlockId(hash=Hash32.from_hex(with_prefix, "l1_block_hash"), number=number)
    try:
        identifier = None if proof_id is None else bytes.fromhex(str(proof_id))
    except ValueError as error:
        raise InputError("prover_request_id", expected="hex", actual=proof_id) from error
    return ForeignRequest(
        kind=_EARLY_KIND[str(kind)],
        status=_EARLY_STATUS[str(status)],
        blocks=_blocks(start, end),
        proof_id=identifier or None,
        proof=_bytes("proof", proof),
        checkpoint=checkpoint,
    )


async def read_today(url: str, scope: Scope, config: ConfigIdentity) -> list[ForeignRequest]:
    """Return the requests in the database of today's proposer that are of use to `scope`.

    Those of its chains, proven for `config`, and aggregations of its contract. Errors as of
    `read_early`.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise InputError("database of the proposer", expected="postgresql://…", actual="another")
    shown = shown_address(parsed)
    given = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    wanted = {
        "l1": scope.l1_chain_id,
        "l2": scope.l2_chain_id,
        "contract": bytes(scope.contract),
        "range": bytes(config.range_vkey_commitment),
        "rollup": bytes(config.rollup_config_hash),
        "aggregation": bytes(config.aggregation_vkey),
    }
    try:
        async with (
            await psycopg.AsyncConnection.connect(given, connect_timeout=10) as db,
            db.cursor(row_factory=dict_row) as cursor,
        ):
            await db.set_read_only(True)
            await cursor.execute(_TODAY, wanted)
            rows = await cursor.fetchall()
    except psycopg.Error as error:
        raise StoreUnavailableError(f"{shown}: {type(error).__name__}") from error
    return [_todays_request(row) for row in rows]


def _todays_request(row: Mapping[str, object]) -> ForeignRequest:
    try:
        kind = RequestKind(_number("req_type", row["req_type"]))
        status = RequestStatus(_number("status", row["status"]))
    except ValueError as error:
        raise InputError("req_type and status", expected="known numbers", actual=error) from error
    number = row["checkpointed_l1_block_number"]
    block_hash = _bytes("checkpointed_l1_block_hash", row["checkpointed_l1_block_hash"])
    checkpoint = None
    if number is not None and block_hash is not None:
        checkpoint = BlockId(hash=Hash32(block_hash), number=_number("checkpoint", number))
    return ForeignRequest(
        kind=kind,
        status=status,
        blocks=_blocks(row["start_block"], row["end_block"]),
        proof_id=_bytes("proof_request_id", row["proof_request_id"]),
        proof=_bytes("proof", row["proof"]),
        checkpoint=checkpoint,
    )


def _number(what: str, value: object) -> int:
    if not isinstance(value, int):
        raise InputError(what, expected="a whole number", actual=type(value).__name__)
    return value


def _blocks(start: object, end: object) -> BlockRange:
    return BlockRange(start=_number("start_block", start), end=_number("end_block", end))


def _bytes(what: str, value: object) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise InputError(what, expected="bytes", actual=type(value).__name__)
    return value
