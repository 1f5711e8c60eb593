"""Tasks and signatures between memory and the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from coprove.avs.aggregator.rounds import Accepted, Round
from coprove.avs.bls import G1Point, Signature
from coprove.avs.tasks import AvsTask
from coprove.avs.tasks.fields import hex_bytes, record
from coprove.errors import InputError
from coprove.storage import StoredSignature, StoredTask
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["accepted_from", "round_from", "stored_signature", "stored_task"]


def stored_task(found: Round) -> StoredTask:
    """Return a task as it is stored."""
    body = {"ext": found.task.to_ext(), "block_hash": found.block_hash.hex0x}
    return StoredTask(
        number=found.task.number,
        key=found.task.key,
        body=json.dumps(body),
        state=found.state,
        created_at=found.task.created_at,
    )


def round_from(stored: StoredTask, batch_hash: Callable[[AvsTask], Hash32]) -> Round:
    """Return a task that was stored, without operators and signatures; InputError when damaged."""
    try:
        body = record(json.loads(stored.body), "task")
    except ValueError as error:
        raise InputError("stored task", expected="JSON", actual=stored.body) from error
    task = AvsTask.from_ext(stored.number, body.get("ext"))
    return Round(
        task=task,
        batch_hash=batch_hash(task),
        block_hash=Hash32(hex_bytes(body, "block_hash", exactly=Hash32.SIZE)),
        state=stored.state,
    )


def stored_signature(number: int, accepted: Accepted) -> StoredSignature:
    """Return a signature as it is stored."""
    return StoredSignature(
        task_number=number,
        operator_id=accepted.operator_id,
        state=accepted.state,
        signature=accepted.signature.point.encoded,
        prover_signature=accepted.prover_signature,
        accepted_at=accepted.accepted_at,
    )


def accepted_from(stored: StoredSignature) -> Accepted:
    """Return a signature that was stored; it was verified before."""
    return Accepted(
        operator_id=stored.operator_id,
        state=stored.state,
        signature=Signature(point=G1Point(encoded=stored.signature)),
        prover_signature=stored.prover_signature,
        accepted_at=stored.accepted_at,
    )
