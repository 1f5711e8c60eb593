"""Simulated SGX provers in the registry, their quotes verified on chain (anvil, osaka)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from coprove.attestation.platform import Platform, measurement_id
from coprove.contracts import CallRevertedError
from coprove.contracts.attestation import Liveness
from tests.integration.anvil_l1 import PROPOSER
from tests.integration.sgx_lab import CODE, PROVER, SgxLab, running_sgx_lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anvil

REATTESTATION = 200_000
"""Gas that a renewal may cost at most, its transaction and calldata included."""


@pytest.fixture
async def lab() -> AsyncIterator[SgxLab]:
    async with running_sgx_lab() as running:
        yield running


async def test_a_renewal_with_a_registered_platform_is_cheap(lab: SgxLab) -> None:
    """Quote, policy, registry and proxies together, on a chain with P256VERIFY."""
    await lab.register(await lab.registration())
    record = await lab.registry.prover(PROVER.address)
    assert record is not None
    assert (record.simulated, record.attested) == (True, False)
    assert record.measurement == measurement_id(Platform.INTEL_SGX, CODE)
    await lab.l1.rpc("evm_increaseTime", 3600)
    await lab.l1.mine()
    again = await lab.register(await lab.registration())
    assert again <= REATTESTATION


async def test_quotes_that_the_registry_must_not_take(lab: SgxLab) -> None:
    """Other code, a quote used before, one signed anew by nobody, one of another operator."""
    good = await lab.registration()
    other = await lab.registration(code=b"\x0d" * 32)
    with pytest.raises(CallRevertedError, match="MeasurementNotActive"):
        await lab.registry.preview(other)
    copied = replace(good, binding=replace(good.binding, operator=PROPOSER.address))
    with pytest.raises(CallRevertedError, match="ReportDataMismatch"):
        await lab.registry.preview(copied)
    for index in range(64 + 48 + 64, len(good.evidence), 37):
        changed = bytearray(good.evidence)
        changed[index] ^= 1
        with pytest.raises(CallRevertedError):
            await lab.registry.preview(replace(good, evidence=bytes(changed)))
    await lab.register(good)
    with pytest.raises(CallRevertedError, match="EvidenceReplayed"):
        await lab.registry.preview(good)
    status = await lab.registry.liveness(PROVER.address)
    assert status.liveness is Liveness.LIVE
