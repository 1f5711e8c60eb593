"""Intel's documents: each rule about what they say refuses what breaks it, and names the member."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coprove.attestation import EvidenceFormatError, EvidenceRejectedError, Rejection, TcbStatus
from coprove.attestation.dcap import parse_qe_identity, parse_tcb_info
from coprove.attestation.simulation import CollateralSpec, LevelSpec, ModuleSpec, td_report
from tests.unit.attestation.dcap.adversarial import forgery, intel

Edit = Callable[[dict[str, Any]], object]
LEVELS = tuple(LevelSpec(pce_svn=number) for number in range(257))


def member(name: str, value: object) -> Edit:
    """Return an edit that sets a member."""
    return lambda document: document.__setitem__(name, value)


def again(*path: str | int) -> Edit:
    """Return an edit that repeats the last element of an array with another status."""

    def edit(document: Any) -> None:
        for step in path:
            document = document[step]
        document.append({**document[-1], "tcbStatus": "UpToDate"})

    return edit


def named(*names: str) -> Edit:
    """Return an edit that gives the TDX module identities other ids."""

    def edit(document: dict[str, Any]) -> None:
        for identity, name in zip(document["tdxModuleIdentities"], names, strict=False):
            identity["id"] = name

    return edit


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (member("id", "TDX2"), "id"),
        (member("version", 2), "version"),
        (member("version", "3"), "version"),
        (member("tcbType", 1), "tcbType"),
        (member("fmspc", "00"), "fmspc"),
        (member("pceId", "000g"), "pceId"),
        (member("tcbEvaluationDataNumber", 1 << 32), "tcbEvaluationDataNumber"),
        (member("issueDate", "2025-02-30T00:00:00Z"), "issueDate"),
        (member("nextUpdate", "2025-06-30 00:00:00Z"), "nextUpdate"),
        (member("tcbLevels", []), "tcbLevels"),
        (again("tcbLevels"), "tcbLevels"),
        (lambda document: document.pop("tdxModule"), "tdxModule"),
        (named("TDX_01", "TDX_01"), "tdxModuleIdentities"),
        (named("TDX_0A", "TDX_0a"), "tdxModuleIdentities"),
        (named("TDX_00"), "id"),
        (named("TDX_1"), "id"),
        (named("TDX_001"), "id"),
        (named("tdx_01"), "id"),
        (again("tdxModuleIdentities", 0, "tcbLevels"), "tcbLevels"),
    ],
)
def test_tcb_info_that_says_something_else_is_refused(edit: Edit, what: str) -> None:
    """It was signed like that: no signature stands in for a rule."""
    spec = CollateralSpec(tdx=True, edit_tcb_info=edit)
    with pytest.raises(EvidenceFormatError) as error:
        parse_tcb_info(intel().collateral(spec).tcb_info)
    assert error.value.what.endswith(what)


def test_tcb_info_has_at_most_256_levels() -> None:
    """One more is refused."""
    vendor = intel()
    parse_tcb_info(vendor.collateral(CollateralSpec(levels=LEVELS[:-1])).tcb_info)
    with pytest.raises(EvidenceFormatError, match="tcbLevels"):
        parse_tcb_info(vendor.collateral(CollateralSpec(levels=LEVELS)).tcb_info)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (member("id", "QVE"), "id"),
        (member("version", 1), "version"),
        (member("miscselect", "0000"), "miscselect"),
        (member("attributesMask", "FF"), "attributesMask"),
        (member("mrsigner", "00" * 31), "mrsigner"),
        (member("isvprodid", 1 << 16), "isvprodid"),
        (member("tcbLevels", []), "tcbLevels"),
        (again("tcbLevels"), "tcbLevels"),
    ],
)
def test_a_qe_identity_that_says_something_else_is_refused(edit: Edit, what: str) -> None:
    """As with TCB info."""
    with pytest.raises(EvidenceFormatError) as error:
        parse_qe_identity(intel().collateral(CollateralSpec(edit_qe_identity=edit)).qe_identity)
    assert error.value.what.endswith(what)


def test_the_order_of_a_quoting_enclaves_levels_does_not_matter() -> None:
    """The highest that it reaches is its own."""
    levels = ((1, "Revoked"), (6, "OutOfDate"), (8, "UpToDate"))
    document = intel().collateral(CollateralSpec(qe_levels=levels)).qe_identity
    assert [level.svn for level in parse_qe_identity(document).levels] == [8, 6, 1]


def test_masks_say_which_bits_count() -> None:
    """MISCSELECT is a little-endian number, ATTRIBUTES and its mask are bytes in order."""

    def edit(document: dict[str, Any]) -> None:
        document.update(miscselect="01000000", miscselectMask="01000000")
        document.update(attributes="11" + "00" * 15, attributesMask="FB" + "00" * 15)

    def misc(value: int) -> TcbStatus:
        made = forgery(
            intel(),
            spec=CollateralSpec(edit_qe_identity=edit),
            edit_qe_report=lambda report: replace(report, misc_select=value),
        )
        return made.verify().tcb_status

    assert misc(0xFFFF_FF01) is TcbStatus.OK
    with pytest.raises(EvidenceRejectedError) as refusal:
        misc(0x0100_0000)
    assert refusal.value.reason is Rejection.QUOTING_ENCLAVE


def test_a_tdx_module_below_all_its_levels_is_refused() -> None:
    """It is not merely out of date."""
    body = td_report(tee_tcb_svn=bytes((0, 1, 2, *(0,) * 13)))
    with pytest.raises(EvidenceRejectedError, match="below all its levels") as refusal:
        forgery(intel(), body=body).verify()
    assert refusal.value.reason is Rejection.TCB_STATUS


def test_seam_attributes_outside_the_mask_are_none() -> None:
    """What nobody said anything of must be zero."""
    spec = CollateralSpec(tdx=True, modules=(ModuleSpec(version=1, mask=bytes(8)),))
    body = replace(td_report(), seam_attributes=bytes(7) + b"\x80")
    with pytest.raises(EvidenceRejectedError, match="SEAM attributes") as refusal:
        forgery(intel(), body=body, spec=spec).verify()
    assert refusal.value.reason is Rejection.PLATFORM
