"""The request store: proof requests, intents and leadership, in a database."""

from coprove.storage.adoption import Adopted, AdoptionPlan, ForeignRequest, plan_adoption
from coprove.storage.avs_log import AvsLog
from coprove.storage.avs_rows import (
    AvsConfirmationState,
    AvsEvidenceKind,
    AvsSettlementKind,
    AvsSettlementState,
    AvsTaskState,
    StoredConfirmation,
    StoredEvidence,
    StoredSettlement,
    StoredSignature,
    StoredTask,
)
from coprove.storage.avs_settlements import NOBODY, AvsSettlementLog, IssuedTask, UnsettledReward
from coprove.storage.intent_log import RequestIntentLog
from coprove.storage.memory import MemoryDatabase, MemoryRequestStore
from coprove.storage.op_succinct import read_early, read_today
from coprove.storage.records import (
    Checkpoint,
    ConfigIdentity,
    Intent,
    IntentKind,
    IntentState,
    JsonScalar,
    Lease,
    ProofRequest,
    RangePlan,
    Reanchored,
    Recovery,
    Replaced,
    RequestChanges,
    Scope,
    Values,
)
from coprove.storage.spending import SpendingLedger, open_ledger
from coprove.storage.sql_store import SqlRequestStore, open_store, stored_scopes
from coprove.storage.states import (
    CLAIMED,
    DEAD,
    LIVE,
    TRANSITIONS,
    RequestKind,
    RequestStatus,
    Transition,
)
from coprove.storage.store import RequestStore
from coprove.storage.transaction_log import TransactionLog

__all__ = [
    "CLAIMED",
    "DEAD",
    "LIVE",
    "NOBODY",
    "TRANSITIONS",
    "Adopted",
    "AdoptionPlan",
    "AvsConfirmationState",
    "AvsEvidenceKind",
    "AvsLog",
    "AvsSettlementKind",
    "AvsSettlementLog",
    "AvsSettlementState",
    "AvsTaskState",
    "Checkpoint",
    "ConfigIdentity",
    "ForeignRequest",
    "Intent",
    "IntentKind",
    "IntentState",
    "IssuedTask",
    "JsonScalar",
    "Lease",
    "MemoryDatabase",
    "MemoryRequestStore",
    "ProofRequest",
    "RangePlan",
    "Reanchored",
    "Recovery",
    "Replaced",
    "RequestChanges",
    "RequestIntentLog",
    "RequestKind",
    "RequestStatus",
    "RequestStore",
    "Scope",
    "SpendingLedger",
    "SqlRequestStore",
    "StoredConfirmation",
    "StoredEvidence",
    "StoredSettlement",
    "StoredSignature",
    "StoredTask",
    "TransactionLog",
    "Transition",
    "UnsettledReward",
    "Values",
    "open_ledger",
    "open_store",
    "plan_adoption",
    "read_early",
    "read_today",
    "stored_scopes",
]
