"""TDX and SEV-SNP guests: the kernel's configfs-tsm reports (ABI/testing/configfs-tsm-report)."""

from __future__ import annotations

import errno
import secrets
from pathlib import Path
from typing import Final

from coprove.attestation import Platform
from coprove.attestation.dcap import SgxReport, parse_quote
from coprove.attestation.snp import parse_report
from coprove.errors import InputError
from coprove.prover.tee.enclave.errors import QuoteUnavailableError
from coprove.prover.tee.enclave.platforms.files import DeviceFiles, KernelFiles, answers_of
from coprove.prover.tee.enclave.quoting import Quote

__all__ = ["TSM_FOLDER", "SnpProvider", "TdxProvider", "TsmReports"]

TSM_FOLDER: Final = Path("/sys/kernel/config/tsm/report")
"""Where configfs-tsm is mounted."""
_TRIES: Final = 3


class TsmReports:
    """Reports by configfs-tsm, each from an object of its own.

    The kernel counts every write in `generation`. A report counts only when the number rose by
    just our own writes, so that nobody else's input is in it.
    """

    def __init__(
        self, provider: str, folder: Path = TSM_FOLDER, files: DeviceFiles | None = None
    ) -> None:
        """Take reports of the TSM that the kernel calls `provider`."""
        self._provider = provider
        self._folder = folder
        self._files = files or KernelFiles()

    def report(
        self, data: bytes, *, privilege_level: int | None = None
    ) -> tuple[bytes, bytes | None]:
        """Return outblob and, where there is one, auxblob; QuoteUnavailableError otherwise."""
        # In a container process numbers come again, and objects outlive a process that was killed.
        entry = self._folder / f"coprove-{secrets.token_hex(8)}"
        with answers_of(str(self._folder)):
            self._files.make_folder(entry)
            try:
                found = self._files.read(entry / "provider").strip(b"\x00\n ")
                if found != self._provider.encode():
                    raise QuoteUnavailableError(
                        f"{self._folder}: the TSM is {found.decode(errors='replace')!r}, "
                        f"expected {self._provider!r}"
                    )
                for _ in range(_TRIES):
                    answer = self._undisturbed(entry, data, privilege_level)
                    if answer is not None:
                        return answer
            finally:
                self._files.remove_folder(entry)
        raise QuoteUnavailableError(f"{entry}: another process writes to it")

    def _undisturbed(
        self, entry: Path, data: bytes, privilege_level: int | None
    ) -> tuple[bytes, bytes | None] | None:
        before = self._generation(entry)
        writes = 1
        if privilege_level is not None:
            self._files.write(entry / "privlevel", str(privilege_level).encode())
            writes += 1
        self._files.write(entry / "inblob", data)
        try:
            report = self._files.read(entry / "outblob")
            auxiliary = self._optional(entry / "auxblob")
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:
                return None
            raise
        if self._generation(entry) != before + writes:
            return None
        return report, auxiliary

    def _generation(self, entry: Path) -> int:
        text = self._files.read(entry / "generation").strip(b"\x00\n ")
        if not text.isdigit():
            raise InputError("generation", expected="a number", actual=text)
        return int(text)

    def _optional(self, path: Path) -> bytes | None:
        try:
            return self._files.read(path) or None
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENXIO):
                return None
            raise


class TdxProvider:
    """Quotes of the TD that this process runs in."""

    platform: Final = Platform.INTEL_TDX
    simulated: Final = False

    def __init__(self, folder: Path = TSM_FOLDER, files: DeviceFiles | None = None) -> None:
        """Use configfs-tsm in `folder`."""
        self._reports = TsmReports("tdx_guest", folder, files)

    def quote(self, report_data: bytes) -> Quote:
        """See QuoteProvider."""
        evidence, _ = self._reports.report(report_data)
        with answers_of("tdx_guest"):
            report = parse_quote(evidence).body
            if isinstance(report, SgxReport):
                raise InputError("quote", expected="a TD report", actual="an SGX report")
        return Quote(
            platform=self.platform,
            evidence=evidence,
            endorsements=None,
            report_data=report.report_data,
            measurement=report.measurement,
        )


class SnpProvider:
    """Reports of the SEV-SNP guest that this process runs in."""

    platform: Final = Platform.AMD_SEV_SNP
    simulated: Final = False

    def __init__(
        self,
        folder: Path = TSM_FOLDER,
        files: DeviceFiles | None = None,
        *,
        vmpl: int | None = None,
    ) -> None:
        """Use configfs-tsm in `folder`; `vmpl` is the privilege level, None for the kernel's."""
        self._reports = TsmReports("sev_guest", folder, files)
        self._vmpl = vmpl

    def quote(self, report_data: bytes) -> Quote:
        """See QuoteProvider; endorsements are the host's table of certificates, if it has one."""
        evidence, certificates = self._reports.report(report_data, privilege_level=self._vmpl)
        with answers_of("sev_guest"):
            report = parse_report(evidence)
        return Quote(
            platform=self.platform,
            evidence=evidence,
            endorsements=certificates,
            report_data=report.report_data,
            measurement=report.measurement,
        )
