"""Each forgery of the adversarial list is refused for its reason, and only its guards stop it."""

from typing import Any

import pytest

from coprove.attestation import EvidenceFormatError, EvidenceRejectedError, Rejection, TcbStatus
from coprove.attestation.dcap import chains, checks, levels, quote, tcb_info, verified_collateral
from tests.unit.attestation import test_appraisal
from tests.unit.attestation.dcap.adversarial import ROWS, Row, forgery, intel

PEER = "quote:dcap-qvl"
TABLES: dict[str, dict[str, Any]] = {
    "quote": checks.QUOTE_CHECKS,
    "collateral": verified_collateral.COLLATERAL_CHECKS,
    "chain": chains.CHAIN_RULES,
    "crl": chains.CRL_RULES,
    "rule": quote.RULES,
}
MODULES = {"quote": quote, "tcb_info": tcb_info, "levels": levels}
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))


def reason_of(error: Exception) -> Rejection:
    assert isinstance(error, EvidenceRejectedError | EvidenceFormatError)
    return error.reason


def take_out(patch: pytest.MonkeyPatch, *guards: str) -> None:
    """Remove checks from their tables; a function that checks does nothing any more."""
    for guard in guards:
        kind, _, name = guard.partition(":")
        if kind == "function":
            module, _, function = name.partition(".")
            patch.setattr(MODULES[module], function, lambda *_arguments: None)
        else:
            assert name in TABLES[kind]
            patch.setitem(TABLES[kind], name, lambda *_arguments: "taken out")


@rows
def test_a_forgery_is_refused_for_its_reason(row: Row) -> None:
    """With all guards."""
    forged = row.make(intel())
    with pytest.raises((EvidenceRejectedError, EvidenceFormatError)) as refusal:
        forged.verify()
    assert reason_of(refusal.value) is row.reason


@rows
def test_without_its_guards_a_forgery_is_accepted(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nothing else of ours stops it: take a guard out and the row fails."""
    take_out(monkeypatch, *row.guards, PEER)
    assert row.make(intel()).verify().simulated


@rows
def test_each_guard_of_a_row_is_needed_or_doubled(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any guard that is left in stops the forgery on its own."""
    for left in row.guards if len(row.guards) > 1 else ():
        with monkeypatch.context() as patch:
            take_out(patch, *(guard for guard in row.guards if guard != left), PEER)
            with pytest.raises((EvidenceRejectedError, EvidenceFormatError)):
                row.make(intel()).verify()


@rows
def test_what_dcap_qvl_alone_would_say(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that it lets through are why there is more than it."""
    take_out(monkeypatch, *row.guards)
    forged = row.make(intel())
    if not row.peer:
        assert forged.verify().simulated
        return
    with pytest.raises(EvidenceRejectedError, match="dcap-qvl"):
        forged.verify()


def test_every_check_is_the_guard_of_a_row() -> None:
    """None could be dropped unnoticed."""
    used = {guard for row in ROWS for guard in row.guards} | {PEER}
    known = {f"{kind}:{name}" for kind, table in TABLES.items() for name in table}
    assert known - used == set()


def test_every_row_that_concerns_dcap_off_chain_is_a_test() -> None:
    """28 and 34 are no refusals (test_levels.py); 42 is the chain's, 43 SNP's and 44 Nitro's."""
    here = {int(row.name.split()[0]) for row in ROWS if row.name[0].isdigit()}
    policys = {int(name.split()[0]) for name in test_appraisal.ROWS if name[0].isdigit()}
    assert here | policys | {28, 34} == set(range(1, 46)) - {42, 43, 44}


def test_what_the_forgeries_are_made_from_is_in_order() -> None:
    """With nothing forged it is accepted, as up to date."""
    assert forgery(intel()).verify().tcb_status is TcbStatus.OK
