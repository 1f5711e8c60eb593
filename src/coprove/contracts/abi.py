"""The Solidity ABI as far as this room needs it: calldata, results, events, revert data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from eth_abi.grammar import TupleType, parse

from coprove.contracts.errors import CallRevertedError
from coprove.errors import InputError
from coprove.primitives import keccak256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.rpc import RpcError

__all__ = [
    "Event",
    "Function",
    "decode_revert",
    "reverted",
    "signature_types",
    "type_text",
]

_ERROR = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")


def type_text(parameter: Mapping[str, Any]) -> str:
    """Return a JSON ABI parameter's type as text, tuples written out."""
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(type_text(component) for component in parameter["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


@cache
def signature_types(signature: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the selector and the parameter types of a signature such as "transfer(address)"."""
    _, _, parameters = signature.partition("(")
    return keccak256(signature.encode())[:4], _types(f"({parameters}")


@cache
def _types(text: str) -> tuple[str, ...]:
    if text == "()":
        return ()
    parsed = parse(text)
    if not isinstance(parsed, TupleType):
        raise InputError("ABI types", expected="a tuple", actual=text)
    return tuple(component.to_type_str() for component in parsed.components)


@dataclass(frozen=True, slots=True)
class Function:
    """A contract function, by its signature and the types that it returns."""

    signature: str
    """Such as "balanceOf(address)"."""
    returns: str = "()"
    """Types of the results, such as "(uint256)"."""

    def encode(self, *arguments: object) -> bytes:
        """Return the calldata."""
        selector, types = signature_types(self.signature)
        return selector + bytes(abi_encode(types, arguments))

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the results; InputError when the bytes are no such results."""
        try:
            return tuple(abi_decode(_types(self.returns), data))
        except (DecodingError, OverflowError, ValueError) as error:
            raise InputError(
                f"result of {self.signature}", expected=self.returns, actual=f"0x{data.hex()}"
            ) from error


@dataclass(frozen=True, slots=True)
class Event:
    """A contract event, by its signature and which of its parameters are indexed."""

    signature: str
    """Such as "Transfer(address,address,uint256)"."""
    indexed: tuple[bool, ...]
    """For each parameter, whether it is a topic."""

    @property
    def topic(self) -> bytes:
        """The first topic of such logs."""
        return keccak256(self.signature.encode())

    def decode(self, topics: Sequence[bytes], data: bytes) -> tuple[Any, ...]:
        """Return the parameters in their order; InputError when the log is another one."""
        _, types = signature_types(self.signature)
        pairs = list(zip(types, self.indexed, strict=True))
        in_topics = [kind for kind, is_topic in pairs if is_topic]
        in_data = [kind for kind, is_topic in pairs if not is_topic]
        if len(topics) != len(in_topics) + 1 or topics[0] != self.topic:
            raise InputError("log", expected=self.signature, actual=[t.hex() for t in topics])
        try:
            from_topics = iter(
                [
                    abi_decode([kind], topic)[0]
                    for kind, topic in zip(in_topics, topics[1:], strict=True)
                ]
            )
            from_data = iter(abi_decode(in_data, data))
        except (DecodingError, OverflowError, ValueError) as error:
            raise InputError(
                f"log of {self.signature}", expected="ABI data", actual=f"0x{data.hex()}"
            ) from error
        return tuple(next(from_topics) if is_topic else next(from_data) for _, is_topic in pairs)


def decode_revert(data: bytes, errors: Sequence[str] = ()) -> tuple[str, tuple[object, ...]]:
    """Return the name or text of revert data, and a custom error's values.

    `errors` are signatures of custom errors that the contract may raise.
    """
    selector, body = data[:4], data[4:]
    if not data:
        return "no reason given", ()
    try:
        if selector == _ERROR:
            return str(abi_decode(["string"], body)[0]), ()
        if selector == _PANIC:
            return f"Panic({abi_decode(['uint256'], body)[0]:#x})", ()
        for signature in errors:
            known, types = signature_types(signature)
            if known == selector:
                return signature.partition("(")[0], tuple(abi_decode(types, body))
    except (DecodingError, OverflowError, ValueError):
        pass  # Not what the selector promises: shown raw below.
    return f"0x{data[:100].hex()}", ()


def reverted(what: str, error: RpcError, errors: Sequence[str] = ()) -> CallRevertedError | None:
    """Return the typed form of an endpoint's revert answer, None when it is another failure."""
    data = error.data
    if isinstance(data, dict):
        data = data.get("data")
    raw = b""
    if isinstance(data, str) and data.startswith("0x"):
        try:
            raw = bytes.fromhex(data[2:])
        except ValueError:
            raw = b""
    if not raw and error.code != 3 and "revert" not in error.message.lower():
        return None
    name, arguments = decode_revert(raw, errors)
    if not raw and ":" in error.message:
        name = error.message.partition(":")[2].strip() or name
    return CallRevertedError(what, error=name, arguments=arguments, data=raw)
