"""A platform that quotes as it is told, and recorded ranges to prove."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.attestation import Platform
from coprove.primitives import keccak256
from coprove.prover.tee.enclave import Quote
from coprove.types import Address, Hash32
from tests.integration.ranges import range_input, recording

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

MEASUREMENT = b"\x5a" * 32
OPERATOR = Address(b"\x0e" * 20)
REGISTRY = Address(b"\x0f" * 20)
BLOCK_HASH = Hash32(b"\xbb" * 32)
NONCE = Hash32(b"\xcc" * 32)


@dataclass
class FakeProvider:
    """Quotes at once, and remembers what."""

    platform: Platform = Platform.INTEL_SGX
    simulated: bool = True
    measurement: bytes = MEASUREMENT
    quoted: list[bytes] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    """Raised by the next quotes, one each."""
    alter: Callable[[Quote], Quote] = lambda quote: quote
    """What a host does to quotes on their way."""
    gate: threading.Event | None = None
    """When set, quotes wait for it."""

    def quote(self, report_data: bytes) -> Quote:
        if self.gate is not None:
            assert self.gate.wait(60)
        if self.failures:
            raise self.failures.pop(0)
        self.quoted.append(report_data)
        return self.alter(
            Quote(
                platform=self.platform,
                evidence=b"quote of " + report_data,
                endorsements=None,
                report_data=report_data,
                measurement=self.measurement,
            )
        )


def witness(start: int, end: int, name: str = "calldata") -> bytes:
    """Return the encoded input of a recorded range."""
    return range_input(name, start, end).encode()


def digest_of(data: bytes) -> Hash32:
    return Hash32(keccak256(data))


def recorded_root(block: int, name: str = "calldata") -> Hash32:
    return recording(name).expected_output(block)
