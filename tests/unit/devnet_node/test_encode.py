"""The JSON encoders against what a real op-geth answered for every block of the recording."""

from __future__ import annotations

import pytest

from coprove.devnet.node.fees import L1FeeParameters, fastlz_length
from coprove.devnet.node.rpc.encode import block_json, block_rlp, transaction_json
from coprove.devnet.node.rpc.receipts import receipts_json
from coprove.devnet.node.transactions import decode_transaction
from coprove.errors import InputError
from tests.unit.devnet_node.recorded import hexed, rows, stored


def test_blocks_equal_op_geths() -> None:
    """Every recorded block, with full transactions, has exactly op-geth's JSON."""
    for row in rows():
        assert block_json(stored(row["number"]), full=True) == row["block"]


def test_raw_blocks_equal_op_geths() -> None:
    """Every recorded block has op-geth's RLP."""
    for row in rows():
        assert block_rlp(stored(row["number"])) == hexed(row["block_rlp"])


def test_receipts_equal_op_geths() -> None:
    """Every receipt, L1 fee and operator fee fields included, has exactly op-geth's JSON."""
    for row in rows():
        assert receipts_json(stored(row["number"])) == row["receipts"]


def test_hashes_only() -> None:
    """Without full transactions a block lists their hashes."""
    row = rows()[60]
    hashes = [item["hash"] for item in row["block"]["transactions"]]
    assert block_json(stored(60), full=False)["transactions"] == hashes


def test_one_receipt() -> None:
    """A single receipt keeps the gas and log positions that it has in its block."""
    number = max(range(119), key=lambda n: len(rows()[n]["receipts"]))
    last = len(rows()[number]["receipts"]) - 1
    assert receipts_json(stored(number), lambda i: i == last) == [rows()[number]["receipts"][last]]
    assert transaction_json(stored(number), last) == rows()[number]["block"]["transactions"][last]


@pytest.mark.parametrize(
    ("data", "size"), [(b"", 0), (bytes(1000), 21), (b"\x2a" * 1000, 21), (b"\xfa\xca\xde", 4)]
)
def test_fastlz_known_lengths(data: bytes, size: int) -> None:
    """FastLZ lengths that op-geth's and Solady's ports give."""
    assert fastlz_length(data) == size


def test_attributes_of_bedrock_are_refused() -> None:
    """Fee parameters come from Ecotone's form or later."""
    with pytest.raises(InputError):
        L1FeeParameters.from_l1_info(bytes(260))


@pytest.mark.parametrize(
    "raw", ["", "03c0", "05c0", "c0", "02c0", "7ec0", "02", "ff", "b8", "04c101"]
)
def test_hostile_transactions_are_refused(raw: str) -> None:
    """Bytes that are no L2 transaction raise a typed error."""
    with pytest.raises(InputError):
        decode_transaction(bytes.fromhex(raw))
