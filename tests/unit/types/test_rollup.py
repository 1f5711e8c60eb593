"""Rollup configs: strict parsing, fork schedule, and the hash that proofs are bound to."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.types import Fork, L1ChainConfig, RollupConfig, SystemConfig
from coprove.types.config_hash import chain_id_of_name, kona_json, name_of_chain_id
from tests.unit.derivation.chain import RECORDINGS
from tests.vectors import recording_dir, vectors_dir

JOVIAN_LINES = ',\n      "minBaseFee": null,\n      "daFootprintGasScalar": null'
"""What kona-genesis wrote first after its crate 0.4.5, at the end of the system config."""


def recorded(name: str = "calldata") -> dict[str, Any]:
    result: dict[str, Any] = json.loads((recording_dir(name) / "rollup.json").read_bytes())
    return result


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_configs_round_trip(name: str) -> None:
    """rollup.json as given, and op-node's own optimism_rollupConfig, describe the same chain."""
    source = recorded(name)
    config = RollupConfig.from_json(source)
    assert RollupConfig.from_json(config.to_json()) == config
    assert RollupConfig.from_json(json.dumps(source).encode()) == config
    status = json.loads((recording_dir(name) / "sync_status.json").read_bytes())
    served = RollupConfig.from_json(status["optimism_rollupConfig"])
    assert served.fork_times == config.fork_times
    assert served.genesis.system_config == config.genesis.system_config
    assert RollupConfig.from_json(served.to_json()) == served
    # op-node writes zeros where rollup.json is silent, and kona's JSON shows the difference.
    assert served.genesis.system_config_given == frozenset(SystemConfig.OPTIONAL_KEYS)
    assert served.config_hash() != config.config_hash()


REQUIRED = (
    "genesis",
    "block_time",
    "max_sequencer_drift",
    "seq_window_size",
    "channel_timeout",
    "l1_chain_id",
    "l2_chain_id",
    "batch_inbox_address",
    "deposit_contract_address",
    "l1_system_config_address",
)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(name: str) -> None:
    """Absent and null alike."""
    source = recorded()
    for broken in (
        {key: value for key, value in source.items() if key != name},
        source | {name: None},
    ):
        with pytest.raises(InputError, match=name):
            RollupConfig.from_json(broken)


@pytest.mark.parametrize("name", [*REQUIRED, "isthmus_time", "chain_op_config"])
@pytest.mark.parametrize("value", ["text", -1, 1.5, True, [], 2**64])
def test_a_wrong_type_is_named(name: str, value: object) -> None:
    """Text, booleans, fractions and numbers out of range are no integers or objects."""
    with pytest.raises(InputError, match=name):
        RollupConfig.from_json(recorded() | {name: value})


def test_unknown_fields_are_refused_at_every_level() -> None:
    """A field that nobody reads could change the chain's rules."""
    source = recorded()
    with pytest.raises(InputError, match="surprise"):
        RollupConfig.from_json(source | {"surprise": 1})
    genesis = source["genesis"]
    for inner in (
        genesis | {"surprise": 1},
        genesis | {"l1": genesis["l1"] | {"surprise": 1}},
        genesis | {"system_config": genesis["system_config"] | {"surprise": 1}},
    ):
        with pytest.raises(InputError, match="surprise"):
            RollupConfig.from_json(source | {"genesis": inner})


@pytest.mark.parametrize("name", ["interop_time", "lagoon_time", "alt_da", "use_plasma"])
def test_protocols_that_are_not_spoken_are_refused(name: str) -> None:
    """A later fork or alternative DA must not be run as something else; null is fine."""
    assert RollupConfig.from_json(recorded() | {name: None}) == RollupConfig.from_json(recorded())
    with pytest.raises(InputError, match=name):
        RollupConfig.from_json(recorded() | {name: 5})


def test_duplicate_keys_and_constants_are_refused() -> None:
    """JSON with two values for a key has no single meaning."""
    text = json.dumps(recorded())
    for broken in (
        text[:-1] + ', "block_time": 9}',
        text.replace('"block_time": 1', '"block_time": NaN'),
        "[]",
        "{",
        b"\xff",
        "[" * 100_000,
    ):
        with pytest.raises(InputError):
            RollupConfig.from_json(broken)


def test_fork_times_must_be_in_order_without_gaps() -> None:
    """Each fork implies those before it."""
    source = recorded()
    with pytest.raises(InputError, match="jovian_time"):
        RollupConfig.from_json(source | {"jovian_time": 1})
    with pytest.raises(InputError, match="jovian_time"):
        RollupConfig.from_json(source | {"isthmus_time": None})
    # The superchain registry does not name Regolith.
    names = ("canyon", "delta", "ecotone", "fjord", "granite", "holocene")
    later = {f"{name}_time": 7 for name in names}
    without = RollupConfig.from_json(source | later | {"regolith_time": None})
    assert without.fork_time(Fork.REGOLITH) == 7


def test_the_schedule_of_a_recording() -> None:
    """Genesis has all forks to Holocene; the later ones start at blocks 16, 34 and 54."""
    config = RollupConfig.from_json(recorded())
    start = config.genesis.l2_time
    assert config.fork_at(start) == Fork.HOLOCENE
    for fork, number in ((Fork.ISTHMUS, 16), (Fork.JOVIAN, 34), (Fork.KARST, 54)):
        time = start + number
        assert config.fork_at(time - 1) == fork - 1
        assert config.fork_at(time) == fork
        assert config.activates_at(fork, time)
        assert not config.activates_at(fork, time + 1)
        assert config.block_number_at(time) == number
    assert not any(config.activates_at(fork, start + 1) for fork in Fork)
    assert not config.activates_at(Fork.BEDROCK, start)
    assert config.channel_timeout_at(start) == 50
    never = replace(config, fork_times=(None,) * 10)
    assert never.fork_at(2**40) == Fork.BEDROCK
    assert never.channel_timeout_at(start) == 300


@given(st.lists(st.none() | st.integers(min_value=0, max_value=50), min_size=10, max_size=10))
def test_any_accepted_schedule_is_monotonic(times: list[int | None]) -> None:
    """Whatever is accepted, an active fork implies the ones before it at every time."""
    config = replace(RollupConfig.from_json(recorded()), fork_times=tuple(times))
    try:
        config.check()
    except InputError:
        return
    for time in range(52):
        active = [config.is_active(fork, time) for fork in Fork]
        assert active == sorted(active, reverse=True)
        assert config.fork_at(time) == sum(active) - 1


# SHA-256 of what serde_json::to_string_pretty writes for kona_genesis::RollupConfig 0.4.5, made
# with that crate.
KONA_045 = {
    "calldata": "70c77d66f4314e46b0aee19b30304031df4314d4f4359337d60386b9ed9ab1c0",
    "sepolia": "94f5cb8ad660981c72c8a0c5fcb4fad0eb66a12dd227375578b383b6ffb3bc28",
    "sepolia with more fields": (
        "460d4caa984466d8a858c622b4e1f06aebac65d8abff3c1dbcad150aaa9194cb"
    ),
}


def sepolia() -> dict[str, Any]:
    path = vectors_dir("blocks") / "block-26207960.json.gz"
    config: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))["rollup_config"]
    return config


@pytest.mark.parametrize("name", list(KONA_045))
def test_the_json_that_is_hashed_is_kona_genesis_own(name: str) -> None:
    """Field order, omissions, nulls, numbers, hex and chain names are byte for byte kona's."""
    source = recorded() | {"karst_time": None} if name == "calldata" else sepolia()
    if name == "sepolia with more fields":
        system = source["genesis"]["system_config"]
        source["genesis"]["system_config"] = {
            **{key: system[key] for key in ("batcherAddr", "overhead", "scalar", "gasLimit")},
            "eip1559Params": "0x000000fa00000006",
            "operatorFeeParams": "0x" + "00" * 20 + "0000000700000000000000ff",
        }
        source |= {"regolith_time": 0, "granite_channel_timeout": 60, "blobs_data": 5}
        source |= {"superchain_config_address": None, "jovian_time": 1_763_568_001}
    text = kona_json(RollupConfig.from_json(source))
    assert text.count(JOVIAN_LINES) == 1
    older = text.replace(JOVIAN_LINES, "")
    assert hashlib.sha256(older.encode()).hexdigest() == KONA_045[name]


def test_chains_that_alloy_knows_are_written_by_name() -> None:
    """Names are read back as ids."""
    config = RollupConfig.from_json(recorded() | {"l2_chain_id": 10})
    assert '"l2_chain_id": "optimism"' in kona_json(config)
    assert RollupConfig.from_json(recorded() | {"l2_chain_id": "optimism"}) == config


def test_the_hash_covers_an_l1_config_that_is_not_built_in() -> None:
    """Otherwise a prover could choose the blob fee schedule."""
    config = RollupConfig.from_json(recorded())
    l1 = L1ChainConfig.from_json((recording_dir("calldata") / "l1_chain_config.json").read_bytes())
    assert config.config_hash(l1) != config.config_hash()
    other = replace(l1, blob_schedule=l1.blob_schedule[:-1])
    assert config.config_hash(other) != config.config_hash(l1)
    public = replace(config, l1_chain_id=1)
    assert public.config_hash(L1ChainConfig.built_in(1)) == public.config_hash()
    assert public.config_hash(l1) != public.config_hash()


FIELDS = ("block_time", "seq_window_size", "channel_timeout", "l1_chain_id", "isthmus_time")


@given(st.sampled_from(FIELDS), st.integers(min_value=1_795_391_153, max_value=1_795_391_185))
def test_every_value_changes_the_hash(name: str, value: int) -> None:
    """Two configs with the same hash do not exist."""
    config = RollupConfig.from_json(recorded())
    changed = RollupConfig.from_json(recorded() | {name: value})
    assert (changed.config_hash() == config.config_hash()) == (changed == config)


def test_every_rule_of_the_chain_is_covered_by_the_hash() -> None:
    """Each field that derivation reads changes the hash, so that a prover cannot choose it."""
    config = RollupConfig.from_json(recorded())
    genesis = config.genesis
    changed = [
        replace(config, keep_karst_upgrade_gas=True),
        replace(config, pectra_blob_schedule_time=5),
        replace(config, granite_channel_timeout=51),
        replace(config, max_sequencer_drift=1),
        replace(config, base_fee=replace(config.base_fee, elasticity=7)),
        replace(config, l2_chain_id=902),
        replace(config, genesis=replace(genesis, l2_time=1)),
    ]
    names = ("batch_inbox_address", "deposit_contract_address", "l1_system_config_address")
    changed += [RollupConfig.from_json(recorded() | {name: "0x" + "ab" * 20}) for name in names]
    changes: tuple[dict[str, Any], ...] = (
        {"eip1559_denominator": 1},
        {"eip1559_elasticity": 1},
        {"operator_fee_scalar": 1},
        {"operator_fee_constant": 1},
        {"min_base_fee": 1},
        {"da_footprint_gas_scalar": 1},
        {"gas_limit": 1},
    )
    for change in changes:
        system = replace(genesis.system_config, **change)
        other = replace(config, genesis=replace(genesis, system_config=system))
        assert RollupConfig.from_json(other.to_json()).genesis.system_config == system
        changed.append(other)
    hashes = {config.config_hash(), *(other.config_hash() for other in changed)}
    assert len(hashes) == len(changed) + 1


def test_chain_names_are_unique() -> None:
    """Otherwise two chains could share a hash."""
    names = {n: name for n in range(1, 100_000) if (name := name_of_chain_id(n)) is not None}
    assert len(set(names.values())) == len(names) > 100
    assert all(chain_id_of_name(name) == number for number, name in names.items())
