"""`coprove deploy attestation` and `coprove tee-register`: the registry of TEE provers."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from coprove.attestation.dcap import INTEL_ROOT, RootCertificate
from coprove.cli.console import print_result, read_file
from coprove.cli.sending import KeyVariable, SenderOptions, address, open_sender
from coprove.contracts.attestation import ProverRegistry, deploy_attestation
from coprove.contracts.attestation.dcap import DcapContracts, DcapRegistry, deploy_dcap
from coprove.contracts.attestation.file import AttestationFile
from coprove.errors import CoproveError, InputError
from coprove.prover.tee.registrar import (
    INTEL_PCS,
    Action,
    DcapSource,
    PcsClient,
    PcsOptions,
    Registrar,
    RegistrarOptions,
    TeeProverClient,
    TeeProverClientOptions,
)
from coprove.rpc import EthClient
from coprove.telemetry import get_logger, register_secret

if TYPE_CHECKING:
    from coprove.cli.sending import Sender

__all__ = ["attestation", "tee_register"]

_DEFAULT = SenderOptions()
_TOKEN = "COPROVE_TEE_TOKEN"  # noqa: S105 - the name of a variable
_log = get_logger(part="tee-register")


def attestation(
    *,
    file: Path,
    root: Path | None = None,
    name: str = "deploy-attestation",
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Deploy the registry of TEE provers, its policy, the PoE verifier, and what verifies quotes.

    The sender pays and keeps no right: the file's timelock and guardian have them.

    Parameters
    ----------
    file
        Who governs it and what it accepts, in TOML.
    root
        Root certificate (DER) of a simulation, in place of Intel's; development chains only.
    name
        Names the deployment: a second run with it goes on where the first one stopped.
    json
        Print one JSON object instead of a table.
    """
    text = read_file(file).decode(errors="replace")
    given = AttestationFile.parse(text)
    trusted = INTEL_ROOT if root is None else RootCertificate.from_der(read_file(root))
    return asyncio.run(_deploy(given, trusted, name, sender, as_json=json))


async def _deploy(
    given: AttestationFile,
    root: RootCertificate,
    name: str,
    options: SenderOptions,
    *,
    as_json: bool,
) -> int:
    async with open_sender(options, KeyVariable.DEPLOY) as sender:
        dcap: DcapContracts | None = None
        if given.needs_dcap:
            # Before anything is paid for: what the file lacks would end the deployment later.
            given.settings(dcap=sender.address)
            dcap = await deploy_dcap(sender.manager, sender.transport, key=name, root=root)
        settings = given.settings(dcap=None if dcap is None else dcap.verifier)
        deployed = await deploy_attestation(sender.manager, settings, key=name)
        chain_id = await EthClient(sender.transport).chain_id()
    values: dict[str, object] = {
        "chain_id": chain_id,
        "registry": str(deployed.registry),
        "policy": str(deployed.policy),
        "poe_verifier": str(deployed.poe_verifier),
        "liveness_verifier": str(deployed.liveness_verifier),
        "timelock": str(deployed.timelock),
    }
    if dcap is not None:
        values |= {"collateral": str(dcap.collateral), "quote_verifier": str(dcap.verifier)}
        values["simulated"] = root.simulated
    print_result(values, as_json=as_json)
    return 0


def tee_register(
    *,
    registry: Annotated[str | None, Parameter(env_var="TEE_REGISTRY_ADDRESS")] = None,
    collateral: Annotated[str | None, Parameter(env_var="DCAP_COLLATERAL_ADDRESS")] = None,
    prover: str = "http://127.0.0.1:18232",
    pcs: str = INTEL_PCS,
    margin: int = 300,
    interval: float = 10.0,
    once: Annotated[bool, Parameter(negative="")] = False,
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Keep an SGX or TDX prover registered: at once, before its end, when challenged, anew.

    The sender is the prover's operator. Runs until SIGTERM or SIGINT.

    Parameters
    ----------
    registry
        The TEEProverRegistry.
    collateral
        The DcapCollateral, which is told what a quote's verification needs.
    prover
        URL of the prover; its bearer token is in the variable COPROVE_TEE_TOKEN.
    pcs
        Base URL of Intel's service or of a PCCS, for quotes that come without their collateral.
    margin
        Seconds before the end of the registration at which it is renewed.
    interval
        Seconds between two looks at prover and registry.
    once
        Do what is next, and end; exit 2 when that fails.
    json
        With `once`, print one JSON object instead of a table.
    """
    if interval <= 0:
        raise InputError("--interval", expected="more than 0 seconds", actual=interval)
    token = os.environ.get(_TOKEN) or None
    if token is not None:
        register_secret(token)
    client = TeeProverClientOptions(url=prover, token=token)
    contracts = address(registry, "--registry"), address(collateral, "--collateral")
    options = RegistrarOptions(margin=margin)

    async def run() -> int:
        async with (
            open_sender(sender) as opened,
            TeeProverClient(client) as tee,
            PcsClient(PcsOptions(url=pcs)) as fetched,
        ):
            registrar = Registrar(
                transport=opened.transport,
                chain_id=await EthClient(opened.transport).chain_id(),
                manager=opened.manager,
                registry=ProverRegistry(opened.transport, contracts[0]),
                prover=tee,
                collateral=DcapSource(DcapRegistry(opened.transport, contracts[1]), fetched),
                options=options,
            )
            if not once:
                await _for_ever(registrar, interval)
                return 0
            await _print_step(registrar, await registrar.tick(), tee, opened, as_json=json)
            return 0

    return asyncio.run(run())


async def _for_ever(registrar: Registrar, interval: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        step = asyncio.create_task(registrar.tick())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((step, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not step.done():
            step.cancel()
        stopped.cancel()
        try:
            await step
        except asyncio.CancelledError:
            return
        except CoproveError as error:
            _log.warning("not kept registered", error=error)
        try:
            await asyncio.wait_for(stop.wait(), interval)
        except TimeoutError:
            continue


async def _print_step(
    registrar: Registrar, action: Action, tee: TeeProverClient, sender: Sender, *, as_json: bool
) -> None:
    identity = await tee.identity()
    standing = await registrar.standing(identity.address)
    print_result(
        {
            "prover": str(identity.address),
            "operator": str(sender.address),
            "platform": identity.platform.value,
            "measurement_id": identity.measurement_id.hex0x,
            "simulated": identity.simulated,
            "step": action.step.value,
            "why": action.why,
            "liveness": standing.status.liveness.name.lower(),
            "live_until": standing.status.until,
        },
        as_json=as_json,
    )
