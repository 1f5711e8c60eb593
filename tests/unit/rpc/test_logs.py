"""Logs from endpoints that limit what one call may span or return, each in its own words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.errors import CoproveError, Reset, Temporary
from coprove.rpc import (
    ChainMovedError,
    EndpointOptions,
    MalformedResponseError,
    MethodNotFoundError,
    QueryTooWideError,
    RateLimitedError,
    RequestRefusedError,
    RetryPolicy,
    RpcError,
    get_logs,
    open_transport,
)
from coprove.rpc.logs import tells_too_wide
from tests.unit.rpc.fake import FakeNode, RpcFault, transport_to
from tests.unit.rpc.hostile import serving
from tests.unit.rpc.test_agreement import header

ONCE = EndpointOptions(retry=RetryPolicy(attempts=1))

# What providers and clients say, code and text.
TOO_WIDE = [
    (-32005, "query returned more than 10000 results. Try with this block range [0x1, 0x2]."),
    (-32005, "query returned more than 20000 results"),
    (-32005, "limit exceeded"),
    (-32005, "Requested range exceeds maximum range limit"),
    (-32005, "query spans more than 1000 blocks"),
    (-32005, "query timeout exceeded"),
    (-32602, "range 1000000 exceeds limit of 10000"),
    (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block"
     " range and no limit on the response size, or you can request any block range with a cap of"
     " 10K logs in the response."),
    (-32600, "You can make eth_getLogs requests with up to a 500 block range. Based on your"
     " parameters, this block range should work: [0x123c9b2, 0x123cba5]"),
    (-32600, "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block"
     " range."),
    (-32614, "eth_getLogs is limited to a 10,000 range"),
    (-32602, "eth_getLogs and eth_newFilter are limited to a 10,000 blocks range"),
    (-32600, "block range is too wide"),
    (-32000, "Block range limit exceeded. See more details at the documentation"),
    (-32000, "block range is larger than max block range, block range = 5120, max = 5000"),
    (-32701, "exceed maximum block range: 50000"),
    (-32602, "query exceeds max block range 100000"),
    (-32602, "query exceeds max results 20000, retry with the range 22000000-22000100"),
    (-32000, "block range too large"),
    (-32000, "block range greater than 100 max"),
    (-32047, "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: 800"),
    (35, "ranges over 10000 blocks are not supported on freetier"),
    (-32602, "Too many logs requested. Max logs per response is 20000."),
    (-32000, "too many blocks"),
    (-32008, "Response is too big"),
    (-32602, "invalid params {'payload': 'range 9009594 is bigger than range limit 2000'}"),
]  # fmt: skip
OTHERWISE = [
    (-32005, "daily request count exceeded, request rate limited"),
    (-32005, "project ID request rate exceeded"),
    (-32005, "Too Many Requests"),
    (-32000, "rate limit: max 25 requests per second"),
    (-32602, "invalid block range params"),
    (-32000, "block range extends beyond current head block"),
    (-32000, "header not found"),
    (-32601, "the method eth_getLogs does not exist/is not available"),
    (-32602, "exceed max topics"),
    (-32603, "internal error"),
    (3, "execution reverted"),
]


@dataclass
class LogNode:
    """A chain with some logs, behind limits."""

    logs: list[tuple[int, int]]
    """Block and index of each log."""
    head: int = 1000
    most_blocks: int = 1 << 30
    most_logs: int = 1 << 30
    fault: tuple[int, str] = (-32005, "query returned more than 10000 results")
    spans: list[tuple[int, int]] = field(default_factory=list)
    reorg_after: int | None = None
    """Parts after which the block at the end is another one."""
    shuffle: bool = True
    """Whether logs come in another order than that of the chain."""

    def node(self) -> FakeNode:
        return FakeNode({"eth_getLogs": self.get, "eth_getBlockByNumber": self.block})

    def get(self, criteria: dict[str, Any]) -> list[dict[str, Any]]:
        first = int(criteria["fromBlock"], 16)
        tag = criteria["toBlock"]
        last = self.head if tag == "latest" else int(tag, 16)
        found = [place for place in self.logs if first <= place[0] <= last]
        if last - first >= self.most_blocks or len(found) > self.most_logs:
            raise RpcFault(*self.fault)
        self.spans.append((first, last))
        return [
            {"blockNumber": hex(number), "logIndex": hex(index)}
            for number, index in (reversed(found) if self.shuffle else found)
        ]

    def block(self, tag: str, _whole: bool) -> dict[str, Any]:
        number = self.head if tag == "latest" else int(tag, 16)
        moved = self.reorg_after is not None and len(self.spans) >= self.reorg_after
        return header(number, "other" if moved else "")


def places(found: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(int(item["blockNumber"], 16), int(item["logIndex"], 16)) for item in found]


async def asked(
    chain: LogNode, *, first: int = 0, last: int | str = "latest", options: EndpointOptions = ONCE
) -> list[tuple[int, int]]:
    async with transport_to(chain.node(), options=options) as transport:
        return places(await get_logs(transport, {"address": "0x11"}, first=first, last=last))


@pytest.mark.parametrize(("code", "text"), TOO_WIDE)
async def test_every_known_way_of_saying_too_wide_is_met_by_cutting(code: int, text: str) -> None:
    """All logs come, in order, each once, with no pause for a limit that is none of calls."""
    logs = [(number, index) for number in range(0, 1001, 7) for index in range(2)]
    chain = LogNode(logs, most_blocks=100, fault=(code, text))
    assert tells_too_wide(code, text)
    assert await asked(chain) == logs
    assert max(last - first for first, last in chain.spans) < 100


@pytest.mark.parametrize(("code", "text"), OTHERWISE)
async def test_other_errors_are_not_met_by_cutting(code: int, text: str) -> None:
    """Too many calls, a wrong range, a method that is not there: more calls would not help."""
    chain = LogNode([], most_blocks=0, fault=(code, text))
    assert not tells_too_wide(code, text)
    async with transport_to(chain.node(), options=ONCE) as transport:
        with pytest.raises(CoproveError) as caught:
            await get_logs(transport, {}, first=0)
        assert not isinstance(caught.value, QueryTooWideError)
        assert transport.stats.requests == 1
    if code == -32005:
        assert isinstance(caught.value, RateLimitedError)
    if code == -32601:
        assert isinstance(caught.value, MethodNotFoundError)


async def test_one_call_is_enough_where_nothing_is_limited() -> None:
    """The logs come in the chain's order, whatever the endpoint's; no header is asked for."""
    chain = LogNode([(5, 1), (5, 0), (900, 3)])
    node = chain.node()
    async with transport_to(node, options=ONCE) as transport:
        found = await get_logs(transport, {}, first=3)
    assert places(found) == [(5, 0), (5, 1), (900, 3)]
    assert node.asked == ["eth_getLogs"]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_nothing_is_lost_twice_or_out_of_order(data: st.DataObject) -> None:
    """Whatever the limits and wherever the logs lie."""
    head = data.draw(st.integers(0, 300), "head")
    logs = sorted(
        data.draw(st.sets(st.tuples(st.integers(0, head), st.integers(0, 5)), max_size=60), "logs")
    )
    chain = LogNode(
        logs,
        head=head,
        most_blocks=data.draw(st.integers(1, 400), "most blocks"),
        most_logs=data.draw(st.integers(6, 70), "most logs"),
        shuffle=data.draw(st.booleans(), "shuffle"),
    )
    first = data.draw(st.integers(0, head), "first")
    until = data.draw(st.sampled_from([head, (first + head) // 2]), "until")
    last = "latest" if until == head and data.draw(st.booleans(), "by tag") else until
    wanted = [place for place in logs if first <= place[0] <= until]
    assert asyncio.run(asked(chain, first=first, last=last)) == wanted
    covered = sorted(set(chain.spans))
    assert covered[0][0] == first
    assert covered[-1][1] in (until, chain.head)


async def test_widths_grow_again_behind_a_dense_block() -> None:
    """One block with many logs does not make a hundred thousand calls of the rest."""
    dense = [(10, index) for index in range(50)]
    chain = LogNode([*dense, (99_000, 0)], head=100_000, most_logs=50)
    chain.logs.insert(0, (9, 0))
    found = await asked(chain)
    assert found == sorted(chain.logs)
    assert len(chain.spans) < 200


async def test_a_single_block_that_is_too_much_is_told() -> None:
    """With the endpoint's own error; where its text may mean the rate of calls, a Temporary one."""
    many = [(10, index) for index in range(9)]
    with pytest.raises(QueryTooWideError, match="more than 10000 results"):
        await asked(LogNode(many, most_logs=5))
    with pytest.raises(RateLimitedError, match="limit exceeded") as caught:
        await asked(LogNode(many, most_logs=5, fault=(-32005, "limit exceeded")))
    assert isinstance(caught.value, Temporary)
    with pytest.raises(QueryTooWideError):
        await asked(LogNode(many, most_logs=5), first=10, last=10)


async def test_a_reorg_between_the_parts_is_noticed() -> None:
    """Logs of two forks are never put together."""
    with pytest.raises(ChainMovedError, match="block 1000 changed") as caught:
        await asked(LogNode([(1, 1)], most_blocks=300, reorg_after=3))
    assert isinstance(caught.value, Reset)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([{"blockNumber": "0x5", "logIndex": "0x0"}] * 2, "twice"),
        ([{"blockNumber": "0x2", "logIndex": "0x0"}], r"expected 3 to 9, got 2"),
        ([{"blockNumber": "0xa", "logIndex": "0x0"}], r"expected 3 to 9, got 10"),
        ([{"blockNumber": None, "logIndex": "0x0"}], "blockNumber"),
        ([{"blockNumber": "0x5"}], "logIndex"),
        (["0x"], "an object"),
        ({}, "a list"),
    ],
)
async def test_logs_that_nobody_asked_for_are_refused(entries: Any, reason: str) -> None:
    """What comes must be of the blocks asked for, and each log once."""
    node = FakeNode({"eth_getLogs": lambda _criteria: entries})
    async with transport_to(node, options=ONCE) as transport:
        with pytest.raises(MalformedResponseError, match=reason):
            await get_logs(transport, {}, first=3, last=9)


@pytest.mark.parametrize("has_body", [True, False])
async def test_http_413_is_met_by_cutting_as_well(*, has_body: bool) -> None:
    """Some providers refuse by HTTP, with an error of JSON-RPC in the body or without."""
    chain = LogNode([(1, 0), (900, 0)], most_blocks=200, fault=TOO_WIDE[10])
    node = chain.node()

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        answer = node._answer(body)
        if "error" not in answer:
            return web.json_response(answer)
        return web.json_response(answer, status=413) if has_body else web.Response(status=413)

    async with serving(handler) as url, open_transport(url, ONCE) as transport:
        assert places(await get_logs(transport, {}, first=0)) == [(1, 0), (900, 0)]


async def test_other_refusals_by_http_stay_refusals() -> None:
    """Permission is not a matter of size."""
    node = FakeNode(status=403)
    async with transport_to(node, options=ONCE) as transport:
        with pytest.raises(RequestRefusedError):
            await get_logs(transport, {}, first=0)
    assert node.requests == 1


async def test_an_answer_that_is_too_long_for_us_is_asked_for_in_parts() -> None:
    """Our own limit on answers is one more."""
    logs = [(number, 0) for number in range(0, 1000, 2)]
    options = EndpointOptions(retry=RetryPolicy(attempts=1), max_response_bytes=8_000)
    assert await asked(LogNode(logs), options=options) == logs


async def test_the_error_says_what_it_is() -> None:
    """A kind of RpcError, for callers that do not cut."""
    chain = LogNode([], most_blocks=1)
    async with transport_to(chain.node(), options=ONCE) as transport:
        with pytest.raises(RpcError) as caught:
            await transport.call("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "0x9"}])
    assert isinstance(caught.value, QueryTooWideError)
