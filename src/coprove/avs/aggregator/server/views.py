"""What clients are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from coprove.avs.tasks import OP_STACK_TASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.tasks import AvsTask
    from coprove.storage import StoredEvidence, StoredSignature, StoredTask

__all__ = ["evidence_view", "status_view", "task_answer"]


def task_answer(task: AvsTask | None) -> dict[str, Any]:
    """Return the result of `aggregator_fetchTask`; without a task `ok` is false, all else zero."""
    if task is None:
        return {"ok": False, "task_id": 0, "task_type": 0, "ext": None}
    return {
        "ok": True,
        "task_id": task.number,
        "task_type": OP_STACK_TASK,
        "ext": task.to_ext(),
    }


def status_view(task: StoredTask, signatures: Sequence[StoredSignature]) -> dict[str, Any]:
    """Return where a task stands and who signed it."""
    return {
        "task_id": task.number,
        "task_key": task.key.hex0x,
        "state": task.state.value,
        "created_at": task.created_at,
        "signers": [signature.operator_id.hex0x for signature in signatures],
    }


def evidence_view(evidence: StoredEvidence) -> dict[str, Any]:
    """Return evidence as the slasher takes it."""
    return {
        "task_key": evidence.key.hex0x,
        "operator_id": evidence.operator_id.hex0x,
        "kind": evidence.kind.value,
        "created_at": evidence.created_at,
        "evidence": json.loads(evidence.body),
    }
