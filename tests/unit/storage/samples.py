"""Rows as each revision of the schema had them, and what the newest must make of them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from coprove.storage import (
    NOBODY,
    AvsConfirmationState,
    AvsEvidenceKind,
    AvsLog,
    AvsSettlementKind,
    AvsSettlementLog,
    AvsTaskState,
    IntentKind,
    RequestStatus,
    open_ledger,
    open_store,
)
from coprove.types import Address, BlockRange, Hash32
from coprove.types.transactions import Draft, Fees
from tests.unit.storage.lab import SCOPE, TTL, plans, spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SAMPLES", "check_sample"]

_SCOPE = {
    "l1_chain_id": SCOPE.l1_chain_id,
    "l2_chain_id": SCOPE.l2_chain_id,
    "contract": bytes(SCOPE.contract),
    "config_name": "",
}
_REQUEST = {
    "scope_id": 1,
    "kind": 0,
    "backend": "network",
    "attempts": 0,
    "created_at": 1.5,
    "updated_at": 2.5,
    "statistics": '{"gas": 21000}',
    "cost": "{}",
}
_FIRST: Sequence[tuple[str, Mapping[str, object]]] = (
    ("scopes", _SCOPE),
    ("leases", {"scope_id": 1, "holder": "old", "token": 4, "expires_at": 10.0}),
    ("spans", {"scope_id": 1, "end_block": 100}),
    (
        "requests",
        _REQUEST | {"status": 4, "start_block": 100, "end_block": 110, "live_end": 110},
    ),
    (
        "requests",
        _REQUEST
        | {
            "status": 3,
            "start_block": 110,
            "end_block": 120,
            "live_end": 120,
            "proof_id": b"\x01\x02",
            "attempts": 1,
        },
    ),
    ("spans", {"scope_id": 1, "start_block": 100, "end_block": 110, "request_id": 1}),
    ("spans", {"scope_id": 1, "start_block": 110, "end_block": 120, "request_id": 2}),
    ("proofs", {"request_id": 1, "proof": b"proof"}),
    (
        "intents",
        {
            "scope_id": 1,
            "key": "request-2",
            "number": 1,
            "kind": "proof_request",
            "request_id": 2,
            "facts": '{"nonce": 3}',
            "state": "open",
            "created_at": 1.0,
            "updated_at": 2.0,
        },
    ),
)
_SPENT = {"day": "2026-01-02", "backend": "network", "amount": str(10**20)}
_SECOND: Sequence[tuple[str, Mapping[str, object]]] = (
    *_FIRST,
    ("checkpoints", {"scope_id": 1, "number": 7, "hash": b"h" * 32, "created_at": 1.0}),
    ("spending", _SPENT | {"scope_id": 1, "key": "k"}),
)
_TRANSACTION = {
    "scope_id": 1,
    "key": "propose-120",
    "sender": b"s" * 20,
    "nonce": 5,
    "value": str(2**200),
    "data": b"call",
    "gas_limit": 21_000,
    "state": "open",
}
_ATTEMPT = {
    "scope_id": 1,
    "tx_hash": b"t" * 32,
    "key": "propose-120",
    "number": 1,
    "nonce": 5,
    "raw": b"\x02",
    "max_fee": str(2**100),
    "priority_fee": "1",
    "sent_at": 1.5,
}
_THIRD = (*_SECOND, ("transactions", _TRANSACTION), ("attempts", _ATTEMPT))
_FOURTH = (
    *(item for item in _THIRD if item[0] != "spending"),
    ("spending", _SPENT | {"key": "1/k", "proof_id": b"p"}),
)
_AVS_TASK = {
    "scope_id": 1,
    "number": 3,
    "key": b"k" * 32,
    "body": "{}",
    "state": "open",
    "created_at": 5,
}
_AVS_SIGNATURE = {
    "scope_id": 1,
    "task_number": 3,
    "operator_id": b"o" * 32,
    "state": b"{}",
    "signature": b"s" * 64,
    "prover_signature": b"p" * 65,
    "accepted_at": 6.5,
}
_AVS_EVIDENCE = {
    "scope_id": 1,
    "key": b"k" * 32,
    "operator_id": b"o" * 32,
    "kind": "equivocation",
    "body": "{}",
    "created_at": 7.5,
}
_AVS_CONFIRMATION = {
    "scope_id": 1,
    "task_number": 3,
    "attempt": 1,
    "calldata": b"call",
    "state": "failed",
    "error": "TaskExpired",
    "updated_at": 8.5,
}
_AVS_SETTLEMENT = {
    "scope_id": 1,
    "kind": "reward",
    "key": b"k" * 32,
    "operator_id": bytes(32),
    "attempt": 2,
    "state": "failed",
    "error": "TooEarly",
    "updated_at": 9.5,
}
_FIFTH = (
    *_FOURTH,
    ("avs_tasks", _AVS_TASK),
    ("avs_signatures", _AVS_SIGNATURE),
    ("avs_evidence", _AVS_EVIDENCE),
    ("avs_confirmations", _AVS_CONFIRMATION),
)
SAMPLES: Mapping[str, Sequence[tuple[str, Mapping[str, object]]]] = {
    "0001": _FIRST,
    "0002": _SECOND,
    "0003": _THIRD,
    "0004": _FOURTH,
    "0005": _FIFTH,
    "0006": (*_FIFTH, ("avs_settlements", _AVS_SETTLEMENT)),
}
"""By revision: tables and rows, in an order that every constraint allows."""


async def check_sample(url: str, revision: str) -> None:
    """Open the database with this version and see that the sample of `revision` is whole."""
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("new", TTL)
        assert lease.token == 5
        assert await store.anchor() == 100
        first, second = await store.live_ranges()
        assert first.statistics == {"gas": 21000}
        assert await store.proof(first.id) == b"proof"
        assert second.proof_id == b"\x01\x02"
        assert second.status is RequestStatus.PROVING
        (intent,) = await store.open_intents()
        assert (intent.kind, intent.values) == (IntentKind.PROOF_REQUEST, {"nonce": 3})
        await store.plan_ranges(lease, plans(120, 130), backend="network")
        assert spans(await store.live_ranges()) == [(100, 110), (110, 120), (120, 130)]
        assert spans(await store.proven_prefix(100)) == [(100, 110)]
        assert (await store.get(second.id)).blocks == BlockRange(start=110, end=120)
        if revision >= "0002":
            (checkpoint,) = await store.checkpoints()
            assert checkpoint.block.number == 7
        assert await store.bind_chain(lease, "chain 11155111") == "chain 11155111"
        draft = Draft(
            key="next", sender=Address(b"s" * 20), to=None, value=0, data=b"", gas_limit=1
        )
        following = await store.reserve_transaction(lease, draft, chain_nonce=0)
        assert following.nonce == (6 if revision >= "0003" else 0)
        if revision >= "0003":
            sent = await store.transaction("propose-120")
            assert sent is not None
            assert (sent.draft.value, sent.nonce, sent.mined) == (2**200, 5, None)
            (attempt,) = await store.attempts("propose-120")
            assert attempt.fees == Fees(max_fee=2**100, priority_fee=1)
        if revision >= "0005":
            log = AvsLog(store, lease)
            (task,) = await log.tasks(recent=0)
            assert (task.number, task.key, task.state) == (3, b"k" * 32, AvsTaskState.OPEN)
            (signed,) = await log.signatures(3)
            assert (signed.operator_id, signed.accepted_at) == (b"o" * 32, 6.5)
            (evidence,) = await log.evidence()
            assert evidence.kind is AvsEvidenceKind.EQUIVOCATION
            (confirmation,) = await log.confirmations(3)
            assert confirmation.state is AvsConfirmationState.FAILED
            assert confirmation.error == "TaskExpired"
        if revision >= "0006":
            settlement = await AvsSettlementLog(store, lease).settlement(
                AvsSettlementKind.REWARD, Hash32(b"k" * 32), NOBODY
            )
            assert settlement is not None
            assert (settlement.attempt, settlement.error) == (2, "TooEarly")
    async with await open_ledger(url) as ledger:
        day = datetime.date(2026, 1, 2)
        assert await ledger.spent(day) == ((1, 10**20) if revision >= "0002" else (0, 0))
        assert await ledger.reserve("1/k", day=day, backend="network", amount=5)
        assert await ledger.spent(day) == ((1, 10**20) if revision >= "0002" else (1, 5))
