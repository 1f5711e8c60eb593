"""What evidence says of itself, whatever it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation.errors import EvidenceFormatError
from coprove.attestation.inspection import (
    claims_to_plain,
    guess_platform,
    inspect_evidence,
    to_plain,
)
from coprove.attestation.platform import Platform, measurement_id
from coprove.attestation.simulation import QuoteSpec, SimulatedIntel, sgx_report, td_report
from tests.unit.attestation.arm import devices
from tests.unit.attestation.nitro import enclaves
from tests.unit.attestation.snp import guests

INTEL = SimulatedIntel("inspection")
EVIDENCE = {
    Platform.INTEL_SGX: INTEL.quote(QuoteSpec(body=sgx_report())),
    Platform.INTEL_TDX: INTEL.quote(QuoteSpec(body=td_report(), version=4)),
    Platform.AMD_SEV_SNP: guests.Exhibit().report,
    Platform.AWS_NITRO: enclaves.Exhibit().document,
    Platform.ARM_TRUSTZONE: devices.psa(),
    Platform.ARM_CCA: devices.cca(),
}


@pytest.mark.parametrize("platform", Platform)
def test_the_platform_is_told_from_the_bytes(platform: Platform) -> None:
    assert guess_platform(EVIDENCE[platform]) is platform


def test_a_tagged_nitro_document_is_told_from_a_psa_token() -> None:
    assert guess_platform(b"\xd2" + EVIDENCE[Platform.AWS_NITRO]) is Platform.AWS_NITRO
    head = bytes.fromhex("d28444a1013822")
    assert guess_platform(head + bytes(20)) is Platform.ARM_TRUSTZONE


@pytest.mark.parametrize("platform", Platform)
def test_every_field_is_plain_and_the_workload_comes_first(platform: Platform) -> None:
    found = inspect_evidence(platform, EVIDENCE[platform])
    assert list(found)[:4] == [
        f"workload.{name}" for name in ("measurement", "measurement_id", "report_data", "debug")
    ]
    measurement = bytes.fromhex(str(found["workload.measurement"])[2:])
    assert found["workload.measurement_id"] == measurement_id(platform, measurement).hex0x
    assert json.loads(json.dumps(found)) == found
    assert all(not isinstance(value, str) or "<" not in value for value in found.values())


def test_claims_are_plain_with_names_for_numbers() -> None:
    plain = claims_to_plain(guests.Exhibit().verify())
    assert (plain["platform"], plain["tcb_status"]) == ("amd-sev-snp", "ok")
    assert plain["measurement"] == f"0x{guests.GUEST.measurement.hex()}"
    assert plain["attributes"]["vmpl"] == 0
    assert json.loads(json.dumps(plain)) == plain


@given(st.binary(max_size=80))
def test_any_bytes_are_of_some_platform_or_refused_with_a_typed_error(data: bytes) -> None:
    try:
        platform = guess_platform(data)
    except EvidenceFormatError:
        return
    with pytest.raises(EvidenceFormatError):
        inspect_evidence(platform, data)


@given(st.sampled_from(Platform), st.integers(0, 6000), st.binary(max_size=4))
def test_spoiled_evidence_is_shown_or_refused_with_a_typed_error(
    platform: Platform, at: int, patch: bytes
) -> None:
    data = bytearray(EVIDENCE[platform])
    data[at : at + len(patch)] = patch
    try:
        found = inspect_evidence(platform, bytes(data))
    except EvidenceFormatError:
        return
    json.dumps(found)


def test_values_that_are_not_plain_are_told_in_words() -> None:
    assert to_plain({"a": [b"\x01", None, 1.5]}) == {"a": ["0x01", None, "1.5"]}
