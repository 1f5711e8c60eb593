"""`python -m coprove.cli.byzantine prover|operator`: what a devnet with `--byzantine` starts."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from coprove.avs.operator.onchain import OnChainView
from coprove.avs.operator.service import OperatorService
from coprove.config import Settings, load_settings
from coprove.config.operator import bls_key, open_operator_parts, operator_options
from coprove.config.tee import quote_provider, tee_prover_options
from coprove.config.wiring import endpoint_options, require
from coprove.devnet.accounts import require_dev_chain
from coprove.devnet.avs.byzantine.enclave import LyingEnclave, LyingProver, LyingSigner
from coprove.devnet.avs.byzantine.kinds import ByzantineKind
from coprove.devnet.avs.byzantine.worker import Byzantine
from coprove.prover.http.serving import until_signal
from coprove.rpc import EthClient, RollupNodeClient, open_transport
from coprove.telemetry import LogFormat, configure_logging, get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_log = get_logger(part="byzantine")


def _main() -> int:
    parser = argparse.ArgumentParser(description="Do wrong, in a devnet.")
    parts = parser.add_subparsers(dest="part", required=True)
    prover = parts.add_parser("prover", help="a simulated TEE prover that signs what it is told")
    prover.add_argument("--sign-port", type=int, required=True, help="loopback port for digests")
    operator = parts.add_parser("operator", help="an operator that does wrong")
    operator.add_argument("--config", type=Path, required=True, help="as of coprove operator")
    operator.add_argument("--kind", type=ByzantineKind, required=True, choices=list(ByzantineKind))
    operator.add_argument("--sign-url", required=True, help="the prover's address for digests")
    given = parser.parse_args()
    settings = load_settings(config=given.config if given.part == "operator" else None)
    configure_logging(
        "byzantine",
        level=settings.telemetry.log_level,
        log_format=LogFormat(settings.telemetry.log_format),
    )
    if given.part == "prover":
        asyncio.run(_prove(settings, given.sign_port))
    else:
        asyncio.run(_operate(settings, given.kind, given.sign_url))
    return 0


async def _prove(settings: Settings, sign_port: int) -> None:
    # The enclave itself refuses whatever is not of a development chain: it is a simulated one.
    enclave = await asyncio.to_thread(LyingEnclave, quote_provider(settings))
    options = tee_prover_options(settings)
    await until_signal(
        lambda: LyingProver(options, enclave, port=sign_port),
        LyingProver.wait,
        lambda: _log.info("stopping"),
    )


async def _operate(settings: Settings, kind: ByzantineKind, sign_url: str) -> None:
    await until_signal(
        lambda: _open_operator(settings, kind, sign_url),
        OperatorService.run,
        lambda: _log.info("stopping"),
    )


@asynccontextmanager
async def _open_operator(
    settings: Settings, kind: ByzantineKind, sign_url: str
) -> AsyncIterator[OperatorService]:
    """Open the operator as it should be, and put another worker into it."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_operator_parts(settings))
        url = require("rpc.l2", settings.rpc.l2)
        node = await stack.enter_async_context(open_transport(url, endpoint_options(settings)))
        for transport in (parts.transport, node):
            require_dev_chain(await EthClient(transport).chain_id())
        contracts = parts.contracts
        worker = Byzantine(
            kind,
            honest=parts.worker,
            key=bls_key(settings),
            prover=await stack.enter_async_context(LyingSigner(sign_url)),
            view=OnChainView(
                manager=contracts.service_manager,
                registries=contracts.registries,
                verifier=contracts.verifier,
                key=parts.key,
            ),
            node=RollupNodeClient(node),
            aggregator=parts.aggregator,
        )
        yield OperatorService(dataclasses.replace(parts, worker=worker), operator_options(settings))


if __name__ == "__main__":
    sys.exit(_main())
