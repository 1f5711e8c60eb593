"""One logging set-up for services: structlog and the standard library through the same chain."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO, cast

import structlog

from coprove.telemetry.redaction import redact

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

__all__ = ["LogFormat", "configure_logging", "get_logger"]

_QUIET = ("alembic", "asyncio", "aiohttp", "urllib3", "web3", "uvicorn.access")


class LogFormat(StrEnum):
    """How log lines are written."""

    AUTO = "auto"
    """Text when the stream is a terminal, JSON otherwise."""
    TEXT = "text"
    """Aligned, coloured on a terminal."""
    JSON = "json"
    """One object a line: `ts`, `level`, `service`, `event` and the event's fields."""


def configure_logging(
    service: str,
    *,
    level: str = "info",
    log_format: LogFormat = LogFormat.AUTO,
    stream: TextIO | None = None,
) -> None:
    """Set up logging of this process: every line carries `service` and passes the redaction.

    `stream` defaults to standard error. A `level` that logging does not know raises ValueError.
    """
    out = stream if stream is not None else sys.stderr
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        msg = f"unknown log level {level!r}"
        raise ValueError(msg)
    text = log_format is LogFormat.TEXT or (log_format is LogFormat.AUTO and out.isatty())

    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        add_service,
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty(), timestamp_key="ts")
        if text
        else structlog.processors.JSONRenderer(sort_keys=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(**context: object) -> FilteringBoundLogger:
    """Return a logger whose every line carries `context`.

    It takes on the set-up at its first line, so modules may make theirs when they are imported.
    """
    return cast("FilteringBoundLogger", structlog.stdlib.get_logger(**context))


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {
        key: value if key.startswith("_") else redact(value, key) for key, value in event.items()
    }
