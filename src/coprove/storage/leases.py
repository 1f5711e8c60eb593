"""Leadership by a lease with a fencing token, upon any database.

The token rises with every holder. A leader that was paused past its lease still carries the old
one: whatever it writes is refused, because each write checks the token under the lock of the
lease's row, in its own transaction.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.storage.errors import LeaseHeldError, LeaseLostError
from coprove.storage.records import Lease
from coprove.storage.session import StoredLease

if TYPE_CHECKING:
    from coprove.storage.records import Scope
    from coprove.storage.session import Session

__all__ = ["acquire", "check", "leader", "release", "renew"]

_MAX_TTL = 86_400.0


async def acquire(session: Session, scope: Scope, holder: str, ttl: float) -> Lease:
    """Lead with a new token; LeaseHeldError as long as a lease runs."""
    _check_ttl(ttl)
    stored = await session.lease()
    now = await session.now()
    if stored.holder is not None and now < stored.expires_at:
        raise LeaseHeldError(holder=stored.holder, expires_at=stored.expires_at)
    return await _store(session, scope, holder, stored.token + 1, now + ttl)


async def check(session: Session, scope: Scope, lease: Lease) -> float:
    """Return the time, if the lease holds now; LeaseLostError otherwise."""
    if lease.scope != scope:
        raise InputError("scope of the lease", expected=scope, actual=lease.scope)
    # The row first: the clock is read once nobody else can take over.
    stored = await session.lease()
    now = await session.now()
    if stored.token != lease.token:
        raise LeaseLostError(
            token=lease.token, actual=f"{stored.holder or 'nobody'} has token {stored.token}"
        )
    if stored.holder is None:
        raise LeaseLostError(token=lease.token, actual="it was released")
    if now >= stored.expires_at:
        raise LeaseLostError(token=lease.token, actual=f"it ran out at {stored.expires_at:.3f}")
    return now


async def renew(session: Session, lease: Lease, ttl: float, now: float) -> Lease:
    """Let a lease that holds run for `ttl` seconds from now."""
    _check_ttl(ttl)
    return await _store(session, lease.scope, lease.holder, lease.token, now + ttl)


async def release(session: Session, scope: Scope, lease: Lease) -> None:
    """End a lease; one that is lost stays as it is."""
    try:
        now = await check(session, scope, lease)
    except LeaseLostError:
        return
    await session.set_lease(StoredLease(holder=None, token=lease.token, expires_at=now))


async def leader(session: Session, scope: Scope) -> Lease | None:
    """Return the lease that holds now."""
    stored = await session.lease()
    if stored.holder is None or await session.now() >= stored.expires_at:
        return None
    return Lease(
        scope=scope, holder=stored.holder, token=stored.token, expires_at=stored.expires_at
    )


async def _store(
    session: Session, scope: Scope, holder: str, token: int, expires_at: float
) -> Lease:
    await session.set_lease(StoredLease(holder=holder, token=token, expires_at=expires_at))
    return Lease(scope=scope, holder=holder, token=token, expires_at=expires_at)


def _check_ttl(ttl: float) -> None:
    if not (math.isfinite(ttl) and 0 < ttl <= _MAX_TTL):
        raise InputError("time of a lease", expected=f"0 to {_MAX_TTL} seconds", actual=ttl)
