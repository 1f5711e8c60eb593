"""What can go wrong in the request store, by reaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import Critical, Reset, Temporary

if TYPE_CHECKING:
    from coprove.storage.states import RequestKind, RequestStatus

__all__ = [
    "AdoptionError",
    "DatabaseFaultError",
    "IllegalTransitionError",
    "IntegrityViolationError",
    "IntentConflictError",
    "LeaseHeldError",
    "LeaseLostError",
    "NotProvenError",
    "RangeGapError",
    "SchemaVersionError",
    "StaleRequestError",
    "StoreUnavailableError",
    "UnknownIntentError",
    "UnknownRequestError",
]


class StoreUnavailableError(Temporary):
    """The database does not answer, is locked by another, or broke the connection.

    Whether a write that ends so was done is not known: read again before repeating it.
    """


class LeaseHeldError(Temporary):
    """Another process leads.

    `holder` is its name, `expires_at` the unix time up to which it leads unless it renews.
    """

    def __init__(self, *, holder: str, expires_at: float) -> None:
        """Build the text from who leads and until when."""
        super().__init__(f"{holder} leads until {expires_at:.3f} (unix time)")
        self.holder = holder
        self.expires_at = expires_at


class LeaseLostError(Reset):
    """The caller does not lead any more, so nothing was written.

    `token` is the caller's fencing token, `actual` says what the database has in its place.
    """

    def __init__(self, *, token: int, actual: str) -> None:
        """Build the text from the caller's token and what is stored."""
        super().__init__(f"lease with token {token} is lost: {actual}")
        self.token = token
        self.actual = actual


class StaleRequestError(Reset):
    """A request is in another state than the caller believed; nothing was written.

    `expected` is the state that the caller knew, `actual` the stored one.
    """

    def __init__(self, request_id: int, *, expected: RequestStatus, actual: RequestStatus) -> None:
        """Build the text from the two states."""
        super().__init__(f"request {request_id}: expected {expected.name}, is {actual.name}")
        self.request_id = request_id
        self.expected = expected
        self.actual = actual


class RangeGapError(Reset):
    """Ranges would leave a gap or overlap; nothing was written.

    `expected` and `actual` say where they must join and where they would.
    """

    def __init__(self, what: str, *, expected: object, actual: object) -> None:
        """Build the text from what was asked for and the two places."""
        super().__init__(f"{what}: expected {expected}, got {actual}")
        self.expected = expected
        self.actual = actual


class NotProvenError(Reset):
    """The blocks of an aggregation are not covered by complete ranges."""


class IllegalTransitionError(Critical):
    """A step that the table of states does not have: a defect of the caller."""

    def __init__(self, kind: RequestKind, *, source: RequestStatus, target: RequestStatus) -> None:
        """Build the text from the two states."""
        super().__init__(f"a {kind.name} request may not go from {source.name} to {target.name}")
        self.kind = kind
        self.source = source
        self.target = target


class UnknownRequestError(Critical):
    """The scope has no request with this number."""


class UnknownIntentError(Critical):
    """The scope has no intent with this key."""


class IntentConflictError(Critical):
    """A key stands for another effect already, or its intent is closed."""


class IntegrityViolationError(Critical):
    """The database refused a write that breaks one of its rules; nothing was written."""


class AdoptionError(Critical):
    """Another proposer's work can only be taken over into a scope that has none."""


class DatabaseFaultError(Critical):
    """The database is damaged, is none, or does not let us do what we must."""


class SchemaVersionError(Critical):
    """The database has a schema that this version does not know: a newer one wrote it."""
