"""`coprove deploy avs`: the multi-prover AVS over EigenLayer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.console import print_result, read_file
from coprove.cli.sending import KeyVariable, SenderOptions, open_sender
from coprove.contracts.avs.deployment import new_avs_address
from coprove.contracts.avs.file import AvsFile
from coprove.contracts.avs.plan import deploy_avs
from coprove.rpc import EthClient

__all__ = ["avs"]

_DEFAULT = SenderOptions()


def avs(
    *,
    file: Path,
    name: str = "deploy-avs",
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Deploy the multi-prover AVS: service manager, state checker, slasher, rewards, committees.

    The sender owns it. EigenLayer's registries are made for an AVS, so its address comes first:
    without `[middleware]` in the file that is all that is deployed; deploy the registries for it
    with EigenLayer's own scripts, write their addresses into the file, and run this again.

    Parameters
    ----------
    file
        What the AVS begins with, in TOML.
    name
        Names the deployment: a second run with it goes on where the first one stopped.
    json
        Print one JSON object instead of a table.
    """
    given = AvsFile.parse(read_file(file).decode(errors="replace"))
    return asyncio.run(_deploy(given, name, sender, as_json=json))


async def _deploy(given: AvsFile, name: str, options: SenderOptions, *, as_json: bool) -> int:
    async with open_sender(options, KeyVariable.DEPLOY) as sender:
        chain_id = await EthClient(sender.transport).chain_id()
        # Before anything is paid for.
        plan, registries = given.plan(owner=sender.address, chain_id=chain_id), given.registries()
        address = await new_avs_address(sender.manager, key=name)
        values: dict[str, object] = {"chain_id": chain_id, "service_manager": str(address)}
        if registries is None:
            values["next"] = "deploy EigenLayer's registries for it; add [middleware]; run again"
            print_result(values, as_json=as_json)
            return 0
        deployed = await deploy_avs(
            sender.manager,
            sender.transport,
            plan,
            avs=address,
            middleware=registries,
            key=name,
        )
    values |= {
        "state_checker": str(deployed.contracts.state_checker),
        "slasher": str(deployed.contracts.slasher),
        "rewards": str(deployed.contracts.rewards),
        "liveness_verifier": str(deployed.liveness_verifier),
    }
    print_result(values, as_json=as_json)
    return 0
