"""The transaction manager: nonces, fees, replacement, confirmations, reorgs, restarts."""

from coprove.contracts.transactions.fees import FeePolicy, Fees
from coprove.contracts.transactions.manager import TransactionManager
from coprove.contracts.transactions.records import Attempt, Draft, Intent, IntentState, Mined
from coprove.contracts.transactions.signer import (
    LocalSigner,
    Signer,
    UnsignedTransaction,
    Web3Signer,
)
from coprove.contracts.transactions.sqlite_store import SqliteIntentStore
from coprove.contracts.transactions.store import IntentStore, MemoryIntentStore
from coprove.contracts.transactions.watcher import SendGuard, TransactionOptions

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
