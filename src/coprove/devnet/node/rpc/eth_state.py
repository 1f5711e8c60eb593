"""eth_*: accounts, calls, proofs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from coprove.devnet.node.rpc.calls import CallRunner
from coprove.devnet.node.rpc.codec import (
    get_address,
    get_quantity,
    hex_data,
    hex_quantity,
    invalid,
)

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.dispatch import Method
    from coprove.execution import StateReader

__all__ = ["EthState"]

_MAX_PROOF_SLOTS = 1024


class EthState:
    """Methods that read the state after a block."""

    def __init__(self, backend: Backend) -> None:
        """Serve from `backend`."""
        self._backend = backend
        self._calls = CallRunner(backend)

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "eth_getBalance": self.balance,
            "eth_getCode": self.code,
            "eth_getStorageAt": self.storage,
            "eth_getTransactionCount": self.transaction_count,
            "eth_getProof": self.proof,
            "eth_call": self.call,
            "eth_estimateGas": self.estimate_gas,
        }

    def _reader(self, tag: Any) -> StateReader:
        return self._backend.chain.reader(self._backend.require(tag).header)

    async def balance(self, address: Any, tag: Any = "latest") -> str:
        """eth_getBalance."""
        account = self._reader(tag).account(get_address(address))
        return hex_quantity(0 if account is None else account.balance)

    async def code(self, address: Any, tag: Any = "latest") -> str:
        """eth_getCode."""
        return hex_data(self._reader(tag).code(get_address(address)))

    async def storage(self, address: Any, slot: Any, tag: Any = "latest") -> str:
        """eth_getStorageAt."""
        value = self._reader(tag).storage(get_address(address), _slot(slot))
        return hex_data(value)

    async def transaction_count(self, address: Any, tag: Any = "latest") -> str:
        """eth_getTransactionCount: with "pending", the pool's transactions too."""
        sender = get_address(address)
        if tag == "pending":
            return hex_quantity(self._backend.mempool.pending_nonce(sender))
        account = self._reader(tag).account(sender)
        return hex_quantity(0 if account is None else account.nonce)

    async def proof(self, address: Any, slots: Any, tag: Any = "latest") -> dict[str, Any]:
        """eth_getProof."""
        if not isinstance(slots, list) or len(slots) > _MAX_PROOF_SLOTS:
            raise invalid(f"storage keys: expected a list of up to {_MAX_PROOF_SLOTS}")
        keys = [_slot(slot) for slot in slots]
        reader = self._reader(tag)
        found = await asyncio.to_thread(reader.proof, get_address(address), keys)
        return {
            "address": hex_data(found.address),
            "accountProof": [hex_data(node) for node in found.account_proof],
            "balance": hex_quantity(found.balance),
            "codeHash": hex_data(found.code_hash),
            "nonce": hex_quantity(found.nonce),
            "storageHash": hex_data(found.storage_hash),
            "storageProof": [
                {
                    # geth gives a key back in the form that it came in.
                    "key": given,
                    "value": hex_quantity(int.from_bytes(item.value, "big")),
                    "proof": [hex_data(node) for node in item.proof],
                }
                for given, item in zip(slots, found.storage_proof, strict=True)
            ],
        }

    async def call(
        self, call: Any, tag: Any = "latest", overrides: Any = None, _blocks: Any = None
    ) -> str:
        """eth_call."""
        return hex_data(await self._calls.call(call, tag, overrides))

    async def estimate_gas(self, call: Any, tag: Any = "latest", overrides: Any = None) -> str:
        """eth_estimateGas."""
        return hex_quantity(await self._calls.estimate(call, tag, overrides))


def _slot(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > 66:
        raise invalid("storage key: expected up to 32 bytes of hex")
    digits = value[2:].lstrip("0")
    return get_quantity(f"0x{digits or '0'}", "storage key").to_bytes(32, "big")
