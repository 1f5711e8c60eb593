"""`coprove operator`: an operator of the multi-prover AVS."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from coprove.avs.operator.interchange import read_interchange, write_interchange
from coprove.avs.operator.protection import ProtectionScope
from coprove.avs.operator.report import report
from coprove.cli.console import print_result, read_file
from coprove.cli.doctor import print_findings
from coprove.cli.operator_rewards import claim, rewards
from coprove.cli.operator_stake import (
    allocate,
    delegate,
    deposit,
    deregister,
    opt_in,
    opt_out,
    register,
)
from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config.makers import open_signer
from coprove.config.operator import (
    bls_key,
    open_contracts,
    open_operator,
    open_protection,
    prover_options,
)
from coprove.contracts.eigenlayer import PROFILES
from coprove.doctor import examine_operator
from coprove.errors import CoproveError
from coprove.prover.tee.registrar import TeeProverClient
from coprove.rpc import EthClient
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coprove.avs.operator.report import OperatorReport
    from coprove.config import Settings

__all__ = ["app"]

app = App(name="operator", help="An operator of the multi-prover AVS.")
_DEFAULT = SettingsOptions()
_ETHER = 10**18
_log = get_logger(part="operator")

app.command(register)
app.command(deregister)
app.command(deposit)
app.command(allocate)
app.command(opt_in, name="opt-in")
app.command(opt_out, name="opt-out")
app.command(delegate)
app.command(rewards)
app.command(claim)


@app.command
def run(*, settings: SettingsOptions = _DEFAULT) -> int:
    """Keep the prover attested, take tasks, sign what was proven. Until SIGTERM or SIGINT."""
    loaded = settings_for("operator", settings)
    asyncio.run(_until_stopped(loaded))
    return 0


@app.command
def status(
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Show how the operator stands at EigenLayer and the AVS. Nothing is changed.

    Parameters
    ----------
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("operator", settings)
    found = asyncio.run(_report(loaded))
    print_result(_shown(found, as_json=json), as_json=json)
    return 0


@app.command
def doctor(
    *,
    timeout: float = 15.0,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Check all that an operator needs and say what to do. Nothing is changed.

    Exit code 1 when a check fails.

    Parameters
    ----------
    timeout
        Seconds for one request.
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("operator", settings)
    findings = asyncio.run(examine_operator(loaded, seconds=timeout))
    return print_findings(findings, as_json=json)


@app.command
def profiles(*, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Show the public deployments of EigenLayer and of the multi-prover AVS that are known.

    Parameters
    ----------
    json
        Print one JSON object instead of a table.
    """
    found = {one.name: one.to_json() for one in PROFILES}
    if json:
        print_result(found, as_json=True)
        return 0
    for name, values in found.items():
        print_result({"profile": name, **_flat(values)}, as_json=False)
        sys.stdout.write("\n")
    return 0


@app.command(name="export-protection")
def export_protection(*, settings: SettingsOptions = _DEFAULT) -> int:
    """Print what was signed, as JSON for another machine. The operator must not run."""
    loaded = settings_for("operator", settings)

    async def text() -> str:
        scope = await _scope(loaded)
        with open_protection(loaded, scope) as protection:
            return write_interchange(scope, protection.every())

    sys.stdout.write(asyncio.run(text()) + "\n")
    return 0


@app.command(name="import-protection")
def import_protection(
    file: Path,
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Take in what was signed on another machine, where the operator must not run any more.

    Parameters
    ----------
    file
        What `export-protection` printed there.
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("operator", settings)
    content = read_file(file)

    async def added() -> int:
        scope = await _scope(loaded)
        states = read_interchange(content, scope)
        with open_protection(loaded, scope) as protection:
            return protection.merge(states)

    print_result({"added": asyncio.run(added())}, as_json=json)
    return 0


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    """Return nested addresses by their own names."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return flat


async def _until_stopped(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    work = loop.create_task(_operate(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopped = loop.create_task(stop.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not work.done():
        _log.info("stopping")
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        await work


async def _operate(settings: Settings) -> None:
    async with open_operator(settings) as service:
        await service.run()


async def _scope(settings: Settings) -> ProtectionScope:
    key = bls_key(settings)
    async with open_contracts(settings) as contracts:
        return ProtectionScope(
            chain_id=await EthClient(contracts.transport).chain_id(),
            service_manager=contracts.service_manager.address,
            operator_id=key.public_key.operator_id,
        )


async def _report(settings: Settings) -> OperatorReport:
    key = bls_key(settings).public_key
    prover = None
    try:
        async with TeeProverClient(prover_options(settings)) as client:
            prover = (await client.identity()).address
    except CoproveError as error:
        # The rest is worth knowing without it.
        _log.warning("the prover does not answer", error=error)
    async with open_contracts(settings) as contracts:
        account = await contracts.registries.operator_from_id(key.operator_id)
        if account is None:
            async with open_signer(settings) as signer:
                account = signer.address
        return await report(contracts, account, public_key=key.g1.encoded, prover=prover)


def _shown(found: OperatorReport, *, as_json: bool) -> dict[str, object]:
    if as_json:
        return {name: _plain(value) for name, value in asdict(found).items()}
    liveness = "no prover answers"
    if found.liveness is not None:
        liveness = f"{found.liveness.liveness.name.lower()} until {found.liveness.until}"
    values: dict[str, object] = {
        "operator": str(found.account),
        "balance": f"{found.balance / _ETHER:.6f} ETH",
        "operator_at_eigenlayer": found.is_operator,
        "allocation_delay": "not set" if found.allocation_delay is None else found.allocation_delay,
        "operator_id": "none" if found.operator_id is None else found.operator_id.hex0x,
        "registration": found.status.name.lower().replace("_", " "),
        "listed": found.is_listed,
        "prover": "none" if found.prover is None else str(found.prover),
        "prover_is": liveness,
        "prover_counts": found.is_attached,
    }
    for item in found.quorums:
        place = "in it" if item.is_member else "not in it"
        counts = ", counts" if item.counts else ""
        name = f"quorum {item.quorum}"
        values[name] = f"{place}{counts}; stake {item.stake} of {item.total}, least {item.minimum}"
        for part in item.strategies:
            waiting = f", {part.pending:+} from block {part.effect_block}" if part.pending else ""
            values[f"{name}, {part.strategy}"] = (
                f"{part.shares} shares, {part.allocated / _ETHER:.4f} allocated{waiting},"
                f" {part.left / _ETHER:.4f} left"
            )
    return values


def _plain(value: object) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return value
