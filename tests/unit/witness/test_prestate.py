"""Only the state before the range is kept, and all of it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.primitives import keccak256, rlp
from coprove.rpc.errors import LooseNodeError
from coprove.rpc.proof import check_linked
from coprove.types import BlockHeader
from coprove.witness import Recording
from coprove.witness.prestate import PrestateFilter, prestate
from tests.vectors import recording_dir


def leaf(path: str, value: bytes) -> bytes:
    flag = "3" if len(path) % 2 else "20"
    return rlp.encode([bytes.fromhex(flag + path), value])


def account(storage_root: bytes, code_hash: bytes) -> bytes:
    return rlp.encode([b"\x01", b"\x05", storage_root, code_hash])


CODE = b"\x60\x00"
NEW_CODE = b"\x60\x01"
SLOT = leaf("ab" * 32, rlp.encode(b"\x07" * 32))
PLAIN = leaf("1" * 63, account(keccak256(b"\x80"), keccak256(b"")))
CONTRACT = leaf("2" * 63, account(keccak256(SLOT), keccak256(CODE)))
BRANCH = rlp.encode([b"", keccak256(PLAIN), keccak256(CONTRACT), *[b""] * 14])
ROOT = keccak256(BRANCH)
LATER = leaf("3" * 63, account(keccak256(b"\x80"), keccak256(NEW_CODE)))


def test_what_the_range_creates_is_dropped() -> None:
    """Nodes and codes that the pre-state does not lead to are not given."""
    nodes, codes = prestate(ROOT, [LATER, SLOT, CONTRACT, PLAIN, BRANCH], [NEW_CODE, CODE])
    assert set(nodes) == {SLOT, CONTRACT, PLAIN, BRANCH}
    assert nodes[0] == BRANCH
    assert codes == (CODE,)


def test_embedded_nodes_are_followed() -> None:
    """Children shorter than 32 bytes stand inside their parent."""
    tiny = [bytes.fromhex("20"), b"\x01"]
    branch = rlp.encode([tiny, *[b""] * 16])
    holder = leaf("4" * 64, account(keccak256(branch), keccak256(b"")))
    extension = rlp.encode([bytes.fromhex("1f"), keccak256(BRANCH)])
    assert set(prestate(keccak256(extension), [extension, BRANCH], ())[0]) == {extension, BRANCH}
    assert set(prestate(keccak256(holder), [holder, branch], ())[0]) == {holder, branch}


@given(st.lists(st.sampled_from([BRANCH, PLAIN, CONTRACT, SLOT, LATER])))
def test_absent_nodes_are_passed_over(given_nodes: list[bytes]) -> None:
    """Whatever is there is a subset of the whole, each node once."""
    nodes, _ = prestate(ROOT, given_nodes, ())
    assert len(set(nodes)) == len(nodes)
    assert set(nodes) <= {BRANCH, PLAIN, CONTRACT, SLOT}
    assert (BRANCH in given_nodes) or not nodes


def test_nodes_are_kept_as_they_come_whatever_else_comes_with_them() -> None:
    """A stranger is never kept; of a later witness only what hangs under kept nodes is."""
    recording = Recording(recording_dir("calldata"))
    blocks = [recording.l2_block(number) for number in range(41, 49)]
    root = recording.l2_block(40).output.state_root
    everything = [node for block in blocks for node in block.nodes]
    expected, _ = prestate(root, everything, ())
    strangers = [bytes([0xC1, index]) for index in range(20)]
    kept = PrestateFilter(root)
    came: list[bytes] = []
    for block in blocks:
        nodes = [*block.nodes, *strangers]
        random.Random(block.hash).shuffle(nodes)
        came += kept.add(nodes)
        assert not kept.add(nodes)
    assert set(kept.nodes.values()) == set(expected) == set(came)
    assert len(came) == len(expected) < len(set(everything))


def test_the_order_of_what_came_does_not_show() -> None:
    """The same nodes and codes give the same bytes."""
    recording = Recording(recording_dir("calldata"))
    blocks = [recording.l2_block(number) for number in range(41, 60)]
    root = recording.l2_block(40).output.state_root
    nodes = [node for block in blocks for node in block.nodes]
    codes = [code for block in blocks for code in block.codes]
    expected = prestate(root, nodes, codes)
    assert expected[1]
    for seed in range(5):
        random.Random(seed).shuffle(nodes)
        random.Random(seed).shuffle(codes)
        assert prestate(root, nodes, codes) == expected


def test_a_witness_hangs_together() -> None:
    """Every node of a recorded witness is under its root; an altered one is found."""
    recording = Recording(recording_dir("calldata"))
    for number in range(1, 119, 7):
        parent = BlockHeader.decode_rlp(recording.l2_block(number - 1).header)
        nodes = list(recording.l2_block(number).nodes)
        check_linked(parent.state_root, nodes, "witness")
        at = number % len(nodes)
        nodes[at] = nodes[at][:-1] + bytes([nodes[at][-1] ^ 1])
        with pytest.raises(LooseNodeError):
            check_linked(parent.state_root, nodes, "witness")
