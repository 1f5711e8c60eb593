"""Inputs behind commitments, from servers that speak the protocols of op-alt-da and the proxy."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from coprove.da import (
    AltDaClient,
    CachedInputs,
    CommitmentError,
    DaFailoverError,
    EigenDaClient,
    FailoverInputs,
    GenericCommitment,
    InputDroppedError,
    KeccakCommitment,
    batch_data,
    commitment_of,
    read_commitment,
)
from coprove.da.commitments import MAX_INPUT_SIZE
from coprove.da.eigenda import check_certificate, decode_payload, encode_payload
from coprove.errors import CoproveError, InputError
from coprove.primitives import keccak256, rlp
from coprove.rpc import (
    DiskCache,
    EndpointOptions,
    EndpointUnavailableError,
    MalformedResponseError,
    NotYetAvailableError,
    RequestRefusedError,
    RetryPolicy,
    WrongDataError,
)
from coprove.types import Hash32, L1BlockRef
from tests.unit.rpc.hostile import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

L1 = L1BlockRef(
    hash=Hash32(b"\x01" * 32), number=77, parent_hash=Hash32(b"\x02" * 32), timestamp=1_000
)
QUICK = EndpointOptions(retry=RetryPolicy(attempts=2, base_delay=0.001))
CERTIFICATE = b"\x03" + rlp.encode([b"root", [b"key", b"index"], b"signature"])


@dataclass
class DaServer:
    """What an op-alt-da server and an EigenDA proxy do, in memory."""

    inputs: dict[str, bytes] = field(default_factory=dict)
    queries: list[dict[str, str]] = field(default_factory=list)
    generic: bytes = b"\x01\xff\x05"
    status: int = 200
    body: bytes | None = None

    async def handle(self, request: web.Request) -> web.Response:
        _, route, *rest = request.path.split("/")
        self.queries.append(dict(request.query))
        if self.status != 200:
            return web.Response(status=self.status, body=self.body)
        if request.method == "GET":
            assert route == "get"
            found = self.inputs.get(rest[0])
            return web.Response(status=404) if found is None else web.Response(body=found)
        assert route == "put"
        assert request.content_type == "application/octet-stream"
        data = await request.read()
        if rest and rest[0]:
            self.inputs[rest[0]] = data
            return web.Response()
        self.inputs["0x" + self.generic.hex()] = data
        return web.Response(body=self.generic)


@asynccontextmanager
async def alt_da(server: DaServer) -> AsyncIterator[AltDaClient]:
    async with serving(server.handle) as url, AltDaClient(url, QUICK) as client:
        yield client


@asynccontextmanager
async def eigenda(server: DaServer, *, encoded: bool = False) -> AsyncIterator[EigenDaClient]:
    async with serving(server.handle) as url, EigenDaClient(url, QUICK, encoded=encoded) as client:
        yield client


async def test_an_input_comes_back_under_its_hash() -> None:
    """PUT tells the server the commitment; GET brings the input, and derivation reads it."""
    async with alt_da(DaServer()) as client:
        commitment = await client.store(b"\x00frames")
        assert commitment == KeccakCommitment(keccak256(b"\x00frames"))
        assert await client.fetch(commitment, L1) == b"\x00frames"
        assert await batch_data(client, b"\x01" + commitment.encode(), L1) == b"\x00frames"
        assert await batch_data(client, b"\x00frames in L1", L1) == b"\x00frames in L1"


async def test_a_generic_commitment_is_the_servers() -> None:
    """The server chooses it, and nothing can be checked of what it then gives."""
    async with alt_da(DaServer()) as client:
        commitment = await client.store(b"data", keccak=False)
        assert commitment == GenericCommitment(0xFF, b"\x05")
        assert await client.fetch(commitment, L1) == b"data"


async def test_another_input_than_committed_to_is_refused() -> None:
    """The hash tells."""
    commitment = KeccakCommitment(keccak256(b"right"))
    server = DaServer(inputs={"0x" + commitment.encode().hex(): b"wrong"})
    async with alt_da(server) as client:
        with pytest.raises(WrongDataError):
            await client.fetch(commitment, L1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotYetAvailableError),
        (400, RequestRefusedError),
        (403, RequestRefusedError),
        (500, EndpointUnavailableError),
    ],
)
async def test_statuses_of_a_da_server(status: int, kind: type[CoproveError]) -> None:
    """What is not there may come; a bad request stays bad; a broken server may mend."""
    async with alt_da(DaServer(status=status)) as client:
        with pytest.raises(kind):
            await client.fetch(KeccakCommitment(bytes(32)), L1)
        if status != 404:
            with pytest.raises(kind):
                await client.store(b"data")


async def test_nothing_is_not_stored() -> None:
    """Neither layer takes an empty input."""
    async with alt_da(DaServer()) as client, eigenda(DaServer()) as proxy:
        with pytest.raises(InputError):
            await client.store(b"")
        with pytest.raises(InputError):
            await proxy.store(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        b"\x01\x00" + bytes(31),
        b"\x01\x00" + bytes(33),
        b"\x01\x01",
        b"\x01\x02" + bytes(32),
        b"\x01\x01\x00" + bytes(1 << 17),
    ],
)
async def test_bytes_that_are_no_commitment_are_passed_over(data: bytes) -> None:
    """Anyone may post them; as op-node does, derivation goes on."""
    async with alt_da(DaServer()) as client:
        assert await batch_data(client, data, L1) is None
    with pytest.raises(CommitmentError):
        commitment_of(data)


async def test_an_input_too_long_to_be_challenged_is_passed_over() -> None:
    """The limit holds for keccak commitments alone."""
    async with alt_da(DaServer()) as client:
        for size in (MAX_INPUT_SIZE, MAX_INPUT_SIZE + 1):
            keccak = await client.store(bytes(size))
            generic = await client.store(bytes(size), keccak=False)
            found = await batch_data(client, b"\x01" + keccak.encode(), L1)
            assert (found is not None) == (size == MAX_INPUT_SIZE)
            assert await batch_data(client, b"\x01" + generic.encode(), L1) == bytes(size)


@given(st.binary(max_size=80))
def test_commitments_read_back_or_are_refused(data: bytes) -> None:
    """Whatever is taken has just these bytes."""
    try:
        found = read_commitment(data)
    except CommitmentError:
        return
    assert found.encode() == data


async def test_a_second_server_has_what_the_first_lacks_or_forges() -> None:
    """The lie of one and the absence at another do not count while a third has the input."""
    commitment = KeccakCommitment(keccak256(b"input"))
    name = "0x" + commitment.encode().hex()
    lying, empty = DaServer(inputs={name: b"lie"}), DaServer()
    having = DaServer(inputs={name: b"input"})
    async with alt_da(lying) as one, alt_da(empty) as two, alt_da(having) as three:
        assert await FailoverInputs([one, two, three]).fetch(commitment, L1) == b"input"
        with pytest.raises(WrongDataError):
            await FailoverInputs([two, one]).fetch(commitment, L1)
        with pytest.raises(NotYetAvailableError):
            await FailoverInputs([two, two]).fetch(commitment, L1)
    with pytest.raises(InputError):
        FailoverInputs([])


async def test_the_cache_keeps_what_proves_itself(tmp_path: Path) -> None:
    """A keccak input is fetched once; a generic one, and a corrupted file, every time."""
    server, disk = DaServer(), DiskCache(tmp_path)
    async with alt_da(server) as client:
        keccak = await client.store(b"input")
        generic = await client.store(b"other", keccak=False)
        source = CachedInputs(client, disk)
        begun = len(server.queries)
        for _ in range(3):
            assert await source.fetch(keccak, L1) == b"input"
        assert len(server.queries) == begun + 1
        for _ in range(3):
            assert await source.fetch(generic, L1) == b"other"
        assert len(server.queries) == begun + 4
        (entry,) = (tmp_path / "input").rglob("*/*")
        entry.write_bytes(b"inpux")
        assert await source.fetch(keccak, L1) == b"input"
        assert len(server.queries) == begun + 5
        assert disk.stats.corrupt == 1


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_payload_comes_back_from_the_proxy(encoded: bool) -> None:
    """With the L1 block that the certificate is in, and the encoding undone here on request."""
    commitment = GenericCommitment(0, CERTIFICATE)
    stored = encode_payload(b"\x00frames") if encoded else b"\x00frames"
    server = DaServer(inputs={"0x" + commitment.encode().hex(): stored})
    async with eigenda(server, encoded=encoded) as client:
        assert await batch_data(client, b"\x01" + commitment.encode(), L1) == b"\x00frames"
    assert server.queries[-1]["l1_inclusion_block_number"] == "77"
    assert ("return_encoded_payload" in server.queries[-1]) == encoded


async def test_a_payload_is_dispersed_by_the_proxy() -> None:
    """The answer must be a certificate."""
    async with eigenda(DaServer(generic=b"\x01\x00" + CERTIFICATE)) as client:
        commitment = await client.store(b"payload")
        assert commitment == GenericCommitment(0, CERTIFICATE)
        assert await client.fetch(commitment, L1) == b"payload"
    for answer in (b"", b"\x00" + bytes(32), b"\x01\xff\x05", b"\x01\x00\x09\xc0"):
        async with eigenda(DaServer(generic=answer)) as client:
            with pytest.raises(CommitmentError):
                await client.store(b"payload")


@pytest.mark.parametrize("code", [1, 2, 3, 4])
async def test_a_certificate_that_the_proxy_calls_invalid_is_passed_over(code: int) -> None:
    """HTTP 418 tells for ever: derivation goes on without."""
    commitment = GenericCommitment(0, CERTIFICATE)
    body = b'{"StatusCode": %d, "Msg": "no"}' % code
    async with eigenda(DaServer(status=418, body=body)) as client:
        with pytest.raises(InputDroppedError):
            await client.fetch(commitment, L1)
        assert await batch_data(client, b"\x01" + commitment.encode(), L1) is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (418, b"tea", MalformedResponseError),
        (418, b'{"StatusCode": 9}', MalformedResponseError),
        (404, b"", NotYetAvailableError),
        (403, b"", RequestRefusedError),
        (503, b"", EndpointUnavailableError),
    ],
)
async def test_other_statuses_of_the_proxy(
    status: int, body: bytes, kind: type[CoproveError]
) -> None:
    """None of them drops an input."""
    async with eigenda(DaServer(status=status, body=body)) as client:
        with pytest.raises(kind):
            await client.fetch(GenericCommitment(0, CERTIFICATE), L1)


async def test_a_proxy_that_cannot_disperse_points_to_l1() -> None:
    """HTTP 503 to a put is no reason to wait: the batcher is to post to L1."""
    async with eigenda(DaServer(status=503)) as client:
        with pytest.raises(DaFailoverError):
            await client.store(b"payload")


@pytest.mark.parametrize(
    "payload", [b"", b"\x04" + rlp.encode([b"x"]), b"\x03", b"\x03\x80", b"\x03\xc1"]
)
def test_what_is_no_certificate_is_refused(payload: bytes) -> None:
    """An unknown version, no RLP, or no list."""
    with pytest.raises(CommitmentError):
        check_certificate(GenericCommitment(0, payload))
    with pytest.raises(CommitmentError):
        check_certificate(KeccakCommitment(bytes(32)))


@given(st.binary(max_size=400))
def test_payloads_survive_their_encoding(payload: bytes) -> None:
    """Each symbol begins with a zero, and their number is a power of two."""
    encoded = encode_payload(payload)
    assert decode_payload(encoded) == payload
    assert decode_payload(encoded + bytes(len(encoded))) == payload
    assert not any(encoded[::32])
    assert len(encoded).bit_count() == 1


@given(st.binary(min_size=1, max_size=400), st.data())
def test_a_changed_encoding_gives_another_payload_or_none(
    payload: bytes, data: st.DataObject
) -> None:
    """No two encodings of one size have the same payload."""
    encoded = bytearray(encode_payload(payload))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        found = decode_payload(bytes(encoded))
    except InputDroppedError:
        return
    assert found != payload


def test_sizes_of_payloads() -> None:
    """The figures of the proxy: what fits in 128 KiB and in 16 MiB."""
    assert len(encode_payload(bytes(126_945))) == 128 << 10
    assert len(encode_payload(bytes(126_946))) == 256 << 10
    assert len(encode_payload(bytes(16_252_897))) == 16 << 20
    with pytest.raises(InputError):
        encode_payload(bytes(16_252_898))
    for size in (0, 31, 96, 32 << 20):
        with pytest.raises(InputDroppedError):
            decode_payload(bytes(size))
