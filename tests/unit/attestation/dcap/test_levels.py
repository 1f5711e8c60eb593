"""TCB levels: which one a platform is on, whatever their order, and Intel's merge of statuses."""

import random
from dataclasses import replace
from typing import Any

import pytest

from coprove.attestation import Claims, TcbStatus
from coprove.attestation.dcap import TdReport15, parse_quote, tcb_info
from coprove.attestation.dcap.levels import STATUS_NAMES, Standing, at_least_as_bad, merge
from coprove.attestation.simulation import (
    CollateralSpec,
    LevelSpec,
    ModuleSpec,
    PlatformSpec,
    td_report,
)
from tests.unit.attestation.dcap.adversarial import forgery, intel

S = TcbStatus
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def standing(status: TcbStatus, *advisories: str, date: int = 0) -> Standing:
    return Standing(status=status, advisories=advisories, date=date)


@pytest.mark.parametrize(
    ("platform", "part", "merged"),
    [
        (S.OK, S.OK, S.OK),
        (S.SW_HARDENING_NEEDED, S.OK, S.SW_HARDENING_NEEDED),
        (S.OK, S.OUT_OF_DATE, S.OUT_OF_DATE),
        (S.SW_HARDENING_NEEDED, S.OUT_OF_DATE, S.OUT_OF_DATE),
        (S.CONFIGURATION_NEEDED, S.OUT_OF_DATE, S.OUT_OF_DATE_CONFIGURATION_NEEDED),
        (
            S.CONFIGURATION_AND_SW_HARDENING_NEEDED,
            S.OUT_OF_DATE,
            S.OUT_OF_DATE_CONFIGURATION_NEEDED,
        ),
        (S.OUT_OF_DATE, S.OUT_OF_DATE, S.OUT_OF_DATE),
        (
            S.OUT_OF_DATE_CONFIGURATION_NEEDED,
            S.OUT_OF_DATE,
            S.OUT_OF_DATE_CONFIGURATION_NEEDED,
        ),
        (S.OK, S.REVOKED, S.REVOKED),
        (S.REVOKED, S.OK, S.REVOKED),
    ],
)
def test_statuses_merge_as_intel_does(
    platform: TcbStatus, part: TcbStatus, merged: TcbStatus
) -> None:
    """A part that is out of date and a platform that needs configuration give both."""
    assert merge(standing(platform), standing(part)).status is merged


def test_a_merge_is_never_better_than_a_part() -> None:
    """Whatever the two are; advisories come from both, the date is the older."""
    for one in STATUS_NAMES.values():
        for other in STATUS_NAMES.values():
            merged = merge(standing(one, "A", date=2), standing(other, "B", date=1))
            assert at_least_as_bad(merged.status, one)
            assert at_least_as_bad(merged.status, other)
            assert (merged.advisories, merged.date) == (("A", "B"), 1)


@pytest.mark.parametrize(
    ("components", "pce_svn", "qe_svn", "status"),
    [
        (5, 13, 8, S.OK),
        (6, 14, 9, S.OK),
        (4, 13, 8, S.SW_HARDENING_NEEDED),
        (5, 12, 8, S.OUT_OF_DATE),
        (5, 13, 7, S.OUT_OF_DATE),
        (4, 13, 6, S.OUT_OF_DATE),
        (3, 13, 8, S.CONFIGURATION_NEEDED),
        (3, 13, 6, S.OUT_OF_DATE_CONFIGURATION_NEEDED),
        (2, 5, 8, S.OUT_OF_DATE),
    ],
)
def test_a_platform_is_on_the_best_level_it_reaches(
    components: int, pce_svn: int, qe_svn: int, status: TcbStatus
) -> None:
    """All sixteen components and PCESVN count; the quoting enclave's level is merged in."""
    made = forgery(
        intel(),
        platform=PlatformSpec(components=(components,) * 16, pce_svn=pce_svn),
        edit_qe_report=lambda report: replace(report, isv_svn=qe_svn),
    )
    assert made.verify().tcb_status is status


def test_one_low_component_is_enough() -> None:
    """The last of sixteen is compared like the first."""
    made = forgery(intel(), platform=PlatformSpec(components=(5,) * 15 + (3,)))
    assert made.verify().tcb_status is S.CONFIGURATION_NEEDED


def shuffled(seed: int) -> Claims:
    def edit(document: dict[str, Any]) -> None:
        random.Random(seed).shuffle(document["tcbLevels"])

    made = forgery(intel(), spec=CollateralSpec(edit_tcb_info=edit))
    return made.verify()


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_levels_in_the_document_does_not_matter(seed: int) -> None:
    """Row 28: levels are ordered by what they demand."""
    assert shuffled(seed).tcb_status is S.OK


def test_levels_are_ordered_by_sgx_components_then_pcesvn_then_tdx_components() -> None:
    """As Intel's verification library does: a platform may be on several."""
    demands = ((5, 1, 0), (4, 9, 0), (4, 8, 9), (4, 8, 8))
    levels = tuple(
        LevelSpec(components=(sgx,) * 16, pce_svn=pce_svn, tdx_components=(tdx,) * 16)
        for sgx, pce_svn, tdx in demands
    )
    spec = CollateralSpec(tdx=True, levels=levels[::-1])
    ordered = tcb_info.parse_tcb_info(intel().collateral(spec).tcb_info).levels
    assert [
        (level.sgx_components[0], level.pce_svn, level.tdx_components[0]) for level in ordered
    ] == list(demands)


def test_without_the_ordering_shuffled_levels_give_another_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So the ordering is what stops row 28; the second opinion does not mind a worse status."""
    monkeypatch.setattr(tcb_info, "order_levels", tuple)
    statuses = {shuffled(seed).tcb_status for seed in (1, 2, 4)}
    assert statuses - {S.OK}


@pytest.mark.parametrize(
    ("svn", "status"),
    [
        ((5, 1, 2), S.OK),
        ((2, 1, 2), S.OUT_OF_DATE),
        ((3, 3, 2), S.OK),
        ((5, 0, 2), S.OK),
    ],
    ids=["module-1", "old-module-1", "module-3", "module-0"],
)
def test_a_tdx_module_is_judged_by_its_own_identity(
    svn: tuple[int, int, int], status: TcbStatus
) -> None:
    """From version 1 on its ISVSVN counts against its identity's levels, not the platform's."""
    made = forgery(intel(), body=td_report(tee_tcb_svn=bytes((*svn, *(0,) * 13))))
    assert made.verify().tcb_status is status


@pytest.mark.parametrize(
    ("svn", "status"),
    [
        ((5, 1, 1), S.OUT_OF_DATE),
        ((4, 1, 2), S.OK),
        ((4, 0, 2), S.OUT_OF_DATE),
    ],
    ids=["third", "first-of-module-1", "first-of-module-0"],
)
def test_tdx_components_count(svn: tuple[int, int, int], status: TcbStatus) -> None:
    """All sixteen of module version 0, of later ones all but the first two."""
    levels = (
        LevelSpec(),
        LevelSpec(status="OutOfDate", tdx_components=(0,) * 16),
    )
    made = forgery(
        intel(),
        body=td_report(tee_tcb_svn=bytes((*svn, *(0,) * 13))),
        spec=CollateralSpec(tdx=True, levels=levels),
    )
    assert made.verify().tcb_status is status


def test_an_out_of_date_module_on_a_platform_that_needs_configuration() -> None:
    """Gives OutOfDateConfigurationNeeded; dcap-qvl would call it OutOfDate."""
    spec = CollateralSpec(
        tdx=True,
        levels=(LevelSpec(status="ConfigurationNeeded"),),
        modules=(ModuleSpec(version=1, levels=((9, "UpToDate"), (1, "OutOfDate"))),),
    )
    claims = forgery(intel(), body=td_report(), spec=spec).verify()
    assert claims.tcb_status is S.OUT_OF_DATE_CONFIGURATION_NEEDED


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ((LevelSpec(),), S.OUT_OF_DATE),
        ((LevelSpec(status="ConfigurationNeeded"),), S.OUT_OF_DATE_CONFIGURATION_NEEDED),
    ],
    ids=["up-to-date", "configuration-needed"],
)
def test_a_module_that_was_updated_below_a_running_td_leaves_it_out_of_date(
    levels: tuple[LevelSpec, ...], status: TcbStatus
) -> None:
    """TEE_TCB_SVN2 is the module's that runs now; what the TD was launched under still counts.

    Intel and dcap-qvl advise to launch it again: for a policy that is out of date, and no more.
    """
    old, now = bytes((2, 1, 2, *(0,) * 13)), bytes((3, 1, 2, *(0,) * 13))
    body = td_report(tee_tcb_svn=old, service_td=bytes(48))
    assert isinstance(body, TdReport15)
    spec = CollateralSpec(tdx=True, levels=levels)
    made = forgery(intel(), body=replace(body, tee_tcb_svn2=now), spec=spec, version=5)
    assert made.verify().tcb_status is status


def test_a_malleated_signature_is_the_same_evidence() -> None:
    """Row 34: (r, n - s) holds as well; what replay is known by covers no signature.

    It cannot be refused by its form: Intel's quoting enclaves sign with s in either half.
    """
    made = forgery(intel())
    at = 48 + 384 + 4 + 32
    s = int.from_bytes(made.quote[at : at + 32], "big")
    other = made.quote[:at] + (P256_ORDER - s).to_bytes(32, "big") + made.quote[at + 32 :]
    assert other != made.quote
    claims = replace(made, quote=other).verify()
    assert claims.replay_key == made.verify().replay_key == parse_quote(made.quote).replay_key
