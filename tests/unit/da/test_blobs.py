"""Blobs are believed only as far as their versioned hashes go."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from coprove.da import Blob, check_blobs, fetch_blobs
from coprove.errors import CoproveError, InputError
from coprove.rpc import (
    BeaconClient,
    EndpointOptions,
    EndpointUnavailableError,
    FailoverBeacon,
    NotYetAvailableError,
    RetryPolicy,
    WrongDataError,
    open_beacon,
)
from coprove.types import Hash32, L1BlockRef
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OPTIONS = EndpointOptions(retry=RetryPolicy(attempts=2, base_delay=0.001))


@pytest.fixture(scope="module")
def chain() -> ReplayChain:
    return ReplayChain(recording_dir("blobs"))


@asynccontextmanager
async def connected(chain: ReplayChain, faults: Faults) -> AsyncIterator[BeaconClient]:
    async with (
        ReplayServer(chain, faults) as server,
        BeaconClient(server.url("beacon"), OPTIONS) as beacon,
    ):
        yield beacon


def block_with_blob(chain: ReplayChain, index: int) -> tuple[L1BlockRef, Hash32, dict[str, Any]]:
    row = chain.blob_rows[index]
    block = chain.l1[row["l1_block"]]["block"]
    ref = L1BlockRef(
        hash=Hash32.from_hex(block["hash"]),
        number=row["l1_block"],
        parent_hash=Hash32.from_hex(block["parentHash"]),
        timestamp=int(block["timestamp"], 16),
    )
    return ref, Hash32.from_hex(row["versioned_hash"]), row


@pytest.mark.parametrize("missing", ["", "sidecars"])
async def test_blobs_come_from_either_endpoint(chain: ReplayChain, missing: str) -> None:
    """With sidecars, and with bare blobs whose opening is computed here."""
    ref, name, row = block_with_blob(chain, 3)
    async with connected(chain, Faults(missing=frozenset({missing}))) as beacon:
        (blob,) = await fetch_blobs(beacon, ref, [name])
    assert "0x" + blob.commitment.hex() == row["commitment"]
    assert len(blob.data) == 131_072
    check_blobs([blob], [name])


async def test_no_hashes_need_no_server(chain: ReplayChain) -> None:
    """Nothing asked, nothing fetched."""
    ref, _, _ = block_with_blob(chain, 0)
    async with connected(chain, Faults()) as beacon:
        assert await fetch_blobs(beacon, ref, []) == []


def flip(text: str, at: int) -> str:
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]


@pytest.mark.parametrize("field", ["blob", "kzg_commitment"])
async def test_an_altered_sidecar_is_refused(chain: ReplayChain, field: str) -> None:
    """A changed blob or commitment is an error, never another blob."""
    ref, name, _ = block_with_blob(chain, 5)

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        if method != "sidecars":
            return result
        return [{**item, field: flip(item[field], 61)} for item in result]

    async with connected(chain, Faults(tamper=tamper, missing=frozenset({"blobs"}))) as beacon:
        with pytest.raises(InputError):
            await fetch_blobs(beacon, ref, [name])


async def test_a_wrong_proof_is_replaced_when_the_blob_is_right(chain: ReplayChain) -> None:
    """The commitment decides; nodes that serve another kind of proof stay usable."""
    ref, name, row = block_with_blob(chain, 5)
    other = chain.blob_rows[6]["proof"]

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        if method != "sidecars":
            return result
        return [{**item, "kzg_proof": other} for item in result]

    async with connected(chain, Faults(tamper=tamper)) as beacon:
        (blob,) = await fetch_blobs(beacon, ref, [name])
    assert "0x" + blob.proof.hex() == row["proof"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ((lambda _: []), NotYetAvailableError),
        ((lambda items: [{**item, "blob": item["blob"][:-2]} for item in items]), InputError),
        ((lambda _: [{}]), InputError),
        ((lambda _: "x"), InputError),
        ((lambda _: None), InputError),
    ],
)
async def test_missing_and_misshapen_answers_are_typed(
    chain: ReplayChain, change: Any, kind: type[CoproveError]
) -> None:
    """An absent blob may come later; a cut or shapeless one is an error."""
    ref, name, _ = block_with_blob(chain, 2)
    faults = Faults(
        tamper=lambda method, _, result: change(result) if method == "sidecars" else result,
        missing=frozenset({"blobs"}),
    )
    async with connected(chain, faults) as beacon:
        with pytest.raises(kind):
            await fetch_blobs(beacon, ref, [name])


async def test_other_blobs_than_asked_for_are_a_lie(chain: ReplayChain) -> None:
    """A full answer with the wrong blob does not become right by waiting."""
    ref, _, _ = block_with_blob(chain, 2)
    async with connected(chain, Faults()) as beacon:
        with pytest.raises(WrongDataError):
            await fetch_blobs(beacon, ref, [Hash32(b"\x01" + bytes(31))])


def test_check_blobs_refuses_other_hashes_and_proofs(chain: ReplayChain) -> None:
    """Swapped hashes and swapped proofs are both found."""
    rows = chain.blob_rows[:2]
    blobs = [
        Blob(
            commitment=bytes.fromhex(row["commitment"][2:]),
            proof=bytes.fromhex(row["proof"][2:]),
            data=bytes.fromhex(row["blob"][2:]).ljust(131_072, b"\x00"),
        )
        for row in rows
    ]
    names = [bytes.fromhex(row["versioned_hash"][2:]) for row in rows]
    check_blobs(blobs, names)
    with pytest.raises(WrongDataError):
        check_blobs(blobs, names[::-1])
    swapped = [
        Blob(commitment=a.commitment, proof=b.proof, data=a.data)
        for a, b in zip(blobs, blobs[::-1], strict=True)
    ]
    with pytest.raises(InputError):
        check_blobs(swapped, names)


@asynccontextmanager
async def several(chain: ReplayChain, *faults: Faults) -> AsyncIterator[FailoverBeacon]:
    """Beacon nodes with these faults as one source, in this order of preference."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ReplayServer(chain, item)) for item in faults]
        urls = [server.url("beacon") for server in servers]
        yield await stack.enter_async_context(open_beacon(",".join(urls), OPTIONS))


def lies(name: str, _: list[Any], value: Any) -> Any:
    """Serve blobs with a changed byte."""
    if name == "sidecars":
        return [{**item, "blob": item["blob"][:-2] + "01"} for item in value]
    return ["0x01" + blob[4:] for blob in value] if name == "blobs" else value


@pytest.mark.parametrize(
    "first",
    [
        Faults(fault_rate=1.0),
        Faults(missing=frozenset({"sidecars", "blobs"})),
        Faults(missing=frozenset({"genesis"})),
        Faults(tamper=lies),
        Faults(tamper=lies, missing=frozenset({"sidecars"})),
        Faults(tamper=lambda name, _, value: [] if name in {"sidecars", "blobs"} else value),
        Faults(tamper=lambda name, _, value: {"x": 1} if name == "genesis" else value),
    ],
    ids=["down", "pruned", "refusing", "lying", "lying bare", "empty", "no clock"],
)
async def test_another_beacon_node_has_the_blobs(chain: ReplayChain, first: Faults) -> None:
    """Whatever is wrong with the first one, the second one serves them, and is preferred then."""
    ref, name, row = block_with_blob(chain, 3)
    async with several(chain, first, Faults()) as source:
        preferred = source.clients[0]
        (blob,) = await fetch_blobs(source, ref, [name])
        assert blob.commitment.hex() == row["commitment"][2:]
        if not first.missing >= {"blobs"} and first.tamper is not lies:
            return
        assert (source.clients[0] is preferred) == (first.missing >= {"blobs"})


async def test_blobs_that_no_node_has_are_not_there(chain: ReplayChain) -> None:
    """All were asked; where one of them is down, it may have them."""
    ref, name, _ = block_with_blob(chain, 3)
    pruned = Faults(missing=frozenset({"sidecars", "blobs"}))
    async with several(chain, pruned, pruned) as source:
        with pytest.raises(NotYetAvailableError):
            await fetch_blobs(source, ref, [name])
    async with several(chain, pruned, Faults(fault_rate=1.0)) as source:
        with pytest.raises(EndpointUnavailableError):
            await fetch_blobs(source, ref, [name])
    with pytest.raises(InputError):
        FailoverBeacon([])
