"""What an enclave reads in its own evidence is what a verifier finds in it, on every platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cbor2
import pytest

from coprove.attestation.arm import verify_cca_token, verify_psa_token
from coprove.attestation.nitro import verify_document
from coprove.attestation.simulation.amd import GuestState, SimulatedAmd
from coprove.attestation.simulation.arm import FirmwareState, RealmState, SimulatedArm
from coprove.attestation.simulation.nitro import EnclaveState, SimulatedNitro
from coprove.attestation.snp import verify_report
from coprove.prover.tee.enclave import Enclave
from coprove.prover.tee.enclave.platforms import (
    CcaProvider,
    NitroProvider,
    PsaProvider,
    SnpProvider,
)
from tests.unit.prover.tee.test_platforms import TsmFiles

if TYPE_CHECKING:
    from coprove.attestation import Claims
    from coprove.prover.tee.enclave import Quote

AT = 1_790_000_000
AMD = SimulatedAmd.from_seed("provers")
NITRO = SimulatedNitro.from_seed("provers")
ARM = SimulatedArm.from_seed("provers")
LAUNCH = b"\x31" * 48
PCRS = {0: b"\x01" * 48, 1: b"\x02" * 48, 2: b"\x03" * 48}
REALM = b"\x41" * 32
FIRMWARE = (("BL", b"\x51" * 32), ("M1", b"\x52" * 48))


@dataclass
class Module:
    """A Nitro Security Module of the simulation."""

    def exchange(self, request: bytes) -> bytes:
        asked = cbor2.loads(request)
        if "DescribePCR" in asked:
            data = PCRS[asked["DescribePCR"]["index"]]
            return cbor2.dumps({"DescribePCR": {"lock": True, "data": data}})
        state = EnclaveState(user_data=asked["Attestation"]["user_data"], pcrs=PCRS)
        document = NITRO.document(state, at=AT)
        return cbor2.dumps({"Attestation": {"document": document}})


def snp() -> Any:
    def report(data: bytes) -> bytes:
        return AMD.report(GuestState(report_data=data, measurement=LAUNCH))

    return SnpProvider(files=TsmFiles("sev_guest", report, auxiliary=AMD.endorsements()))


def cca() -> Any:
    def token(data: bytes) -> bytes:
        return ARM.cca_token(RealmState(report_data=data, initial_measurement=REALM))

    return CcaProvider(files=TsmFiles("arm_cca_guest", token))


def psa() -> Any:
    return PsaProvider(
        lambda nonce: ARM.psa_token(FirmwareState(report_data=nonce, components=FIRMWARE))
    )


def verify_snp(quote: Quote) -> Claims:
    assert quote.endorsements is not None
    return verify_report(quote.evidence, quote.endorsements, at=AT, roots=(AMD.root,))


PLATFORMS: dict[str, Any] = {
    "snp": (snp, verify_snp, LAUNCH),
    "nitro": (
        lambda: NitroProvider(Module()),
        lambda quote: verify_document(quote.evidence, at=AT, root=NITRO.root),
        PCRS[0] + PCRS[1] + PCRS[2],
    ),
    "cca": (
        cca,
        lambda quote: verify_cca_token(quote.evidence, at=AT, keys=(ARM.key,)),
        REALM + bytes(4 * 32),
    ),
    "psa": (
        psa,
        lambda quote: verify_psa_token(quote.evidence, at=AT, keys=(ARM.key,)),
        b"\x51" * 32 + b"\x52" * 48,
    ),
}


@pytest.mark.parametrize("name", list(PLATFORMS))
def test_enclave_and_verifier_read_the_same(name: str) -> None:
    make, verify, measurement = PLATFORMS[name]
    enclave = Enclave(make())
    quote = enclave.avs_evidence(b"\x77" * 64)
    claims = verify(quote)
    assert claims.platform is quote.platform is enclave.identity.platform
    assert claims.report_data == quote.report_data
    assert claims.measurement == quote.measurement == enclave.identity.measurement == measurement
    assert claims.measurement_id == enclave.identity.measurement_id
