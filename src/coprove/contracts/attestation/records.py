"""What the registry and the policy hold, as typed records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from coprove.attestation.claims import TcbStatus
from coprove.attestation.platform import Platform
from coprove.types import ZERO_HASH, Address, Hash32

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "FOREVER",
    "ChallengeRecord",
    "Liveness",
    "LivenessStatus",
    "MeasurementRules",
    "PlatformRules",
    "ProverRecord",
    "ProverState",
    "RegistryParameters",
]

FOREVER = 2**64 - 1
"""A time that never comes, where the contracts take Unix seconds."""
_ZERO_ADDRESS = bytes(20)


class ProverState(IntEnum):
    """Where a prover's key stands."""

    NONE = 0
    REGISTERED = 1
    SUSPENDED = 2
    DEREGISTERED = 3
    BANNED = 4


class Liveness(IntEnum):
    """Whether a prover's word may be taken, and why not."""

    UNKNOWN = 0
    LIVE = 1
    SUSPENDED = 2
    DEREGISTERED = 3
    BANNED = 4
    PAUSED = 5
    EXPIRED = 6
    CHALLENGE_FAILED = 7
    PLATFORM_CHANGED = 8
    MEASUREMENT_NOT_ACTIVE = 9
    SECURITY_VERSION_TOO_LOW = 10
    TCB_NOT_ACCEPTED = 11
    CLAIMS_DISPUTED = 12
    SIMULATED_OFF_DEV_CHAIN = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class LivenessStatus:
    """Whether a prover is live, and until when."""

    liveness: Liveness
    """LIVE, or the first reason against it."""
    until: int
    """Unix seconds until which it stays live if nothing changes; 0 when it is not."""

    @property
    def is_live(self) -> bool:
        """Whether the prover's word may be taken now."""
        return self.liveness is Liveness.LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverRecord:
    """A prover as the registry holds it."""

    operator: Address
    """Who answers for it."""
    valid_until: int
    """Unix seconds: the earlier of the registry's TTL and the collateral's end."""
    platform: Platform
    """Kind of its environment."""
    tcb_status: TcbStatus
    """Its platform's TCB status."""
    state: ProverState
    """Where its key stands."""
    simulated: bool
    """Whether its evidence is a simulation's."""
    measurement: Hash32
    """`measurement_id` of its code."""
    attested_at: int
    """Unix seconds of its latest evidence."""
    registered_at: int
    """Unix seconds of its registration."""
    reference_block: int
    """Block that the latest evidence refers to."""
    generation: int
    """Generation of the platform's verifier."""
    security_version: int
    """Security version of its code."""
    challenged: bool
    """Whether a liveness challenge is open."""
    attested: bool
    """Whether its claims rest on attestors' word instead of a verification on chain."""

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self | None:
        """Read the contract's tuple; None for a key that never was registered."""
        if values[2] == 0:
            return None
        return cls(
            operator=Address(bytes.fromhex(values[0][2:])),
            valid_until=values[1],
            platform=Platform.from_number(values[2]),
            tcb_status=TcbStatus(values[3]),
            state=ProverState(values[4]),
            simulated=values[5],
            measurement=Hash32(values[6]),
            attested_at=values[7],
            registered_at=values[8],
            reference_block=values[9],
            generation=values[10],
            security_version=values[11],
            challenged=values[12],
            attested=values[13],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRecord:
    """The latest liveness challenge of a prover."""

    challenger: Address
    """Who made it."""
    deadline: int
    """Unix seconds until which it can be answered, inclusive."""
    bond: int
    """Wei that it cost."""
    opened_at: int
    """Unix seconds at which it was made."""
    nonce: Hash32
    """What the answer's evidence must bind."""

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self | None:
        """Read the contract's tuple; None when there never was one."""
        if values[5] == ZERO_HASH:
            return None
        return cls(
            challenger=Address(bytes.fromhex(values[0][2:])),
            deadline=values[1],
            bond=values[3],
            opened_at=values[4],
            nonce=Hash32(values[5]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryParameters:
    """Times, ages and the bond of the registry."""

    ttl: int = 24 * 3600
    """Seconds that a registration lasts at most."""
    challenge_window: int = 3600
    """Seconds in which a challenge must be answered; 600 at least outside development chains."""
    challenge_cooldown: int = 6 * 3600
    """Seconds after a challenge in which no other may follow."""
    max_block_age: int = 256
    """Blocks that a reference block may lie behind: 1 to 8,191. Evidence can be made that long
    before it is used, so more would let a prover that is gone look live for longer."""
    challenge_bond: int = 10**17
    """Wei that a challenge costs when it is answered."""

    def to_abi(self) -> tuple[int, ...]:
        """Return the contract's tuple."""
        return (
            self.ttl,
            self.challenge_window,
            self.challenge_cooldown,
            self.max_block_age,
            self.challenge_bond,
        )

    @classmethod
    def from_abi(cls, values: tuple[int, ...]) -> Self:
        """Read the contract's tuple."""
        ttl, window, cooldown, age, bond = values
        return cls(
            ttl=ttl,
            challenge_window=window,
            challenge_cooldown=cooldown,
            max_block_age=age,
            challenge_bond=bond,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementRules:
    """From when until when code is accepted, and what it must be besides."""

    platform: Platform
    """Kind of environment that it is measured by."""
    active_from: int
    """Unix seconds from which on it is accepted."""
    expires_at: int = FOREVER
    """Unix seconds from which on it is not any more."""
    min_security_version: int = 0
    """Lowest security version."""
    signer: Hash32 | None = None
    """Signer that it must have; None: any."""

    def to_abi(self) -> tuple[Any, ...]:
        """Return the contract's tuple."""
        return (
            self.active_from,
            self.expires_at,
            self.min_security_version,
            self.platform.number,
            bytes(self.signer or ZERO_HASH),
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self | None:
        """Read the contract's tuple; None when there is no such measurement."""
        active_from, expires_at, lowest, tee, signer = values
        if tee == 0:
            return None
        return cls(
            platform=Platform.from_number(tee),
            active_from=active_from,
            expires_at=expires_at,
            min_security_version=lowest,
            signer=None if signer == ZERO_HASH else Hash32(signer),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRules:
    """How evidence of one kind of environment is verified."""

    verifier: Address
    """The quote verifier."""
    generation: int
    """Registrations of another generation do not count."""
    attested: bool
    """Whether claims rest on attestors' word instead of a verification on chain."""

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self | None:
        """Read the contract's values; None when the kind is not accepted."""
        verifier = bytes.fromhex(values[0][2:])
        if verifier == _ZERO_ADDRESS:
            return None
        return cls(verifier=Address(verifier), generation=values[1], attested=values[2])
