"""Block files and witness files: right ones are read, wrong ones named."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import BlockHeader
from coprove.witness import load_block_file, load_preimages
from tests.vectors import vectors_dir

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = [26207960, 26207961, 26207962, 26208384, 26208858]


@pytest.mark.parametrize("number", BLOCKS)
def test_sepolia_blocks_are_read(number: int) -> None:
    """Header, attributes and witness of the five blocks."""
    folder = vectors_dir("blocks")
    block = load_block_file(folder / f"block-{number}.json.gz")
    assert BlockHeader.decode_rlp(block.parent_header).number == number - 1
    assert block.attributes.transactions[0][0] == 0x7E
    assert block.attributes.eip_1559_params == bytes.fromhex("000000fa00000006")
    assert block.attributes.withdrawals_enabled
    assert block.config.l2_chain_id == 11155420
    preimages = load_preimages(folder / f"block-{number}.kv.gz")
    assert any(keccak256(value) == _state_root(block.parent_header) for value in preimages)


def _state_root(header: bytes) -> bytes:
    return BlockHeader.decode_rlp(header).state_root


def _kv(values: list[bytes]) -> bytes:
    return b"".join(keccak256(v) + len(v).to_bytes(4, "little") + v for v in values)


@given(st.lists(st.binary(max_size=80), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_preimages_round_trip(tmp_path: Path, values: list[bytes]) -> None:
    """Plain and gzip files give the values back."""
    path = tmp_path / "w.kv"
    path.write_bytes(_kv(values))
    assert load_preimages(path) == tuple(values)
    path.write_bytes(gzip.compress(_kv(values)))
    assert load_preimages(path) == tuple(values)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_altered_and_cut_witness_files_are_refused(tmp_path: Path, data: st.DataObject) -> None:
    """Each byte of a witness file is bound by a key, a length or the file's end."""
    content = bytearray(_kv([b"one", b"two" * 30]))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    path = tmp_path / "w.kv"
    path.write_bytes(bytes(content))
    try:
        values = load_preimages(path)
    except InputError:
        return
    assert values in ((), (b"one",))  # cut exactly between records


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\x1f\x8b\x00", b"[" * 10**5, b'{"rollup_config": {}}']
)
def test_what_is_no_block_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, cut, misshapen and bottomless files are typed errors."""
    path = tmp_path / "block.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_block_file(path)
    with pytest.raises(InputError):
        load_block_file(tmp_path / "absent.json")


@pytest.mark.parametrize("name", ["timestamp", "transactions", "gasLimit", "prevRandao"])
@pytest.mark.parametrize("value", [None, 5, "0xzz", [1]])
def test_a_wrong_field_is_named(tmp_path: Path, name: str, value: Any) -> None:
    """The error says which field of the payload is wrong."""
    source = vectors_dir("blocks") / f"block-{BLOCKS[0]}.json.gz"
    block = json.loads(gzip.decompress(source.read_bytes()))
    block["executing_payload"][name] = value
    path = tmp_path / "block.json"
    path.write_text(json.dumps(block))
    with pytest.raises(InputError, match=name):
        load_block_file(path)
