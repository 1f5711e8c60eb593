"""The base of every error that coprove raises, and the three ways to react to one.

A leaf error derives from exactly one of `Temporary`, `Reset` or `Critical`; who catches it needs to
know no more than that. Leaves live in the room that raises them and carry what was expected and
what came as attributes.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CoproveError", "Critical", "InputError", "Reset", "Temporary"]


class CoproveError(Exception):
    """Base class of every error of this package; it pickles with its attributes."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild without calling __init__, whose arguments are not those that Exception keeps."""
        state = {name: _portable(value) for name, value in self.__dict__.items()}
        return _rebuilt, (type(self), self.args, state)


class Temporary(CoproveError):
    """The same call may succeed later: wait and retry it (a timeout, data not yet there)."""


class Reset(CoproveError):
    """The unit of work stands on something that changed: start it again (an L1 reorg)."""


class Critical(CoproveError):
    """No retry helps: stop the unit and tell a person (bad input, a broken invariant)."""


class InputError(Critical):
    """Bytes or values from outside are not what they must be.

    `what` names the field or structure, `expected` the rule it breaks, `actual` what came.
    """

    def __init__(self, what: str, *, expected: object, actual: object) -> None:
        """Build the message from its three parts; long values are shortened to 200 characters."""
        super().__init__(f"{what}: expected {_shown(expected)}, got {_shown(actual)}")
        self.what = what
        self.expected = expected
        self.actual = actual


def _portable(value: object) -> object:
    """Return a value that any process can read: what an error was raised about may be anything."""
    plain = (str, bytes, int, float, bool, type(None))
    if type(value) in plain or type(value).__module__.startswith("coprove."):
        return value
    return str(value)


def _rebuilt(kind: type[CoproveError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
