"""Real quotes and simulated ones: what they say, when they hold, at which root they end."""

import pytest

from coprove.attestation import EvidenceRejectedError, Platform, Rejection, TcbStatus
from coprove.attestation.dcap import (
    INTEL_ROOT,
    INTEL_ROOT_SHA256,
    DcapCollateral,
    parse_quote,
    verify_collateral,
    verify_quote,
)
from coprove.attestation.simulation import (
    CollateralSpec,
    PlatformSpec,
    QuoteSpec,
    SimulatedIntel,
    sgx_report,
    td_report,
)
from tests.unit.attestation.dcap.vectors import GENUINE, Genuine, collateral_of, quote_of

ZERO_SERVICE_TD = bytes(48)
genuine = pytest.mark.parametrize("vector", GENUINE, ids=lambda vector: vector.name)


@genuine
def test_a_real_quote_gives_its_stated_result(vector: Genuine) -> None:
    """Status, advisories, platform and what was relied on; no simulation."""
    claims = verify_quote(quote_of(vector.name), collateral_of(vector.name), at=vector.at)
    assert (claims.platform, claims.tcb_status) == (vector.platform, vector.status)
    assert claims.advisories == vector.advisories
    assert not claims.simulated
    assert not claims.debug
    assert f"root-ca sha256:{INTEL_ROOT_SHA256}" in claims.collateral
    assert {"quote-signature", "pck-chain", "dcap-qvl"} <= {check.name for check in claims.checks}


@genuine
def test_a_real_quote_holds_from_the_first_to_the_last_second_of_its_collateral(
    vector: Genuine,
) -> None:
    """Both ends are inclusive, and claims name them."""
    quote, collateral = quote_of(vector.name), collateral_of(vector.name)
    claims = verify_quote(quote, collateral, at=vector.at)
    if vector.window:
        assert (claims.valid_from, claims.valid_until) == vector.window
    for at in (claims.valid_from, claims.valid_until):
        assert verify_quote(quote, collateral, at=at).tcb_status is vector.status
    for at in (claims.valid_from - 1, claims.valid_until + 1):
        with pytest.raises(EvidenceRejectedError) as refusal:
            verify_quote(quote, collateral, at=at)
        assert refusal.value.reason is Rejection.VALIDITY


@genuine
def test_verified_collateral_serves_many_quotes(vector: Genuine) -> None:
    """The same claims; but not at another time than it holds for, nor for another root."""
    raw, quote = collateral_of(vector.name), quote_of(vector.name)
    collateral = verify_collateral(raw, at=vector.at, root=INTEL_ROOT)
    claims = verify_quote(quote, collateral, at=vector.at)
    assert claims == verify_quote(quote, raw, at=vector.at)
    with pytest.raises(EvidenceRejectedError) as refusal:
        verify_quote(quote, collateral, at=claims.valid_until + 1)
    assert refusal.value.reason is Rejection.VALIDITY
    with pytest.raises(EvidenceRejectedError) as refusal:
        verify_quote(quote, collateral, at=vector.at, root=SimulatedIntel().root)
    assert refusal.value.reason is Rejection.ROOT


def test_a_real_debug_enclave_is_refused() -> None:
    """Everything else about it is in order."""
    with pytest.raises(EvidenceRejectedError) as refusal:
        verify_quote(quote_of("sgx_v3_debug"), collateral_of("sgx_v3_debug"), at=1_751_624_924)
    assert refusal.value.reason is Rejection.DEBUG


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("processor_ca", [False, True], ids=["platform-ca", "processor-ca"])
def test_simulated_sgx_quotes_pass_the_same_code(version: int, *, processor_ca: bool) -> None:
    """Claims carry what the report says, and that it is a simulation."""
    intel = SimulatedIntel("genuine")
    platform = PlatformSpec(processor_ca=processor_ca)
    body = sgx_report(report_data=bytes(range(64)), product_id=7, security_version=9)
    quote = intel.quote(QuoteSpec(body=body, version=version, platform=platform, padding=70))
    collateral = intel.collateral(CollateralSpec(platform=platform))
    claims = verify_quote(quote, collateral, at=intel.start, root=intel.root)
    assert claims.simulated
    assert claims.platform is Platform.INTEL_SGX
    assert (claims.measurement, claims.signer) == (body.mr_enclave, body.mr_signer)
    assert (claims.product_id, claims.security_version) == (7, 9)
    assert claims.report_data == bytes(range(64))
    assert claims.tcb_status is TcbStatus.OK
    assert claims.replay_key == parse_quote(quote).replay_key


@pytest.mark.parametrize(
    ("version", "service_td", "module"),
    [(4, None, 1), (5, None, 1), (5, ZERO_SERVICE_TD, 1), (5, None, 3), (4, None, 0)],
    ids=["v4", "v5", "v5-td15", "module-3", "module-0"],
)
def test_simulated_tdx_quotes_pass_the_same_code(
    version: int, service_td: bytes | None, module: int
) -> None:
    """TD 1.0 and 1.5, module versions with and without an identity of their own."""
    intel = SimulatedIntel("genuine")
    svn = bytes((5, module, 2, *(0,) * 13))
    body = td_report(service_td=service_td, tee_tcb_svn=svn)
    quote = intel.quote(QuoteSpec(body=body, version=version))
    collateral = intel.collateral(CollateralSpec(tdx=True))
    claims = verify_quote(quote, collateral, at=intel.start, root=intel.root)
    assert claims.platform is Platform.INTEL_TDX
    assert claims.measurement == body.mr_td + bytes(4 * 48)
    assert claims.tcb_status is TcbStatus.OK
    assert claims.attributes["sept-ve-disable"] is True


def test_a_simulation_is_determined_by_its_seed() -> None:
    """Collateral, certificates and quotes are the same bytes each time; another seed's differ."""
    first, again, other = SimulatedIntel("a"), SimulatedIntel("a"), SimulatedIntel("b")
    spec = QuoteSpec(body=sgx_report())
    assert first.collateral() == again.collateral()
    assert first.quote(spec) == again.quote(spec)
    assert first.root == again.root
    assert first.root != other.root


def test_a_simulated_quote_is_nothing_under_intels_root() -> None:
    """The chain must end at the root that was asked for."""
    intel = SimulatedIntel("genuine")
    quote = intel.quote(QuoteSpec(body=sgx_report()))
    with pytest.raises(EvidenceRejectedError) as refusal:
        verify_quote(quote, intel.collateral(), at=intel.start)
    assert refusal.value.reason is Rejection.ROOT
    assert INTEL_ROOT.simulated is False
    assert intel.root.simulated is True


def test_collateral_survives_its_json() -> None:
    """What is read is what was written."""
    collateral = SimulatedIntel("genuine").collateral()
    assert DcapCollateral.from_json(collateral.to_json()) == collateral
