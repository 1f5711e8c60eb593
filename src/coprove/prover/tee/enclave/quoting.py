"""What a platform does for an enclave: it measures it, and quotes 64 bytes in its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from coprove.errors import InputError
from coprove.prover.tee.enclave.errors import QuoteMismatchError

if TYPE_CHECKING:
    from coprove.attestation import Platform

__all__ = ["REPORT_DATA_SIZE", "Quote", "QuoteProvider", "checked_quote"]

REPORT_DATA_SIZE: Final = 64
"""Bytes that a workload chooses in its evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Evidence as the platform gave it, with what it says of itself (nothing verified)."""

    platform: Platform
    """Kind of environment."""
    evidence: bytes
    """The quote, report, document or token."""
    endorsements: bytes | None
    """What the platform gave along with it: certificates, or a simulation's collateral."""
    report_data: bytes
    """64 bytes in it that the workload chose."""
    measurement: bytes
    """The measurement in it, in the layout that `Platform` states."""


class QuoteProvider(Protocol):
    """One platform's way to quotes. Methods block; one call at a time."""

    @property
    def platform(self) -> Platform:
        """Kind of environment."""

    @property
    def simulated(self) -> bool:
        """Whether the quotes end at a simulation root."""

    def quote(self, report_data: bytes) -> Quote:
        """Quote 64 bytes; QuoteUnavailableError when the platform does not."""


def checked_quote(provider: QuoteProvider, report_data: bytes, measurement: bytes | None) -> Quote:
    """Have 64 bytes quoted and look whether the quote is about them and about this code.

    The path to the quote leads through a host, which may answer with anything. A quote about
    something else raises QuoteMismatchError; with `measurement` None any measurement will do.
    """
    if len(report_data) != REPORT_DATA_SIZE:
        raise InputError("report data", expected="64 bytes", actual=f"{len(report_data)} bytes")
    quote = provider.quote(report_data)
    if quote.platform is not provider.platform:
        raise QuoteMismatchError(f"asked {provider.platform}, the quote is of {quote.platform}")
    if quote.report_data != report_data:
        raise QuoteMismatchError(
            f"report data: expected 0x{report_data.hex()}, the quote has "
            f"0x{quote.report_data.hex()}"
        )
    if measurement is not None and quote.measurement != measurement:
        raise QuoteMismatchError(
            f"measurement: at the start 0x{measurement.hex()}, the quote has "
            f"0x{quote.measurement.hex()}"
        )
    return quote
