"""The L2 output oracle behind the proposer's `Settlement` protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.contracts import OutputOracle, checkpoint_call, propose_call
from coprove.devnet.outputs import proposed_outputs
from coprove.rpc import NotYetAvailableError

if TYPE_CHECKING:
    from coprove.devnet.sender import Mined, Sender
    from coprove.rpc import JsonRpcTransport
    from coprove.types import Address, Hash32

__all__ = ["OracleSettlement"]


class OracleSettlement:
    """Reads and writes the oracle from the proposer's account."""

    def __init__(self, oracle: Address, transport: JsonRpcTransport, sender: Sender) -> None:
        """`oracle` is the proxy's address."""
        self._oracle = OutputOracle(transport, oracle)
        self._transport, self._sender = transport, sender

    async def latest_block(self) -> int:
        """See `Settlement`."""
        return await self._oracle.latest_block_number()

    async def next_block(self) -> int:
        """See `Settlement`."""
        return await self._oracle.next_block_number()

    async def range_vkey_commitment(self) -> Hash32:
        """See `Settlement`."""
        return await self._oracle.range_vkey_commitment()

    async def aggregation_vkey(self) -> Hash32:
        """See `Settlement`."""
        return await self._oracle.aggregation_vkey()

    async def checkpointed_hash(self, l1_block: int) -> Hash32 | None:
        """See `Settlement`."""
        return await self._oracle.historic_block_hash(l1_block)

    async def checkpoint(self, l1_block: int, *, key: str) -> Mined:
        """See `Settlement`."""
        data = checkpoint_call(l1_block)
        return await self._sender.send(key=key, to=self._oracle.address, data=data)

    async def simulate(self, root: Hash32, l2_block: int, l1_block: int, proof: bytes) -> None:
        """See `Settlement`; CallRevertedError names the contract's reason."""
        data = propose_call(output_root=root, l2_block=l2_block, l1_block=l1_block, proof=proof)
        await self._oracle.contract.check(data, sender=self._sender.address, what="proposeL2Output")

    async def propose(
        self, root: Hash32, l2_block: int, l1_block: int, proof: bytes, *, key: str
    ) -> Mined:
        """See `Settlement`."""
        data = propose_call(output_root=root, l2_block=l2_block, l1_block=l1_block, proof=proof)
        return await self._sender.send(key=key, to=self._oracle.address, data=data)

    async def proposed_in(self, l2_block: int) -> Hash32 | None:
        """See `Settlement`."""
        found = await proposed_outputs(self._transport, self._oracle.address, l2_block=l2_block)
        return found[-1].tx_hash if found else None

    async def is_mined(self, tx_hash: Hash32) -> bool:
        """See `Settlement`."""
        try:
            answer = await self._transport.call("eth_getTransactionReceipt", [str(tx_hash)])
        except NotYetAvailableError:
            return False
        return isinstance(answer, dict) and answer.get("blockNumber") is not None
