"""Altered, missing and hostile input: a typed error or the same block, never another."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.execution import (
    BlockExecutor,
    InvalidPayloadError,
    MissingStateError,
    NodeStore,
    StateReader,
    WitnessError,
)
from coprove.primitives import keccak256, rlp
from tests.unit.execution.chains import Case, flat, recorded
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.types import Hash32

_SAMPLES = 400


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(recorded(recording_dir("calldata")))


def outcome(case: Case) -> tuple[Hash32, Hash32] | type[Exception]:
    """Block hash and output root, or the type of the error that a fault may give."""
    try:
        executor = case.executor()
        return executor.execute(case.attributes).hash, executor.output_root().hash()
    except (MissingStateError, WitnessError) as error:
        return type(error)


def flip(data: bytes, rng: random.Random) -> bytes:
    bit = rng.randrange(len(data) * 8)
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


MUTATIONS: dict[str, Callable[[list[bytes], random.Random], None]] = {
    "delete": lambda pieces, rng: pieces.__delitem__(rng.randrange(len(pieces))),
    "flip": lambda pieces, rng: _replace(pieces, rng, lambda piece: flip(piece, rng)),
    "truncate": lambda pieces, rng: _replace(pieces, rng, lambda piece: piece[:-1]),
    "extend": lambda pieces, rng: _replace(pieces, rng, lambda piece: piece + b"\0"),
    "empty": lambda pieces, rng: _replace(pieces, rng, lambda _piece: b""),
    "swap": lambda pieces, rng: rng.shuffle(pieces),
    "duplicate": lambda pieces, rng: pieces.append(rng.choice(pieces)),
}


def _replace(pieces: list[bytes], rng: random.Random, by: Callable[[bytes], bytes]) -> None:
    index = rng.randrange(len(pieces))
    pieces[index] = by(pieces[index])


@pytest.mark.parametrize("part", ["nodes", "codes"])
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_an_altered_witness_gives_an_error_or_the_same_block(
    cases: list[Case], mutation: str, part: str
) -> None:
    """Whatever happens to nodes or codes, no other hash and no other output root comes out."""
    rng = random.Random(f"{mutation}{part}")
    failed = 0
    for _ in range(_SAMPLES // 4):
        case = rng.choice(cases)
        pieces = list(getattr(case, part))
        MUTATIONS[mutation](pieces, rng)
        if part == "nodes":
            changed = replace(case, nodes=tuple(pieces))
        else:
            changed = replace(case, codes=tuple(pieces))
        result = outcome(changed)
        if isinstance(result, tuple):
            assert result == (case.hash, case.output)
        else:
            failed += 1
    assert failed == 0 if mutation in {"swap", "duplicate"} else failed > 0


def test_a_missing_node_names_the_account_or_slot(cases: list[Case]) -> None:
    """Dropping each node of a block in turn: the error says what could not be read."""
    case = max(cases[:20], key=lambda case: len(case.attributes.transactions))
    found = []
    for index in range(len(case.nodes)):
        rest = case.nodes[:index] + case.nodes[index + 1 :]
        try:
            replace(case, nodes=rest).executor().execute(case.attributes)
        except MissingStateError as error:
            found.append((error, keccak256(case.nodes[index])))
    for missing, dropped in found:
        assert missing.node_hash == dropped
        assert missing.address is not None
        assert (missing.slot is not None) == (missing.kind == "slot")
    assert {missing.kind for missing, _ in found} == {"account", "slot"}


def test_a_missing_code_names_its_hash_and_account(cases: list[Case]) -> None:
    """Without codes the first that runs is named."""
    case = cases[10]
    with pytest.raises(MissingStateError) as caught:
        replace(case, codes=()).executor().execute(case.attributes)
    assert caught.value.kind == "code"
    assert caught.value.node_hash in {keccak256(code) for code in case.codes}
    assert caught.value.address


def test_a_block_hash_needs_its_ancestors(cases: list[Case]) -> None:
    """BLOCKHASH without headers names the header to bring; with a wrong header it is refused."""
    needing = [case for case in cases if case.headers]
    assert needing
    for case in needing:
        with pytest.raises(MissingStateError) as caught:
            replace(case, headers=()).executor().execute(case.attributes)
        assert caught.value.kind == "header"
        assert caught.value.node_hash in {keccak256(raw) for raw in case.headers}
        with pytest.raises(InputError, match="linked"):
            replace(case, headers=(*case.headers, cases[100].parent)).executor()


def test_what_was_missing_can_be_brought_and_the_call_repeated(cases: list[Case]) -> None:
    """The executor keeps its head, so a host completes a witness led by the errors."""
    case = cases[12]
    by_hash = {keccak256(piece): piece for piece in case.nodes + case.codes}
    store = NodeStore()
    executor = BlockExecutor(case.config, case.parent, store, case.headers)
    for _ in range(len(by_hash) + 1):
        try:
            assert executor.execute(case.attributes).hash == case.hash
            return
        except MissingStateError as missing:
            piece = by_hash[missing.node_hash or b""]
            (store.add_codes if missing.kind == "code" else store.add_nodes)(flat([piece]))
    pytest.fail("the witness never became complete")


def _bad_transactions(case: Case) -> dict[str, bytes]:
    user = next(tx for tx in case.attributes.transactions if tx[0] == 2)
    return {
        "post-exec type": b"\x7d\xc0",
        "blob type": b"\x03" + user[1:],
        "zero type": b"\x00" + user[1:],
        "unknown type": b"\x05" + user[1:],
        "empty": b"",
        "truncated": user[:-1],
        "trailing byte": user + b"\0",
        "nonce used": user,
        "other signature": flip(user, random.Random(1)),
    }


@pytest.mark.parametrize(
    "name",
    [
        "post-exec type",
        "blob type",
        "zero type",
        "unknown type",
        "empty",
        "truncated",
        "trailing byte",
        "nonce used",
    ],
)
def test_a_transaction_that_breaks_a_rule_makes_the_payload_invalid(
    cases: list[Case], name: str
) -> None:
    """The error names the transaction; nothing about it is a matter of the witness."""
    case = next(c for c in cases if any(tx[0] == 2 for tx in c.attributes.transactions))
    bad = _bad_transactions(case)[name]
    transactions = (*case.attributes.transactions, bad)
    with pytest.raises(InvalidPayloadError) as caught:
        case.executor().execute(case.with_transactions(*transactions))
    assert caught.value.transaction == len(transactions) - 1


def test_more_gas_than_the_block_has_makes_the_payload_invalid(cases: list[Case]) -> None:
    """With the gas limit of the attributes cut down, a transaction no longer fits."""
    case = next(c for c in cases if len(c.attributes.transactions) > 3)
    attributes = replace(case.attributes, gas_limit=1_005_000)
    with pytest.raises(InvalidPayloadError, match="gas"):
        case.executor().execute(attributes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timestamp", 0),
        ("timestamp", 1 << 64),
        ("gas_limit", 1 << 63),
        ("gas_limit", -1),
        ("parent_beacon_block_root", None),
        ("eip_1559_params", None),
        ("eip_1559_params", bytes(7)),
        ("eip_1559_params", b"\0\0\0\1\0\0\0\0"),
        ("min_base_fee", 5),
    ],
)
def test_attributes_that_do_not_fit_the_fork_are_refused(
    cases: list[Case], field: str, value: object
) -> None:
    """Such attributes are a fault of the caller, not an invalid payload."""
    case = cases[0]
    attributes = replace(case.attributes, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(InputError):
        case.executor().execute(attributes)


@pytest.mark.parametrize("cut", [0, 1, 3, 5])
def test_flat_bytes_with_a_wrong_length_are_refused(cut: int) -> None:
    """A length prefix that does not fit is InputError, whatever is left."""
    data = flat([b"abc"]) + (b"\xff\xff\xff\xff\x01" if cut == 0 else b"\x09\0\0\0abc"[:cut])
    with pytest.raises(InputError):
        NodeStore().add_nodes(data)


@pytest.mark.parametrize(
    "header", [b"", b"\x80", b"\xc0", rlp.encode([b""] * 15), rlp.encode([b"\1"] * 21)]
)
def test_a_parent_that_is_no_header_is_refused(cases: list[Case], header: bytes) -> None:
    """Bytes that are no header give InputError, also with bytes after a right one."""
    for raw in (header, cases[0].parent + header + b"\0", cases[0].parent[:-1]):
        with pytest.raises(InputError):
            BlockExecutor(cases[0].config, raw, NodeStore())


def test_a_node_of_the_wrong_form_is_a_witness_error(cases: list[Case]) -> None:
    """Bytes that hash to the state root but are no trie node are told apart from missing ones."""
    case = cases[0]
    for junk in (b"junk" * 10, rlp.encode([b"\x20", b"x" * 40]), rlp.encode([b"a"] * 17)):
        items = rlp.decode(case.parent)
        assert isinstance(items, list)
        items[3] = keccak256(junk)
        forged = replace(case, parent=rlp.encode(items), nodes=(*case.nodes, junk), headers=())
        with pytest.raises((WitnessError, MissingStateError)):
            forged.executor().execute(case.attributes)


@given(data=st.binary(max_size=120), flips=st.lists(st.integers(0, 8 * 700), max_size=3))
@settings(max_examples=400, deadline=None)
def test_any_bytes_as_a_root_node_give_a_typed_answer(
    cases: list[Case], data: bytes, flips: list[int]
) -> None:
    """A hostile root commits to whatever it likes: junk, or real nodes with bits turned."""
    damaged = bytearray(cases[5].nodes[len(data) % len(cases[5].nodes)])
    for bit in flips:
        damaged[bit // 8 % len(damaged)] ^= 1 << bit % 8
    for raw in (data, bytes(damaged), rlp.encode([data, data]), rlp.encode([data] * 17)):
        store = NodeStore()
        store.add_nodes(flat([raw, *cases[5].nodes]))
        reader = StateReader(store, keccak256(raw))
        for address in (bytes(20), b"\x42" + bytes(18) + b"\x15"):
            with contextlib.suppress(MissingStateError, WitnessError):
                reader.proof(address, [bytes(32)])
