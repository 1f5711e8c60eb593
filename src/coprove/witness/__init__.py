"""Collects all that a range needs, once: from a recording or from live RPCs."""

from coprove.witness.block_file import BlockFile, load_block_file, load_preimages
from coprove.witness.cache import ChainCache
from coprove.witness.endpoints import LiveEndpoints, collect_range_input, open_witness
from coprove.witness.errors import (
    ChainReorgError,
    ExecutionMismatchError,
    RangeNotSafeError,
    RecordingError,
    WitnessIncompleteError,
    WorkerLostError,
)
from coprove.witness.executors import (
    DaskExecutor,
    ProcessExecutor,
    WorkExecutor,
    open_executor,
)
from coprove.witness.live import LiveOptions, LiveWitness, Progress
from coprove.witness.recording import RecordedL1Block, RecordedL2Block, Recording
from coprove.witness.work import CollectTask, collect, collect_in, execute, execute_in

__all__ = [
    "BlockFile",
    "ChainCache",
    "ChainReorgError",
    "CollectTask",
    "DaskExecutor",
    "ExecutionMismatchError",
    "LiveEndpoints",
    "LiveOptions",
    "LiveWitness",
    "ProcessExecutor",
    "Progress",
    "RangeNotSafeError",
    "RecordedL1Block",
    "RecordedL2Block",
    "Recording",
    "RecordingError",
    "WitnessIncompleteError",
    "WorkExecutor",
    "WorkerLostError",
    "collect",
    "collect_in",
    "collect_range_input",
    "execute",
    "execute_in",
    "load_block_file",
    "load_preimages",
    "open_executor",
    "open_witness",
]
