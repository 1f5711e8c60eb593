"""L1 over JSON-RPC."""

from __future__ import annotations

from coprove.rpc.eth import EthClient
from coprove.types import L1BlockRef

__all__ = ["L1Client"]


class L1Client(EthClient):
    """Typed, checked calls to an L1 execution client."""

    async def block_ref(self, block: int | str) -> L1BlockRef:
        """Return the reference of the block with this number or tag ("latest", "finalized")."""
        found = await self.header(block)
        return L1BlockRef.from_header(found.header, found.hash)
