"""System configs in their JSON form, and the packed fee scalar."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.types import Address, Hash32, SystemConfig

UINT32 = st.integers(min_value=0, max_value=2**32 - 1)
UINT64 = st.integers(min_value=0, max_value=2**64 - 1)
SYSTEM_CONFIGS = st.builds(
    SystemConfig,
    batcher_address=st.binary(min_size=20, max_size=20).map(Address),
    overhead=st.binary(min_size=32, max_size=32).map(Hash32),
    scalar=st.binary(min_size=32, max_size=32).map(Hash32),
    gas_limit=UINT64,
    eip1559_denominator=UINT32,
    eip1559_elasticity=UINT32,
    operator_fee_scalar=UINT32,
    operator_fee_constant=UINT64,
    min_base_fee=UINT64,
    da_footprint_gas_scalar=st.integers(min_value=0, max_value=2**16 - 1),
)


@given(SYSTEM_CONFIGS)
def test_json_round_trips(system: SystemConfig) -> None:
    """op-node's form, with its packed parameters."""
    form = system.to_json()
    assert SystemConfig.from_json(form) == system
    assert SystemConfig.given_keys(form) == frozenset(SystemConfig.OPTIONAL_KEYS)


@pytest.mark.parametrize(
    "change",
    [
        {"eip1559Params": "0x00"},
        {"eip1559Params": 5},
        {"eip1559Params": "0x" + "zz" * 8},
        {"operatorFeeParams": "0x01" + "00" * 31},
        {"gasLimit": "1"},
        {"scalar": None},
        {"batcherAddr": None},
        {"daFootprintGasScalar": 65_536},
    ],
)
def test_malformed_fields_are_named(change: dict[str, Any]) -> None:
    """The error carries the key."""
    form = {
        "batcherAddr": "0x" + "11" * 20,
        "overhead": "0x" + "00" * 32,
        "scalar": "0x" + "00" * 32,
        "gasLimit": 30_000_000,
    }
    SystemConfig.from_json(form)
    pattern = "batcher" if "batcherAddr" in change else next(iter(change))
    with pytest.raises(InputError, match=pattern):
        SystemConfig.from_json(form | change)


@given(UINT32, UINT32)
def test_ecotone_scalars_round_trip(base: int, blob: int) -> None:
    """Version 1 packs both; version 0 the first alone."""
    word = SystemConfig.encode_ecotone_scalar(base, blob)
    assert _with_scalar(word).ecotone_scalars == (base, blob)
    assert _with_scalar(bytes(28) + base.to_bytes(4, "big")).ecotone_scalars == (base, 0)


def test_a_version_0_scalar_with_padding_counts_as_the_greatest() -> None:
    """The specification saturates it; other versions mean nothing."""
    assert _with_scalar(b"\0\x01" + bytes(30)).ecotone_scalars == (2**32 - 1, 0)
    with pytest.raises(InputError, match="version"):
        _ = _with_scalar(b"\x02" + bytes(31)).ecotone_scalars


def _with_scalar(word: bytes) -> SystemConfig:
    return SystemConfig(
        batcher_address=Address(bytes(20)),
        overhead=Hash32(bytes(32)),
        scalar=Hash32(word),
        gas_limit=1,
    )
