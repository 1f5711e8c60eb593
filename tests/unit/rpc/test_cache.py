"""The cache on disk: nothing on it is trusted, and it stays within its size."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.rpc import DiskCache
from coprove.rpc.cache import hash_stripe

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Event
    from pathlib import Path


def named(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def reading(name: str) -> Callable[[bytes], bytes]:
    """Check content by its hash, as every reader must."""

    def read(content: bytes) -> bytes:
        if named(content) != name:
            raise InputError("content", expected=name, actual=named(content))
        return content

    return read


def put(cache: DiskCache, content: bytes) -> str:
    name = named(content)
    cache.store("kind", name, content)
    return name


def get(cache: DiskCache, name: str) -> bytes | None:
    return cache.load("kind", name, reading(name))


def test_what_was_stored_is_loaded_by_others_too(tmp_path: Path) -> None:
    """A second object on the same folder, as another process has."""
    name = put(DiskCache(tmp_path), b"content")
    other = DiskCache(tmp_path)
    assert get(other, name) == b"content"
    assert get(other, named(b"else")) is None
    assert (other.stats.hits, other.stats.misses) == (1, 1)


@pytest.mark.parametrize("damage", [b"", b"other", b"conten", b"content and more"])
def test_a_corrupted_entry_is_deleted_and_counts_as_absent(tmp_path: Path, damage: bytes) -> None:
    """The next load does not find it, and a new one can be stored."""
    cache = DiskCache(tmp_path)
    name = put(cache, b"content")
    (path,) = (tmp_path / "kind").rglob(name)
    path.write_bytes(damage)
    assert get(cache, name) is None
    assert not path.exists()
    assert cache.stats.corrupt == 1
    put(cache, b"content")
    assert get(cache, name) == b"content"


def test_a_half_written_entry_is_never_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file appears whole; a disk that fails in between leaves nothing behind and no error."""
    cache = DiskCache(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    name = put(cache, b"content")
    assert get(cache, name) is None
    assert not [path for path in (tmp_path / "kind").rglob("*") if path.is_file()]
    monkeypatch.undo()
    put(cache, b"content")
    assert get(cache, name) == b"content"


def test_the_size_is_kept_and_the_latest_used_stay(tmp_path: Path) -> None:
    """Whole disk blocks count; what was read lately outlives what was written later."""
    cache = DiskCache(tmp_path, max_bytes=1 << 20)
    kept = put(cache, b"kept" * 100)
    contents = [index.to_bytes(4, "big") * 4096 for index in range(200)]
    for content in contents:
        put(cache, content)
        assert get(cache, kept) is not None
        size = sum(path.stat().st_size for path in (tmp_path / "kind").rglob("*") if path.is_file())
        assert size <= (1 << 20) * 17 // 16 + 4 * 4096
    assert cache.stats.evicted
    assert get(cache, named(contents[0])) is None
    assert get(cache, named(contents[-1])) is not None


def test_a_cache_of_nothing_is_refused(tmp_path: Path) -> None:
    """It would evict all the time."""
    with pytest.raises(InputError):
        DiskCache(tmp_path, max_bytes=1000)


async def test_what_several_want_at_once_is_fetched_once(tmp_path: Path) -> None:
    """Who comes second waits and finds the entry."""
    cache, fetched = DiskCache(tmp_path), 0
    content = b"content"
    name = named(content)

    async def want() -> bytes | None:
        nonlocal fetched
        async with cache.flight([name]):
            if get(cache, name) is None:
                fetched += 1
                await asyncio.sleep(0)
                put(cache, content)
        return get(cache, name)

    assert set(await asyncio.gather(*(want() for _ in range(10)))) == {content}
    assert fetched == 1


async def test_who_wants_overlapping_sets_never_locks_forever(tmp_path: Path) -> None:
    """Locks are taken in one order."""
    cache = DiskCache(tmp_path)
    done = 0

    async def want(names: list[str]) -> None:
        nonlocal done
        async with cache.flight(names):
            await asyncio.sleep(0)
            done += 1

    names = [str(index) for index in range(100)]
    await asyncio.gather(*(want(names[i:] + names[:i]) for i in range(0, 100, 10)))
    assert done == 10


def _hold(path: str, name: str, held: Event, leave: Event) -> None:
    async def hold() -> None:
        async with DiskCache(path).flight([name]):
            held.set()
            await asyncio.to_thread(leave.wait)

    asyncio.run(hold())


async def test_a_lock_falls_with_the_process_that_holds_it(tmp_path: Path) -> None:
    """Another process keeps us out while it lives, and not a moment longer."""
    context = multiprocessing.get_context("spawn")
    held, leave = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path), "a", held, leave))
    holder.start()
    try:
        assert await asyncio.to_thread(held.wait, 60)
        cache = DiskCache(tmp_path)
        entered = asyncio.Event()

        async def enter() -> None:
            async with cache.flight(["a"]):
                entered.set()

        task = asyncio.create_task(enter())
        async with cache.flight(["b"]):
            assert not entered.is_set()
        holder.kill()
        await task
        assert entered.is_set()
    finally:
        holder.kill()
        await asyncio.to_thread(holder.join)


@given(st.text(max_size=40))
def test_stripes_are_the_same_everywhere(name: str) -> None:
    """They depend on the name alone, within the number of locks."""
    assert 0 <= hash_stripe(name) < 64
    assert hash_stripe(name) == hash_stripe(str(name.encode(), "utf-8"))
