"""`coprove upgrade`: a live oracle's proxy gets a new implementation, in place."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.console import print_result
from coprove.cli.sending import (
    KeyVariable,
    SenderOptions,
    address,
    generation_of,
    open_sender,
    print_calls,
    signing_account,
    wants_calldata,
)
from coprove.contracts import Generation, OracleFile, load_artifact
from coprove.contracts.errors import UpgradeError
from coprove.contracts.oracle_deployment import create
from coprove.contracts.parameters import ORACLE_ARTIFACTS
from coprove.contracts.upgrade import (
    check_implementation,
    check_upgraded,
    plan_upgrade,
    simulate_upgrade,
)
from coprove.types import Address

__all__ = ["upgrade"]

_DEFAULT = SenderOptions()


def upgrade(
    *,
    l2oo_address: Annotated[str | None, Parameter(env_var="L2OO_ADDRESS")] = None,
    file: Path | None = None,
    generation: int = 2,
    implementation: str | None = None,
    calldata_only: Annotated[bool, Parameter(negative="")] = False,
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Upgrade a live oracle in place, after comparing its storage with the new implementation's.

    The upgrade is refused where a variable would be read otherwise. It is simulated from the
    account that may upgrade before anything is sent to the proxy.

    Parameters
    ----------
    l2oo_address
        Proxy of the oracle.
    file
        Parameters of the initializer, needed where it has to run: from the first generation to the
        second.
    generation
        Generation to upgrade to; never below the present one.
    implementation
        An implementation that is deployed already; by default the sender deploys one.
    calldata_only
        Print the call for the proxy's admin, such as a multisig, instead of sending it; so does
        EXECUTE_UPGRADE_CALL=false.
    json
        Print one JSON object instead of a table.
    """
    proxy = address(l2oo_address, "--l2oo-address")
    given = None if file is None else OracleFile.load(file)
    target = None
    if implementation is not None:
        target = address(implementation, "--implementation")
    elif given is not None:
        target = given.implementation
    kind = generation_of(generation)
    return asyncio.run(
        _upgrade(
            proxy,
            given,
            kind,
            target,
            calldata_only=wants_calldata(calldata_only),
            options=sender,
            as_json=json,
        )
    )


async def _upgrade(
    proxy: Address,
    given: OracleFile | None,
    generation: Generation,
    implementation: Address | None,
    *,
    calldata_only: bool,
    options: SenderOptions,
    as_json: bool,
) -> int:
    # One account may create the implementation, and another one have the say over the proxy.
    async with open_sender(options, KeyVariable.DEPLOY) as deployer:
        plan = await plan_upgrade(
            deployer.transport,
            proxy,
            generation=generation,
            parameters=None if given is None else given.parameters,
            verifier=None if given is None else given.verifier,
        )
        if given is not None and given.proxy_admin not in (None, plan.proxy.admin):
            raise UpgradeError(
                f"proxyAdmin is {given.proxy_admin} in the file, {plan.proxy.admin} on chain"
            )
        if not calldata_only:
            account = await signing_account(options, KeyVariable.ADMIN)
            if plan.proxy.sender != account:
                raise UpgradeError(
                    f"only {plan.proxy.sender} may upgrade, not {account}:"
                    " use --calldata-only and have it send the call"
                )
        name = ORACLE_ARTIFACTS[generation]
        if implementation is None:
            artifact = load_artifact(name)
            key = f"implementation/{artifact.digest()}"
            implementation = await create(deployer.manager, key, artifact)
        if implementation == plan.proxy.implementation and not plan.initializer:
            raise UpgradeError(f"{proxy} points to {implementation} already")
        await check_implementation(deployer.transport, implementation, generation)
        call = await simulate_upgrade(deployer.transport, plan, implementation)
    if calldata_only:
        print_calls({"upgrade": call}, as_json=as_json)
        return 0
    async with open_sender(options, KeyVariable.ADMIN) as admin:
        transaction = await admin.send(f"upgrade/{proxy}/{uuid.uuid4()}", call)
        version = await check_upgraded(admin.transport, plan, implementation)
    print_result(
        {
            "l2_output_oracle": str(proxy),
            "implementation": str(implementation),
            "old_version": plan.old_version,
            "version": version,
            "initialized": bool(plan.initializer),
            "transaction": transaction,
        },
        as_json=as_json,
    )
    return 0
