"""No altered input gives another root.

The claim of a run is a function of what is trusted: l1_head, the agreed output root, the rollup
config's hash and the block number. So whatever is done to the other bytes, a run ends in a typed
error or in the same root; here it is done to each kind of byte in turn.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coprove.errors import CoproveError
from coprove.program import BlobInput, L1BlockInput, L2BlockInput, RangeInput, run_range_traced
from coprove.program.wire import pack_list, unpack_list
from coprove.types import BootInfo, Hash32
from tests.integration.ranges import range_input

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

RUNS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def trusted(claim: BootInfo) -> tuple[object, ...]:
    """Return what a claim commits to beside its root."""
    return claim.l1_head, claim.l2_pre_root, claim.rollup_config_hash, claim.l2_block_number


def with_field(original: RangeInput, field: str, value: Any) -> RangeInput:
    """Return the input with another value in one field."""
    changes: dict[str, Any] = {field: value}
    return replace(original, **changes)


def check(original: RangeInput, altered: RangeInput | bytes) -> None:
    """Run the altered input: a typed error, or the root that its trusted values determine."""
    expected = run_range_traced(original).boot_info
    try:
        value = RangeInput.decode(altered) if isinstance(altered, bytes) else altered
        claim = run_range_traced(value).boot_info
    except CoproveError:
        return
    if trusted(claim) == trusted(expected):
        assert claim.l2_post_root == expected.l2_post_root


@st.composite
def altered_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw `data` with a flipped bit, cut short, lengthened or emptied."""
    kind = draw(st.sampled_from(["flip", "cut", "append", "empty"]))
    if kind == "flip" and data:
        position = draw(st.integers(0, len(data) - 1))
        flipped = data[position] ^ (1 << draw(st.integers(0, 7)))
        return data[:position] + bytes([flipped]) + data[position + 1 :]
    if kind == "cut" and data:
        return data[: draw(st.integers(0, len(data) - 1))]
    if kind == "append":
        return data + draw(st.binary(min_size=1, max_size=4))
    return b""


@st.composite
def altered_items(
    draw: st.DrawFn, items: tuple[T, ...], alter: Callable[[T], st.SearchStrategy[T]]
) -> tuple[T, ...]:
    """Draw `items` with one missing, doubled, altered, or two of them swapped."""
    if not items:
        return items
    changed = list(items)
    index = draw(st.integers(0, len(items) - 1))
    kind = draw(st.sampled_from(["drop", "double", "alter", "swap", "cut"]))
    if kind == "drop":
        del changed[index]
    elif kind == "double":
        changed.insert(index, changed[index])
    elif kind == "alter":
        changed[index] = draw(alter(changed[index]))
    elif kind == "swap":
        other = draw(st.integers(0, len(items) - 1))
        changed[index], changed[other] = changed[other], changed[index]
    else:
        del changed[index:]
    return tuple(changed)


def altered_l1(block: L1BlockInput) -> st.SearchStrategy[L1BlockInput]:
    """Alter an L1 block's header, transactions or receipts."""
    choices = [
        altered_bytes(block.header).map(lambda header: replace(block, header=header)),
        altered_items(block.transactions, altered_bytes).map(
            lambda transactions: replace(block, transactions=transactions)
        ),
        st.just(replace(block, receipts=None)),
        st.just(replace(block, receipts=())),
    ]
    if block.receipts:
        choices.append(
            altered_items(block.receipts, altered_bytes).map(
                lambda receipts: replace(block, receipts=receipts)
            )
        )
    return st.one_of(choices)


def altered_blob(blob: BlobInput) -> st.SearchStrategy[BlobInput]:
    """Alter a blob's commitment, proof or data."""
    return st.one_of(
        altered_bytes(blob.commitment).map(lambda value: replace(blob, commitment=value)),
        altered_bytes(blob.proof).map(lambda value: replace(blob, proof=value)),
        altered_bytes(blob.data).map(lambda value: replace(blob, data=value)),
    )


@RUNS
@given(st.data())
@pytest.mark.parametrize("name", ["calldata", "blobs"])
def test_l1_headers_transactions_and_receipts(name: str, data: st.DataObject) -> None:
    original = range_input(name, 9, 14)
    blocks = data.draw(altered_items(original.l1_blocks, altered_l1))
    check(original, replace(original, l1_blocks=blocks))


@RUNS
@given(st.data())
def test_blobs(data: st.DataObject) -> None:
    original = range_input("blobs", 9, 14)
    blobs = data.draw(altered_items(original.blobs, altered_blob))
    check(original, replace(original, blobs=blobs))


@RUNS
@given(st.data())
@pytest.mark.parametrize("field", ["nodes", "codes"])
@pytest.mark.parametrize(("start", "end"), [(9, 14), (52, 56)])
def test_trie_nodes_and_codes(field: str, start: int, end: int, data: st.DataObject) -> None:
    original = range_input("calldata", start, end)
    items = unpack_list(getattr(original, field), field)
    altered = pack_list(data.draw(altered_items(items, altered_bytes)))
    check(original, with_field(original, field, altered))


@pytest.mark.parametrize(("start", "end"), [(9, 14), (44, 49)])
def test_every_single_missing_node(start: int, end: int) -> None:
    """Leaving out any one node is an error or changes nothing: it never reads as absent."""
    original = range_input("calldata", start, end)
    nodes = unpack_list(original.nodes, "nodes")
    for index in range(len(nodes)):
        rest = nodes[:index] + nodes[index + 1 :]
        check(original, replace(original, nodes=pack_list(rest)))


def altered_l2(block: L2BlockInput) -> st.SearchStrategy[L2BlockInput]:
    """Alter an L2 block's header or transactions."""
    choices = [
        altered_bytes(block.header).map(lambda header: replace(block, header=header)),
        st.just(replace(block, transactions=None)),
    ]
    if block.transactions:
        choices.append(
            altered_items(block.transactions, altered_bytes).map(
                lambda transactions: replace(block, transactions=transactions)
            )
        )
    return st.one_of(choices)


@RUNS
@given(st.data())
@pytest.mark.parametrize("name", ["calldata", "blobs"])
def test_l2_headers_and_transactions(name: str, data: st.DataObject) -> None:
    original = range_input(name, 20, 23)
    blocks = data.draw(altered_items(original.l2_blocks, altered_l2))
    check(original, replace(original, l2_blocks=blocks))


@RUNS
@given(st.data())
@pytest.mark.parametrize("field", ["rollup_config", "l1_config"])
def test_configs_as_bytes(field: str, data: st.DataObject) -> None:
    original = range_input("calldata", 20, 23)
    altered = data.draw(altered_bytes(getattr(original, field)))
    check(original, with_field(original, field, altered))


@RUNS
@given(st.data())
def test_config_values(data: st.DataObject) -> None:
    """A changed value shows in the config hash, or changes nothing."""
    original = range_input("calldata", 20, 23)
    config = json.loads(original.rollup_config)
    key = data.draw(st.sampled_from(sorted(config)))
    config[key] = data.draw(
        st.none() | st.integers(-1, 2**70) | st.text(max_size=4) | st.just({}) | st.booleans()
    )
    check(original, replace(original, rollup_config=json.dumps(config).encode()))


@RUNS
@given(st.data())
@pytest.mark.parametrize("field", ["l1_head", "agreed_output_root"])
def test_trusted_hashes(field: str, data: st.DataObject) -> None:
    original = range_input("calldata", 20, 23)
    value: bytes = getattr(original, field)
    position = data.draw(st.integers(0, 31))
    flipped = value[position] ^ data.draw(st.integers(1, 255))
    altered = Hash32(value[:position] + bytes([flipped]) + value[position + 1 :])
    with pytest.raises(CoproveError):
        run_range_traced(with_field(original, field, altered))


@RUNS
@given(st.data())
@pytest.mark.parametrize("field", ["state_root", "message_passer_storage_root", "block_hash"])
def test_agreed_output(field: str, data: st.DataObject) -> None:
    original = range_input("calldata", 20, 23)
    value = Hash32(data.draw(st.binary(min_size=32, max_size=32)))
    changes: dict[str, Any] = {field: value}
    output = replace(original.agreed_output, **changes)
    if output == original.agreed_output:
        return
    for root in (original.agreed_output_root, output.hash()):
        with pytest.raises(CoproveError):
            run_range_traced(replace(original, agreed_output=output, agreed_output_root=root))


@RUNS
@given(st.data())
def test_any_byte_of_the_encoded_input(data: st.DataObject) -> None:
    original = range_input("calldata", 20, 23)
    check(original, data.draw(altered_bytes(original.encode())))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_numbers(number: int) -> None:
    original = range_input("calldata", 20, 23)
    check(original, replace(original, l2_start_number=number))
