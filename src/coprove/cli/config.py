"""`coprove config`: what an oracle holds, the parameter file of a new one, its named configs."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from coprove.cli.console import print_result, required
from coprove.cli.oracle import KeyOptions, OracleOptions, l1_chain_config, program_key
from coprove.cli.sending import (
    KeyVariable,
    SenderOptions,
    address,
    open_sender,
    print_calls,
    wants_calldata,
)
from coprove.contracts import (
    ContractCall,
    OracleFile,
    OutputOracle,
    SecondOutputContract,
    open_output_contract,
)
from coprove.contracts.chain_parameters import PLONK_GATEWAY, ChainParameters, fetch_parameters
from coprove.contracts.generations import add_config_call, delete_config_call
from coprove.contracts.oracle_deployment import owner_of
from coprove.errors import InputError
from coprove.rpc import JsonRpcTransport, RollupNodeClient
from coprove.types import Address

__all__ = ["app"]

app = App(name="config", help="Show, prepare and change what an output oracle holds.")

_DEFAULT = SenderOptions()
_HELD = OracleOptions()
_KEYS = KeyOptions()


@app.default
def show(
    *,
    held: OracleOptions = _HELD,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print what an oracle holds: its generation, keys, roles, modes and latest output.

    Parameters
    ----------
    json
        Print one JSON object instead of a table.
    """
    print_result(asyncio.run(_shown(held)), as_json=json)
    return 0


async def _shown(held: OracleOptions) -> dict[str, object]:
    async with held.open() as (transport, contract):
        oracle = OutputOracle(transport, contract.address)
        latest = await contract.latest_output()
        values: dict[str, object] = {
            "l2_output_oracle": str(contract.address),
            "generation": int(contract.generation),
            "version": await contract.version(),
        }
        second = contract if isinstance(contract, SecondOutputContract) else None
        if second is not None:
            values["config_name"] = second.config_name
        keys = await contract.keys()
        values |= {name: str(value) for name, value in asdict(keys).items()}
        values |= {
            "verifier": str(await oracle.verifier()),
            "owner": str(await oracle.owner()),
            "challenger": str(await oracle.challenger()),
            "anyone_may_propose": await oracle.may_propose(Address(bytes(20))),
            "optimistic_mode": await contract.optimistic_mode(),
            "submission_interval": await contract.submission_interval(),
            "l2_block_time": await oracle.l2_block_time(),
            "finalization_period_seconds": await contract.finalization_period_seconds(),
            "starting_block_number": await contract.starting_block_number(),
            "latest_block_number": latest.l2_block_number,
            "latest_output_root": str(latest.output_root),
            "next_block_number": await contract.next_block_number(),
        }
        if second is not None:
            factory = await second.dispute_game_factory()
            values["fallback_timeout"] = await second.fallback_timeout()
            values["last_proposal_timestamp"] = await second.last_proposal_timestamp()
            values["dispute_game_factory"] = None if factory is None else str(factory)
        return values


@app.command
def write(
    *,
    out: Path = Path("opsuccinctl2ooconfig.json"),
    l2_node_rpc: Annotated[str | None, Parameter(env_var="L2_NODE_RPC")] = None,
    l1_config: Path | None = None,
    keys: KeyOptions = _KEYS,
    verifier_address: Annotated[str, Parameter(env_var="VERIFIER_ADDRESS")] = str(PLONK_GATEWAY),
    owner: Annotated[str | None, Parameter(env_var="OWNER")] = None,
    proposer: Annotated[str | None, Parameter(env_var="PROPOSER")] = None,
    challenger: Annotated[str | None, Parameter(env_var="CHALLENGER")] = None,
    submission_interval: Annotated[int, Parameter(env_var="SUBMISSION_INTERVAL")] = 10,
    finalization_period_secs: Annotated[int, Parameter(env_var="FINALIZATION_PERIOD_SECS")] = 3600,
    fallback_timeout_secs: Annotated[int, Parameter(env_var="FALLBACK_TIMEOUT_SECS")] = 1_209_600,
    starting_block_number: Annotated[int | None, Parameter(env_var="STARTING_BLOCK_NUMBER")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write the parameter file of a new oracle from a live chain.

    Parameters
    ----------
    out
        File to write.
    l2_node_rpc
        URL of the rollup node.
    l1_config
        Chain config of the L1 (JSON), needed where the L1 is not a public one.
    verifier_address
        SP1 verifier or gateway; by default the gateway for Plonk proofs.
    owner
        Owner of the contract; by default the account of PRIVATE_KEY, as the next two.
    proposer
        First approved proposer; the zero address lets everyone propose.
    challenger
        May delete outputs that are not final.
    submission_interval
        Least number of L2 blocks from one output to the next.
    finalization_period_secs
        Seconds until an output is final.
    fallback_timeout_secs
        Seconds without an output after which everyone may propose.
    starting_block_number
        L2 block to begin at; by default the finalized one, a finalization period back.
    json
        Print one JSON object instead of a table.
    """
    url = required(l2_node_rpc, "--l2-node-rpc", "the URL of a rollup node")
    l1 = l1_chain_config(l1_config)
    chosen = ChainParameters(
        aggregation_vkey=program_key(keys.aggregation_vkey, "--aggregation-vkey"),
        range_vkey_commitment=program_key(keys.range_vkey_commitment, "--range-vkey-commitment"),
        owner=_role(owner, "--owner"),
        proposer=_role(proposer, "--proposer"),
        challenger=_role(challenger, "--challenger"),
        verifier=address(verifier_address, "--verifier-address"),
        submission_interval=submission_interval,
        finalization_period=finalization_period_secs,
        fallback_timeout=fallback_timeout_secs,
        starting_block=starting_block_number,
    )

    async def fetch() -> OracleFile:
        async with JsonRpcTransport(url) as node:
            return await fetch_parameters(RollupNodeClient(node), chosen, l1)

    made = asyncio.run(fetch())
    out.write_text(made.to_json())
    print_result(
        {
            "file": str(out),
            "rollup_config_hash": str(made.parameters.rollup_config_hash),
            "starting_block_number": made.parameters.starting_block_number,
            "starting_output_root": str(made.parameters.starting_output_root),
        },
        as_json=json,
    )
    return 0


@app.command
def add(
    name: str,
    *,
    file: Path,
    l2oo_address: Annotated[str | None, Parameter(env_var="L2OO_ADDRESS")] = None,
    calldata_only: Annotated[bool, Parameter(negative="")] = False,
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Add a named config to a second-generation oracle; for its owner.

    Parameters
    ----------
    name
        Name of the config; it must be free.
    file
        Parameter file with the two keys and the config hash.
    l2oo_address
        Proxy of the oracle.
    calldata_only
        Print the call for the owner, such as a multisig, instead of sending it; so does
        EXECUTE_UPGRADE_CALL=false.
    json
        Print one JSON object instead of a table.
    """
    keys = OracleFile.load(file).parameters.keys
    oracle = address(l2oo_address, "--l2oo-address")
    call = ContractCall(to=oracle, data=add_config_call(name, keys))
    return _change(call, name, is_wanted=True, only=calldata_only, options=sender, as_json=json)


@app.command
def remove(
    name: str,
    *,
    l2oo_address: Annotated[str | None, Parameter(env_var="L2OO_ADDRESS")] = None,
    calldata_only: Annotated[bool, Parameter(negative="")] = False,
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Delete a named config of a second-generation oracle; for its owner.

    Parameters
    ----------
    name
        Name of the config: no proof made for it is accepted any more.
    l2oo_address
        Proxy of the oracle.
    calldata_only
        Print the call for the owner, such as a multisig, instead of sending it; so does
        EXECUTE_UPGRADE_CALL=false.
    json
        Print one JSON object instead of a table.
    """
    oracle = address(l2oo_address, "--l2oo-address")
    call = ContractCall(to=oracle, data=delete_config_call(name))
    return _change(call, name, is_wanted=False, only=calldata_only, options=sender, as_json=json)


def _change(
    call: ContractCall,
    name: str,
    *,
    is_wanted: bool,
    only: bool,
    options: SenderOptions,
    as_json: bool,
) -> int:
    async def run() -> int:
        url = required(options.l1_rpc, "--l1-rpc", "the URL of an L1 node")
        async with JsonRpcTransport(url) as transport:
            contract = await open_output_contract(transport, call.to)
            if not isinstance(contract, SecondOutputContract):
                raise InputError(
                    "--l2oo-address",
                    expected="a v3 oracle",
                    actual=await contract.version(),
                )
            there = await contract.config(name)
            if (there is not None) == is_wanted:
                state = "a name that is free" if is_wanted else "a config that is there"
                raise InputError(f"config {name!r}", expected=state, actual=there)
            await contract.simulate(call, sender=await owner_of(transport, call.to))
        if wants_calldata(only):
            print_calls({"change": call}, as_json=as_json)
            return 0
        async with open_sender(options, KeyVariable.ADMIN) as sender:
            # The same change may be wanted again later: each run is an effect of its own.
            transaction = await sender.send(f"config/{name}/{uuid.uuid4()}", call)
        print_result({"config_name": name, "transaction": transaction}, as_json=as_json)
        return 0

    return asyncio.run(run())


def _role(text: str | None, flag: str) -> Address:
    """Return the account of a role; by default the one of PRIVATE_KEY."""
    if text:
        return Address.from_hex(text, flag)
    if KeyVariable.PRIVATE_KEY.is_set:
        return KeyVariable.PRIVATE_KEY.read().address
    raise InputError(flag, expected="an address, or PRIVATE_KEY", actual="nothing")
