"""Intel's TCB info, version 3: the TCB levels of one kind of platform.

Source: Intel SGX and TDX Provisioning Certification Service API, version 4, "Get TCB Info".
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import ge
from typing import TYPE_CHECKING

from coprove.attestation.dcap.documents import Document, parse_document
from coprove.attestation.dcap.levels import Standing, SvnLevel, parse_standing, parse_svn_levels
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TcbInfo", "TcbLevel", "TdxModule", "parse_tcb_info"]

_WHAT = "TCB info"
_COMPONENTS = 16
_MAX_LEVELS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbLevel:
    """A level: the least security versions of all parts."""

    sgx_components: tuple[int, ...]
    """Sixteen, 0 to 255; compared with the PCK's."""
    pce_svn: int
    """u16; compared with the PCK's."""
    tdx_components: tuple[int, ...]
    """Sixteen for TDX, compared with the TD report's `tee_tcb_svn`; none for SGX."""
    standing: Standing
    """What the level says."""

    @property
    def order(self) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
        """What levels are ordered by."""
        return self.sgx_components, self.pce_svn, self.tdx_components


@dataclass(frozen=True, slots=True, kw_only=True)
class TdxModule:
    """What a TDX module must be."""

    version: int | None
    """Major version, from the id TDX_XX; None for `tdxModule`, which is of version 0."""
    mr_signer: bytes
    """48 bytes; zero for Intel's."""
    attributes: bytes
    """8 bytes, what SEAMATTRIBUTES must be under the mask."""
    attributes_mask: bytes
    """8 bytes."""
    levels: tuple[SvnLevel, ...]
    """By falling version; none for `tdxModule`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbInfo:
    """The document, parsed."""

    id: str
    """`SGX` or `TDX`."""
    issue_date: int
    """Unix seconds."""
    next_update: int
    """Unix seconds, inclusive."""
    fmspc: bytes
    """6 bytes: the kind of platform."""
    pce_id: bytes
    """2 bytes."""
    evaluation_number: int
    """tcbEvaluationDataNumber: rises with every TCB recovery."""
    levels: tuple[TcbLevel, ...]
    """By falling components, PCESVN and TDX components, whatever the document's order."""
    modules: tuple[TdxModule, ...]
    """TDX only: `tdxModule`, then `tdxModuleIdentities`."""

    def level_of(
        self, components: tuple[int, ...], pce_svn: int, tee_tcb_svn: bytes | None
    ) -> TcbLevel | None:
        """Return the first level of which a platform has all versions; None when there is none.

        `tee_tcb_svn` is the TD report's, None for SGX. From module version 1 on its first two
        bytes are judged by the module's identity and not here, as the API's documentation has it.
        """
        for level in self.levels:
            if (
                _covers(components, level.sgx_components)
                and pce_svn >= level.pce_svn
                and (tee_tcb_svn is None or _covers_td(tee_tcb_svn, level.tdx_components))
            ):
                return level
        return None

    def module_of(self, version: int) -> TdxModule | None:
        """Return what a TDX module of a major version must be; None when none is known."""
        wanted = version or None
        return next((module for module in self.modules if module.version == wanted), None)


def _covers(have: Iterable[int], least: Iterable[int]) -> bool:
    return all(map(ge, have, least))


def _covers_td(tee_tcb_svn: bytes, least: tuple[int, ...]) -> bool:
    first = 2 if tee_tcb_svn[1] else 0
    return _covers(tee_tcb_svn[first:], least[first:])


def parse_tcb_info(text: str) -> TcbInfo:
    """Parse the signed text; EvidenceFormatError names the member that is not as it must be."""
    document = parse_document(text, _WHAT)
    kind = document.text("id")
    if kind not in ("SGX", "TDX"):
        raise EvidenceFormatError(f"{_WHAT}.id", expected="SGX or TDX", actual=kind)
    document.require("version", 3)
    document.require("tcbType", 0)
    levels = [_level(level, tdx=kind == "TDX") for level in document.members("tcbLevels")]
    if not 0 < len({level.order for level in levels}) == len(levels) <= _MAX_LEVELS:
        expected = f"1 to {_MAX_LEVELS} distinct levels"
        raise EvidenceFormatError(f"{_WHAT}.tcbLevels", expected=expected, actual=len(levels))
    return TcbInfo(
        id=kind,
        issue_date=document.date("issueDate"),
        next_update=document.date("nextUpdate"),
        fmspc=document.hex("fmspc", 6),
        pce_id=document.hex("pceId", 2),
        evaluation_number=document.number("tcbEvaluationDataNumber", 2**32 - 1),
        levels=order_levels(levels),
        modules=_modules(document) if kind == "TDX" else (),
    )


def order_levels(levels: list[TcbLevel]) -> tuple[TcbLevel, ...]:
    """Return levels best first: the order in a document is Intel's word for nothing."""
    return tuple(sorted(levels, key=lambda level: level.order, reverse=True))


def _level(level: Document, *, tdx: bool) -> TcbLevel:
    tcb = level.member("tcb")
    return TcbLevel(
        sgx_components=_components(tcb, "sgxtcbcomponents"),
        pce_svn=tcb.number("pcesvn", 0xFFFF),
        tdx_components=_components(tcb, "tdxtcbcomponents") if tdx else (),
        standing=parse_standing(level),
    )


def _components(tcb: Document, name: str) -> tuple[int, ...]:
    components = tcb.numbers(name, "svn", 0xFF)
    check_component_count(components, name)
    return components


def check_component_count(components: tuple[int, ...], name: str) -> None:
    """Refuse a level that says nothing of some components."""
    if len(components) != _COMPONENTS:
        expected = f"{_COMPONENTS} components"
        raise EvidenceFormatError(f"{_WHAT}.{name}", expected=expected, actual=len(components))


def _modules(document: Document) -> tuple[TdxModule, ...]:
    modules = [_module(document.member("tdxModule"), None, ())]
    if "tdxModuleIdentities" in document:
        for identity in document.members("tdxModuleIdentities"):
            name = identity.text("id")
            version = _module_version(name)
            levels = parse_svn_levels(identity.members("tcbLevels"), 0xFF, name)
            modules.append(_module(identity, version, levels))
    if len({module.version for module in modules}) != len(modules):
        what = f"{_WHAT}.tdxModuleIdentities"
        raise EvidenceFormatError(what, expected="distinct ids", actual=len(modules))
    return tuple(modules)


def _module(module: Document, version: int | None, levels: tuple[SvnLevel, ...]) -> TdxModule:
    return TdxModule(
        version=version,
        mr_signer=module.hex("mrsigner", 48),
        attributes=module.hex("attributes", 8),
        attributes_mask=module.hex("attributesMask", 8),
        levels=levels,
    )


def _module_version(name: str) -> int:
    """Return XX of TDX_XX."""
    digits = name.removeprefix("TDX_")
    try:
        version = int(digits, 16) if len(digits) == 2 and len(name) == 6 else 0
    except ValueError:
        version = 0
    if version == 0:
        what = f"{_WHAT}.tdxModuleIdentities.id"
        raise EvidenceFormatError(what, expected="TDX_01 to TDX_FF", actual=name)
    return version
