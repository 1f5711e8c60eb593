"""The devnet's L1: an anvil whose state is saved while it runs, so that a kill loses little."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.foundry_tools import anvil_command
from coprove.errors import CoproveError, InputError
from coprove.rpc import EndpointOptions, JsonRpcTransport, RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["L1_CHAIN_ID", "AnvilL1", "answers"]

L1_CHAIN_ID: Final = 900
"""Chain id of the devnet's L1."""
_MAX_STATE_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class AnvilL1:
    """How the L1 is started and where its state is kept."""

    port: int
    """TCP port on the loopback interface."""
    state_file: Path
    """Where its state is saved, and read back at a start when it is there."""
    block_time: int
    """Seconds between blocks."""
    slots_in_an_epoch: int = 4
    """The safe block lies so far behind the head, the finalized block twice as far."""

    @property
    def url(self) -> str:
        """Its JSON-RPC endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """Return the command line; the first start mines at once, for a quick deployment.

        `end_deployment` gives such an L1 its block time.
        """
        extra = ["--order=fifo"]
        if self.state_file.exists():
            extra.append(f"--load-state={self.state_file}")
        return anvil_command(
            port=self.port,
            chain_id=L1_CHAIN_ID,
            block_time=self.block_time if self.state_file.exists() else None,
            slots_in_an_epoch=self.slots_in_an_epoch,
            extra=extra,
        )

    async def end_deployment(self, transport: JsonRpcTransport) -> None:
        """Go over from a block for each transaction to a block each `block_time` seconds."""
        await transport.call("evm_setAutomine", [False])
        await transport.call("evm_setIntervalMining", [self.block_time])

    async def save(self, transport: JsonRpcTransport) -> None:
        """Write the whole state to the file, atomically.

        Blocks that are newer than the last save are lost when anvil is killed, which the L2 sees
        as a reorg: save more often than blocks become final. anvil's file has no hashes for the
        EVM: to contracts, BLOCKHASH of a block before the restart is keccak256 of its number in
        digits, so that a checkpoint of it is wrong and another must be chosen.
        """
        packed = await transport.call("anvil_dumpState")
        if not isinstance(packed, str) or not packed.startswith("0x"):
            raise InputError("anvil_dumpState", expected="hex", actual=type(packed).__name__)
        state = gzip.decompress(bytes.fromhex(packed[2:]))
        if len(state) > _MAX_STATE_BYTES:
            raise InputError("anvil's state", expected="1 GiB at most", actual=len(state))
        temporary = self.state_file.with_suffix(".new")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(state)
        os.replace(temporary, self.state_file)


async def answers(url: str, method: str = "eth_chainId") -> bool:
    """Whether a JSON-RPC endpoint answers `method` right now."""
    options = EndpointOptions(timeout=2.0, retry=RetryPolicy(attempts=1))
    async with JsonRpcTransport(url, options) as transport:
        try:
            await transport.call(method)
        except CoproveError:
            return False
    return True
