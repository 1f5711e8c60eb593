"""The transaction manager: nonces, fees, replacement, confirmations, reorgs, restarts."""

from coprove.contracts.transactions.fees import FeePolicy
from coprove.contracts.transactions.manager import TransactionManager
from coprove.contracts.transactions.signer import (
    LocalSigner,
    Signer,
    UnsignedTransaction,
    Web3Signer,
)
from coprove.contracts.transactions.sqlite_store import SqliteIntentStore
from coprove.contracts.transactions.store import IntentStore, MemoryIntentStore
from coprove.contracts.transactions.watcher import SendGuard, TransactionOptions
from coprove.types.transactions import Attempt, Draft, Fees, Intent, IntentState, Mined

__all__ = [
    "Attempt",
    "Draft",
    "FeePolicy",
    "Fees",
    "Intent",
    "IntentState",
    "IntentStore",
    "LocalSigner",
    "MemoryIntentStore",
    "Mined",
    "SendGuard",
    "Signer",
    "SqliteIntentStore",
    "TransactionManager",
    "TransactionOptions",
    "UnsignedTransaction",
    "Web3Signer",
]
