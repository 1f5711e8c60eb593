"""The L1 blob schedule."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.types import BUILT_IN_L1_CHAINS, L1ChainConfig
from coprove.types.l1_chain import fake_exponential
from tests.unit.derivation.chain import RECORDINGS, load_chain
from tests.vectors import recording_dir


def recorded(name: str = "calldata") -> dict[str, Any]:
    result: dict[str, Any] = json.loads((recording_dir(name) / "l1_chain_config.json").read_bytes())
    return result


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_configs_round_trip(name: str) -> None:
    """geth's genesis form is read; what is written reads back."""
    config = L1ChainConfig.from_json(recorded(name))
    assert [params.fork for params in config.blob_schedule] == ["cancun", "prague", "osaka"]
    assert L1ChainConfig.from_json(config.canonical_json()) == config


def test_public_chains_are_built_in() -> None:
    """Mainnet, sepolia, holesky and hoodi; nothing else."""
    assert set(BUILT_IN_L1_CHAINS) == {1, 11_155_111, 17_000, 560_048}
    assert L1ChainConfig.built_in(5) is None
    for chain_id, config in BUILT_IN_L1_CHAINS.items():
        assert config.chain_id == chain_id
        assert L1ChainConfig.from_json(config.to_json()) == config
    mainnet = BUILT_IN_L1_CHAINS[1]
    assert mainnet.blob_params(1_710_338_134) is None
    for time, target in (
        (1_710_338_135, 3),
        (1_746_612_310, 3),
        (1_746_612_311, 6),
        (1_765_290_071, 10),
        (1_767_747_671, 14),
    ):
        params = mainnet.blob_params(time)
        assert params is not None
        assert params.target == target


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    # Values of EIP-4844's test vectors and of the definition at its edges.
    [(0, 1, 1), (3_338_477, 3_338_477, 2), (10 * 3_338_477, 3_338_477, 22_026), (1, 1_000, 1)],
)
def test_the_fee_grows_e_fold(numerator: int, denominator: int, expected: int) -> None:
    """One update fraction of excess multiplies the fee by e."""
    assert fake_exponential(1, numerator, denominator) == expected


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_any_excess_gives_a_fee_or_a_typed_error(excess: int) -> None:
    """No header can make the series run for long."""
    header = replace(load_chain("calldata").l1[3].header, excess_blob_gas=excess)
    config = BUILT_IN_L1_CHAINS[1]
    header = replace(header, timestamp=1_800_000_000)
    try:
        fee = config.blob_base_fee(header)
    except InputError:
        assert excess > 10**9
        return
    assert fee is not None
    assert fee >= 1


def test_blocks_before_cancun_have_no_blob_fee() -> None:
    """No excess, no fee; an excess without a schedule is an error."""
    header = load_chain("calldata").l1[3].header
    config = BUILT_IN_L1_CHAINS[1]
    bare = replace(header, excess_blob_gas=None)
    assert config.blob_base_fee(bare) is None
    assert config.cancun_blob_base_fee(bare) is None
    with pytest.raises(InputError, match="schedule"):
        config.blob_base_fee(replace(header, timestamp=1))
    fees = replace(header, excess_blob_gas=50_000_000, timestamp=1_750_000_000)
    assert config.cancun_blob_base_fee(fees) != config.blob_base_fee(fees)


def test_malformed_configs_name_the_field() -> None:
    """Unknown fields, forks without blob parameters, and times out of order."""
    source = recorded()
    schedule = source["blobSchedule"]
    zero = schedule | {"prague": schedule["prague"] | {"baseFeeUpdateFraction": 0}}
    for change, name in (
        ({"surprise": 1}, "surprise"),
        ({"chainId": None}, "chainId"),
        ({"blobSchedule": None}, "cancun"),
        ({"blobSchedule": schedule | {"fork": {}}}, "fork"),
        ({"blobSchedule": zero}, "baseFeeUpdateFraction"),
        ({"cancunTime": 9, "pragueTime": 8}, "pragueTime"),
        ({"bpo1Time": 9}, "bpo1"),
    ):
        with pytest.raises(InputError, match=name):
            L1ChainConfig.from_json(source | change)
