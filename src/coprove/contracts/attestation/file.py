"""The file that says what a registry of TEE provers begins with (TOML)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from coprove.attestation import Platform, TcbStatus, measurement_id
from coprove.contracts.attestation.deployment import AttestationSettings
from coprove.contracts.attestation.records import FOREVER, MeasurementRules, RegistryParameters
from coprove.contracts.toml_file import StrictModel, parse_toml
from coprove.errors import InputError
from coprove.types import Address, Hash32

__all__ = ["AttestationFile"]

_DCAP = (Platform.INTEL_SGX, Platform.INTEL_TDX)
_Address = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
_Word = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{64}$")]
_Seconds = Annotated[int, Field(ge=0, lt=2**32)]


def _moment(value: object) -> object:
    """Take TOML's dates, with their zone, and `never` for what does not end."""
    if value == "never":
        return FOREVER
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a date needs its zone, such as 2027-01-01T00:00:00Z")
        return int(value.timestamp())
    return value


_Moment = Annotated[int, BeforeValidator(_moment), Field(ge=0, le=FOREVER)]


class _Parameters(StrictModel):
    ttl: Annotated[int, Field(ge=1, lt=2**32)] = RegistryParameters().ttl
    challenge_window: _Seconds = RegistryParameters().challenge_window
    challenge_cooldown: _Seconds = RegistryParameters().challenge_cooldown
    max_block_age: Annotated[int, Field(ge=1, le=8191)] = RegistryParameters().max_block_age
    challenge_bond: Annotated[int, Field(ge=0, lt=2**96)] = RegistryParameters().challenge_bond


class _Measurement(StrictModel):
    platform: Annotated[Platform, Field(strict=False)]
    measurement: Annotated[str, Field(pattern="^0x([0-9a-fA-F]{2})+$")]
    active_from: Annotated[_Moment, Field(ge=1)] = 1
    expires_at: _Moment = FOREVER
    min_security_version: _Seconds = 0
    signer: _Word | None = None


class _Tcb(StrictModel):
    platform: Annotated[Platform, Field(strict=False)]
    status: Literal[
        "OK",
        "SW_HARDENING_NEEDED",
        "CONFIGURATION_AND_SW_HARDENING_NEEDED",
        "CONFIGURATION_NEEDED",
        "OUT_OF_DATE",
        "OUT_OF_DATE_CONFIGURATION_NEEDED",
    ]
    until: _Moment


class AttestationFile(StrictModel):
    """Who governs the registry, which code it accepts, on which platforms and how current."""

    version: Literal[1]
    """Version of the file's form."""
    guardian: _Address
    """May pause, ban keys and withdraw measurements at once."""
    proposers: Annotated[list[_Address], Field(min_length=1)]
    """May schedule calls through the timelock."""
    executors: list[_Address] = Field(default_factory=list)
    """May execute them; empty: everyone."""
    delay: _Seconds = 2 * 24 * 3600
    """Seconds from scheduling a call to its execution."""
    measurement_notice: _Seconds = 24 * 3600
    """Seconds from announcing a measurement to its activation."""
    verifiers: dict[Annotated[Platform, Field(strict=False)], _Address] = Field(
        default_factory=dict
    )
    """Quote verifiers that are there already; for SGX and TDX one is deployed without it."""
    parameters: _Parameters = _Parameters()
    """Times, ages and the bond."""
    measurement: Annotated[list[_Measurement], Field(min_length=1, max_length=64)]
    """Accepted code: the raw measurement, as `Platform` states it."""
    tcb: Annotated[list[_Tcb], Field(min_length=1)]
    """Accepted TCB statuses, with the time until which each is."""

    @classmethod
    def parse(cls, text: str) -> AttestationFile:
        """Parse TOML; InputError names the field that is wrong."""
        return parse_toml(cls, text, "attestation file")

    @property
    def platforms(self) -> frozenset[Platform]:
        """The platforms of which code is accepted."""
        return frozenset(item.platform for item in self.measurement)

    @property
    def needs_dcap(self) -> bool:
        """Whether a DCAP verifier has to be deployed."""
        return any(kind in _DCAP and kind not in self.verifiers for kind in self.platforms)

    def settings(self, *, dcap: Address | None) -> AttestationSettings:
        """Return what the contracts are deployed with: the same each time, so that it can go on.

        InputError for a platform that has neither code of ours nor a verifier in the file.
        """
        verifiers = {kind: Address.from_hex(text) for kind, text in self.verifiers.items()}
        for kind in self.platforms - verifiers.keys():
            if kind not in _DCAP or dcap is None:
                raise InputError(f"verifiers.{kind}", expected="a quote verifier", actual="none")
            verifiers[kind] = dcap
        rules = [(item, bytes.fromhex(item.measurement[2:])) for item in self.measurement]
        return AttestationSettings(
            guardian=Address.from_hex(self.guardian),
            proposers=[Address.from_hex(item) for item in self.proposers],
            executors=[Address.from_hex(item) for item in self.executors],
            delay=self.delay,
            measurement_notice=self.measurement_notice,
            parameters=RegistryParameters(**self.parameters.model_dump()),
            platforms=verifiers,
            measurements={measurement_id(item.platform, raw): _rules(item) for item, raw in rules},
            tcb_accepted_until={
                (item.platform, TcbStatus[item.status]): item.until for item in self.tcb
            },
        )


def _rules(item: _Measurement) -> MeasurementRules:
    return MeasurementRules(
        platform=item.platform,
        active_from=item.active_from,
        expires_at=item.expires_at,
        min_security_version=item.min_security_version,
        signer=None if item.signer is None else Hash32.from_hex(item.signer),
    )
