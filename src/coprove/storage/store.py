"""The request store.

A store speaks for one scope. Reads need nothing; every write takes the caller's `Lease`, which is
checked in the same transaction: LeaseLostError when another leads, and then nothing was written.
Any method may raise StoreUnavailableError.
"""

from __future__ import annotations

from coprove.storage.checkpoints import CheckpointMethods
from coprove.storage.intents import IntentMethods
from coprove.storage.leadership import LeadershipMethods
from coprove.storage.reading import ReadingMethods
from coprove.storage.requests import RequestMethods
from coprove.storage.transactions import TransactionMethods

__all__ = ["RequestStore"]


class RequestStore(
    LeadershipMethods,
    ReadingMethods,
    RequestMethods,
    IntentMethods,
    TransactionMethods,
    CheckpointMethods,
):
    """Keeps proof requests and all that must survive a crash beside them.

    Each method is one transaction. Subclasses say upon which database.
    """
