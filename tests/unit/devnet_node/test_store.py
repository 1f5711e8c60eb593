"""The node's database."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.devnet.node.store import SafeHead, Store, StoredBlock, StoreError, pack, unpack
from coprove.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def made(name: str, number: int, parent: str) -> StoredBlock:
    return StoredBlock(
        hash=name.encode().ljust(32, b"."),
        number=number,
        parent_hash=parent.encode().ljust(32, b"."),
        header=b"header " + name.encode(),
        transactions=(b"a", b""),
        receipts=(b"r", b"s"),
        senders=(bytes(20), bytes(20)),
    )


def entry(l1: int, l2: int) -> SafeHead:
    return SafeHead(l1_number=l1, l1_hash=bytes([l1]) * 32, l2_number=l2, l2_hash=bytes([l2]) * 32)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_pack_round_trip(items: list[bytes]) -> None:
    """What was packed comes back."""
    assert unpack(pack(items)) == tuple(items)


@given(st.binary(min_size=1, max_size=64))
def test_unpack_of_noise(data: bytes) -> None:
    """Bytes that were not packed give a typed error or what packs to them."""
    try:
        items = unpack(data)
    except InputError:
        return
    assert pack(items) == data


def test_blocks_survive_a_restart(tmp_path: Path) -> None:
    """Blocks, heads, state and meta values are there after the store is opened again."""
    store = Store(tmp_path)
    block = made("a", 0, "")
    with store.transaction():
        store.put_block(block)
        store.put_state(b"nodes", b"codes")
        store.put_head("unsafe", block.hash)
        store.make_canonical(block.hash)
    store.close()
    again = Store(tmp_path)
    assert again.block(block.hash) == block
    assert list(again.states()) == [(b"nodes", b"codes")]
    assert again.head("unsafe") == block.hash
    assert again.canonical_hash(0) == block.hash
    assert again.head("safe") is None
    again.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """An error inside a transaction undoes everything in it, nested ones included."""
    store = Store(tmp_path)

    def fail() -> None:
        with store.transaction():
            store.put_block(made("a", 0, ""))
            with store.transaction():
                store.put_head("safe", bytes(32))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.block(made("a", 0, "").hash) is None
    assert store.head("safe") is None
    store.close()


def test_one_process_per_folder(tmp_path: Path) -> None:
    """A second opening of the same folder is refused while the first is open."""
    store = Store(tmp_path)
    with pytest.raises(StoreError):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


def test_reorg_rewrites_the_canonical_chain(tmp_path: Path) -> None:
    """Another branch replaces the blocks above the fork, and says which left and joined."""
    store = Store(tmp_path)
    for name, number, parent in (
        ("g", 0, ""),
        ("a1", 1, "g"),
        ("a2", 2, "a1"),
        ("a3", 3, "a2"),
        ("b2", 2, "a1"),
    ):
        store.put_block(made(name, number, parent))
    store.index_transactions(made("a2", 2, "a1").hash, [b"t" * 32])
    assert [x[:2] for x in store.make_canonical(made("a3", 3, "a2").hash)[1]] == [
        b"a3",
        b"a2",
        b"a1",
        b"g.",
    ]
    assert store.transaction_place(b"t" * 32) == (made("a2", 2, "a1").hash, 0)
    left, joined = store.make_canonical(made("b2", 2, "a1").hash)
    assert [x[:2] for x in left] == [b"a3", b"a2"]
    assert [x[:2] for x in joined] == [b"b2"]
    assert store.canonical_hash(3) is None
    assert store.transaction_place(b"t" * 32) is None
    left, joined = store.make_canonical(made("a1", 1, "g").hash)
    assert ([x[:2] for x in left], joined) == ([b"b2"], [])
    assert store.make_canonical(made("a1", 1, "g").hash) == ([], [])
    store.close()


def test_safe_heads_by_l1_block(tmp_path: Path) -> None:
    """The newest entry at or below an L1 block answers; reorgs drop later entries."""
    store = Store(tmp_path)
    for item in (entry(5, 1), entry(7, 2), entry(9, 3)):
        store.put_safe_head(item)
    assert store.safe_head_at(4) is None
    assert store.safe_head_at(8) == entry(7, 2)
    store.drop_safe_heads_after(7)
    assert store.safe_head_at(100) == entry(7, 2)
    store.put_safe_head(entry(6, 9))
    assert store.safe_head_at(100) == entry(6, 9)
    store.close()


def test_kill_in_the_middle_of_a_transaction(tmp_path: Path) -> None:
    """A process that dies inside a transaction leaves the state before it, and no lock."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from coprove.devnet.node.store import Store\n"
        "store = Store(Path(sys.argv[1])); store.put_meta('kept', b'1')\n"
        "with store.transaction():\n"
        "    store.put_meta('lost', b'2'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)  # noqa: S603
    store = Store(tmp_path)
    assert (store.meta("kept"), store.meta("lost")) == (b"1", None)
    store.close()
