"""Logs are one object a line without secrets; metrics follow their declarations."""

import io
import json
import logging
from collections.abc import Iterator

import aiohttp
import pytest
import structlog

from coprove.telemetry import (
    LogFormat,
    MetricKind,
    Metrics,
    MetricSpec,
    TelemetryServer,
    configure_logging,
    get_logger,
    redact,
    redact_url,
    register_secret,
)

KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
RUNS = MetricSpec(
    name="coprove_test_runs", kind=MetricKind.COUNTER, help="Runs.", labels=("outcome",)
)
HEAD = MetricSpec(name="coprove_test_head", kind=MetricKind.GAUGE, help="Head.", unit="blocks")
TIME = MetricSpec(
    name="coprove_test_run",
    kind=MetricKind.HISTOGRAM,
    help="Time of a run.",
    unit="seconds",
    buckets=(1.0, 10.0),
)


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_off_a_terminal_is_one_json_object_with_level_time_and_service() -> None:
    """AUTO writes JSON when the stream is no terminal."""
    stream = io.StringIO()
    configure_logging("proposer", stream=stream)
    get_logger(part="x").info("range done", end=10)
    (line,) = lines(stream)
    assert line["event"] == "range done"
    assert line["level"] == "info"
    assert line["service"] == "proposer"
    assert (line["part"], line["end"]) == ("x", 10)
    assert str(line["ts"]).endswith("Z")


def test_a_logger_made_before_the_setup_follows_it() -> None:
    """Modules make their loggers when they are imported."""
    early = get_logger(part="early")
    stream = io.StringIO()
    configure_logging("proposer", stream=stream)
    early.info("hello", digest=b"\x01")
    (line,) = lines(stream)
    assert (line["part"], line["service"], line["digest"]) == ("early", "proposer", "0x01")


def test_standard_library_loggers_go_through_the_same_chain() -> None:
    """A library's log line is redacted and rendered like ours."""
    stream = io.StringIO()
    configure_logging("node", stream=stream)
    logging.getLogger("some.library").warning("calling https://l1.example/v3/%s", KEY)
    (line,) = lines(stream)
    assert line["event"] == "calling https://l1.example/…"
    assert line["level"] == "warning"


def test_secrets_never_reach_a_line() -> None:
    """By the field's name, inside nested values, by registered value, in an exception's text."""
    register_secret("0x" + KEY)
    stream = io.StringIO()
    configure_logging("batcher", stream=stream, log_format=LogFormat.JSON)
    log = get_logger()
    log.info("a", private_key="hunter2hunter2", nested={"api_key": "zzz", "list": [f"0x{KEY}"]})
    try:
        raise ValueError(KEY)
    except ValueError:
        log.exception("b")
    assert KEY not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert "zzz" not in stream.getvalue()


def test_text_format_writes_plain_lines() -> None:
    """TEXT is for people: no JSON."""
    stream = io.StringIO()
    configure_logging("cli", stream=stream, log_format=LogFormat.TEXT)
    get_logger().info("hello", n=1)
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_levels_filter_and_an_unknown_level_is_refused() -> None:
    """Below the level nothing is written."""
    stream = io.StringIO()
    configure_logging("cli", level="warning", stream=stream)
    get_logger().info("quiet")
    assert stream.getvalue() == ""
    with pytest.raises(ValueError, match="unknown log level"):
        configure_logging("cli", level="loud")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@host.example:8545/v3/abcdef?k=1", "https://host.example:8545/…"),
        ("http://127.0.0.1:8545/rpc?token=1", "http://127.0.0.1:8545/rpc"),
        ("postgresql://u:p@db/coprove", "postgresql://db/…"),
        ("https://host.example/", "https://host.example/"),
        ("http://[::1]:99999999/", "[redacted]"),
    ],
)
def test_urls_keep_only_what_holds_no_credential(url: str, shown: str) -> None:
    """User info, path and query of a foreign host go; a local path stays."""
    assert redact_url(url) == shown


def test_a_url_in_running_text_ends_before_the_punctuation() -> None:
    """The address that failed is what an operator needs to read."""
    said = redact("eth_chainId at http://127.0.0.1:9: refused (see https://a.example/k/secret).")
    assert said == "eth_chainId at http://127.0.0.1:9: refused (see https://a.example/…)."


def test_bytes_are_shown_as_hex() -> None:
    """A hash in bytes reads as 0x… in a line."""
    assert redact(b"\x01\x02") == "0x0102"


async def test_server_serves_metrics_health_and_readiness() -> None:
    """Counters end in _total, units in their name, and readiness follows the callable."""
    metrics, ready = Metrics([RUNS, HEAD, TIME]), [False]
    metrics.inc(RUNS, outcome="ok")
    metrics.set(HEAD, 7)
    metrics.observe(TIME, 2.5)
    async with (
        TelemetryServer(metrics, ready=lambda: ready[0]) as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{server.url}/metrics") as response:
            body = await response.text()
        assert 'coprove_test_runs_total{outcome="ok"} 1.0' in body
        assert "coprove_test_head_blocks 7.0" in body
        assert 'coprove_test_run_seconds_bucket{le="10.0"} 1.0' in body
        async with session.get(f"{server.url}/healthz") as response:
            assert response.status == 200
        async with session.get(f"{server.url}/readyz") as response:
            assert response.status == 503
        ready[0] = True
        async with session.get(f"{server.url}/readyz") as response:
            assert response.status == 200


def test_a_metric_refuses_what_its_kind_cannot_do() -> None:
    """Setting a counter or increasing a histogram is a programming error."""
    metrics = Metrics([RUNS, TIME])
    with pytest.raises(TypeError):
        metrics.set(RUNS, 1, outcome="ok")
    with pytest.raises(TypeError):
        metrics.inc(TIME)
    with pytest.raises(TypeError):
        metrics.observe(RUNS, 1, outcome="ok")


def test_two_metrics_of_one_name_are_refused() -> None:
    """A name is declared once."""
    other = MetricSpec(name=HEAD.name, kind=MetricKind.GAUGE, help="Other.", unit="blocks")
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics([HEAD, other])
