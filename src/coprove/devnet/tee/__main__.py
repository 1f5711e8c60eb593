"""`python -m coprove.devnet.tee --config FILE`."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from coprove.contracts.attestation import PoEContract, ProverRegistry
from coprove.contracts.attestation.dcap import DcapRegistry
from coprove.contracts.transactions import (
    LocalSigner,
    SqliteIntentStore,
    TransactionManager,
    TransactionOptions,
)
from coprove.devnet.accounts import DevAccounts, Role, require_dev_chain
from coprove.devnet.service import config_argument, run_loop, run_service
from coprove.devnet.settings import load_settings
from coprove.devnet.tee.config import TeeConfig
from coprove.devnet.tee.lane import METRICS, Member, TeeLane
from coprove.prover.tee.registrar import (
    DcapSource,
    Registrar,
    RegistrarOptions,
    TeeProverClient,
    TeeProverClientOptions,
)
from coprove.rpc import EndpointOptions, EthClient, JsonRpcTransport, RetryPolicy
from coprove.types import Address, RollupConfig
from coprove.witness import LiveEndpoints, LiveOptions, open_witness

if TYPE_CHECKING:
    from coprove.devnet.tee.config import ProverConfig
    from coprove.telemetry import Metrics

_ENDPOINT = EndpointOptions(timeout=10.0, retry=RetryPolicy(attempts=3, max_delay=1.0))


def _main() -> int:
    config = load_settings(TeeConfig, config_argument("Keep simulated TEE provers registered."))

    async def run(metrics: Metrics) -> None:
        async with AsyncExitStack() as stack:
            lane = await _lane(config, stack, metrics)
            await run_loop(lane.tick, pause=config.poll_interval, metrics=metrics)

    return run_service("tee", config, run, METRICS)


async def _lane(config: TeeConfig, stack: AsyncExitStack, metrics: Metrics) -> TeeLane:
    rollup = RollupConfig.from_json(config.rollup_config.read_bytes())
    l1 = await stack.enter_async_context(JsonRpcTransport(config.l1_rpc_url, _ENDPOINT))
    chain_id = await EthClient(l1).chain_id()
    require_dev_chain(chain_id, rollup.l2_chain_id)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    registry = ProverRegistry(l1, Address.from_hex(config.registry))
    # One for all: of those who bring the same collateral at once the contract refuses all but one.
    collateral = DcapSource(DcapRegistry(l1, Address.from_hex(config.collateral)))
    witness = await stack.enter_async_context(
        open_witness(
            LiveEndpoints(l1=config.l1_rpc_url, l2=config.l2_rpc_url, node=config.l2_rpc_url),
            options=LiveOptions(
                rollup_config=config.rollup_config.read_bytes(),
                l1_config=config.l1_chain_config.read_bytes(),
            ),
            endpoint_options=_ENDPOINT,
        )
    )

    async def sender(account: int) -> TransactionManager:
        store = SqliteIntentStore(config.data_dir / f"transactions-{account}.sqlite")
        stack.callback(store.close)
        signer = LocalSigner(DevAccounts().account(account))
        options = TransactionOptions(confirmations=1, poll_interval=config.poll_interval)
        return await stack.enter_async_context(TransactionManager(l1, signer, store, options))

    # An operator that keeps its prover itself also counts its own nonces.
    others = None if all(given.kept for given in config.provers) else await sender(Role.CLAIMS)

    async def member(given: ProverConfig) -> Member:
        client = await stack.enter_async_context(
            TeeProverClient(TeeProverClientOptions(url=given.url))
        )
        operator = Address.from_hex(DevAccounts().account(given.account).address.lower())
        if not given.kept and others is not None:
            return Member(
                name=given.name, client=client, operator=operator, registrar=None, manager=others
            )
        manager = await sender(given.account)
        registrar = Registrar(
            transport=l1,
            chain_id=chain_id,
            manager=manager,
            registry=registry,
            prover=client,
            collateral=collateral,
            options=RegistrarOptions(margin=config.margin),
        )
        return Member(
            name=given.name,
            client=client,
            operator=operator,
            registrar=registrar,
            manager=manager,
        )

    return TeeLane(
        l1=l1,
        oracle=Address.from_hex(config.oracle),
        registry=registry,
        poes=PoEContract(l1, Address.from_hex(config.poe_verifier), chain_id=chain_id),
        witness=witness,
        members=[await member(given) for given in config.provers],
        metrics=metrics,
    )


if __name__ == "__main__":
    sys.exit(_main())
