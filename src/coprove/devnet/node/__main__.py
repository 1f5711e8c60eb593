"""`python -m coprove.devnet.node --config FILE`: run one L2 node until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import structlog

from coprove.devnet.node.config import NodeConfig
from coprove.devnet.node.service import Node
from coprove.errors import CoproveError, InputError
from coprove.telemetry import configure_logging

_log = structlog.get_logger("coprove.devnet.node")


async def _run(config: NodeConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await Node(config).run(stop)


def main() -> int:
    """Run the node; 0 after a signal, 1 when it had to stop, 2 for a bad configuration."""
    parser = argparse.ArgumentParser(prog="coprove.devnet.node", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the node's JSON settings")
    arguments = parser.parse_args()
    try:
        config = NodeConfig.load(arguments.config)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging("node", level=config.log_level)
    try:
        asyncio.run(_run(config))
    except CoproveError as error:
        _log.critical("node.failed", error=str(error), kind=type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
