"""AWS Nitro enclaves: the Nitro Security Module by its ioctl (linux/nsm.h)."""

from __future__ import annotations

import ctypes
import fcntl
import os
from pathlib import Path
from typing import Any, Final, Protocol

import cbor2

from coprove.attestation import Platform, cbor
from coprove.errors import InputError
from coprove.prover.tee.enclave.errors import QuoteMismatchError, QuoteUnavailableError
from coprove.prover.tee.enclave.platforms.cbor import decoded, payload_of
from coprove.prover.tee.enclave.platforms.files import answers_of
from coprove.prover.tee.enclave.quoting import Quote

__all__ = ["NSM_DEVICE", "NSM_RAW", "NitroProvider", "NsmDevice", "SecurityModule"]

NSM_DEVICE: Final = Path("/dev/nsm")
"""The module's device."""
NSM_RAW: Final = 0xC020_0A00
"""_IOWR(0x0A, 0, struct nsm_raw): two pairs of address and length, 32 bytes."""
_LARGEST_REQUEST: Final = 0x1000
_LARGEST_ANSWER: Final = 0x3000
_PCRS: Final = (0, 1, 2)


class SecurityModule(Protocol):
    """Takes a request and answers it, both in CBOR; failures are OSError."""

    def exchange(self, request: bytes) -> bytes:
        """Ask one question."""


class _Buffer(ctypes.Structure):
    _fields_ = (("address", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Message(ctypes.Structure):
    _fields_ = (("request", _Buffer), ("answer", _Buffer))


class NsmDevice:
    """The device of the enclave that this process runs in."""

    def __init__(self, path: Path = NSM_DEVICE) -> None:
        """Use the device at `path`."""
        self._path = path

    def exchange(self, request: bytes) -> bytes:
        """See SecurityModule."""
        if len(request) > _LARGEST_REQUEST:
            raise OSError(f"a request has at most {_LARGEST_REQUEST} bytes")
        asked = ctypes.create_string_buffer(request, len(request))
        answer = ctypes.create_string_buffer(_LARGEST_ANSWER)
        message = _Message(
            _Buffer(ctypes.addressof(asked), len(request)),
            _Buffer(ctypes.addressof(answer), _LARGEST_ANSWER),
        )
        descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, NSM_RAW, message)
        finally:
            os.close(descriptor)
        if message.answer.length > _LARGEST_ANSWER:
            raise OSError(f"an answer of {message.answer.length} bytes")
        return answer.raw[: message.answer.length]


class NitroProvider:
    """Attestation documents with the report data as user data.

    PCR0, PCR1 and PCR2 are asked of the module itself and must be the document's.
    """

    platform: Final = Platform.AWS_NITRO
    simulated: Final = False

    def __init__(self, module: SecurityModule | None = None) -> None:
        """Use the module of this enclave, or another one."""
        self._module = module or NsmDevice()

    def quote(self, report_data: bytes) -> Quote:
        """See QuoteProvider."""
        with answers_of("nsm"):
            registers = b"".join(self._register(index) for index in _PCRS)
            request = {"user_data": report_data, "nonce": None, "public_key": None}
            answer = self._ask({"Attestation": request}, "Attestation")
            document = cbor.member(answer, "document", bytes, "attestation document")
            claims = payload_of(decoded(document, "attestation document"), "attestation document")
            found = cbor.member(claims, "pcrs", dict, "pcrs")
            measured = b"".join(cbor.member(found, index, bytes, f"PCR{index}") for index in _PCRS)
            quoted = cbor.member(claims, "user_data", bytes, "user data")
        if measured != registers:
            raise QuoteMismatchError("nsm: the document's PCRs are not those of this enclave")
        return Quote(
            platform=self.platform,
            evidence=document,
            endorsements=None,
            report_data=quoted,
            measurement=measured,
        )

    def _register(self, index: int) -> bytes:
        answer = self._ask({"DescribePCR": {"index": index}}, "DescribePCR")
        return cbor.member(answer, "data", bytes, f"PCR{index}")

    def _ask(self, request: object, kind: str) -> dict[Any, Any]:
        answer = decoded(self._module.exchange(cbor2.dumps(request)), "answer")
        if isinstance(answer, dict) and "Error" in answer:
            raise QuoteUnavailableError(f"nsm: {str(answer['Error'])[:100]}")
        if not isinstance(answer, dict) or not isinstance(answer.get(kind), dict):
            raise InputError("answer", expected=kind, actual=str(answer)[:100])
        found: dict[Any, Any] = answer[kind]
        return found
