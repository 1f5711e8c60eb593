"""The hash of a rollup config, as op-succinct computes it.

It is SHA-256 of the config's pretty-printed JSON as the Rust crate kona-genesis writes it (fields
in the order of its struct, absent fork times left out, other absent values null, two spaces of
indent). The order followed is that of kona-client v1.2.13, which op-succinct 4.3 pins.

The config of an L1 that is not built in decides the blob base fee, so that it must be bound too:
its canonical JSON then follows the text that is hashed. For a public L1 nothing is added, and the
hash is op-succinct's own.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from coprove.types.forks import Fork
from coprove.types.hashes import Hash32
from coprove.types.l1_chain import L1ChainConfig

if TYPE_CHECKING:
    from coprove.types.rollup import ChainGenesis, RollupConfig

__all__ = ["chain_id_of_name", "kona_json", "name_of_chain_id", "rollup_config_hash"]


def rollup_config_hash(config: RollupConfig, l1_config: L1ChainConfig | None = None) -> Hash32:
    """Return SHA-256 of `kona_json`, and of the L1 config's JSON where that is not built in."""
    text = kona_json(config).encode()
    if l1_config is not None and l1_config != L1ChainConfig.built_in(config.l1_chain_id):
        text += l1_config.canonical_json()
    return Hash32(hashlib.sha256(text).digest())


def kona_json(config: RollupConfig) -> str:
    """Return the pretty JSON that serde_json writes for kona-genesis' RollupConfig."""
    genesis = config.genesis
    result: dict[str, Any] = {
        "genesis": {
            "l1": {"number": genesis.l1.number, "hash": str(genesis.l1.hash)},
            "l2": {"number": genesis.l2.number, "hash": str(genesis.l2.hash)},
            "l2_time": genesis.l2_time,
            "system_config": _system_config(genesis),
        },
        "block_time": config.block_time,
        "max_sequencer_drift": config.max_sequencer_drift,
        "seq_window_size": config.seq_window_size,
        "channel_timeout": config.channel_timeout,
        "granite_channel_timeout": config.granite_channel_timeout,
        "l1_chain_id": config.l1_chain_id,
        "l2_chain_id": name_of_chain_id(config.l2_chain_id) or config.l2_chain_id,
    }
    for fork in _FORK_ORDER:
        time = config.pectra_blob_schedule_time if fork is None else config.fork_times[fork - 1]
        if time is not None:
            result["pectra_blob_schedule_time" if fork is None else fork.json_name] = time
    if config.keep_karst_upgrade_gas:
        result["keep_karst_upgrade_gas"] = True
    result |= {
        "batch_inbox_address": str(config.batch_inbox_address),
        "deposit_contract_address": str(config.deposit_contract_address),
        "l1_system_config_address": str(config.l1_system_config_address),
        "protocol_versions_address": str(config.protocol_versions_address),
    }
    if config.superchain_config_address is not None:
        result["superchain_config_address"] = str(config.superchain_config_address)
    if config.blobs_enabled_l1_timestamp is not None:
        result["blobs_data"] = config.blobs_enabled_l1_timestamp
    result |= {
        "interop_message_expiry_window": config.interop_message_expiry_window,
        "alt_da": None,
        "chain_op_config": {
            "eip1559Elasticity": config.base_fee.elasticity,
            "eip1559Denominator": config.base_fee.denominator,
            "eip1559DenominatorCanyon": config.base_fee.denominator_canyon,
        },
    }
    return json.dumps(result, indent=2, ensure_ascii=False)


# None stands for the Pectra blob schedule, which is a time of its own and no fork of L2.
_FORK_ORDER: tuple[Fork | None, ...] = (
    *(fork for fork in Fork if Fork.REGOLITH <= fork <= Fork.HOLOCENE),
    None,
    *(fork for fork in Fork if fork >= Fork.ISTHMUS),
)


def _system_config(genesis: ChainGenesis) -> dict[str, Any]:
    """Write the genesis system config: what its source did not give is null."""
    system = genesis.system_config

    def given(field: str, value: int) -> int | None:
        return value if field in genesis.written_keys else None

    return {
        "batcherAddr": str(system.batcher_address),
        "overhead": str(system.overhead),
        "scalar": str(system.scalar),
        "gasLimit": system.gas_limit,
        "baseFeeScalar": None,
        "blobBaseFeeScalar": None,
        "eip1559Denominator": given("eip1559Params", system.eip1559_denominator),
        "eip1559Elasticity": given("eip1559Params", system.eip1559_elasticity),
        "operatorFeeScalar": given("operatorFeeParams", system.operator_fee_scalar),
        "operatorFeeConstant": given("operatorFeeParams", system.operator_fee_constant),
        "minBaseFee": given("minBaseFee", system.min_base_fee),
        "daFootprintGasScalar": given("daFootprintGasScalar", system.da_footprint_gas_scalar),
    }


def name_of_chain_id(chain_id: int) -> str | None:
    """Return the name that kona writes in place of a chain id, None for a chain without one."""
    return _chain_names().get(str(chain_id))


def chain_id_of_name(name: str) -> int | None:
    """Return the id of a chain by the name that kona writes in its place, else None."""
    return next((int(key) for key, value in _chain_names().items() if value == name), None)


@cache
def _chain_names() -> dict[str, str]:
    """Return the names that alloy-chains writes in place of the ids of chains it knows."""
    text = files("coprove.types").joinpath("data/chain_names.json").read_text(encoding="utf-8")
    names: dict[str, str] = json.loads(text)
    return names
