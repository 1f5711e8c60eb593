"""The aggregation program: only ranges that chain, below one checkpoint, become one claim."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.program import (
    AggregationInput,
    ChainingError,
    ProgramInputError,
    run_aggregation,
    run_range_traced,
)
from coprove.types import Address, BootInfo, Hash32
from tests.integration.ranges import range_input, recording

VKEY = Hash32(b"\x07" * 32)


@pytest.fixture(scope="module")
def aggregation() -> AggregationInput:
    """Three real ranges and the L1 headers from the earliest l1_head to a checkpoint."""
    chain = recording("calldata")
    claims = tuple(
        run_range_traced(range_input("calldata", start, start + 5)).boot_info
        for start in (10, 15, 20)
    )
    headers = [chain.l1_block(number).header for number in range(chain.last_l1 + 1)]
    hashes = [Hash32.from_hex(chain.l1_row(number)["hash"]) for number in range(len(headers))]
    first = hashes.index(claims[0].l1_head)
    last = hashes.index(claims[-1].l1_head) + 2
    return AggregationInput(
        boot_infos=claims,
        l1_headers=tuple(headers[first : last + 1]),
        checkpoint_l1_head=hashes[last],
        range_vkey_commitment=VKEY,
    )


def test_ranges_that_chain_become_one_claim(aggregation: AggregationInput) -> None:
    outputs = run_aggregation(aggregation)
    assert outputs.l2_pre_root == aggregation.boot_infos[0].l2_pre_root
    assert outputs.l2_post_root == recording("calldata").expected_output(25)
    assert outputs.l2_block_number == 25
    assert outputs.l1_head == aggregation.checkpoint_l1_head
    assert outputs.range_vkey_commitment == VKEY
    assert len(outputs.abi_encode()) == 192


def test_a_prover_address_makes_the_newer_form(aggregation: AggregationInput) -> None:
    prover = Address(b"\x09" * 20)
    outputs = run_aggregation(replace(aggregation, prover_address=prover))
    assert len(outputs.abi_encode()) == 224
    assert outputs.prover_address == prover


@pytest.mark.parametrize("missing", [0, 1])
def test_a_gap_between_ranges_is_refused(aggregation: AggregationInput, missing: int) -> None:
    claims = list(aggregation.boot_infos)
    del claims[1]
    if missing == 0:
        claims.reverse()
    with pytest.raises(ChainingError, match="agreed root"):
        run_aggregation(replace(aggregation, boot_infos=tuple(claims)))


def with_claim(given: AggregationInput, index: int, claim: BootInfo) -> AggregationInput:
    claims = list(given.boot_infos)
    claims[index] = claim
    return replace(given, boot_infos=tuple(claims))


def test_another_rollup_config_is_refused(aggregation: AggregationInput) -> None:
    claim = replace(aggregation.boot_infos[1], rollup_config_hash=VKEY)
    with pytest.raises(ChainingError, match="rollup config hash"):
        run_aggregation(with_claim(aggregation, 1, claim))


def test_a_range_that_does_not_advance_is_refused(aggregation: AggregationInput) -> None:
    claim = replace(aggregation.boot_infos[1], l2_block_number=15)
    with pytest.raises(ChainingError, match="block number"):
        run_aggregation(with_claim(aggregation, 1, claim))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_l1_head_outside_the_chain_is_refused(aggregation: AggregationInput, index: int) -> None:
    claim = replace(aggregation.boot_infos[index], l1_head=VKEY)
    with pytest.raises(ChainingError, match=f"range {index} L1 head"):
        run_aggregation(with_claim(aggregation, index, claim))


def test_nothing_to_aggregate_is_refused(aggregation: AggregationInput) -> None:
    with pytest.raises(ProgramInputError, match="ranges"):
        run_aggregation(replace(aggregation, boot_infos=()))
    with pytest.raises(ProgramInputError, match="L1 headers"):
        run_aggregation(replace(aggregation, l1_headers=()))


@given(data=st.data())
def test_altered_l1_headers_are_refused(aggregation: AggregationInput, data: st.DataObject) -> None:
    """Dropping, doubling, swapping or altering any header breaks the chain to the checkpoint."""
    headers = list(aggregation.l1_headers)
    index = data.draw(st.integers(0, len(headers) - 1))
    kind = data.draw(st.sampled_from(["drop", "double", "alter"]))
    if kind == "drop":
        del headers[index]
    elif kind == "double":
        headers.insert(index, headers[index])
    else:
        position = data.draw(st.integers(0, len(headers[index]) - 1))
        changed = bytearray(headers[index])
        changed[position] ^= data.draw(st.integers(1, 255))
        headers[index] = bytes(changed)
    with pytest.raises(ProgramInputError):
        run_aggregation(replace(aggregation, l1_headers=tuple(headers)))
