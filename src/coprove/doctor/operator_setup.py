"""An operator's setup under examination, opened as far as it can be."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp

from coprove.avs.operator.discovery import discover
from coprove.avs.operator.report import report
from coprove.config.makers import open_signer
from coprove.config.operator import bls_key, given_addresses, prover_options
from coprove.config.wiring import endpoint_options
from coprove.errors import CoproveError
from coprove.prover.tee.registrar import TeeProverClient
from coprove.rpc import L1Client, RetryPolicy, open_transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from coprove.avs.bls import SecretKey
    from coprove.avs.operator.discovery import OperatorContracts
    from coprove.avs.operator.report import OperatorReport
    from coprove.config import Settings
    from coprove.prover.tee.registrar import ProverIdentity
    from coprove.types import Address

__all__ = ["OperatorSetup", "open_operator_setup"]


@dataclass(slots=True, kw_only=True)
class OperatorSetup:
    """What was opened of a setup; None for what could not be, whose own check says why."""

    settings: Settings
    """What was set."""
    l1: L1Client | None
    """The L1 node."""
    http: aiohttp.ClientSession
    """For what is no node."""
    account: Address | None = None
    """Who sends."""
    key: SecretKey | None = None
    """The BLS key."""
    contracts: OperatorContracts | None = None
    """The AVS and EigenLayer."""
    identity: ProverIdentity | None = None
    """The prover."""
    report: OperatorReport | None = None
    """How the operator stands on chain."""


@asynccontextmanager
async def open_operator_setup(settings: Settings, seconds: float) -> AsyncIterator[OperatorSetup]:
    """Open what the settings name; each request may take `seconds`."""
    retry = RetryPolicy(attempts=2, max_delay=1.0, max_elapsed=seconds)
    options = replace(endpoint_options(settings), timeout=seconds, retry=retry)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds))
        )
        setup = OperatorSetup(settings=settings, l1=None, http=http)
        if settings.rpc.l1:
            transport = await stack.enter_async_context(open_transport(settings.rpc.l1, options))
            setup.l1 = L1Client(transport)
        await _fill(setup, seconds)
        yield setup


async def _fill(setup: OperatorSetup, seconds: float) -> None:
    """Open what several checks need; what fails here fails again in its own check."""

    async def account() -> None:
        async with open_signer(setup.settings) as signer:
            setup.account = signer.address

    async def key() -> None:
        setup.key = await asyncio.to_thread(bls_key, setup.settings)

    async def contracts() -> None:
        if setup.l1 is not None:
            given = given_addresses(setup.settings)
            setup.contracts = await discover(setup.l1.transport, given)

    async def prover() -> None:
        async with TeeProverClient(prover_options(setup.settings)) as client:
            setup.identity = await client.identity()

    async def standing() -> None:
        account = setup.account
        if setup.contracts is None:
            return
        if setup.key is not None:
            operator_id = setup.key.public_key.operator_id
            account = await setup.contracts.registries.operator_from_id(operator_id) or account
        if account is not None:
            setup.report = await report(
                setup.contracts,
                account,
                public_key=None if setup.key is None else setup.key.public_key.g1.encoded,
                prover=None if setup.identity is None else setup.identity.address,
            )

    await asyncio.gather(*(_tried(step, seconds) for step in (account, key, contracts, prover)))
    await _tried(standing, 2 * seconds)


async def _tried(step: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Make a step; the check that is about it tells what went wrong."""
    try:
        async with asyncio.timeout(seconds):
            await step()
    except (CoproveError, TimeoutError):
        return
