"""Against dcap-qvl: real and simulated evidence and a thousand mutations of it.

Ours runs without its second opinion here, so that the two are independent. It accepts nothing that
dcap-qvl rejects, agrees with it on what both accept, and where it is stricter the reason is one of
a list.
"""

import random
import re
from collections import Counter

import dcap_qvl
import pytest

from coprove.attestation import EvidenceFormatError, EvidenceRejectedError
from coprove.attestation.dcap import INTEL_ROOT, RootCertificate, checks, verify_quote
from coprove.attestation.dcap.levels import STATUS_NAMES, at_least_as_bad
from coprove.attestation.simulation import CollateralSpec, QuoteSpec, SimulatedIntel, td_report
from tests.unit.attestation.dcap.mutations import KINDS, Presented, mutate
from tests.unit.attestation.dcap.vectors import GENUINE, collateral_of, quote_of

ROUNDS, MUTATIONS = 4, 84
STRICTER = {
    "bytes behind the quote": r"behind the quote",
    "signature data longer than its parts": r"signature data size",
    "outer certification data of another type": r"outer certification type",
    "more certificates than the chain has": r"chain: expected \d certificates",
    "certificates in another order": r"chain: expected Intel SGX .*, got",
    "the PCK CRL's issuer chain, which dcap-qvl does not read": r"PCK CRL chain",
    "another root, or none, at the end of the chain": r"chain: ends at .*, not at the pinned root",
    "text between certificates": r"chain: expected at most 4 PEM certificates and nothing else",
    "a root that does not parse": r"\[\d\]: expected an X.509 certificate",
    "a root outside the profile": r"chain \[\d\]",
    "PEM text that is no base64": r"chain: expected base64",
    "CRL of the future": r"CRL: is of \d+, after",
    "issuer's names differ": r"was not issued by",
}
"""What ours refuses and dcap-qvl may accept, with what the refusal says."""


def theirs(it: Presented, root: RootCertificate) -> str | None:
    """Return dcap-qvl's status, None when it refuses."""
    values = {name: getattr(it.collateral, name) for name in it.collateral.__slots__}
    try:
        collateral = dcap_qvl.QuoteCollateralV3(**values)
        report = dcap_qvl.verify_with_root_ca(it.quote, collateral, root.der, it.at)
    except ValueError:
        return None
    status: str = report.status
    return status


def listed(kind: str, refusal: str) -> str:
    """Return why ours is stricter; it must be on the list."""
    known = [name for name, form in STRICTER.items() if re.search(form, refusal)]
    assert known, f"{kind}: stricter than dcap-qvl for no listed reason: {refusal}"
    return known[0]


def compare(kind: str, it: Presented, root: RootCertificate) -> str:
    """Return the verdict on one presentation, after both have been held against each other."""
    peer = theirs(it, root)
    try:
        claims = verify_quote(it.quote, it.collateral, at=it.at, root=root)
    except (EvidenceRejectedError, EvidenceFormatError) as error:
        if peer is None:
            return "both refuse"
        return listed(kind, str(error))
    assert peer is not None, f"{kind}: accepted, and dcap-qvl refuses it"
    assert at_least_as_bad(claims.tcb_status, STATUS_NAMES[peer]), kind
    return "both accept"


@pytest.fixture(autouse=True)
def _no_second_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.QUOTE_CHECKS, "dcap-qvl", lambda _examination: "left out")


def presented(name: str) -> tuple[Presented, RootCertificate]:
    if name.startswith("simulated"):
        vendor = SimulatedIntel("differential")
        body = td_report(service_td=bytes(48) if name.endswith("td15") else None)
        it = Presented(
            quote=vendor.quote(QuoteSpec(body=body, version=5, padding=20)),
            collateral=vendor.collateral(CollateralSpec(tdx=True)),
            at=vendor.start + 86_400,
        )
        return it, vendor.root
    at = next(vector.at for vector in GENUINE if vector.name == name)
    return Presented(quote=quote_of(name), collateral=collateral_of(name), at=at), INTEL_ROOT


NAMES = (*(vector.name for vector in GENUINE), "simulated-v5-td10", "simulated-v5-td15")


@pytest.mark.parametrize("name", NAMES)
def test_both_accept_what_is_genuine(name: str) -> None:
    """With the same status."""
    it, root = presented(name)
    assert compare("genuine", it, root) == "both accept"
    assert theirs(it, root) is not None


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("name", NAMES)
def test_mutations_get_no_better_verdict_than_dcap_qvls(name: str, seed: int) -> None:
    """84 mutations each: 1,008 of the real quotes, 672 of simulated ones."""
    it, root = presented(name)
    rng = random.Random(f"{name} {seed}")
    verdicts: Counter[str] = Counter()
    for _ in range(MUTATIONS):
        kind, mutated = mutate(rng, it)
        verdicts[compare(kind, mutated, root)] += 1
    assert verdicts["both refuse"] > MUTATIONS // 3
    assert sum(verdicts.values()) == MUTATIONS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mutation_is_refused_at_times(kind: str) -> None:
    """So each of them does something."""
    it, root = presented("simulated-v5-td10")
    rng = random.Random(kind)
    verdicts = {compare(kind, KINDS[kind](rng, it), root) for _ in range(12)}
    assert verdicts - {"both accept"}
