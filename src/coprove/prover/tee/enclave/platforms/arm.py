"""ARM: realm tokens of CCA by configfs-tsm, PSA tokens by what the firmware's maker provides."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any, Final

import cbor2

from coprove.attestation import Platform, cbor
from coprove.errors import InputError
from coprove.prover.tee.enclave.platforms.cbor import CCA_TAG, decoded, payload_of
from coprove.prover.tee.enclave.platforms.files import DeviceFiles, KernelFiles, answers_of
from coprove.prover.tee.enclave.platforms.tsm import TSM_FOLDER, TsmReports
from coprove.prover.tee.enclave.quoting import Quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["CcaProvider", "PsaProvider", "token_by_command", "token_by_device"]

_REALM_TOKEN: Final = 44241
_NONCE: Final = 10
_REALM_INITIAL: Final = 44238
_REALM_EXTENSIBLE: Final = 44239
_COMPONENTS: Final = 2399
_MEASUREMENT_VALUE: Final = 2
_LARGEST_TOKEN: Final = 1 << 16


class CcaProvider:
    """Tokens of the CCA realm that this process runs in (Realm Management Monitor, A7.2)."""

    platform: Final = Platform.ARM_CCA
    simulated: Final = False

    def __init__(self, folder: Path = TSM_FOLDER, files: DeviceFiles | None = None) -> None:
        """Use configfs-tsm in `folder`."""
        self._reports = TsmReports("arm_cca_guest", folder, files)

    def quote(self, report_data: bytes) -> Quote:
        """See QuoteProvider."""
        evidence, _ = self._reports.report(report_data)
        with answers_of("arm_cca_guest"):
            token = decoded(evidence, "CCA token")
            if not isinstance(token, cbor2.CBORTag) or token.tag != CCA_TAG:
                raise InputError("CCA token", expected="tag 399", actual=str(token)[:40])
            if not isinstance(token.value, dict):
                raise InputError("CCA token", expected="a map", actual=type(token.value).__name__)
            realm = cbor.member(token.value, _REALM_TOKEN, bytes, "realm token")
            claims = payload_of(decoded(realm, "realm token"), "realm token")
            measured = cbor.member(claims, _REALM_INITIAL, bytes, "RIM") + _joined(
                claims.get(_REALM_EXTENSIBLE), "REMs"
            )
            quoted = cbor.member(claims, _NONCE, bytes, "realm challenge")
        return Quote(
            platform=self.platform,
            evidence=evidence,
            endorsements=None,
            report_data=quoted,
            measurement=measured,
        )


class PsaProvider:
    """PSA attestation tokens (RFC 9783), of which the report data are the nonce."""

    platform: Final = Platform.ARM_TRUSTZONE
    simulated: Final = False

    def __init__(self, token: Callable[[bytes], bytes]) -> None:
        """Have tokens made by `token`: a nonce of 64 bytes in, the token out, OSError for none."""
        self._token = token

    def quote(self, report_data: bytes) -> Quote:
        """See QuoteProvider."""
        with answers_of("PSA attestation"):
            evidence = self._token(report_data)
            claims = payload_of(decoded(evidence, "PSA token"), "PSA token")
            quoted = cbor.member(claims, _NONCE, bytes, "nonce")
            components = claims.get(_COMPONENTS)
            if not isinstance(components, list | tuple) or not components:
                raise InputError("software components", expected="a list", actual=components)
            values = [
                cbor.member(part, _MEASUREMENT_VALUE, bytes, "measurement value")
                for part in components
                if isinstance(part, dict)
            ]
            if len(values) != len(components):
                raise InputError("software component", expected="a map", actual=components)
        return Quote(
            platform=self.platform,
            evidence=evidence,
            endorsements=None,
            report_data=quoted,
            measurement=b"".join(values),
        )


def token_by_device(path: Path, files: DeviceFiles | None = None) -> Callable[[bytes], bytes]:
    """Return a source of PSA tokens: the nonce is written to a device, which then gives a token."""
    device = files or KernelFiles()

    def token(nonce: bytes) -> bytes:
        device.write(path, nonce)
        return device.read(path)

    return token


def token_by_command(command: Sequence[str], *, timeout: float) -> Callable[[bytes], bytes]:
    """Return a source of PSA tokens: a program that reads the nonce and writes a token.

    It gets the 64 bytes on its standard input and nothing of this process's environment.
    """

    def token(nonce: bytes) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own choice, no shell
                list(command),
                input=nonce,
                capture_output=True,
                timeout=timeout,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"{command[0]} gave no token in {timeout:g} s") from None
        if done.returncode != 0:
            raise OSError(f"{command[0]} ended with {done.returncode}")
        if len(done.stdout) > _LARGEST_TOKEN:
            raise OSError(f"{command[0]} gave {len(done.stdout)} bytes")
        return done.stdout

    return token


def _joined(values: Any, what: str) -> bytes:
    if not isinstance(values, list | tuple) or not all(isinstance(item, bytes) for item in values):
        raise InputError(what, expected="a list of byte strings", actual=type(values).__name__)
    return b"".join(values)
