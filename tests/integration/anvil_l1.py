"""An anvil L1 and its helpers, for the tests of the contracts' room."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coprove.contracts import (
    FeePolicy,
    LocalSigner,
    MemoryIntentStore,
    OracleParameters,
    RollupParameters,
    TransactionManager,
    TransactionOptions,
    deploy_l1,
)
from coprove.contracts.foundry_tools import start_anvil
from coprove.rpc import EndpointOptions, JsonRpcTransport, RetryPolicy
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.contracts import IntentStore, L1Deployment, RollupContracts, SendGuard
    from coprove.rpc import Json

__all__ = ["AGGREGATION_VKEY", "CHALLENGER", "DEPLOYER", "L1", "OTHER", "PROPOSER", "running_l1"]

# Keys 0 to 3 of the mnemonic that anvil and hardhat print at every start.
DEPLOYER = LocalSigner.from_key("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
PROPOSER = LocalSigner.from_key("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
CHALLENGER = LocalSigner.from_key(
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"
)
OTHER = LocalSigner.from_key("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6")

AGGREGATION_VKEY = Hash32(b"a" * 32)
RANGE_VKEY = Hash32(b"r" * 32)
CONFIG_HASH = Hash32(b"c" * 32)
STARTING_ROOT = Hash32(b"s" * 32)
BATCH_INBOX = Address(b"\xff" * 20)


class L1:
    """A running anvil with automatic mining."""

    def __init__(self, transport: JsonRpcTransport, url: str) -> None:
        """Share the transport with managers and readers."""
        self.transport, self.url = transport, url

    async def rpc(self, method: str, *params: Json) -> Json:
        return await self.transport.call(method, list(params))

    async def number(self) -> int:
        return int(str(await self.rpc("eth_blockNumber")), 16)

    async def block_hash(self, number: int) -> Hash32:
        return Hash32.from_hex((await self._block(hex(number)))["hash"])

    async def timestamp(self) -> int:
        return int(str((await self._block("latest"))["timestamp"]), 16)

    async def _block(self, tag: str) -> dict[str, Json]:
        block = await self.transport.call("eth_getBlockByNumber", [tag, False])
        assert isinstance(block, dict)
        return block

    async def nonce(self, account: Address) -> int:
        return int(str(await self.rpc("eth_getTransactionCount", str(account), "latest")), 16)

    async def automine(self, *, on: bool) -> None:
        await self.rpc("evm_setAutomine", on)

    async def mine(self, blocks: int = 1) -> None:
        await self.rpc("anvil_mine", hex(blocks))

    def manager(
        self,
        signer: LocalSigner = DEPLOYER,
        store: IntentStore | None = None,
        *,
        transport: JsonRpcTransport | None = None,
        confirmations: int = 1,
        resubmit_after: float = 60.0,
        fees: FeePolicy | None = None,
        guard: SendGuard | None = None,
    ) -> TransactionManager:
        options = TransactionOptions(
            confirmations=confirmations,
            poll_interval=0.02,
            resubmit_after=resubmit_after,
            fees=fees or FeePolicy(),
        )
        return TransactionManager(
            transport or self.transport,
            signer,
            store or MemoryIntentStore(),
            options,
            guard=guard,
        )

    async def deploy(self, *, finalization_period: int = 1000) -> L1Deployment:
        async def oracle(_: RollupContracts) -> OracleParameters:
            return OracleParameters(
                owner=DEPLOYER.address,
                challenger=CHALLENGER.address,
                proposer=PROPOSER.address,
                finalization_period_seconds=finalization_period,
                l2_block_time=2,
                submission_interval=10,
                aggregation_vkey=AGGREGATION_VKEY,
                range_vkey_commitment=RANGE_VKEY,
                rollup_config_hash=CONFIG_HASH,
                starting_output_root=STARTING_ROOT,
                starting_block_number=100,
                starting_timestamp=await self.timestamp() - 10_000,
            )

        rollup = RollupParameters(
            batcher=OTHER.address, batch_inbox=BATCH_INBOX, unsafe_block_signer=OTHER.address
        )
        async with self.manager() as manager:
            return await deploy_l1(manager, rollup=rollup, oracle=oracle)


@asynccontextmanager
async def running_l1(*, chain_id: int = 31337, hardfork: str = "osaka") -> AsyncIterator[L1]:
    """Start an anvil that mines a block for each transaction."""
    options = EndpointOptions(timeout=10.0, retry=RetryPolicy(attempts=2, base_delay=0.01))
    with start_anvil(block_time=None, chain_id=chain_id, hardfork=hardfork) as anvil:
        async with JsonRpcTransport(anvil.url, options) as transport:
            yield L1(transport, anvil.url)
