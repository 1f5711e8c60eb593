"""Fixed-size byte strings: 32-byte hashes and 20-byte addresses."""

from __future__ import annotations

from typing import ClassVar, Self

from coprove.errors import InputError

__all__ = ["ZERO_ADDRESS", "ZERO_HASH", "Address", "FixedBytes", "Hash32"]


class FixedBytes(bytes):
    """Bytes of a fixed size; compares and hashes as plain bytes, prints as 0x-prefixed hex."""

    __slots__ = ()
    SIZE: ClassVar[int] = 0

    def __new__(cls, data: bytes) -> Self:
        """Check the size; InputError when it differs."""
        if len(data) != cls.SIZE:
            raise InputError(
                cls.__name__, expected=f"{cls.SIZE} bytes", actual=f"{len(data)} bytes"
            )
        return super().__new__(cls, data)

    @classmethod
    def from_hex(cls, text: object, what: str | None = None) -> Self:
        """Parse exactly `SIZE` bytes of 0x-prefixed hex; `what` names the field in the error."""
        name = what or cls.__name__
        if not isinstance(text, str) or not text.startswith(("0x", "0X")):
            raise InputError(name, expected=f"0x and {2 * cls.SIZE} hex digits", actual=text)
        digits = text[2:]
        # fromhex skips white space, so the digits are counted first.
        if len(digits) != 2 * cls.SIZE or not digits.isalnum():
            raise InputError(name, expected=f"0x and {2 * cls.SIZE} hex digits", actual=text)
        try:
            return cls(bytes.fromhex(digits))
        except ValueError as error:
            raise InputError(name, expected="hex digits", actual=text) from error

    @property
    def hex0x(self) -> str:
        """The lower-case hex form with its 0x prefix."""
        return f"0x{self.hex()}"

    def __str__(self) -> str:
        """Return the lower-case hex form with its 0x prefix."""
        return f"0x{self.hex()}"

    def __repr__(self) -> str:
        """Return the constructor-like form, for logs and test failures."""
        return f"{type(self).__name__}(0x{self.hex()})"


class Hash32(FixedBytes):
    """A 32-byte hash, root or other word."""

    __slots__ = ()
    SIZE = 32


class Address(FixedBytes):
    """A 20-byte account address."""

    __slots__ = ()
    SIZE = 20


ZERO_HASH = Hash32(bytes(32))
"""32 zero bytes."""
ZERO_ADDRESS = Address(bytes(20))
"""The zero address."""
