"""Task fetchers of an aggregator, as its JSON file names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coprove.avs.aggregator.service import ScheduledSource
from coprove.avs.aggregator.sources import LogTopics, LogTopicsOptions, RangeLayout
from coprove.config.errors import SettingError
from coprove.config.wiring import endpoint_options
from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.rpc import open_transport
from coprove.telemetry import get_logger, register_secret
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from coprove.config.settings import Settings
    from coprove.rpc import RpcTransport

__all__ = ["read_task_fetcher", "task_fetchers"]

_log = get_logger(part="settings")
_NAME: Final = "aggregator.task_fetchers"
_IGNORED: Final = frozenset({"Prover", "L2Endpoint"})
_KNOWN: Final = frozenset(
    {
        "Identifier", "Endpoint", "Topics", "Addresses", "PresetStartBlock", "ScanIntervalSecs",
        "Event", "Start", "End", "Length", *_IGNORED,
    }
)  # fmt: skip


async def task_fetchers(
    settings: Settings, stack: AsyncExitStack, l1: RpcTransport, **shared: Any
) -> list[ScheduledSource]:
    """Return the sources of `aggregator.task_fetchers`; one without an endpoint reads L1."""
    text = settings.aggregator.task_fetchers
    try:
        parsed = load_json(text.encode()) if text.strip() else []
    except ValueError:
        raise SettingError(_NAME, expected="a JSON list", actual="another text") from None
    if not isinstance(parsed, list):
        raise SettingError(_NAME, expected="a JSON list", actual=type(parsed).__name__)
    found = []
    for item in parsed:
        options, endpoint = read_task_fetcher(item)
        transport = l1
        if endpoint is not None:
            register_secret(endpoint)
            transport = await stack.enter_async_context(
                open_transport(endpoint, endpoint_options(settings))
            )
        source = LogTopics(options, transport=transport, **shared)
        interval = min(options.interval or 1.0, settings.aggregator.poll_interval)
        found.append(ScheduledSource(source=source, interval=max(0.1, interval)))
    return found


def read_task_fetcher(value: object) -> tuple[LogTopicsOptions, str | None]:
    """Return one fetcher's options and its endpoint; SettingError shows no endpoint.

    `Identifier` is the committee. How a range stands in a log, `Event` with `Start` and `End` or
    `Length` says: the AVS' own chains had it written into the program.
    """
    if not isinstance(value, dict):
        raise SettingError(_NAME, expected="objects in the list", actual=type(value).__name__)
    unknown = sorted(set(value) - _KNOWN)
    if unknown:
        raise SettingError(_NAME, expected=f"keys of {sorted(_KNOWN)}", actual=unknown)
    for key in sorted(_IGNORED & set(value)):
        _log.warning("this key has no effect here", key=key, reason="operators collect witnesses")
    try:
        return _options(value), _text(value, "Endpoint") or None
    except InputError as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(
            f"{_NAME}: {error.what}", expected=error.expected, actual=error.actual
        ) from None


def _options(value: Mapping[str, Any]) -> LogTopicsOptions:
    topics, addresses = value.get("Topics") or [], value.get("Addresses") or []
    is_listed = isinstance(topics, list) and all(isinstance(item, list) for item in topics)
    if not is_listed or not isinstance(addresses, list) or len(topics) > 4:
        raise SettingError(_NAME, expected="lists in Topics and Addresses", actual="others")
    return LogTopicsOptions(
        committee_id=_number(value, "Identifier", least=1),
        topics=tuple(
            tuple(Hash32.from_hex(topic, "Topics") for topic in wanted) for wanted in topics
        ),
        addresses=tuple(Address.from_hex(address, "Addresses") for address in addresses),
        layout=RangeLayout.parse(
            _text(value, "Event"),
            start=_text(value, "Start") or None,
            end=_text(value, "End"),
            length=_number(value, "Length", least=0) or None,
        ),
        start=_number(value, "PresetStartBlock", least=0),
        interval=float(_number(value, "ScanIntervalSecs", least=0)),
    )


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name, "")
    if not isinstance(found, str):
        raise SettingError(f"{_NAME}: {name}", expected="a text", actual=type(found).__name__)
    return found


def _number(value: Mapping[str, Any], name: str, *, least: int) -> int:
    found = value.get(name, 0)
    if type(found) is not int or not least <= found < 1 << 63:
        raise SettingError(f"{_NAME}: {name}", expected=f"a number from {least}", actual=found)
    return found
