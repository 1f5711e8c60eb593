"""SGX under Gramine: the pseudo-files of /dev/attestation (its documentation, attestation)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from coprove.attestation import Platform
from coprove.attestation.dcap import SgxReport, parse_quote
from coprove.errors import InputError
from coprove.prover.tee.enclave.errors import QuoteMismatchError, QuoteUnavailableError
from coprove.prover.tee.enclave.platforms.files import DeviceFiles, KernelFiles, answers_of
from coprove.prover.tee.enclave.quoting import Quote

__all__ = ["GRAMINE_FOLDER", "GramineProvider"]

GRAMINE_FOLDER: Final = Path("/dev/attestation")
"""Where Gramine has its pseudo-files."""
_DCAP: Final = b"dcap"
_TARGET_INFO_SIZE: Final = 512
_MEASUREMENT_SIZE: Final = 32


class GramineProvider:
    """Quotes of the enclave that Gramine runs this process in.

    The measurement comes from `my_target_info`, which the CPU fills inside the enclave; the quote
    takes the way through the host's quoting service and must say the same.
    """

    platform: Final = Platform.INTEL_SGX
    simulated: Final = False

    def __init__(self, folder: Path = GRAMINE_FOLDER, files: DeviceFiles | None = None) -> None:
        """Use the files in `folder`."""
        self._folder = folder
        self._files = files or KernelFiles()

    def quote(self, report_data: bytes) -> Quote:
        """See QuoteProvider."""
        with answers_of(str(self._folder)):
            kind = self._files.read(self._folder / "attestation_type").strip(b"\x00\n ")
            if kind != _DCAP:
                raise QuoteUnavailableError(
                    f"{self._folder}: the manifest's sgx.remote_attestation is "
                    f"{kind.decode(errors='replace')!r}, expected 'dcap'"
                )
            target = self._files.read(self._folder / "my_target_info")
            if len(target) != _TARGET_INFO_SIZE:
                raise InputError("TARGETINFO", expected="512 bytes", actual=len(target))
            self._files.write(self._folder / "user_report_data", report_data)
            evidence = self._files.read(self._folder / "quote")
            report = parse_quote(evidence).body
        if not isinstance(report, SgxReport) or report.mr_enclave != target[:_MEASUREMENT_SIZE]:
            raise QuoteMismatchError(
                f"{self._folder}: the quote is not about the enclave "
                f"0x{target[:_MEASUREMENT_SIZE].hex()}"
            )
        return Quote(
            platform=self.platform,
            evidence=evidence,
            endorsements=None,
            report_data=report.report_data,
            measurement=report.mr_enclave,
        )
