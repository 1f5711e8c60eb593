"""A recorded chain served over real HTTP: L1, beacon, L2 and rollup node, with faults on demand."""

from tests.replay.chain import ReplayChain
from tests.replay.server import Faults, ReplayServer

__all__ = ["Faults", "ReplayChain", "ReplayServer"]
