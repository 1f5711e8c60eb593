"""The range program reproduces every recorded chain, from any start, across every fork."""

from dataclasses import replace

import pytest

from coprove.program import (
    ClaimMismatchError,
    L1DataExhaustedError,
    ProgramInputError,
    run_range,
    run_range_traced,
)
from coprove.types import Hash32
from tests.integration.ranges import range_input, recording

LAST = {"calldata": 118, "blobs": 118, "heavy": 208}


@pytest.mark.parametrize("name", LAST)
def test_the_whole_chain_gives_the_recorded_output_root(name: str) -> None:
    """From genesis to the last block, through the encoded form."""
    given = range_input(name, 0, LAST[name])
    claim = run_range(given.encode())
    assert claim.l2_post_root == recording(name).expected_output(LAST[name])
    assert claim.l2_pre_root == recording(name).expected_output(0)
    assert claim.l2_block_number == LAST[name]
    assert claim.l1_head == given.l1_head


@pytest.mark.parametrize("name", LAST)
def test_every_block_is_a_range_of_its_own(name: str) -> None:
    """Ranges of one block: each block is derived and executed from its predecessor alone."""
    step = 1 if name != "heavy" else 8
    for end in range(1, LAST[name] + 1, step):
        claim = run_range_traced(range_input(name, end - 1, end)).boot_info
        assert claim.l2_post_root == recording(name).expected_output(end), end


@pytest.mark.parametrize("name", LAST)
def test_ranges_of_seven_cover_the_chain(name: str) -> None:
    """Ranges of seven blocks, each beginning where the last one ended."""
    for start in range(0, LAST[name] - 7, 7 if name != "heavy" else 28):
        report = run_range_traced(range_input(name, start, start + 7))
        assert report.boot_info.l2_post_root == recording(name).expected_output(start + 7)
        assert report.blocks == 7


@pytest.mark.parametrize("fork", [16, 34, 54])
@pytest.mark.parametrize("name", ["calldata", "blobs"])
def test_ranges_begin_end_and_cross_at_a_fork_block(name: str, fork: int) -> None:
    """Isthmus, Jovian and Karst activate inside, at the first and at the last block of a range."""
    for start, end in ((fork - 1, fork), (fork, fork + 1), (fork - 2, fork + 2)):
        claim = run_range_traced(range_input(name, start, end)).boot_info
        assert claim.l2_post_root == recording(name).expected_output(end)


def test_a_wrong_claim_names_both_roots() -> None:
    given = range_input("calldata", 20, 22)
    wrong = replace(given, claimed_output_root=Hash32(bytes(31) + b"\x01"))
    with pytest.raises(ClaimMismatchError) as caught:
        run_range(wrong.encode())
    assert caught.value.block == 22
    assert caught.value.actual == given.claimed_output_root


def test_a_claim_beyond_the_l1_head_says_how_far_it_went() -> None:
    chain = recording("calldata")
    given = chain.range_input(20, 90, l1_head=chain.l1_head_for(22))
    with pytest.raises(L1DataExhaustedError) as caught:
        run_range_traced(given)
    assert 22 <= caught.value.reached < 90


def test_a_claim_at_or_before_the_agreed_block_is_refused() -> None:
    given = replace(range_input("calldata", 20, 22), claimed_block_number=20)
    with pytest.raises(ProgramInputError, match="claimed block number"):
        run_range_traced(given)
