"""Changing answers, as lying servers and bad lines do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_HEX = "0123456789abcdef"


def alter(value: Any, rng: random.Random) -> Any:  # noqa: PLR0911 - one case for each kind of value
    """Change one thing somewhere in a JSON value: a digit, a number, an entry, a type."""
    if isinstance(value, dict) and value:
        name = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: alter(value[name], rng)}
    if isinstance(value, list) and value:
        index = rng.randrange(len(value))
        kind = rng.random()
        if kind < 0.2:
            return value[:index] + value[index + 1 :]
        if kind < 0.3:
            return [*value, value[index]]
        return [*value[:index], alter(value[index], rng), *value[index + 1 :]]
    if isinstance(value, str) and len(value) > 2:
        if rng.random() < 0.15:
            return value[: rng.randrange(2, len(value))]
        return _other_digit(value, rng)
    if isinstance(value, int):
        return value + rng.choice([-1, 1, 1 << 70])
    return rng.choice([None, 7, "0x", [], {}])


def flip(value: Any, rng: random.Random) -> Any:
    """Change one digit or number somewhere in a JSON value; the shape stays."""
    if isinstance(value, dict) and value:
        name = rng.choice(sorted(value))
        return {**value, name: flip(value[name], rng)}
    if isinstance(value, list) and value:
        index = rng.randrange(len(value))
        return [*value[:index], flip(value[index], rng), *value[index + 1 :]]
    if isinstance(value, str) and len(value) > 2:
        return _other_digit(value, rng)
    if isinstance(value, int) and not isinstance(value, bool):
        return value + rng.choice([-1, 1])
    return value


def _other_digit(value: str, rng: random.Random) -> str:
    at = rng.randrange(2, len(value))
    return value[:at] + rng.choice(_HEX.replace(value[at].lower(), "")) + value[at + 1 :]
