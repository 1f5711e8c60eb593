"""A keystore's password: from a file or the environment, never from a command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from coprove.avs.errors import KeystoreError
from coprove.avs.keystores.files import read_bounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Password"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Password:
    """A password, which shows itself nowhere."""

    text: str
    """The password itself; empty for the keystores of tools that allow that."""

    def __post_init__(self) -> None:
        """Raise KeystoreError for bytes of the environment that are no UTF-8."""
        try:
            self.text.encode()
        except UnicodeEncodeError:
            raise KeystoreError("password", expected="UTF-8", actual="other bytes") from None

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Password(…)"

    def __reduce__(self) -> NoReturn:
        """Refuse to leave the process."""
        raise TypeError("a password is not pickled")

    @classmethod
    def from_file(cls, path: Path) -> Password:
        """Read a file of one line; the end of the line is not part of it.

        KeystoreError when there is no such file or it has more lines.
        """
        what = f"password file {path}"
        try:
            text = read_bounded(path, what).decode()
        except UnicodeDecodeError:
            raise KeystoreError(what, expected="UTF-8", actual="other bytes") from None
        line, _, rest = text.partition("\n")
        if rest:
            raise KeystoreError(what, expected="one line", actual="several")
        return cls(line.removesuffix("\r"))

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str]) -> Password:
        """Take a variable's value; KeystoreError when it is not set."""
        if name not in environment:
            raise KeystoreError("password", expected=f"the variable {name}", actual="unset")
        return cls(environment[name])
