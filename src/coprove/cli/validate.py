"""`coprove validate`: does the contract take the proofs that are made for this chain?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.console import print_result, read_file
from coprove.cli.sending import address, required
from coprove.contracts import GENESIS_CONFIG, OracleFile, ProgramKeys, open_output_contract
from coprove.contracts.chain_parameters import live_config_hash
from coprove.rpc import JsonRpcTransport, RollupNodeClient
from coprove.types import Address, Hash32, L1ChainConfig, RollupConfig

__all__ = ["validate"]

_SHOWN = {
    "rollup_config_hash": "rollup_config_hash_valid",
    "aggregation_vkey": "agg_vkey_valid",
    "range_vkey_commitment": "range_vkey_valid",
}
"""The fields and how op-succinct's server calls their verdicts."""


def validate(
    *,
    l2oo_address: Annotated[str | None, Parameter(env_var="L2OO_ADDRESS")] = None,
    config_name: Annotated[str, Parameter(env_var="OP_SUCCINCT_CONFIG_NAME")] = GENESIS_CONFIG,
    file: Path | None = None,
    aggregation_vkey: Annotated[str | None, Parameter(env_var="AGGREGATION_VKEY")] = None,
    range_vkey_commitment: Annotated[str | None, Parameter(env_var="RANGE_VKEY_COMMITMENT")] = None,
    l1_rpc: Annotated[str | None, Parameter(env_var="L1_RPC")] = None,
    l2_node_rpc: Annotated[str | None, Parameter(env_var="L2_NODE_RPC")] = None,
    rollup_config: Path | None = None,
    l1_config: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Compare the contract's keys and config hash with the expected ones; exit 1 on a mismatch.

    Parameters
    ----------
    l2oo_address
        Proxy of the oracle.
    config_name
        Named config of a second-generation oracle.
    file
        Parameter file with the expected values; single flags go before it.
    aggregation_vkey
        Expected verification key of the aggregation program.
    range_vkey_commitment
        Expected commitment to the verification key of the range program.
    l1_rpc
        URL of the L1 execution node.
    l2_node_rpc
        URL of the rollup node whose config is expected.
    rollup_config
        rollup.json that is expected, in place of the rollup node's.
    l1_config
        Chain config of the L1 (JSON), needed where the L1 is not a public one.
    json
        Print one JSON object instead of a table.
    """
    oracle = address(l2oo_address, "--l2oo-address")
    url = required(l1_rpc, "--l1-rpc", "the URL of an L1 node")
    given = None if file is None else OracleFile.load(file).parameters.keys
    l1 = None if l1_config is None else L1ChainConfig.from_json(read_file(l1_config))

    async def run() -> int:
        config_hash = None if given is None else given.rollup_config_hash
        if rollup_config is not None:
            config_hash = RollupConfig.from_json(read_file(rollup_config)).config_hash(l1)
        elif l2_node_rpc:
            async with JsonRpcTransport(l2_node_rpc) as node:
                config_hash = await live_config_hash(RollupNodeClient(node), l1)
        expected = ProgramKeys(
            aggregation_vkey=_key(
                aggregation_vkey,
                "--aggregation-vkey",
                None if given is None else given.aggregation_vkey,
            ),
            range_vkey_commitment=_key(
                range_vkey_commitment,
                "--range-vkey-commitment",
                None if given is None else given.range_vkey_commitment,
            ),
            rollup_config_hash=required(
                config_hash, "--l2-node-rpc", "a rollup node, --rollup-config or --file"
            ),
        )
        return await _compare(url, oracle, config_name, expected, as_json=json)

    return asyncio.run(run())


async def _compare(
    url: str, oracle: Address, config_name: str, expected: ProgramKeys, *, as_json: bool
) -> int:
    async with JsonRpcTransport(url) as transport:
        contract = await open_output_contract(transport, oracle, config_name=config_name)
        there = await contract.keys()
        version = await contract.version()
    differing = there.differing(expected)
    values: dict[str, object] = {"l2_output_oracle": str(oracle), "version": version}
    for field, verdict in _SHOWN.items():
        values[field] = str(getattr(there, field))
        values[f"expected_{field}"] = str(getattr(expected, field))
        values[verdict] = field not in differing
    values["mismatches"] = ", ".join(differing) or "none"
    print_result(values, as_json=as_json)
    return 1 if differing else 0


def _key(text: str | None, flag: str, fallback: Hash32 | None) -> Hash32:
    if text:
        return Hash32.from_hex(text, flag)
    return required(fallback, flag, "the expected value, or --file")
