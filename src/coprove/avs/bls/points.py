"""Points of G1 and G2 that were checked when they were made: whoever holds one need not ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from coprove.primitives import bn254
from coprove.primitives.bn254 import FIELD_MODULUS, Bn254Error

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["G1Coordinates", "G1Point", "G2Coordinates", "G2Point"]

G1Coordinates: TypeAlias = tuple[int, int]
"""X and Y of `BN254.G1Point`."""
G2Coordinates: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""X and Y of `BN254.G2Point`, each [imaginary, real]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class G1Point:
    """A point of G1, infinity included: sums over nobody are infinity.

    Bn254Error when it is made of anything else.
    """

    encoded: bytes = field(repr=False)
    """x and y, 32 bytes each, big-endian; 64 zeros for infinity (EIP-196)."""

    def __post_init__(self) -> None:
        """Check that it is a point."""
        bn254.check_g1(self.encoded)

    def __repr__(self) -> str:
        """Return the hex of the coordinates."""
        return f"G1Point({self.encoded.hex()})"

    @classmethod
    def from_coordinates(cls, x: int, y: int) -> G1Point:
        """Take Solidity's X and Y; (0, 0) is infinity."""
        return cls(encoded=_words("G1 point", (x, y)))

    @classmethod
    def infinity(cls) -> G1Point:
        """Return the sum of no points."""
        return cls(encoded=bytes(64))

    @classmethod
    def combine(cls, points: Sequence[G1Point], weights: Sequence[int] | None = None) -> G1Point:
        """Return Σ weight · point, each weight 1 unless given; negative ones subtract.

        An operator in k of the signed quorums counts k times, in G1 and G2 alike.
        """
        encoded = [point.encoded for point in points]
        return cls(encoded=bn254.combine_g1(encoded, _weights(len(points), weights)))

    @property
    def is_infinity(self) -> bool:
        """Whether it is the neutral element."""
        return not any(self.encoded)

    @property
    def coordinates(self) -> G1Coordinates:
        """X and Y as Solidity has them."""
        x, y = _integers(self.encoded)
        return x, y


@dataclass(frozen=True, slots=True, kw_only=True)
class G2Point:
    """A point of the subgroup of order r in G2, never infinity: nowhere is that a lawful key.

    Bn254Error when it is made of anything else, a point of the twist outside the subgroup included.
    """

    encoded: bytes = field(repr=False)
    """x and y, each imaginary part first, four words of 32 bytes, big-endian (EIP-197)."""
    checked: bn254.CheckedG2 = field(init=False, repr=False, compare=False)
    """The same point in the kernel."""

    def __post_init__(self) -> None:
        """Check that it is a point of the subgroup."""
        object.__setattr__(self, "checked", bn254.check_g2(self.encoded))

    def __repr__(self) -> str:
        """Return the hex of the coordinates."""
        return f"G2Point({self.encoded.hex()})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the encoding, which is checked again when it is read."""
        return _unpickled_g2, (self.encoded,)

    @classmethod
    def from_coordinates(cls, x: tuple[int, int], y: tuple[int, int]) -> G2Point:
        """Take Solidity's X and Y, each [imaginary, real]."""
        return cls(encoded=_words("G2 point", (*x, *y)))

    @classmethod
    def combine(cls, points: Sequence[G2Point], weights: Sequence[int] | None = None) -> G2Point:
        """Return Σ weight · point, each weight 1 unless given; Bn254Error when it is infinity."""
        checked = [point.checked for point in points]
        return cls(encoded=bn254.combine_g2(checked, _weights(len(points), weights)))

    @property
    def coordinates(self) -> G2Coordinates:
        """X and Y as Solidity has them, each [imaginary, real]."""
        x_imaginary, x_real, y_imaginary, y_real = _integers(self.encoded)
        return (x_imaginary, x_real), (y_imaginary, y_real)


def _unpickled_g2(encoded: bytes) -> G2Point:
    return G2Point(encoded=encoded)


def _words(what: str, numbers: Sequence[int]) -> bytes:
    for number in numbers:
        if not 0 <= number < FIELD_MODULUS:
            raise Bn254Error(what, expected="coordinates from 0 to p - 1", actual=number)
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def _integers(encoded: bytes) -> list[int]:
    return [int.from_bytes(encoded[at : at + 32], "big") for at in range(0, len(encoded), 32)]


def _weights(count: int, weights: Sequence[int] | None) -> Sequence[int]:
    if weights is None:
        return [1] * count
    for weight in weights:
        if not -(2**63) <= weight < 2**63:
            raise Bn254Error("weight", expected="a signed integer of 64 bits", actual=weight)
    return weights
