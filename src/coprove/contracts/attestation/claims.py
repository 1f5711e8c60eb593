"""Claims as the contracts have them: what a quote verifier on chain returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coprove.attestation.claims import TcbStatus
from coprove.attestation.platform import Platform
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import ZERO_HASH, Hash32

if TYPE_CHECKING:
    from typing import Self

    from coprove.attestation.claims import Claims

__all__ = ["CLAIMS_TYPE", "QuoteClaims"]

CLAIMS_TYPE = "(uint8,bytes32,bytes32,uint32,bytes32,uint8,uint64,bytes32,bool)"
"""ABI type of the contracts' `QuoteClaims`."""
_WORD = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteClaims:
    """What genuine evidence says, as a contract is told."""

    platform: Platform
    """Kind of environment."""
    measurement: Hash32
    """`measurement_id` of the code."""
    signer: Hash32
    """Identity of the code's signer; zero where there is none."""
    security_version: int
    """What a floor compares with; 0 where there is none."""
    report_digest: Hash32
    """First half of the report data; the second is zero."""
    tcb_status: TcbStatus
    """Merged TCB status."""
    valid_until: int
    """Unix seconds of the earliest end of validity."""
    replay_key: Hash32
    """Hash of the region that the evidence's signature covers."""
    simulated: bool
    """Whether the chain of trust ends at a simulation root."""

    @classmethod
    def from_claims(cls, claims: Claims) -> Self:
        """Return what a contract is told of verified claims.

        A signer's identity that is not 32 bytes long counts by its keccak256. InputError when the
        claims are of a debug workload or their report data do not end with 32 zero bytes: such
        evidence must not come on chain.
        """
        if claims.debug:
            raise InputError("claims", expected="no debug mode", actual="debug mode")
        if any(claims.report_data[_WORD:]):
            raise InputError(
                "report data", expected="32 zero bytes at the end", actual=claims.report_data.hex()
            )
        signer = claims.signer or ZERO_HASH
        return cls(
            platform=claims.platform,
            measurement=claims.measurement_id,
            signer=Hash32(signer if len(signer) == _WORD else keccak256(signer)),
            security_version=claims.security_version or 0,
            report_digest=Hash32(claims.report_data[:_WORD]),
            tcb_status=claims.tcb_status,
            valid_until=claims.valid_until,
            replay_key=claims.replay_key,
            simulated=claims.simulated,
        )

    def to_abi(self) -> tuple[Any, ...]:
        """Return the contract's tuple."""
        return (
            self.platform.number,
            bytes(self.measurement),
            bytes(self.signer),
            self.security_version,
            bytes(self.report_digest),
            int(self.tcb_status),
            self.valid_until,
            bytes(self.replay_key),
            self.simulated,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Read the contract's tuple."""
        tee, measurement, signer, version, digest, status, until, key, simulated = values
        return cls(
            platform=Platform.from_number(tee),
            measurement=Hash32(measurement),
            signer=Hash32(signer),
            security_version=version,
            report_digest=Hash32(digest),
            tcb_status=TcbStatus(status),
            valid_until=until,
            replay_key=Hash32(key),
            simulated=simulated,
        )
