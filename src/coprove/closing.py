"""What is closed at the end of a block: `async with` for everything that has a `close`.

Only the standard library is imported, so every room may use it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["AsyncClosing"]


class AsyncClosing(ABC):
    """As an async context manager it gives itself, and is closed however the block ends."""

    @abstractmethod
    async def close(self) -> None:
        """Stop own work and release what is held."""

    async def __aenter__(self) -> Self:
        """Return the object itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()
