"""What simulated collateral says: specifications, and the JSON of TCB info and QE identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from coprove.attestation.simulation.pck import PlatformSpec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DAY",
    "DEFAULT_START",
    "QE_SIGNER",
    "TD_QE_SIGNER",
    "CollateralSpec",
    "LevelSpec",
    "ModuleSpec",
    "qe_identity_json",
    "tcb_info_json",
]

DEFAULT_START: Final = 1_750_000_000
"""When simulated collateral is issued unless another time is given, Unix seconds."""
DAY: Final = 86_400
"""Seconds."""
QE_SIGNER: Final = hashlib.sha256(b"coprove simulation: QE signer").digest()
"""MRSIGNER of the simulated quoting enclave."""
TD_QE_SIGNER: Final = hashlib.sha256(b"coprove simulation: TD QE signer").digest()
"""MRSIGNER of the simulated quoting enclave for TDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSpec:
    """A TCB level of a platform."""

    components: tuple[int, ...] = (5,) * 16
    """SGX components' least versions."""
    pce_svn: int = 13
    """Least PCESVN."""
    tdx_components: tuple[int, ...] = (5, 0, 2, *(0,) * 13)
    """TDX components' least versions; left out for SGX."""
    status: str = "UpToDate"
    """In Intel's words."""
    advisories: tuple[str, ...] = ()
    """What is known against it."""
    date: int = DEFAULT_START - 365 * DAY
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSpec:
    """A TDX module identity."""

    version: int
    """Major version, 1 to 255."""
    levels: tuple[tuple[int, str], ...] = ((3, "UpToDate"), (1, "OutOfDate"))
    """Least ISVSVN and status, best first."""
    mr_signer: bytes = bytes(48)
    """48 bytes."""
    attributes: bytes = bytes(8)
    """8 bytes."""
    mask: bytes = b"\xff" * 8
    """8 bytes."""


_LEVELS: Final = (
    LevelSpec(),
    LevelSpec(components=(4,) * 16, status="SWHardeningNeeded", advisories=("INTEL-SA-00615",)),
    LevelSpec(components=(3,) * 16, status="ConfigurationNeeded"),
    LevelSpec(components=(2,) * 16, pce_svn=5, status="OutOfDate", advisories=("INTEL-SA-00477",)),
    LevelSpec(components=(1,) * 16, pce_svn=5, status="Revoked"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralSpec:
    """What collateral is to say, and who is revoked."""

    tdx: bool = False
    """TCB info and QE identity for TDX, not for SGX."""
    platform: PlatformSpec = field(default_factory=PlatformSpec)
    """Whose FMSPC, PCEID and CA."""
    levels: tuple[LevelSpec, ...] = _LEVELS
    """Best first."""
    modules: tuple[ModuleSpec, ...] = (ModuleSpec(version=1), ModuleSpec(version=3))
    """Of TDX."""
    qe_levels: tuple[tuple[int, str], ...] = ((8, "UpToDate"), (6, "OutOfDate"), (1, "Revoked"))
    """Least ISVSVN and status of the quoting enclave, best first."""
    evaluation_number: int = 17
    """tcbEvaluationDataNumber of both documents."""
    valid_for: int = 30 * DAY
    """Seconds from the simulation's start to nextUpdate of all documents and lists."""
    revoked_platforms: tuple[int, ...] = ()
    """Serials in the PCK CA's list."""
    revoked_authorities: tuple[int, ...] = ()
    """Serials in the root's list."""
    edit_tcb_info: Callable[[dict[str, Any]], object] | None = None
    """Changes the TCB info before it is signed."""
    edit_qe_identity: Callable[[dict[str, Any]], object] | None = None
    """Changes the QE identity before it is signed."""


def tcb_info_json(spec: CollateralSpec, start: int) -> dict[str, Any]:
    """Return the TCB info before it is written and signed."""
    document: dict[str, Any] = {
        "id": "TDX" if spec.tdx else "SGX",
        "version": 3,
        "issueDate": _date(start),
        "nextUpdate": _date(start + spec.valid_for),
        "fmspc": spec.platform.fmspc.hex().upper(),
        "pceId": spec.platform.pce_id.hex().upper(),
        "tcbType": 0,
        "tcbEvaluationDataNumber": spec.evaluation_number,
    }
    if spec.tdx:
        document["tdxModule"] = _module(ModuleSpec(version=0))
        document["tdxModuleIdentities"] = [
            {
                "id": f"TDX_{module.version:02X}",
                **_module(module),
                "tcbLevels": _svn_levels(module.levels),
            }
            for module in spec.modules
        ]
    document["tcbLevels"] = [_level(level, tdx=spec.tdx) for level in spec.levels]
    if spec.edit_tcb_info:
        spec.edit_tcb_info(document)
    return document


def qe_identity_json(spec: CollateralSpec, start: int) -> dict[str, Any]:
    """Return the QE identity before it is written and signed."""
    document: dict[str, Any] = {
        "id": "TD_QE" if spec.tdx else "QE",
        "version": 2,
        "issueDate": _date(start),
        "nextUpdate": _date(start + spec.valid_for),
        "tcbEvaluationDataNumber": spec.evaluation_number,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": (TD_QE_SIGNER if spec.tdx else QE_SIGNER).hex().upper(),
        "isvprodid": 2 if spec.tdx else 1,
        "tcbLevels": _svn_levels(spec.qe_levels),
    }
    if spec.edit_qe_identity:
        spec.edit_qe_identity(document)
    return document


def _level(level: LevelSpec, *, tdx: bool) -> dict[str, Any]:
    tcb: dict[str, Any] = {
        "sgxtcbcomponents": [{"svn": svn} for svn in level.components],
        "pcesvn": level.pce_svn,
    }
    if tdx:
        tcb["tdxtcbcomponents"] = [{"svn": svn} for svn in level.tdx_components]
    entry = {"tcb": tcb, "tcbDate": _date(level.date), "tcbStatus": level.status}
    return entry | ({"advisoryIDs": list(level.advisories)} if level.advisories else {})


def _svn_levels(levels: tuple[tuple[int, str], ...]) -> list[dict[str, Any]]:
    date = _date(DEFAULT_START - 365 * DAY)
    return [
        {"tcb": {"isvsvn": svn}, "tcbDate": date, "tcbStatus": status} for svn, status in levels
    ]


def _module(module: ModuleSpec) -> dict[str, Any]:
    return {
        "mrsigner": module.mr_signer.hex().upper(),
        "attributes": module.attributes.hex().upper(),
        "attributesMask": module.mask.hex().upper(),
    }


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
