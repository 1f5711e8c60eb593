"""The frame around each service process: logging, metrics, a loop that outlives its errors."""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from coprove.errors import CoproveError, Critical
from coprove.telemetry import (
    MetricKind,
    Metrics,
    MetricSpec,
    TelemetryServer,
    configure_logging,
    get_logger,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from coprove.devnet.settings import ServiceSettings

__all__ = ["ERRORS", "TICKS", "config_argument", "run_loop", "run_service"]

TICKS = MetricSpec(
    name="coprove_devnet_ticks", kind=MetricKind.COUNTER, help="Passes of the service's loop."
)
ERRORS = MetricSpec(
    name="coprove_devnet_errors",
    kind=MetricKind.COUNTER,
    help="Errors that the service's loop survived.",
    labels=("kind",),
)
_LONGEST_PAUSE = 10.0
_log = get_logger()


def config_argument(description: str) -> Path:
    """Parse `--config FILE`, the one argument of a service process."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, required=True, help="settings file (JSON)")
    path: Path = parser.parse_args().config
    return path


def run_service(
    name: str,
    settings: ServiceSettings,
    main: Callable[[Metrics], Coroutine[None, None, None]],
    specs: tuple[MetricSpec, ...] = (),
) -> int:
    """Run `main` until it ends or SIGTERM or SIGINT comes; return the exit status.

    It gets the live metrics of `specs` beside those of the loop. A Critical error ends the
    process with status 1.
    """
    configure_logging(name, level=settings.log_level)
    return asyncio.run(_run(settings, main, Metrics((TICKS, ERRORS, *specs))))


async def _run(
    settings: ServiceSettings,
    main: Callable[[Metrics], Coroutine[None, None, None]],
    metrics: Metrics,
) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(main(metrics))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    async with TelemetryServer(metrics, port=settings.metrics_port):
        try:
            await task
        except asyncio.CancelledError:
            _log.info("stopped")
            return 0
        except (Critical, ExceptionGroup):
            _log.exception("critical")
            return 1
    return 0


async def run_loop(
    tick: Callable[[], Awaitable[None]],
    *,
    pause: float,
    metrics: Metrics,
    wake: asyncio.Event | None = None,
) -> None:
    """Call `tick` for ever, `pause` seconds apart, at once when `wake` is set.

    Its errors are logged, counted and answered with a longer pause; only a Critical one that
    stands `pause` x 20 times in a row goes up, for a restart from scratch.
    """
    failures = 0
    while True:
        metrics.inc(TICKS)
        try:
            await tick()
            failures = 0
        except CoproveError as error:
            failures += 1
            metrics.inc(ERRORS, kind=type(error).__name__)
            _log.warning("tick failed", error=error, failures=failures)
            if isinstance(error, Critical) and failures >= 20:
                raise
        delay = pause if not failures else min(_LONGEST_PAUSE, pause * 2.0 ** min(failures, 10))
        if wake is None:
            await asyncio.sleep(delay)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), delay)
            wake.clear()
