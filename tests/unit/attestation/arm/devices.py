"""A simulated ARM device and what its tokens say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coprove.attestation.arm import verify_cca_token, verify_psa_token
from coprove.attestation.simulation.arm import FirmwareState, RealmState, SimulatedArm

if TYPE_CHECKING:
    from coprove.attestation.claims import Claims

AT = 1_790_000_000
"""When everything is verified, Unix seconds."""
ARM = SimulatedArm.from_seed("tests")
"""The implementer."""
KEYS = (ARM.key,)
REPORT_DATA = bytes(range(64))
COMPONENTS = (("BL", b"\x01" * 32), ("SPE", b"\x02" * 48))
RIM = b"\x03" * 32


def psa(claims: dict[int, Any] | None = None, *, client_id: int = 1) -> bytes:
    """Return a PSA token with other claims."""
    state = FirmwareState(
        report_data=REPORT_DATA,
        components=COMPONENTS,
        client_id=client_id,
        claims=claims or {},
    )
    return ARM.psa_token(state)


def cca(realm: dict[int, Any] | None = None, platform: dict[int, Any] | None = None) -> bytes:
    """Return a CCA token with other claims of the realm or the platform."""
    state = RealmState(
        report_data=REPORT_DATA,
        initial_measurement=RIM,
        claims=realm or {},
        platform_claims=platform or {},
    )
    return ARM.cca_token(state)


def verify_psa(token: bytes) -> Claims:
    return verify_psa_token(token, at=AT, keys=KEYS)


def verify_cca(token: bytes) -> Claims:
    return verify_cca_token(token, at=AT, keys=KEYS)
