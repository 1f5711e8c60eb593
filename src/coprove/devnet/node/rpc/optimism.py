"""optimism_*: what op-node serves."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from coprove.devnet.node.rpc.codec import get_quantity, hex_data
from coprove.devnet.node.rpc.errors import SERVER_ERROR, RpcError

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.dispatch import Method
    from coprove.types import L1BlockRef, L2BlockRef

__all__ = ["Optimism", "l2_ref_json"]


def _l1_ref_json(ref: L1BlockRef | None) -> dict[str, Any]:
    zero = hex_data(bytes(32))
    if ref is None:
        return {"hash": zero, "number": 0, "parentHash": zero, "timestamp": 0}
    return {
        "hash": str(ref.hash),
        "number": ref.number,
        "parentHash": str(ref.parent_hash),
        "timestamp": ref.timestamp,
    }


def l2_ref_json(ref: L2BlockRef) -> dict[str, Any]:
    """An L2 block reference as op-node writes it."""
    return {
        "hash": str(ref.hash),
        "number": ref.number,
        "parentHash": str(ref.parent_hash),
        "timestamp": ref.timestamp,
        "l1origin": {"hash": str(ref.l1_origin.hash), "number": ref.l1_origin.number},
        "sequenceNumber": ref.sequence_number,
    }


class Optimism:
    """The rollup node's methods."""

    def __init__(self, backend: Backend) -> None:
        """Serve from `backend`."""
        self._backend = backend

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "optimism_syncStatus": self.sync_status,
            "optimism_outputAtBlock": self.output_at_block,
            "optimism_rollupConfig": self.rollup_config,
            "optimism_safeHeadAtL1Block": self.safe_head_at_l1_block,
            "optimism_version": self.version,
        }

    async def sync_status(self) -> dict[str, Any]:
        """optimism_syncStatus."""
        status, chain = self._backend.status, self._backend.chain
        return {
            "current_l1": _l1_ref_json(status.current_l1),
            "current_l1_finalized": _l1_ref_json(status.finalized_l1),
            "head_l1": _l1_ref_json(status.head_l1),
            "safe_l1": _l1_ref_json(status.safe_l1),
            "finalized_l1": _l1_ref_json(status.finalized_l1),
            "unsafe_l2": l2_ref_json(chain.unsafe),
            "safe_l2": l2_ref_json(chain.safe),
            "finalized_l2": l2_ref_json(chain.finalized),
            "pending_safe_l2": l2_ref_json(status.pending_safe_l2 or chain.safe),
            "local_safe_l2": l2_ref_json(chain.safe),
        }

    async def output_at_block(self, number: Any) -> dict[str, Any]:
        """optimism_outputAtBlock."""
        chain = self._backend.chain
        block_hash = chain.store.canonical_hash(get_quantity(number, "block number", bits=60))
        if block_hash is None:
            raise RpcError(SERVER_ERROR, "failed to determine L2BlockRef: not found")
        output = await asyncio.to_thread(chain.output, block_hash)
        return {
            "version": hex_data(bytes(32)),
            "outputRoot": str(output.hash()),
            "blockRef": l2_ref_json(chain.ref(block_hash)),
            "withdrawalStorageRoot": str(output.message_passer_storage_root),
            "stateRoot": str(output.state_root),
            "syncStatus": await self.sync_status(),
        }

    async def rollup_config(self) -> dict[str, Any]:
        """optimism_rollupConfig."""
        return self._backend.chain.config.to_json()

    async def safe_head_at_l1_block(self, number: Any) -> dict[str, Any]:
        """optimism_safeHeadAtL1Block: what was safe after an L1 block."""
        entry = self._backend.chain.store.safe_head_at(
            get_quantity(number, "L1 block number", bits=60)
        )
        if entry is None:
            raise RpcError(SERVER_ERROR, "safe head not found")
        return {
            "l1Block": {"hash": hex_data(entry.l1_hash), "number": entry.l1_number},
            "safeHead": {"hash": hex_data(entry.l2_hash), "number": entry.l2_number},
        }

    async def version(self) -> str:
        """optimism_version."""
        return f"v{version('coprove')}-coprove"
