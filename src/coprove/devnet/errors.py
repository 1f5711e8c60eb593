"""What can go wrong in the devnet's own machinery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import Critical

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ChildNotReadyError", "DataDirInUseError", "NotADevChainError", "PortInUseError"]


class ChildNotReadyError(Critical):
    """A process of the devnet did not become ready in time."""

    def __init__(self, name: str, *, seconds: float, tail: str) -> None:
        """`tail` is the end of the process's own log."""
        super().__init__(f"{name} was not ready after {seconds:.0f} s; its log ends with:\n{tail}")
        self.name = name
        self.tail = tail


class DataDirInUseError(Critical):
    """Another devnet runs on the same data directory."""

    def __init__(self, path: Path) -> None:
        """`path` is the directory."""
        super().__init__(f"another devnet uses {path}")
        self.path = path


class PortInUseError(Critical):
    """A port that was asked for belongs to another process."""

    def __init__(self, port: int) -> None:
        """`port` is on the loopback interface."""
        super().__init__(f"port {port} is in use")
        self.port = port


class NotADevChainError(Critical):
    """The well-known development keys were about to be used on a chain that is not a devnet's."""

    def __init__(self, chain_id: int) -> None:
        """`chain_id` is what the endpoint answered."""
        super().__init__(f"chain {chain_id} is not a development chain: refusing its public keys")
        self.chain_id = chain_id
