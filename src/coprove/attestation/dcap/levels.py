"""TCB levels: their statuses, finding a platform's, and Intel's merge of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.claims import TcbStatus
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from coprove.attestation.dcap.documents import Document

__all__ = [
    "STATUS_NAMES",
    "Standing",
    "SvnLevel",
    "at_least_as_bad",
    "merge",
    "parse_standing",
    "parse_svn_levels",
]

STATUS_NAMES: dict[str, TcbStatus] = {
    "UpToDate": TcbStatus.OK,
    "SWHardeningNeeded": TcbStatus.SW_HARDENING_NEEDED,
    "ConfigurationAndSWHardeningNeeded": TcbStatus.CONFIGURATION_AND_SW_HARDENING_NEEDED,
    "ConfigurationNeeded": TcbStatus.CONFIGURATION_NEEDED,
    "OutOfDate": TcbStatus.OUT_OF_DATE,
    "OutOfDateConfigurationNeeded": TcbStatus.OUT_OF_DATE_CONFIGURATION_NEEDED,
    "Revoked": TcbStatus.REVOKED,
}
"""Intel's names; any other is refused."""
_SEVERITY = {
    TcbStatus.OK: 0,
    TcbStatus.SW_HARDENING_NEEDED: 1,
    TcbStatus.CONFIGURATION_NEEDED: 2,
    TcbStatus.CONFIGURATION_AND_SW_HARDENING_NEEDED: 3,
    TcbStatus.OUT_OF_DATE: 4,
    TcbStatus.OUT_OF_DATE_CONFIGURATION_NEEDED: 5,
    TcbStatus.REVOKED: 6,
    TcbStatus.UNRECOGNIZED: 7,
}
_CONFIGURATION = (
    TcbStatus.CONFIGURATION_NEEDED,
    TcbStatus.CONFIGURATION_AND_SW_HARDENING_NEEDED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a TCB level says of those who are on it."""

    status: TcbStatus
    """How current the level is."""
    advisories: tuple[str, ...]
    """What is known against it."""
    date: int
    """Unix seconds: all that was known up to then is dealt with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SvnLevel:
    """A level of a quoting enclave or TDX module: from this security version on."""

    svn: int
    """Least ISVSVN."""
    standing: Standing
    """What it says."""


def merge(platform: Standing, part: Standing) -> Standing:
    """Return a platform's standing in view of its quoting enclave's or TDX module's.

    As Intel's verification library: a part that is out of date makes a platform out of date, and
    one that needs configuration OutOfDateConfigurationNeeded. Otherwise the worse of the two.
    """
    worse = max(platform.status, part.status, key=_SEVERITY.__getitem__)
    if part.status is TcbStatus.OUT_OF_DATE and platform.status in _CONFIGURATION:
        worse = TcbStatus.OUT_OF_DATE_CONFIGURATION_NEEDED
    return Standing(
        status=worse,
        advisories=tuple(sorted({*platform.advisories, *part.advisories})),
        date=min(platform.date, part.date),
    )


def at_least_as_bad(status: TcbStatus, other: TcbStatus) -> bool:
    """Whether a status is no better than another."""
    return _SEVERITY[status] >= _SEVERITY[other]


def parse_standing(level: Document) -> Standing:
    """Return status, advisories and date of a level; EvidenceFormatError for an unknown status."""
    name = level.text("tcbStatus")
    check_status_name(name)
    return Standing(
        status=STATUS_NAMES.get(name, TcbStatus.UNRECOGNIZED),
        advisories=level.advisories(),
        date=level.date("tcbDate"),
    )


def check_status_name(name: str) -> None:
    """Refuse a status that Intel does not define."""
    if name not in STATUS_NAMES:
        expected = "one of " + ", ".join(STATUS_NAMES)
        raise EvidenceFormatError("tcbStatus", expected=expected, actual=name)


def parse_svn_levels(levels: list[Document], most: int, what: str) -> tuple[SvnLevel, ...]:
    """Return levels by falling security version, each once; at least one."""
    parsed = [
        SvnLevel(svn=level.member("tcb").number("isvsvn", most), standing=parse_standing(level))
        for level in levels
    ]
    parsed.sort(key=lambda level: level.svn, reverse=True)
    if not parsed or len({level.svn for level in parsed}) != len(parsed):
        actual = [level.svn for level in parsed]
        raise EvidenceFormatError(f"{what}.tcbLevels", expected="distinct levels", actual=actual)
    return tuple(parsed)
