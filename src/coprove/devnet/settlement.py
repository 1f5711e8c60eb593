"""The L2 output oracle behind the proposer's `Settlement` protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coprove.contracts.abi import Function, reverted
from coprove.contracts.known_errors import KNOWN_ERRORS
from coprove.devnet.outputs import proposed_outputs
from coprove.errors import InputError
from coprove.rpc import NotYetAvailableError, RpcError
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.devnet.sender import Mined, Sender
    from coprove.rpc import JsonRpcTransport
    from coprove.types import Address

__all__ = ["OracleSettlement"]

_LATEST: Final = Function("latestBlockNumber()", "(uint256)")
_NEXT: Final = Function("nextBlockNumber()", "(uint256)")
_RANGE_VKEY: Final = Function("rangeVkeyCommitment()", "(bytes32)")
_AGGREGATION_VKEY: Final = Function("aggregationVkey()", "(bytes32)")
_HISTORIC: Final = Function("historicBlockHashes(uint256)", "(bytes32)")
_CHECKPOINT: Final = Function("checkpointBlockHash(uint256)")
_PROPOSE: Final = Function("proposeL2Output(bytes32,uint256,uint256,bytes)")


class OracleSettlement:
    """Reads and writes the oracle from the proposer's account."""

    def __init__(self, oracle: Address, transport: JsonRpcTransport, sender: Sender) -> None:
        """`oracle` is the proxy's address."""
        self._oracle, self._transport, self._sender = oracle, transport, sender

    async def latest_block(self) -> int:
        """See `Settlement`."""
        return int(await self._read(_LATEST))

    async def next_block(self) -> int:
        """See `Settlement`."""
        return int(await self._read(_NEXT))

    async def range_vkey_commitment(self) -> Hash32:
        """See `Settlement`."""
        return Hash32(await self._read(_RANGE_VKEY))

    async def aggregation_vkey(self) -> Hash32:
        """See `Settlement`."""
        return Hash32(await self._read(_AGGREGATION_VKEY))

    async def checkpointed_hash(self, l1_block: int) -> Hash32 | None:
        """See `Settlement`."""
        found = Hash32(await self._read(_HISTORIC, l1_block))
        return found if any(found) else None

    async def checkpoint(self, l1_block: int, *, key: str) -> Mined:
        """See `Settlement`."""
        return await self._sender.send(key=key, to=self._oracle, data=_CHECKPOINT.encode(l1_block))

    async def simulate(self, root: Hash32, l2_block: int, l1_block: int, proof: bytes) -> None:
        """See `Settlement`; CallRevertedError names the contract's reason."""
        await self._call(_PROPOSE, bytes(root), l2_block, l1_block, proof)

    async def propose(
        self, root: Hash32, l2_block: int, l1_block: int, proof: bytes, *, key: str
    ) -> Mined:
        """See `Settlement`."""
        data = _PROPOSE.encode(bytes(root), l2_block, l1_block, proof)
        return await self._sender.send(key=key, to=self._oracle, data=data)

    async def proposed_in(self, l2_block: int) -> Hash32 | None:
        """See `Settlement`."""
        found = await proposed_outputs(self._transport, self._oracle, l2_block=l2_block)
        return found[-1].tx_hash if found else None

    async def is_mined(self, tx_hash: Hash32) -> bool:
        """See `Settlement`."""
        try:
            answer = await self._transport.call("eth_getTransactionReceipt", [str(tx_hash)])
        except NotYetAvailableError:
            return False
        return isinstance(answer, dict) and answer.get("blockNumber") is not None

    async def _read(self, function: Function, *arguments: object) -> Any:
        (value,) = function.decode(await self._call(function, *arguments))
        return value

    async def _call(self, function: Function, *arguments: object) -> bytes:
        call: Any = {
            "from": str(self._sender.address),
            "to": str(self._oracle),
            "data": f"0x{function.encode(*arguments).hex()}",
        }
        try:
            answer = await self._transport.call("eth_call", [call, "latest"])
        except RpcError as error:
            raise reverted(function.signature, error, KNOWN_ERRORS) or error from error
        if not isinstance(answer, str) or not answer.startswith("0x"):
            raise InputError(function.signature, expected="hex", actual=answer)
        return bytes.fromhex(answer[2:])
