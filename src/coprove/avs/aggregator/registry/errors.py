"""What can go wrong when the chain is asked who may sign."""

from __future__ import annotations

from coprove.errors import Temporary

__all__ = ["RegistryDisagreesError"]


class RegistryDisagreesError(Temporary):
    """Two things that an endpoint says of the registry cannot both be true: it lies or lost logs.

    Nothing is decided on either; later, or elsewhere, they may agree. `what` names the thing,
    `expected` is what events say, `actual` the other source.
    """

    def __init__(self, what: str, *, expected: object, actual: object) -> None:
        """Build the text from all three, shortened."""
        super().__init__(f"{what}: events say {expected!s:.200}, another source {actual!s:.200}")
        self.what, self.expected, self.actual = what, expected, actual
