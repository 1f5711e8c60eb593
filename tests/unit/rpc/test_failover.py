"""Several endpoints as one: what one cannot do the next one does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from coprove.errors import CoproveError, InputError
from coprove.rpc import (
    Call,
    EndpointHealth,
    EndpointUnavailableError,
    FailoverTransport,
    JsonRpcTransport,
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    Query,
    RequestRefusedError,
    RpcError,
    WrongDataError,
    open_transport,
    split_urls,
)
from tests.unit.rpc.fake import FakeNode, RpcFault, transport_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.rpc import Json


def says(value: Any) -> FakeNode:
    return FakeNode({"x": lambda *_: value})


def fails(code: int, text: str) -> FakeNode:
    def method(*_: Any) -> Any:
        raise RpcFault(code, text)

    return FakeNode({"x": method})


def wanting(expected: int) -> Query[int]:
    """A query that only one value satisfies, as with data named by its hash."""

    def read(value: Json, where: str) -> int:
        if value is None:
            raise NotYetAvailableError(f"{where}: none")
        if not isinstance(value, int):
            raise MalformedResponseError(where, expected="a number", actual=value)
        if value != expected:
            raise WrongDataError(where, expected=expected, actual=value)
        return value

    return Query(Call("x"), read)


@pytest.mark.parametrize(
    "first",
    [
        FakeNode(status=503),
        FakeNode(status=429),
        FakeNode(status=403),
        FakeNode(),
        fails(-32000, "block not found"),
        fails(-32005, "limit exceeded"),
        fails(-32000, "required historical state unavailable"),
        says(4),
        says("what"),
        says(None),
    ],
    ids=[
        "down",
        "limited",
        "refusing",
        "poorer",
        "behind",
        "busy",
        "pruned",
        "lying",
        "odd",
        "empty",
    ],
)
async def test_what_the_first_endpoint_cannot_give_the_second_gives(first: FakeNode) -> None:
    """An endpoint that is down, limited, refusing, poorer, behind, pruned, or lying."""
    second = says(5)
    async with transport_to(first, second) as transport:
        assert await transport.read_one(wanting(5)) == 5
    assert second.asked == ["x"]


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        (FakeNode(status=503), EndpointUnavailableError),
        (FakeNode(status=403), RequestRefusedError),
        (FakeNode(), MethodNotFoundError),
        (fails(-32000, "something else"), RpcError),
        (says(4), WrongDataError),
        (says(None), NotYetAvailableError),
    ],
    ids=["down", "refusing", "poorer", "error", "lying", "empty"],
)
async def test_what_nobody_can_give_is_the_error(node: FakeNode, kind: type[CoproveError]) -> None:
    """All were asked; the error is theirs."""
    other = FakeNode(node.methods, status=node.status)
    async with transport_to(node, other) as transport:
        with pytest.raises(kind):
            await transport.read_one(wanting(5))
    assert node.requests
    assert other.requests


async def test_absence_is_told_only_when_all_are_asked_and_none_may_have_it() -> None:
    """One without the block and one that is down: it may be there."""
    async with transport_to(says(None), FakeNode(status=503)) as transport:
        with pytest.raises(EndpointUnavailableError):
            await transport.read_one(wanting(5))


async def test_only_the_wrong_results_of_a_batch_are_asked_for_again() -> None:
    """The other results stand."""
    served: list[int] = []

    def lying(number: int) -> int:
        return number + (number == 3)

    def right(number: int) -> int:
        served.append(number)
        return number

    def query(number: int) -> Query[int]:
        return Query(Call("x", [number]), wanting(number).read)

    async with transport_to(FakeNode({"x": lying}), FakeNode({"x": right})) as transport:
        found = await transport.read([query(number) for number in range(6)])
    assert found == list(range(6))
    assert served == [3]


async def test_one_endpoint_is_asked_again_for_a_result_that_was_wrong() -> None:
    """A flipped bit on the way passes; a server that always lies does not."""
    answers = iter([4, 5])
    async with transport_to(FakeNode({"x": lambda: next(answers)})) as transport:
        assert await transport.read_one(wanting(5)) == 5
    node = says(4)
    async with transport_to(node) as transport:
        with pytest.raises(WrongDataError):
            await transport.read_one(wanting(5))
    assert len(node.asked) == 3


async def test_a_revert_is_an_answer() -> None:
    """No other endpoint is asked whether the contract would revert there too."""
    first, second = fails(3, "execution reverted"), says(5)
    async with transport_to(first, second) as transport:
        with pytest.raises(RpcError):
            await transport.read_one(wanting(5))
        with pytest.raises(RpcError):
            await transport.call("x")
    assert not second.asked


async def test_an_error_about_a_plain_call_is_its_answer() -> None:
    """A transaction that one node refuses is not offered to all others."""
    first, second = fails(-32000, "nonce too low"), says(5)
    async with transport_to(first, second) as transport:
        with pytest.raises(RpcError, match="nonce too low"):
            await transport.call("x")
        assert not second.asked
        first.status = 503
        assert await transport.call("x") == 5


async def test_an_endpoint_that_lied_rests() -> None:
    """The next calls go to the other one, as long as that does well."""
    first, second = says(4), says(5)
    async with transport_to(first, second) as transport:
        for _ in range(4):
            assert await transport.read_one(wanting(5)) == 5
        assert isinstance(transport, FailoverTransport)
        health = list(transport.health.values())
    assert len(first.asked) == 1
    assert len(second.asked) == 4
    assert [item.lies for item in health] == [1, 0]


async def test_a_method_that_an_endpoint_lacks_is_not_asked_of_it_again() -> None:
    """Nor does the endpoint rest for it: other methods still go there."""
    first, second = FakeNode({"y": lambda: 1}), says(5)
    async with transport_to(first, second) as transport:
        for _ in range(3):
            assert await transport.read_one(wanting(5)) == 5
        assert await transport.call("y") == 1
    assert first.asked == ["x", "y"]
    assert second.asked == ["x", "x", "x"]


async def test_a_method_that_nobody_has_is_not_found_at_once_later_on() -> None:
    """The typed clients then take another way."""
    first, second = FakeNode(), FakeNode()
    async with transport_to(first, second) as transport:
        for _ in range(3):
            with pytest.raises(MethodNotFoundError):
                await transport.read_one(wanting(5))
    assert len(first.asked) == len(second.asked) == 1


async def test_all_endpoints_are_asked_again_after_a_pause() -> None:
    """A fault of all of them at once may pass."""
    answers = iter([None, None, 5])

    def method() -> int:
        found = next(answers)
        if found is None:
            raise RpcFault(-32005, "too many requests")
        return found

    first, second = FakeNode(status=503), FakeNode({"x": method})
    async with transport_to(first, second) as transport:
        assert await transport.read_one(wanting(5)) == 5
    assert first.requests > 1


async def test_many_readers_at_once_get_their_own_answers() -> None:
    """Health and gaps are shared, results are not."""
    flaky = FakeNode({"x": lambda number: number if number % 3 else number + 1})
    sound = FakeNode({"x": lambda number: number})
    async with transport_to(flaky, sound) as transport:
        found = await asyncio.gather(
            *(
                transport.read_one(Query(Call("x", [number]), wanting(number).read))
                for number in range(40)
            )
        )
    assert found == list(range(40))


def test_rests_grow_and_end() -> None:
    """Longer after each failure in a row, longer for a lie, five minutes at most."""
    health = EndpointHealth()
    fault, lie = EndpointUnavailableError("x"), WrongDataError("x", expected=1, actual=2)
    health.failed(fault, 0.0)
    first = health.rests_until
    health.failed(fault, 0.0)
    assert health.rests_until == 2 * first
    for _ in range(40):
        health.failed(lie, 1000.0)
    assert health.rests_until == 1300.0
    health.answered()
    assert health.in_a_row == 0
    assert health.rests_until == 1300.0
    other = EndpointHealth()
    other.failed(lie, 0.0)
    assert other.rests_until > first
    assert (other.lies, other.faults) == (1, 0)


def test_lists_of_urls() -> None:
    """One URL is one endpoint; several are separated by commas; a quorum must be possible."""
    assert split_urls(" http://a , http://b,") == ["http://a", "http://b"]
    cases: list[Callable[[], object]] = [
        lambda: open_transport(""),
        lambda: open_transport("http://a", quorum=2),
        lambda: open_transport("http://a,http://b", quorum=3),
        lambda: open_transport("http://a,ftp://b"),
    ]
    for case in cases:
        with pytest.raises(InputError):
            case()


async def test_one_url_is_one_plain_endpoint() -> None:
    """Nothing is put before it."""
    async with open_transport("http://127.0.0.1:1") as one:
        assert isinstance(one, JsonRpcTransport)
    async with open_transport("http://127.0.0.1:1,http://127.0.0.1:2") as two:
        assert isinstance(two, FailoverTransport)
        assert "127.0.0.1:2" in two.name
        assert two.stats.requests == 0


async def test_keys_in_urls_do_not_show() -> None:
    """Not in the name, which every error holds."""
    async with open_transport("https://a.example/v3/k3y,https://u:pw@b.example") as both:
        assert "k3y" not in both.name
        assert "pw" not in both.name
        assert "b.example" in both.name
