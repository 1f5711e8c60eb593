"""Who signs and who proves, opened as the settings say."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from coprove.config.errors import SettingError
from coprove.config.wiring import (
    backend_names,
    endpoint_options,
    program_keys,
    require,
    storage_url,
    text_of,
)
from coprove.contracts import LocalSigner, Web3Signer
from coprove.prover.pool import RangePool
from coprove.prover.server import ServerBackend, ServerClientOptions, key_of_client
from coprove.prover.zk import ExecuteBackend, MockBackend
from coprove.prover.zk.budget import BudgetedBackend, DailyBudget
from coprove.prover.zk.chain import BackendChain, outer_key
from coprove.prover.zk.network import (
    LISTING_DELAY,
    GuestProgram,
    L1Receipts,
    LocalNetworkSigner,
    NetworkBackend,
    NetworkOptions,
    ProofLimits,
    RemoteNetworkSigner,
    Strategy,
    is_loopback_url,
)
from coprove.rpc import JsonRpcTransport, L1Client, open_transport, split_urls
from coprove.storage import open_ledger
from coprove.types import Address
from coprove.witness import open_executor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from coprove.config.settings import Settings
    from coprove.contracts import Signer
    from coprove.prover import ProverBackend
    from coprove.prover.zk.network import NetworkSigner
    from coprove.witness import WorkExecutor

__all__ = [
    "ProofMakers",
    "network_options",
    "open_makers",
    "open_network_signer",
    "open_signer",
    "server_token",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofMakers:
    """Backends that are open, and the processes that run programs for them."""

    backend: ProverBackend
    """The one that is asked."""
    mock: ProverBackend
    """Makes mock proofs."""
    pool: RangePool
    """Runs the range program."""
    executor: WorkExecutor
    """Collects inputs, and is beneath the pool."""


@asynccontextmanager
async def open_signer(settings: Settings) -> AsyncIterator[Signer]:
    """Open who signs L1 transactions; SettingError unless exactly one is named.

    A remote signer comes before a key, as with op-succinct.
    """
    given = settings.transactions
    if given.signer_url is not None:
        account = require("transactions.signer_address", given.signer_address)
        async with JsonRpcTransport(given.signer_url) as service:
            yield Web3Signer(service, Address.from_hex(account))
        return
    named = {
        "transactions.private_key": given.private_key,
        "transactions.private_key_file": given.private_key_file,
        "transactions.keystore": given.keystore,
    }
    there = [name for name, value in named.items() if value is not None]
    if len(there) != 1:
        raise SettingError(
            "signer", expected=f"one of {', '.join(named)}", actual=" and ".join(there) or "nothing"
        )
    if given.private_key is not None:
        yield LocalSigner.from_key(given.private_key.get_secret_value())
    elif given.private_key_file is not None:
        yield LocalSigner.from_file(given.private_key_file)
    elif given.keystore is not None:
        yield LocalSigner.from_keystore(given.keystore, _keystore_password(settings))


def network_options(settings: Settings) -> NetworkOptions:
    """Return how the prover network is used.

    SettingError for strategies of two networks: the auction is one of its own.
    """
    given = settings.network
    strategy = Strategy(given.range_strategy)
    aggregations = Strategy(given.aggregation_strategy or strategy)
    if aggregations.is_auction != strategy.is_auction:
        raise SettingError(
            "network.aggregation_strategy",
            expected=f"one of the network that has {strategy}",
            actual=aggregations,
        )
    url = given.url or strategy.default_url
    if given.simulated and not is_loopback_url(url):
        raise SettingError(
            "network.url", expected="this machine's own, for network.simulated", actual="another"
        )
    whitelist = [part.strip() for part in given.whitelist.split(",") if part.strip()]
    return NetworkOptions(
        url=url,
        strategy=strategy,
        aggregation_strategy=aggregations,
        version=given.circuit_version,
        use_plonk=given.aggregation_mode == "plonk",
        range_limits=ProofLimits(cycles=given.range_cycle_limit, gas=given.range_gas_limit),
        aggregation_limits=ProofLimits(
            cycles=given.aggregation_cycle_limit, gas=given.aggregation_gas_limit
        ),
        proving_timeout=int(given.proving_timeout),
        call_timeout=given.call_timeout,
        min_auction_period=given.min_auction_period,
        auction_timeout=int(given.auction_timeout),
        # A local network lists a request as soon as it has accepted it.
        listing_delay=0.0 if given.simulated else LISTING_DELAY,
        is_simulated=given.simulated,
        max_price_per_pgu=given.max_price_per_pgu,
        whitelist=tuple(
            Address.from_hex(item if item.startswith("0x") else f"0x{item}", "network.whitelist")
            for item in whitelist
        ),
    )


@asynccontextmanager
async def open_network_signer(settings: Settings) -> AsyncIterator[NetworkSigner]:
    """Open who requests at the prover network; SettingError without a signer or a key.

    A remote signer comes before a key, as for transactions.
    """
    given = settings.network
    if given.signer_url is not None:
        account = require("network.signer_address", given.signer_address)
        async with JsonRpcTransport(given.signer_url) as service:
            yield RemoteNetworkSigner(service, Address.from_hex(account))
    elif given.private_key is not None:
        yield LocalNetworkSigner.from_key(given.private_key.get_secret_value())
    else:
        yield LocalNetworkSigner.from_file(require("network.private_key", given.private_key_file))


@asynccontextmanager
async def open_makers(settings: Settings, folder: Path) -> AsyncIterator[ProofMakers]:
    """Open the prover backends, which keep their files in `folder`; close them at the end."""
    async with AsyncExitStack() as stack:
        executor = await open_executor(workers=settings.prover.workers, dask=settings.prover.dask)
        stack.callback(executor.close)
        pool = RangePool(settings.prover.workers, executor=executor)
        commitment, aggregation = program_keys(settings)
        mock = MockBackend(
            folder / "mock", pool, range_vkey=commitment, aggregation_vkey=aggregation
        )
        stack.push_async_callback(mock.close)
        names = backend_names(settings)
        budgeted = await _budget(settings, stack, chained=len(names) > 1)
        opened: list[ProverBackend] = []
        for name in names:
            if name == "mock":
                backend: ProverBackend = mock
            else:
                if name == "execute":
                    backend = ExecuteBackend(folder / "execute", pool)
                elif name == "server":
                    backend = _server_backend(settings, folder)
                else:
                    backend = await _network_backend(settings, folder, pool, stack)
                stack.push_async_callback(backend.close)
            opened.append(budgeted(backend))
        first = opened[0] if len(opened) == 1 else BackendChain(opened, folder / "chain")
        yield ProofMakers(backend=first, mock=mock, pool=pool, executor=executor)


async def _budget(
    settings: Settings, stack: AsyncExitStack, *, chained: bool
) -> Callable[[ProverBackend], ProverBackend]:
    """Return what puts a backend under the daily budget, which lies in the request store."""
    given = settings.prover
    if given.daily_requests is None and given.daily_units is None:
        return lambda backend: backend
    budget = DailyBudget(
        requests=given.daily_requests,
        units=given.daily_units,
        range_estimate=given.range_estimate,
        aggregation_estimate=given.aggregation_estimate,
    )
    if settings.storage.url is None:
        settings.storage.data_dir.mkdir(parents=True, exist_ok=True)
    ledger = await stack.enter_async_context(await open_ledger(storage_url(settings)))

    def counted_under(name: str) -> Callable[[str], str]:
        if name == "server":
            # A server of ours that shares the budget counts the same request: once in all.
            return key_of_client
        return partial(outer_key, name=name) if chained else str

    return lambda backend: BudgetedBackend(
        backend, budget, ledger, ledger_key=counted_under(backend.name)
    )


def server_token(settings: Settings) -> str | None:
    """Return the token of the proof server that is used, if one is set."""
    given = settings.prover
    if given.server_token is not None:
        return given.server_token.get_secret_value()
    if given.server_token_file is None:
        return None
    return text_of(given.server_token_file, "prover.server_token_file").strip()


def _server_backend(settings: Settings, folder: Path) -> ServerBackend:
    given = settings.prover
    url = require("prover.server_url", given.server_url)
    options = ServerClientOptions(url=url, token=server_token(settings), mock=given.mock)
    return ServerBackend(options, spool=folder / "server")


async def _network_backend(
    settings: Settings, folder: Path, pool: RangePool, stack: AsyncExitStack
) -> NetworkBackend:
    given = settings.network
    signer = await stack.enter_async_context(open_network_signer(settings))
    commitment, aggregation = program_keys(settings)
    l1 = open_transport(split_urls(require("rpc.l1", settings.rpc.l1)), endpoint_options(settings))
    stack.push_async_callback(l1.close)
    programs = [
        GuestProgram.load(
            name,
            require(f"network.{name}_elf", elf),
            require(f"network.{name}_vkey_file", vkey),
            vkey_hash,
        )
        for name, elf, vkey, vkey_hash in (
            ("range", given.range_elf, given.range_vkey_file, commitment),
            ("aggregation", given.aggregation_elf, given.aggregation_vkey_file, aggregation),
        )
    ]
    return NetworkBackend(
        network_options(settings),
        signer,
        range_program=programs[0],
        aggregation_program=programs[1],
        receipts=L1Receipts(L1Client(l1)),
        pool=pool,
        work_dir=folder / "network",
    )


def _keystore_password(settings: Settings) -> str:
    given = settings.transactions
    if given.keystore_password is not None:
        return given.keystore_password.get_secret_value()
    path = require("transactions.keystore_password_file", given.keystore_password_file)
    return text_of(path, "transactions.keystore_password_file").rstrip("\r\n")
