"""What evidence is accepted: a typed file in TOML, read from text.

```toml
version = 1
allow_simulation = false            # true counts on development chains only
warn_before = [604800, 86400]       # seconds before collateral expires

[[workload]]                        # code by measurement
platform = "intel-sgx"
measurement = "0x…"
minimum_security_version = 2
label = "range program 0.1"

[[signer]]                          # code by who signed it, one product only
platform = "intel-sgx"
signer = "0x…"
product_id = 1
minimum_security_version = 2

[platform.intel-sgx]
accept = [
  { status = "sw-hardening-needed" },
  { status = "out-of-date", until = 2026-03-01T00:00:00Z },
]
advisories = ["INTEL-SA-00615"]     # known and lived with
minimum_evaluation_number = 17
settings = { smt = false }          # attributes of the claims that must be so
minimums = { "pce-svn" = 13 }       # attributes that must be at least so much
max_age = 300                       # seconds since the evidence was made (Nitro)

[[key]]                             # an implementer whose ARM tokens are trusted
platform = "arm-cca"
public_key = "0x04…"
```
"""

from __future__ import annotations

import hashlib
import tomllib
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from coprove.attestation.claims import TcbStatus
from coprove.attestation.errors import PolicyError
from coprove.attestation.platform import Platform

__all__ = [
    "MAX_POLICY_SIZE",
    "AcceptedSigner",
    "AcceptedStatus",
    "AcceptedWorkload",
    "ImplementerKey",
    "PlatformRules",
    "Policy",
    "parse_policy",
    "status_name",
]

MAX_POLICY_SIZE: Final = 1 << 20
"""Characters of a policy's text."""
_NEEDS_END: Final = (TcbStatus.OUT_OF_DATE, TcbStatus.OUT_OF_DATE_CONFIGURATION_NEEDED)
_NEVER: Final = (TcbStatus.REVOKED, TcbStatus.UNRECOGNIZED)
_MEASUREMENT_SIZES: Final = {
    Platform.INTEL_SGX: (32,),
    Platform.INTEL_TDX: (240,),
    Platform.AMD_SEV_SNP: (48,),
    Platform.AWS_NITRO: (144,),
}


def status_name(status: TcbStatus) -> str:
    """Return a status as policies, JSON output and metrics write it: `sw-hardening-needed`."""
    return status.name.lower().replace("_", "-")


_STATUSES: Final = {status_name(status): status for status in TcbStatus}


def _status(value: object) -> TcbStatus:
    if isinstance(value, TcbStatus):
        return value
    if not isinstance(value, str) or value not in _STATUSES:
        raise ValueError(f"is one of {', '.join(_STATUSES)}")
    return _STATUSES[value]


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("is hex with 0x")
    return bytes.fromhex(value[2:])


_Hex: TypeAlias = Annotated[
    bytes,
    BeforeValidator(_bytes),
    PlainSerializer(lambda value: f"0x{value.hex()}", return_type=str),
]
_Status: TypeAlias = Annotated[
    TcbStatus, BeforeValidator(_status), PlainSerializer(status_name, return_type=str)
]
_Setting: TypeAlias = StrictBool | StrictInt | StrictStr
_Version: TypeAlias = Annotated[int, Field(strict=True, ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AcceptedWorkload(_Part):
    """Code by its measurement."""

    platform: Platform
    """Where it runs."""
    measurement: _Hex
    """The raw measurement, parts and order as `Platform` states."""
    minimum_security_version: _Version | None = None
    """Floor of the security version; None where the platform has none to compare."""
    label: str = ""
    """What it is, for people."""

    @model_validator(mode="after")
    def _sized(self) -> AcceptedWorkload:
        sizes = _MEASUREMENT_SIZES.get(self.platform)
        if sizes and len(self.measurement) not in sizes:
            raise ValueError(f"a measurement of {self.platform} has {sizes[0]} bytes")
        return self


class AcceptedSigner(_Part):
    """Code by its signer: any measurement, of one product, from a security version on."""

    platform: Literal[Platform.INTEL_SGX]
    """SGX, the one platform whose signers number their products."""
    signer: _Hex = Field(min_length=32, max_length=32)
    """MRSIGNER."""
    product_id: int = Field(strict=True, ge=0, le=0xFFFF)
    """ISVPRODID."""
    minimum_security_version: _Version
    """Floor of ISVSVN."""
    label: str = ""
    """What it is, for people."""


class AcceptedStatus(_Part):
    """A TCB status other than OK that is accepted, perhaps up to a date."""

    status: _Status
    """Which."""
    until: AwareDatetime | None = None
    """When that ends; must be given for what is out of date."""

    @model_validator(mode="after")
    def _allowed(self) -> AcceptedStatus:
        if self.status in _NEVER:
            raise ValueError(f"{status_name(self.status)} is never accepted")
        if self.status in _NEEDS_END and self.until is None:
            raise ValueError(f"{status_name(self.status)} needs `until`")
        return self


class PlatformRules(_Part):
    """What platforms of one kind must be."""

    accept: tuple[AcceptedStatus, ...] = ()
    """TCB statuses beside OK."""
    advisories: tuple[str, ...] = ()
    """Advisories that may stand against an accepted platform."""
    minimum_evaluation_number: int = Field(default=0, strict=True, ge=0)
    """Least tcbEvaluationDataNumber of TCB info and QE identity: older collateral is refused."""
    settings: dict[str, _Setting] = Field(default_factory=dict)
    """Attributes of the claims with the value that they must have."""
    minimums: dict[str, _Version] = Field(default_factory=dict)
    """Attributes of the claims with the number that they must reach, such as `tcb-snp`."""
    max_age: int | None = Field(default=None, strict=True, gt=0)
    """Seconds that evidence with a time of its own may be old; None for the verifier's default."""


class ImplementerKey(_Part):
    """A key that signs ARM tokens, of an implementer who is trusted."""

    platform: Literal[Platform.ARM_TRUSTZONE, Platform.ARM_CCA]
    """Which tokens it signs."""
    public_key: _Hex
    """SEC 1 point, 0x04 ‖ x ‖ y, on P-256, P-384 or P-521."""
    key_id: _Hex | None = None
    """What the token's COSE header or instance id must be to use it; None for any."""
    since: AwareDatetime | None = None
    """When its trust begins; None for no beginning."""
    until: AwareDatetime | None = None
    """When its trust ends; None for no end."""
    label: str = ""
    """Whose it is, for people."""


class Policy(_Part):
    """All rules; evidence of a debug workload is refused whatever they say."""

    version: Literal[1]
    """Of this format."""
    allow_simulation: StrictBool = False
    """Whether simulated evidence counts, on development chains."""
    warn_before: tuple[Annotated[int, Field(strict=True, gt=0)], ...] = (604_800, 86_400)
    """Seconds before the end of validity at which a warning is due."""
    workloads: tuple[AcceptedWorkload, ...] = Field(default=(), alias="workload")
    """Accepted code, by measurement."""
    signers: tuple[AcceptedSigner, ...] = Field(default=(), alias="signer")
    """Accepted code, by signer."""
    platforms: dict[Platform, PlatformRules] = Field(default_factory=dict, alias="platform")
    """Rules by kind of platform; without an entry only OK and no advisory is accepted."""
    keys: tuple[ImplementerKey, ...] = Field(default=(), alias="key")
    """Trusted ARM implementers."""

    def rules(self, platform: Platform) -> PlatformRules:
        """Return the rules of a kind of platform."""
        return self.platforms.get(platform, PlatformRules())

    @property
    def sha256(self) -> str:
        """SHA-256 of the policy's canonical JSON, hex: its name in records."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def parse_policy(text: str) -> Policy:
    """Return the policy that TOML text states; PolicyError names the field that is wrong."""
    if len(text) > MAX_POLICY_SIZE:
        expected = f"at most {MAX_POLICY_SIZE} characters"
        raise PolicyError("policy", expected=expected, actual=f"{len(text)} characters")
    try:
        members: dict[str, Any] = tomllib.loads(text)
    # Beside its own error the parser lets those of numbers through that are too long.
    except (ValueError, RecursionError) as error:
        raise PolicyError("policy", expected="TOML", actual=error) from error
    try:
        return Policy.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        what = ".".join(str(part) for part in ("policy", *first["loc"]))
        raise PolicyError(what, expected=first["msg"], actual="another value") from error
