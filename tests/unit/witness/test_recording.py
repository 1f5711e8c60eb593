"""A recording gives inputs whose state is enough, and names what is wrong with itself."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from coprove.errors import CoproveError, InputError
from coprove.execution import BlockExecutor, NodeStore
from coprove.program import RangeInput
from coprove.program.wire import unpack_list
from coprove.types import BlockHeader
from coprove.witness import Recording, RecordingError
from coprove.witness.attributes import attributes_of_block
from tests.vectors import EXAMPLES, recording_dir

if TYPE_CHECKING:
    from pathlib import Path

CALLDATA = EXAMPLES / "calldata"


def execute(recording: Recording, given: RangeInput, start: int, end: int) -> None:
    """Run the blocks over the input's state alone."""
    store = NodeStore()
    store.add_nodes(given.nodes)
    store.add_codes(given.codes)
    headers = [block.header for block in given.l2_blocks]
    executor = BlockExecutor(recording.config, headers[-1], store, headers[:-1])
    assert executor.output_root() == given.agreed_output
    for number in range(start + 1, end + 1):
        block = recording.l2_block(number)
        header = BlockHeader.decode_rlp(block.header)
        executed = executor.execute(
            attributes_of_block(recording.config, header, block.transactions)
        )
        assert executed.hash == block.hash
        assert executed.receipts == block.receipts
    assert executor.output_root().hash() == recording.expected_output(end)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("calldata", 0, 118),
        *[("calldata", start, start + 1) for start in (0, 9, 15, 33, 53, 77, 117)],
        ("calldata", 50, 57),
        ("blobs", 0, 118),
        ("blobs", 12, 60),
        ("heavy", 0, 208),
        ("heavy", 100, 150),
    ],
)
def test_the_kept_state_is_enough(name: str, start: int, end: int) -> None:
    """The pre-state nodes alone execute every block of the range to its hash."""
    recording = Recording(recording_dir(name))
    execute(recording, recording.range_input(start, end), start, end)


def test_only_the_prestate_is_given() -> None:
    """Dropping what the range creates makes the input many times smaller."""
    recording = Recording(CALLDATA)
    given = recording.range_input(0, 118)
    union = {node for number in range(1, 119) for node in recording.l2_block(number).nodes}
    kept = unpack_list(given.nodes, "nodes")
    assert set(kept) < union
    assert sum(map(len, kept)) * 10 < sum(map(len, union))
    assert RangeInput.decode(given.encode()) == given


def test_the_l1_head_is_the_first_at_which_the_claim_is_safe() -> None:
    """As the node's safe-head database had it."""
    recording = Recording(CALLDATA)
    assert recording.l1_head_for(7) == 5
    assert recording.l1_head_for(118) == 61
    assert recording.default_range == (0, 118)
    assert (recording.last_l1, recording.last_l2) == (64, 118)
    given = recording.range_input(3, 7)
    assert len(given.l1_blocks) == 6
    assert len(recording.range_input(3, 7, l1_head=20).l1_blocks) == 21


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (7, 3), (0, 119)])
def test_ranges_outside_the_recording_are_refused(start: int, end: int) -> None:
    """Typed, and naming the range."""
    with pytest.raises(RecordingError, match="range"):
        Recording(CALLDATA).range_input(start, end)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """Absent files are named."""
    with pytest.raises(RecordingError, match=r"rollup\.json"):
        Recording(tmp_path)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    target = tmp_path / "chain"
    shutil.copytree(CALLDATA, target)
    return target


@pytest.mark.parametrize("name", ["l1.jsonl.gz", "l2.jsonl.gz", "sync_status.json"])
@pytest.mark.parametrize("content", [b"", b"x", b"\x1f\x8b\x08\x00", b"{}\n"])
def test_a_damaged_file_is_a_typed_error(copied: Path, name: str, content: bytes) -> None:
    """Cut gzip, no JSON, no rows."""
    damaged = gzip.compress(content) if name.endswith(".gz") and len(content) < 4 else content
    (copied / name).write_bytes(damaged)
    with pytest.raises(InputError):
        Recording(copied).range_input(0, 3)


FIELDS = [
    "block_rlp",
    "hash",
    "raw_receipts",
    "execution_witness",
    "output",
    "number",
    "extra_state",
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [None, 7, "0x", "0xzz", [7], {"state": 1}])
def test_a_damaged_row_is_a_typed_error(copied: Path, field: str, value: Any) -> None:
    """No field of a row makes anything but a CoproveError, or an input that is still typed."""
    path = copied / "l2.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()[:8]]
    rows[2][field] = value
    path.write_bytes(gzip.compress(b"\n".join(json.dumps(row).encode() for row in rows)))
    try:
        given = Recording(copied).range_input(1, 3)
    except CoproveError:
        return
    assert RangeInput.decode(given.encode()) == given
