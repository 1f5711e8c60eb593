"""`coprove deploy`: the contracts that a rollup settles in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from coprove.cli.attestation import attestation
from coprove.cli.avs import avs
from coprove.cli.console import print_result
from coprove.cli.sending import (
    KeyVariable,
    SenderOptions,
    address,
    generation_of,
    open_sender,
    signing_account,
)
from coprove.contracts import (
    Generation,
    OracleFile,
    OutputOracle,
    deploy_factory,
    deploy_game,
    deploy_mock_verifier,
    deploy_oracle,
    is_dev_chain,
    open_output_contract,
)
from coprove.contracts.oracle_deployment import has_code, owner_of
from coprove.contracts.upgrade import check_implementation
from coprove.errors import InputError
from coprove.rpc import EthClient
from coprove.types import Address

__all__ = ["app"]

app = App(name="deploy", help="Deploy the contracts that a rollup settles in.")

app.command(attestation)
app.command(avs)

_DEFAULT = SenderOptions()
_NO_ADDRESS = Address(bytes(20))


@app.command
def oracle(
    *,
    file: Path,
    generation: int = 2,
    mock_verifier: Annotated[bool, Parameter(negative="")] = False,
    name: str = "deploy",
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Deploy an output oracle behind a proxy, initialized.

    The file's owner may upgrade it; where ADMIN_PK is set, its account instead.

    Parameters
    ----------
    file
        Parameters with op-succinct's field names (JSON, or TOML when the name ends in .toml);
        `coprove config write` makes one.
    generation
        1: OPSuccinctL2OutputOracle v1 (four-argument proposals), 2: v3 (named configs).
    mock_verifier
        Deploy a verifier that takes mock proofs, in place of the file's; development chains only.
    name
        Names the deployment: a second run with it goes on where the first one stopped.
    json
        Print one JSON object instead of a table.
    """
    given = OracleFile.load(file)
    kind = generation_of(generation)
    if given.proxy_admin is not None:
        raise InputError("proxyAdmin", expected="none: the proxy gets its own", actual="one")
    return asyncio.run(
        _oracle(given, kind, mock_verifier=mock_verifier, name=name, options=sender, as_json=json)
    )


async def _oracle(
    given: OracleFile,
    generation: Generation,
    *,
    mock_verifier: bool,
    name: str,
    options: SenderOptions,
    as_json: bool,
) -> int:
    admin = given.parameters.owner
    if KeyVariable.ADMIN.is_set:
        admin = KeyVariable.ADMIN.read().address
    async with open_sender(options, KeyVariable.DEPLOY) as sender:
        chain_id = await EthClient(sender.transport).chain_id()
        verifier = given.verifier
        if mock_verifier:
            if not is_dev_chain(chain_id):
                raise InputError(
                    "--mock-verifier", expected="a development chain", actual=f"chain {chain_id}"
                )
            verifier = await deploy_mock_verifier(sender.manager, key=name)
        elif not await has_code(sender.transport, verifier):
            raise InputError("verifier", expected="a deployed contract", actual=str(verifier))
        if given.implementation is not None:
            await check_implementation(sender.transport, given.implementation, generation)
        proxy = await deploy_oracle(
            sender.manager,
            verifier=verifier,
            parameters=given.parameters,
            key=name,
            generation=generation,
            implementation=given.implementation,
            proxy_owner=admin,
        )
        version = await OutputOracle(sender.transport, proxy).version()
    print_result(
        {
            "chain_id": chain_id,
            "l2_output_oracle": str(proxy),
            "verifier": str(verifier),
            "is_mock_verifier": mock_verifier,
            "owner": str(given.parameters.owner),
            "proxy_owner": str(admin),
            "version": version,
        },
        as_json=as_json,
    )
    return 0


@app.command
def game(
    *,
    l2oo_address: Annotated[str | None, Parameter(env_var="L2OO_ADDRESS")] = None,
    dgf_address: Annotated[str | None, Parameter(env_var="DGF_ADDRESS")] = None,
    anchor_state_registry: Annotated[str | None, Parameter(env_var="ANCHOR_STATE_REGISTRY")] = None,
    name: str = "deploy-game",
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Deploy the validity dispute game of an oracle and send its proposals through the factory.

    What the sender does not own is not changed: the calls for its owner are printed instead.

    Parameters
    ----------
    l2oo_address
        Proxy of the second-generation oracle.
    dgf_address
        OP Stack's DisputeGameFactory; without it one is deployed, from node_modules.
    anchor_state_registry
        OP Stack's AnchorStateRegistry, which names the respected game type.
    name
        Names the deployment: a second run with it goes on where the first one stopped.
    json
        Print one JSON object instead of a table.
    """
    oracle_address = address(l2oo_address, "--l2oo-address")
    factory = None if not dgf_address else address(dgf_address, "--dgf-address")
    registry = None
    if anchor_state_registry:
        registry = address(anchor_state_registry, "--anchor-state-registry")
    return asyncio.run(
        _game(oracle_address, factory, registry, name=name, options=sender, as_json=json)
    )


async def _game(
    oracle_address: Address,
    factory: Address | None,
    registry: Address | None,
    *,
    name: str,
    options: SenderOptions,
    as_json: bool,
) -> int:
    async with open_sender(options, KeyVariable.DEPLOY) as sender:
        there = await open_output_contract(sender.transport, oracle_address)
        if there.generation is not Generation.SECOND:
            raise InputError(
                "--l2oo-address",
                expected="a v3 oracle",
                actual=await there.version(),
            )
        admin = await signing_account(options, KeyVariable.ADMIN)
        if factory is None or factory == _NO_ADDRESS:
            factory = await deploy_factory(sender.manager, owner=admin, key=name)
        made = await deploy_game(
            sender.manager, oracle=oracle_address, factory=factory, registry=registry, key=name
        )
    values: dict[str, object] = {"game": str(made.game), "factory": str(made.factory)}
    async with open_sender(options, KeyVariable.ADMIN) as sender:
        for what, call in (("register", made.register), ("route", made.route)):
            owner = await owner_of(sender.transport, call.to)
            if owner == sender.address:
                values[f"{what}_transaction"] = await sender.send(f"{name}/{what}", call)
            else:
                values[f"{what}_owner"] = str(owner)
                values[f"{what}_to"] = str(call.to)
                values[f"{what}_data"] = f"0x{call.data.hex()}"
    print_result(values, as_json=as_json)
    return 0
