"""DCAP on chain: the adversarial list, its guards, and the same verdicts as the Python verifier."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from struct import pack

import pytest

from coprove.attestation import EvidenceFormatError, EvidenceRejectedError, TcbStatus
from coprove.attestation.dcap import (
    INTEL_ROOT,
    RootCertificate,
    SgxReport,
    TdReport10,
    verify_quote,
)
from coprove.attestation.dcap.levels import STATUS_NAMES
from coprove.attestation.dcap.quote import parse_quote
from coprove.attestation.dcap.stripped import on_chain_evidence, strip_quote
from coprove.attestation.simulation import (
    CollateralSpec,
    LevelSpec,
    ModuleSpec,
    PlatformSpec,
    QuoteSpec,
    SimulatedIntel,
    sgx_report,
    td_report,
)
from tests.integration.dcap_chain import Chain, OnChainClaims, Presented, presented, running_chain
from tests.integration.dcap_guards import Build, build
from tests.integration.dcap_rows import ACCEPTED, NOT_ON_CHAIN, ROWS, Row, in_order, shuffled
from tests.unit.attestation.dcap import adversarial, mutations
from tests.unit.attestation.dcap.vectors import GENUINE, collateral_of, quote_of

BODIES: dict[str, tuple[SgxReport | TdReport10, int]] = {
    "sgx-v3": (sgx_report(), 3),
    "sgx-v4": (sgx_report(), 4),
    "sgx-v5": (sgx_report(), 5),
    "td10-v4": (td_report(), 4),
    "td10-v5": (td_report(), 5),
    "td15-v5": (td_report(service_td=bytes(48)), 5),
}
STRIPPED_SIZES = {
    "sgx-v3": 1046,
    "sgx-v4": 1046,
    "sgx-v5": 1052,
    "td10-v4": 1246,
    "td10-v5": 1252,
    "td15-v5": 1316,
}
ROUNDS = 40
"""Mutations of each quote in each of two ways."""
ON_CHAIN_KINDS = ("flip", "overwrite", "size", "collateral-byte", "collateral-swap", "time")
STRIPPED_KINDS = ("flip", "overwrite", "cut", "cut-a-little", "insert", "append")
UNSEEN = (
    r"certification (type|size)|signature data|behind the quote|"
    r"chain: ends at|chain: expected|is not signed by Intel SGX Root CA|\[[12]\]"
)
"""What a quote's certificates and lengths of the chains around them are refused for."""

# What Intel gives to quoting enclaves and modules; dcap-qvl refuses others.
PART_STATUSES = ("UpToDate", "OutOfDate")
LEVEL_STATUSES = tuple(name for name in STATUS_NAMES if name != "Revoked")

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return build(tmp_path_factory.mktemp("dcap"))


@pytest.fixture(scope="module")
def chain(compiled: Build) -> Iterator[Chain]:
    with running_chain(compiled) as running:
        yield running


def verdict(answer: OnChainClaims | str) -> str:
    return answer if isinstance(answer, str) else ACCEPTED


def without_guards(chain: Chain, row: Row) -> str:
    errors = row.guards or (() if row.lookups else (row.error,))
    off = chain.build.numbers(*errors) | chain.build.lookups(*row.lookups)
    answer = verdict(chain.present(row.make(), without=off))
    return "Panic" if "panic" in answer else answer


def simulated(name: str) -> tuple[mutations.Presented, RootCertificate]:
    body, version = BODIES[name]
    vendor = SimulatedIntel("on chain")
    tdx = name.startswith("td")
    it = mutations.Presented(
        quote=vendor.quote(QuoteSpec(body=body, version=version)),
        collateral=vendor.collateral(CollateralSpec(tdx=tdx)),
        at=vendor.start + 86_400,
    )
    return it, vendor.root


@rows
def test_a_forgery_meets_its_error(row: Row, chain: Chain) -> None:
    """By its name, with all checks in place."""
    assert verdict(chain.present(row.make())) == row.error


@rows
def test_without_its_guards_a_forgery_is_accepted(row: Row, chain: Chain) -> None:
    """So the test above fails when the checks are taken out, and nothing else stops it."""
    assert without_guards(chain, row) == row.without


def test_every_row_of_the_list_is_shown_on_chain_or_says_why_not() -> None:
    """Rows off chain and on chain have the same names."""
    shown = {row.name for row in ROWS}
    assert {row.name for row in adversarial.ROWS} - shown == set(NOT_ON_CHAIN) - shown


@pytest.mark.parametrize("tdx", [False, True])
def test_what_the_forgeries_are_made_from_is_in_order(chain: Chain, *, tdx: bool) -> None:
    """With nothing forged it is accepted, as up to date."""
    claims = chain.present(in_order(tdx=tdx))
    assert isinstance(claims, OnChainClaims)
    assert claims.status == TcbStatus.OK


def test_levels_are_found_whatever_their_order(chain: Chain) -> None:
    """Row 28: the best level that a platform has counts; without the sorting it would not."""
    sorted_claims = chain.present(shuffled())
    off = chain.build.lookups("_isAbove(levels, place - 1")
    first_claims = chain.present(shuffled(), without=off)
    assert isinstance(sorted_claims, OnChainClaims)
    assert isinstance(first_claims, OnChainClaims)
    assert sorted_claims.status == TcbStatus.OK
    assert first_claims.status == TcbStatus.OUT_OF_DATE


def test_a_simulation_lives_on_development_chains_alone(compiled: Build) -> None:
    """Row 41: neither deployed nor asked elsewhere; Intel's own root may be anywhere."""
    guard = compiled.numbers("NotADevChain")
    with running_chain(compiled, chain_id=1) as mainnet:
        assert verdict(mainnet.present(in_order())) == "NotADevChain"
        claims = mainnet.present(in_order(), without=guard)
        assert isinstance(claims, OnChainClaims)
        assert claims.simulated


def test_without_the_precompile_nothing_is_deployed(compiled: Build) -> None:
    """Row 42: on a chain before P256VERIFY, whose address answers with nothing."""
    with running_chain(compiled, hardfork="prague") as before:
        assert verdict(before.present(in_order())) == "P256Unavailable"
        without = before.present(in_order(), without=compiled.numbers("P256Unavailable"))
        assert verdict(without) == "SignatureInvalid"


@pytest.mark.parametrize("name", BODIES)
def test_claims_are_those_of_the_python_verifier(chain: Chain, name: str) -> None:
    """All versions and bodies; every field."""
    it, root = simulated(name)
    claims = chain.present(presented(it.quote, it.collateral, root=root.der, at=it.at))
    assert isinstance(claims, OnChainClaims)
    assert claims.equal(verify_quote(it.quote, it.collateral, at=it.at, root=root))
    assert len(strip_quote(parse_quote(it.quote))) == STRIPPED_SIZES[name]


@pytest.mark.parametrize("name", [vector.name for vector in GENUINE])
def test_real_quotes_under_intels_root(chain: Chain, name: str) -> None:
    """The TDX vector's report data fill all 64 bytes, which no registration's do."""
    at = next(vector.at for vector in GENUINE if vector.name == name)
    quote, collateral = quote_of(name), collateral_of(name)
    it = presented(quote, collateral, root=INTEL_ROOT.der, at=at)
    off = set[int]()
    if name.startswith("tdx"):
        assert chain.present(it) == "ReportDataTail"
        off = chain.build.numbers("ReportDataTail")
    claims = chain.present(it, without=off)
    assert isinstance(claims, OnChainClaims)
    assert claims.equal(verify_quote(quote, collateral, at=at))
    assert not claims.simulated


def test_a_real_debug_enclave_is_refused(chain: Chain) -> None:
    """The vector, with the collateral of its platform."""
    quote, collateral = quote_of("sgx_v3_debug"), collateral_of("sgx_v3_debug")
    it = presented(quote, collateral, root=INTEL_ROOT.der, at=1_751_624_924)
    assert chain.present(it) == "EnclaveInDebugMode"


def compare(
    chain: Chain, it: mutations.Presented, root: RootCertificate, shown: Presented | None = None
) -> str:
    """Return the common verdict; anything else fails, but for what a contract does not see."""
    refusal, claims = "", None
    try:
        claims = verify_quote(it.quote, it.collateral, at=it.at, root=root)
    except (EvidenceRejectedError, EvidenceFormatError) as error:
        refusal = str(error)
    try:
        shown = shown or presented(it.quote, it.collateral, root=root.der, at=it.at)
    except (EvidenceFormatError, UnicodeError):
        # What cannot be taken apart cannot be sent to the contracts.
        assert claims is None
        return "neither"
    answer = chain.present(shown)
    if claims is None:
        if isinstance(answer, OnChainClaims):
            assert re.search(UNSEEN, refusal), f"accepted on chain, and off chain: {refusal}"
            return "unseen"
        assert not answer.startswith("unnamed"), answer
        return "both refuse"
    assert isinstance(answer, OnChainClaims), f"accepted off chain, and on chain: {answer}"
    assert answer.equal(claims)
    return "both accept"


def restored(stripped: bytes, whole: bytes) -> bytes:
    """Return a quote with the certificates of another one, for the Python verifier."""
    quote = parse_quote(whole)
    at = len(quote.signed)
    certificates = pack("<HI", 5, len(quote.certification)) + quote.certification
    rest = stripped[at + 4 + 128 :] + certificates
    outer = pack("<HI", 6, len(rest)) if quote.header.version > 3 else b""
    size = int.from_bytes(stripped[at : at + 4], "little") + len(outer) + len(certificates)
    head = stripped[:at] + pack("<I", size % 2**32)
    return head + stripped[at + 4 : at + 4 + 128] + outer + rest


@pytest.mark.parametrize("name", BODIES)
def test_mutated_evidence_gets_the_same_verdict_on_chain(chain: Chain, name: str) -> None:
    """Quotes with their certificates, collateral and the time."""
    it, root = simulated(name)
    rng = random.Random(f"on chain {name}")
    verdicts: Counter[str] = Counter()
    for _ in range(ROUNDS):
        kind = rng.choice(ON_CHAIN_KINDS)
        verdicts[compare(chain, mutations.KINDS[kind](rng, it), root)] += 1
    assert verdicts["both refuse"] > ROUNDS // 3


@pytest.mark.parametrize("name", BODIES)
def test_mutated_stripped_quotes_get_the_same_verdict_on_chain(chain: Chain, name: str) -> None:
    """What the contract takes, and the same with the certificates put back for Python."""
    it, root = simulated(name)
    sound = presented(it.quote, it.collateral, root=root.der, at=it.at)
    assert restored(sound.quote, it.quote) == normalised(it.quote)
    rng = random.Random(f"stripped {name}")
    for _ in range(ROUNDS):
        kind = rng.choice(STRIPPED_KINDS)
        quote = mutations.KINDS[kind](rng, replace(it, quote=sound.quote)).quote
        whole = replace(it, quote=restored(quote, it.quote))
        shown = replace(sound, quote=quote)
        if quote == sound.quote:
            continue
        assert compare(chain, whole, root, shown) == "both refuse"


def normalised(quote: bytes) -> bytes:
    """Return a quote whose signatures have the lower s, as the stripped one's have."""
    parsed = parse_quote(quote)
    low = parse_stripped(on_chain_evidence(quote))
    start = len(parsed.signed) + 4
    qe_at = start + (512 if parsed.header.version == 3 else 518)
    quote = quote[:start] + low[start : start + 64] + quote[start + 64 :]
    return quote[:qe_at] + low[start + 512 : start + 576] + quote[qe_at + 64 :]


def parse_stripped(evidence: bytes) -> bytes:
    size = int.from_bytes(evidence[64:96], "big")
    return evidence[96 : 96 + size]


def random_status(rng: random.Random, names: tuple[str, ...]) -> str:
    return "Revoked" if rng.random() < 0.05 else rng.choice(names)


def random_level(rng: random.Random) -> LevelSpec:
    return LevelSpec(
        components=tuple(rng.randint(0, 6) if rng.random() < 0.1 else 3 for _ in range(16)),
        pce_svn=rng.choice((5, 11, 13)),
        tdx_components=tuple(rng.randint(0, 4) if rng.random() < 0.3 else 0 for _ in range(16)),
        status=random_status(rng, LEVEL_STATUSES),
    )


def random_levels(rng: random.Random) -> tuple[LevelSpec, ...]:
    levels = [random_level(rng) for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.8:
        lowest = LevelSpec(components=(0,) * 16, pce_svn=0, tdx_components=(0,) * 16)
        levels.append(replace(lowest, status=random_status(rng, LEVEL_STATUSES)))
    rng.shuffle(levels)
    return tuple(levels)


def random_svns(rng: random.Random, most: int) -> tuple[tuple[int, str], ...]:
    svns = {*rng.sample(range(most), rng.randint(1, 4)), 0 if rng.random() < 0.9 else 1}
    falling = sorted(svns, reverse=True)
    return tuple((svn, random_status(rng, PART_STATUSES)) for svn in falling)


def random_evidence(
    rng: random.Random, vendor: SimulatedIntel, *, tdx: bool
) -> mutations.Presented:
    """Return well-signed evidence whose TCB, levels and modules are by chance."""
    platform = PlatformSpec(
        components=tuple(rng.randint(2, 6) if rng.random() < 0.1 else 4 for _ in range(16)),
        pce_svn=rng.choice((4, 5, 11, 13, 14)),
    )
    spec = CollateralSpec(
        tdx=tdx,
        platform=platform,
        levels=random_levels(rng),
        modules=tuple(
            ModuleSpec(version=version, levels=random_svns(rng, 8))
            for version in rng.sample(range(1, 4), rng.choice((0, 2, 3, 3, 3)))
        ),
        qe_levels=random_svns(rng, 10),
    )
    svn = bytes((rng.randint(0, 8), rng.randint(0, 3), *(rng.randint(2, 4) for _ in range(14))))
    service = bytes(48) if rng.random() < 0.5 else None
    body = td_report(tee_tcb_svn=svn, service_td=service) if tdx else sgx_report()
    version = 5 if service is not None or rng.random() < 0.5 else 4 if tdx else 3
    quote = QuoteSpec(
        body=body,
        version=version,
        platform=platform,
        edit_qe_report=lambda report: replace(report, isv_svn=rng.randint(0, 10)),
    )
    at = vendor.start + rng.choice((0, 1, 86_400, 30 * 86_400 - 1, 30 * 86_400))
    return mutations.Presented(quote=vendor.quote(quote), collateral=vendor.collateral(spec), at=at)


@pytest.mark.parametrize("tdx", [False, True])
def test_levels_by_chance_give_the_same_status_on_chain(chain: Chain, *, tdx: bool) -> None:
    """Platform, quoting enclave, module, all merged; in order, out of order, or none at all."""
    vendor, rng = SimulatedIntel("levels"), random.Random(f"levels {tdx}")
    verdicts: Counter[str] = Counter()
    for _ in range(2 * ROUNDS):
        it = random_evidence(rng, vendor, tdx=tdx)
        verdicts[compare(chain, it, vendor.root)] += 1
    assert min(verdicts["both accept"], verdicts["both refuse"]) > ROUNDS // 4
    assert verdicts["unseen"] == 0
