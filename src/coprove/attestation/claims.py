"""What verified evidence says, in one shape for all platforms: the input of a policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from coprove.attestation.platform import Platform, measurement_id

if TYPE_CHECKING:
    from coprove.types import Hash32

__all__ = ["Check", "Claims", "TcbStatus"]


class TcbStatus(IntEnum):
    """How current a platform's TCB is, as on chain; AMD, AWS and ARM know OK and OUT_OF_DATE."""

    OK = 0
    SW_HARDENING_NEEDED = 1
    CONFIGURATION_AND_SW_HARDENING_NEEDED = 2
    CONFIGURATION_NEEDED = 3
    OUT_OF_DATE = 4
    OUT_OF_DATE_CONFIGURATION_NEEDED = 5
    REVOKED = 6
    UNRECOGNIZED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked, for people and for the record."""

    name: str
    """Short and stable, such as `pck-chain` or `qe-identity`."""
    found: str
    """What was found, in words with the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What genuine evidence says of its workload and platform, before any policy is applied.

    A verifier returns this only when every signature, chain, CRL and collateral check has passed
    at the time given; debug mode, TCB status and measurements are the policy's to judge.
    """

    platform: Platform
    """Kind of environment."""
    measurement: bytes
    """The raw measurement, parts and order as `Platform` states."""
    report_data: bytes
    """64 bytes that the workload chose (shorter user data is padded with zeros)."""
    debug: bool
    """Whether the host may read or change the workload."""
    tcb_status: TcbStatus
    """Merged status of platform, quoting enclave and module."""
    advisories: tuple[str, ...] = ()
    """Identifiers of the vendor's advisories that the TCB level names, sorted."""
    tcb_date: int | None = None
    """Date of the platform's TCB level, Unix seconds; None where the vendor has none."""
    signer: bytes | None = None
    """Identity of the code's signer: MRSIGNER, MRSEAM signer, ARM signer id, author key digest."""
    product_id: int | None = None
    """ISVPRODID, where the platform has one."""
    security_version: int | None = None
    """ISVSVN, guest SVN or the like: what a policy's floor compares with."""
    attributes: dict[str, object] = field(default_factory=dict)
    """Platform settings that a policy may require, by name: `smt`, `vmpl`, `sept-ve-disable`, …"""
    replay_key: Hash32
    """Hash of the region that the evidence's signature covers; equal for malleated copies."""
    valid_from: int
    """Latest start of validity among what was used, Unix seconds."""
    valid_until: int
    """Earliest end of validity among certificates, CRLs and collateral, Unix seconds."""
    simulated: bool = False
    """Whether the chain ends at the simulation root and not at the vendor's."""
    collateral: tuple[str, ...] = ()
    """What was relied on: names with SHA-256 of the exact bytes, such as `tcb-info sha256:…`."""
    checks: tuple[Check, ...] = ()
    """All that was checked, in order."""

    @property
    def measurement_id(self) -> Hash32:
        """The code's 32-byte name on its platform."""
        return measurement_id(self.platform, self.measurement)
