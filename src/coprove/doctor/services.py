"""Checks of what the proposer works with beside the chains: database, disk, prover."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
from alembic.runtime.migration import MigrationContext

from coprove.config.makers import network_options, open_network_signer, server_token
from coprove.config.wiring import backend_names, require, storage_url
from coprove.contracts import is_dev_chain
from coprove.doctor.findings import failed, passed, skipped, warned
from coprove.prover.zk.network.account import NetworkAccount
from coprove.prover.zk.network.channel import NetworkChannel
from coprove.rpc import split_urls
from coprove.storage.engine import connect, database_url, shown_address, transaction
from coprove.storage.migrate import revisions
from coprove.telemetry import redact_url

if TYPE_CHECKING:
    from coprove.doctor.findings import Finding
    from coprove.doctor.setup import Setup

__all__ = [
    "check_da",
    "check_disk",
    "check_network",
    "check_proof_server",
    "check_prover",
    "check_storage",
]

_LITTLE_ROOM: Final = 10 << 30


async def check_storage(setup: Setup) -> Finding:
    """The database answers and has this version's schema; nothing is made or changed."""
    url = database_url(storage_url(setup.settings))
    shown = shown_address(url)
    file = Path(url.database or "")
    if url.get_backend_name() == "sqlite" and not await asyncio.to_thread(file.exists):
        return passed(f"{shown}: the first start makes it")
    engine = connect(url)
    try:
        async with transaction(engine, write=False) as connection:
            heads = await connection.run_sync(
                lambda bare: MigrationContext.configure(bare).get_current_heads()
            )
    finally:
        await engine.dispose()
    known = revisions()
    if not heads:
        return passed(f"{shown}: empty, the first start makes the tables")
    if any(head not in known for head in heads):
        return failed(
            f"{shown}: schema {', '.join(heads)}, this version knows up to {known[-1]}",
            "Use the version of coprove that wrote it, or a newer one.",
        )
    if heads != known[-1:]:
        return warned(
            f"{shown}: schema {', '.join(heads)}, older than {known[-1]}",
            "The next start brings it up to date: make a backup before.",
        )
    return passed(f"{shown}: schema {known[-1]}")


async def check_disk(setup: Setup) -> Finding:
    """The data folder can be written and has room."""
    folder = setup.settings.storage.data_dir.absolute()

    def look() -> int:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.NamedTemporaryFile(dir=there):
            return shutil.disk_usage(there).free

    try:
        free = await asyncio.to_thread(look)
    except OSError as error:
        return failed(f"{folder}: {error.strerror}", "Make it writable for this user.")
    shown = f"{folder}: {free / (1 << 30):.1f} GiB free"
    if free < _LITTLE_ROOM:
        return warned(shown, "Inputs of ranges take up to a gigabyte each.")
    return passed(shown)


async def check_prover(setup: Setup) -> Finding:
    """The backends fit the chain: simulated proofs are for development chains alone."""
    names = backend_names(setup.settings)
    shown = " then ".join(names)
    simulated = "mock" in names or setup.settings.prover.mock
    if simulated and setup.l1 is not None:
        chain_id = await setup.l1.chain_id()
        if not is_dev_chain(chain_id):
            return failed(
                f"{shown}: mock proofs on chain {chain_id}",
                "Use the network or server backend; mock proofs hold on development chains only.",
            )
    if names == ("execute",):
        return warned(f"{shown}: makes no proofs", "Use another backend to propose outputs.")
    return passed(f"{shown}{' (SIMULATED PROOFS)' if simulated else ''}")


async def check_network(setup: Setup) -> Finding:
    """Requests can be signed; the prover network knows the account, which can pay."""
    if "network" not in backend_names(setup.settings):
        return skipped("the prover network is not used")
    options = network_options(setup.settings)
    async with open_network_signer(setup.settings) as signer, AsyncExitStack() as stack:
        channel = NetworkChannel(options)
        stack.push_async_callback(channel.close)
        # What is signed here means nothing to the network.
        await signer.sign(b"coprove doctor")
        account = NetworkAccount(channel, signer, options)
        nonce, balance = await account.nonce(), await account.balance()
    shown = f"{account.address} at {redact_url(options.url)}: nonce {nonce}, balance {balance}"
    if balance == 0 and options.is_auction:
        return failed(shown, "Deposit to the account: the auction takes nothing on credit.")
    files = [
        require(f"network.{name}", getattr(setup.settings.network, name))
        for name in ("range_elf", "range_vkey_file", "aggregation_elf", "aggregation_vkey_file")
    ]
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        return failed(f"not there: {', '.join(missing)}", "Set the programs' files in [network].")
    return passed(shown)


async def check_da(setup: Setup) -> Finding:
    """The servers of inputs behind commitments answer."""
    given = setup.settings.da
    # A DA server has no health route: it is asked for an input that nobody ever stored.
    paths = (
        (given.server, f"/get/0x00{'00' * 32}", (400, 404)),
        (given.eigenda_proxy, "/health", (200,)),
    )
    asked = [(url, path, good) for urls, path, good in paths for url in split_urls(urls or "")]
    if not asked:
        return skipped("no DA server is used")
    async with aiohttp.ClientSession() as session:
        for url, path, good in asked:
            shown = redact_url(url)
            try:
                async with session.get(f"{url.rstrip('/')}{path}", allow_redirects=False) as answer:
                    status = answer.status
            except (aiohttp.ClientError, OSError) as error:
                return failed(f"{shown}: {type(error).__name__}", "Start it, or fix the URL.")
            if status not in good:
                return failed(f"{shown}: HTTP {status}", "There is another service there.")
    return passed(", ".join(redact_url(url) for url, _, _ in asked))


async def check_proof_server(setup: Setup) -> Finding:
    """The proof server answers."""
    if "server" not in backend_names(setup.settings):
        return skipped("no proof server is used")
    url = require("prover.server_url", setup.settings.prover.server_url)
    shown = redact_url(url)
    token = server_token(setup.settings)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{url.rstrip('/')}/status/00", allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, OSError) as error:
        return failed(f"{shown}: {type(error).__name__}", "Start the server, or fix the URL.")
    if status in (401, 403):
        return failed(f"{shown}: HTTP {status}", "Set prover.server_token_file.")
    if status not in (200, 500):
        return failed(f"{shown}: HTTP {status}", "There is another service at that address.")
    return passed(shown)
