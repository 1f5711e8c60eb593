"""The genesis that a devnet starts from."""

from __future__ import annotations

import copy
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from coprove.devnet.node.genesis import (
    ChainFiles,
    GenesisSpec,
    load_genesis,
    make_genesis,
    read_genesis,
)
from coprove.devnet.node.template import compact_template, expand_template, load_template
from coprove.errors import InputError
from coprove.execution import NodeStore, StateReader
from coprove.types import Address, BlockHeader, BlockId, Fork, Hash32
from tests.unit.devnet_node.recorded import EXAMPLE, stored

if TYPE_CHECKING:
    from pathlib import Path


def recorded_genesis() -> dict[str, Any]:
    with gzip.open(EXAMPLE / "l2_genesis.json.gz") as file:
        value: dict[str, Any] = json.load(file)
        return value


def spec(**changes: Any) -> GenesisSpec:
    fields: dict[str, Any] = {
        "l1_genesis": BlockId(hash=Hash32(b"\x11" * 32), number=7),
        "l1_chain_id": 900,
        "l2_chain_id": 901,
        "l2_time": 1_800_000_000,
        "batcher": Address(b"\x01" * 20),
        "batch_inbox": Address(b"\x02" * 20),
        "portal": Address(b"\x03" * 20),
        "system_config": Address(b"\x04" * 20),
    }
    return GenesisSpec(**(fields | changes))


def test_the_template_is_the_recorded_genesis_without_its_funds() -> None:
    """The shipped template expands to the contracts and precompiles of the recorded genesis."""
    template = load_template()
    alloc = recorded_genesis()["alloc"]
    for name, account in alloc.items():
        if name in template:
            for key, empty in (("code", "0x"), ("storage", {}), ("nonce", "0x0")):
                assert template[name][key] == account.get(key, empty)
        else:
            assert "code" not in account
    assert compact_template(alloc) == compact_template(template)
    assert expand_template(compact_template(template)) == template


@pytest.mark.parametrize("text", [None, b"", b"x", b"{}", b'{"format":1}'])
def test_other_bytes_are_no_template(text: bytes | None) -> None:
    """What is not a template, or no gzip (None), is an InputError."""
    with pytest.raises(InputError):
        expand_template(b"plain" if text is None else gzip.compress(text))


def test_the_recorded_genesis_gives_the_recorded_block() -> None:
    """State root, header and hash of the recorded geth genesis come out as op-geth had them."""
    files = ChainFiles(
        l2_genesis=recorded_genesis(),
        rollup=json.loads((EXAMPLE / "rollup.json").read_text()),
        l1_chain_config=json.loads((EXAMPLE / "l1_chain_config.json").read_text()),
    )
    genesis = read_genesis(files)
    assert genesis.block == stored(0)
    wrong = copy.deepcopy(files.l2_genesis)
    wrong["alloc"]["f39fd6e51aad88f6f4ce6ab8827279cfffb92266"]["balance"] = "0x1"
    with pytest.raises(InputError, match="L2 genesis"):
        read_genesis(
            ChainFiles(l2_genesis=wrong, rollup=files.rollup, l1_chain_config=files.l1_chain_config)
        )


def test_a_made_genesis_reads_back(tmp_path: Path) -> None:
    """The written files give a block with the chosen values, funded accounts and predeploys."""
    make_genesis(spec()).write(tmp_path)
    genesis = load_genesis(
        tmp_path / "genesis.json.gz", tmp_path / "rollup.json", tmp_path / "l1_chain_config.json"
    )
    config = genesis.rollup_config
    assert (config.l2_chain_id, config.l1_chain_id, config.genesis.l1.number) == (901, 900, 7)
    assert config.fork_time(Fork.KARST) == 1_800_000_012
    assert config.genesis.system_config.batcher_address == b"\x01" * 20
    assert config.genesis.system_config.ecotone_scalars == (1368, 810_949)
    assert genesis.l1_chain_config.chain_id == 900
    header = BlockHeader.decode_rlp(genesis.block.header)
    assert header.timestamp == 1_800_000_000
    store = NodeStore()
    store.add_nodes(genesis.nodes)
    store.add_codes(genesis.codes)
    reader = StateReader(store, header.state_root)
    funded = reader.account(bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"))
    assert funded is not None
    assert funded.balance == 10_000 * 10**18
    assert reader.code(bytes.fromhex("4200000000000000000000000000000000000016"))


def test_making_is_deterministic() -> None:
    """The same spec gives the same chain."""
    assert make_genesis(spec()) == make_genesis(spec())


def test_forks_cannot_be_at_genesis_and_may_be_never() -> None:
    """Isthmus and later need their upgrade transactions; None leaves them out."""
    with pytest.raises(InputError, match="isthmus"):
        make_genesis(spec(fork_offsets={Fork.ISTHMUS: 0}))
    rollup = make_genesis(spec(fork_offsets={Fork.ISTHMUS: 2})).rollup
    assert "isthmus_time" in rollup
    assert "jovian_time" not in rollup


def test_out_of_order_forks_are_refused() -> None:
    """Fork times must not decrease."""
    offsets = {Fork.ISTHMUS: 9, Fork.JOVIAN: 3, Fork.KARST: 10}
    with pytest.raises(InputError, match="jovian"):
        make_genesis(spec(fork_offsets=offsets))
