"""`coprove validate`: does the contract take the proofs that are made for this chain?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.console import print_result, read_file, required
from coprove.cli.oracle import KeyOptions, OracleOptions, l1_chain_config, program_key
from coprove.contracts import OracleFile, OutputContract, ProgramKeys
from coprove.contracts.chain_parameters import live_config_hash
from coprove.rpc import JsonRpcTransport, RollupNodeClient
from coprove.types import RollupConfig

__all__ = ["validate"]

_SHOWN = {
    "rollup_config_hash": "rollup_config_hash_valid",
    "aggregation_vkey": "agg_vkey_valid",
    "range_vkey_commitment": "range_vkey_valid",
}
"""The fields and how op-succinct's server calls their verdicts."""
_HELD = OracleOptions()
_KEYS = KeyOptions()
_EXPECTED = "the expected value, or --file"


def validate(
    *,
    held: OracleOptions = _HELD,
    file: Path | None = None,
    keys: KeyOptions = _KEYS,
    l2_node_rpc: Annotated[str | None, Parameter(env_var="L2_NODE_RPC")] = None,
    rollup_config: Path | None = None,
    l1_config: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Compare the contract's keys and config hash with the expected ones; exit 1 on a mismatch.

    Parameters
    ----------
    file
        Parameter file with the expected values; the two keys as flags go before it.
    l2_node_rpc
        URL of the rollup node whose config is expected.
    rollup_config
        rollup.json that is expected, in place of the rollup node's.
    l1_config
        Chain config of the L1 (JSON), needed where the L1 is not a public one.
    json
        Print one JSON object instead of a table.
    """
    held.check()
    given = None if file is None else OracleFile.load(file).parameters.keys
    l1 = l1_chain_config(l1_config)

    async def run() -> int:
        config_hash = None if given is None else given.rollup_config_hash
        if rollup_config is not None:
            config_hash = RollupConfig.from_json(read_file(rollup_config)).config_hash(l1)
        elif l2_node_rpc:
            async with JsonRpcTransport(l2_node_rpc) as node:
                config_hash = await live_config_hash(RollupNodeClient(node), l1)
        expected = ProgramKeys(
            aggregation_vkey=program_key(
                keys.aggregation_vkey,
                "--aggregation-vkey",
                None if given is None else given.aggregation_vkey,
                what=_EXPECTED,
            ),
            range_vkey_commitment=program_key(
                keys.range_vkey_commitment,
                "--range-vkey-commitment",
                None if given is None else given.range_vkey_commitment,
                what=_EXPECTED,
            ),
            rollup_config_hash=required(
                config_hash, "--l2-node-rpc", "a rollup node, --rollup-config or --file"
            ),
        )
        async with held.open() as (_, contract):
            return await _compare(contract, expected, as_json=json)

    return asyncio.run(run())


async def _compare(contract: OutputContract, expected: ProgramKeys, *, as_json: bool) -> int:
    there, version = await contract.keys(), await contract.version()
    differing = there.differing(expected)
    values: dict[str, object] = {"l2_output_oracle": str(contract.address), "version": version}
    for field, verdict in _SHOWN.items():
        values[field] = str(getattr(there, field))
        values[f"expected_{field}"] = str(getattr(expected, field))
        values[verdict] = field not in differing
    values["mismatches"] = ", ".join(differing) or "none"
    print_result(values, as_json=as_json)
    return 1 if differing else 0
