"""An enclave that is only played: quotes under a simulation root, for development chains."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from coprove.attestation import Platform
from coprove.attestation.simulation.collateral import CollateralSpec
from coprove.attestation.simulation.intel import (
    QuoteSpec,
    SimulatedIntel,
    sgx_report,
    td_report,
)
from coprove.errors import InputError
from coprove.prover.tee.enclave.quoting import Quote

if TYPE_CHECKING:
    from coprove.attestation.dcap import SgxReport, TdReport10

__all__ = ["SIMULATED_PLATFORMS", "SimulatedProvider", "simulated_measurement"]

SIMULATED_PLATFORMS: Final = (Platform.INTEL_SGX, Platform.INTEL_TDX)
"""What can be played."""
_SIZES: Final = {Platform.INTEL_SGX: 32, Platform.INTEL_TDX: 240}
_REGISTER: Final = 48


def simulated_measurement(platform: Platform, code: str = "simulated enclave") -> bytes:
    """Return the measurement that stands for code of a name; TDX has it as MRTD, RTMRs zero."""
    if platform is Platform.INTEL_TDX:
        return hashlib.sha384(code.encode()).digest() + bytes(4 * _REGISTER)
    return hashlib.sha256(code.encode()).digest()


class SimulatedProvider:
    """Quotes with a measurement of one's choice; everything follows from seed and start."""

    simulated: Final = True

    def __init__(
        self,
        platform: Platform = Platform.INTEL_SGX,
        *,
        seed: str,
        start: int,
        issued: int | None = None,
        measurement: bytes | None = None,
    ) -> None:
        """Play `platform`, with the vendor of `seed` and `start` (Unix seconds).

        Whoever is to believe the quotes needs the root of the same seed and start. `issued` is when
        its collateral was made, which holds for 30 days; None: at the start. InputError for a
        platform that cannot be played, or a measurement of another size.
        """
        if platform not in _SIZES:
            known = ", ".join(SIMULATED_PLATFORMS)
            raise InputError("simulated platform", expected=known, actual=platform)
        self.platform = platform
        self._measurement = measurement or simulated_measurement(platform)
        if len(self._measurement) != _SIZES[platform]:
            expected = f"{_SIZES[platform]} bytes"
            actual = f"{len(self._measurement)} bytes"
            raise InputError("simulated measurement", expected=expected, actual=actual)
        self.vendor = SimulatedIntel(seed, start=start)
        """Who made the platform; its `root` is what verifiers need."""
        spec = CollateralSpec(tdx=platform is Platform.INTEL_TDX)
        self._collateral = self.vendor.collateral(spec, issued=issued).to_json().encode()

    def quote(self, report_data: bytes) -> Quote:
        """See QuoteProvider."""
        version = 4 if self.platform is Platform.INTEL_TDX else 3
        spec = QuoteSpec(body=self._report(report_data), version=version)
        return Quote(
            platform=self.platform,
            evidence=self.vendor.quote(spec),
            endorsements=self._collateral,
            report_data=report_data,
            measurement=self._measurement,
        )

    def _report(self, report_data: bytes) -> SgxReport | TdReport10:
        if self.platform is Platform.INTEL_SGX:
            return sgx_report(mr_enclave=self._measurement, report_data=report_data)
        registers = [
            self._measurement[at : at + _REGISTER]
            for at in range(0, len(self._measurement), _REGISTER)
        ]
        first, second, third, fourth = registers[1:]
        return td_report(
            mr_td=registers[0], rtmrs=(first, second, third, fourth), report_data=report_data
        )
