"""What can go wrong in the kernel, told apart by who is to blame."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from coprove import _native
from coprove.errors import CoproveError, Critical, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "InvalidPayloadError",
    "KernelError",
    "MissingKind",
    "MissingStateError",
    "WitnessError",
    "kernel_errors",
]

MissingKind = Literal["account", "slot", "code", "header", "node"]
"""What is missing: nodes on the path of an account or slot, a code, a header, a node by hash."""


class MissingStateError(Critical):
    """The store or the ancestors lack something that execution needs.

    Nothing is ever taken for absent because it is missing. The executor keeps its head, so what is
    missing can be added to the store and the call repeated.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: MissingKind,
        address: bytes | None = None,
        slot: bytes | None = None,
        node_hash: bytes | None = None,
        number: int | None = None,
    ) -> None:
        """Keep the parts that apply to `kind`."""
        super().__init__(message)
        self.kind: MissingKind = kind
        """What is missing."""
        self.address = address
        """Account whose path, slot or code it is: 20 bytes."""
        self.slot = slot
        """Storage slot, 32 bytes, when `kind` is slot."""
        self.node_hash = node_hash
        """Hash of the node, code or header that is not there: 32 bytes."""
        self.number = number
        """Block number of a missing header."""


class InvalidPayloadError(Critical):
    """The payload breaks a consensus rule; no state or witness could make it valid.

    The one error that Holocene's derivation answers with a block of deposits only.
    """

    def __init__(self, message: str, *, reason: str, transaction: int | None = None) -> None:
        """Keep the reason and the position of the transaction at fault."""
        super().__init__(message)
        self.reason = reason
        """Which rule is broken."""
        self.transaction = transaction
        """Position of the transaction in the payload, None when it is not about one."""


class WitnessError(InputError):
    """Bytes that hash to what was asked for are not a trie node, account, value or code."""


class KernelError(Critical):
    """A fault of the kernel itself, a caught panic included. Please report it."""


@contextmanager
def kernel_errors() -> Iterator[None]:
    """Turn the native module's one exception into the typed errors of this module."""
    try:
        yield
    except _native.NativeError as error:
        kind, message, details = error.args
        raise _typed(kind, message, details) from None
    except OverflowError as error:
        expected = "one that the kernel's type for it holds"
        raise InputError("integer", expected=expected, actual=error) from None


def _typed(kind: str, message: str, details: dict[str, Any]) -> CoproveError:
    match kind:
        case "missing":
            what = details["kind"]
            number = details.get("number")
            return MissingStateError(
                _describe(details),
                kind=what,
                address=details.get("address"),
                slot=details.get("slot"),
                node_hash=details["hash"],
                number=number,
            )
        case "payload":
            return InvalidPayloadError(
                message, reason=details["reason"], transaction=details["transaction"]
            )
        case "witness":
            return WitnessError("witness", expected="well-formed state", actual=message)
        case "input":
            return InputError(
                details["what"], expected=details["expected"], actual=details["actual"]
            )
        case _:
            return KernelError(message)


def _describe(details: dict[str, Any]) -> str:
    digest = f"0x{details['hash'].hex()}"
    match details["kind"]:
        case "account":
            return f"node {digest} on the path of account 0x{details['address'].hex()} is missing"
        case "slot":
            place = f"slot 0x{details['slot'].hex()} of 0x{details['address'].hex()}"
            return f"node {digest} on the path of {place} is missing"
        case "code":
            return f"code {digest} of account 0x{details['address'].hex()} is missing"
        case "header":
            return f"header {digest} of block {details['number']} is missing"
        case _:
            return f"node {digest} is missing"
