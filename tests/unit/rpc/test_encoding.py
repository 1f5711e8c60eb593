"""Encodings rebuilt from JSON are byte for byte those that consensus hashes."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.primitives import keccak256, ordered_trie_root
from coprove.rpc.encoding import encode_header, encode_receipt, encode_transaction
from tests.vectors import EXAMPLES, recording_dir


def rows(chain: str, layer: str) -> list[dict[str, Any]]:
    with gzip.open(recording_dir(chain) / f"{layer}.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("chain", ["calldata", "blobs", "heavy"])
@pytest.mark.parametrize("layer", ["l1", "l2"])
def test_every_recorded_block_is_rebuilt(chain: str, layer: str) -> None:
    """Headers hash to their hash, transactions and receipts give their roots."""
    kinds: set[str] = set()
    for row in rows(chain, layer):
        block = row["block"]
        assert "0x" + keccak256(encode_header(block)).hex() == row["hash"]
        transactions = [encode_transaction(item) for item in block["transactions"]]
        assert "0x" + ordered_trie_root(transactions).hex() == block["transactionsRoot"]
        receipts = [encode_receipt(item) for item in row["receipts"]]
        assert ["0x" + item.hex() for item in receipts] == row["raw_receipts"]
        kinds.update(item["type"] for item in block["transactions"])
    assert kinds


def test_all_transaction_types_of_l2_occur() -> None:
    """The recording that ships has legacy, 2930, 1559, 7702 and deposit transactions."""
    kinds = {tx["type"] for row in rows("calldata", "l2") for tx in row["block"]["transactions"]}
    assert {"0x0", "0x1", "0x2", "0x4", "0x7e"} <= kinds


def _some_objects() -> list[tuple[str, dict[str, Any]]]:
    with gzip.open(EXAMPLES / "calldata" / "l2.jsonl.gz") as lines:
        found = [json.loads(line) for line in lines][20:24]
    objects: list[tuple[str, dict[str, Any]]] = []
    for row in found:
        objects.append(("header", row["block"]))
        objects += [("transaction", tx) for tx in row["block"]["transactions"]]
        objects += [("receipt", receipt) for receipt in row["receipts"]]
    return objects


OBJECTS = _some_objects()
ENCODERS = {"header": encode_header, "transaction": encode_transaction, "receipt": encode_receipt}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(st.sampled_from(OBJECTS), st.data())
def test_a_field_of_any_other_kind_is_a_typed_error_or_other_bytes(
    chosen: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever JSON stands in a field: InputError or an encoding, never another exception."""
    kind, obj = chosen
    name = data.draw(st.sampled_from(sorted(obj)))
    changed = {**obj, name: data.draw(json_values)}
    try:
        encoded = ENCODERS[kind](changed)
    except InputError:
        return
    assert isinstance(encoded, bytes)


@given(json_values)
def test_no_json_value_raises_anything_untyped(value: Any) -> None:
    """Objects of a wrong shape are InputErrors."""
    for encode in ENCODERS.values():
        try:
            encode(value)
        except InputError:
            continue


def test_unknown_header_fields_are_left_to_the_hash() -> None:
    """A field of a later fork does not disturb; the caller's hash check decides."""
    block = OBJECTS[0][1]
    assert encode_header({**block, "slotNumber": "0x1"}) == encode_header(block)


def test_a_gap_in_the_optional_header_fields_is_refused() -> None:
    """No fork's header has a field without those before it."""
    block = {**OBJECTS[0][1], "withdrawalsRoot": None}
    with pytest.raises(InputError, match="withdrawalsRoot"):
        encode_header(block)


def test_an_unknown_transaction_type_is_refused() -> None:
    """Type 0x7d and types not invented yet are errors, not guesses."""
    transaction = next(tx for kind, tx in OBJECTS if kind == "transaction" and tx["type"] != "0x7e")
    with pytest.raises(InputError, match="type"):
        encode_transaction(
            {
                **transaction,
                "type": "0x7d",
                "chainId": "0x1",
                "maxFeePerGas": "0x1",
                "maxPriorityFeePerGas": "0x1",
                "accessList": [],
            }
        )
