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
)
from coprove.witness.live import LiveOptions, LiveWitness, Progress
from coprove.witness.recording import RecordedL1Block, RecordedL2Block, Recording

__all__ = [
    "BlockFile",
    "ChainCache",
    "ChainReorgError",
    "ExecutionMismatchError",
    "LiveEndpoints",
    "LiveOptions",
    "LiveWitness",
    "Progress",
    "RangeNotSafeError",
    "RecordedL1Block",
    "RecordedL2Block",
    "Recording",
    "RecordingError",
    "WitnessIncompleteError",
    "collect_range_input",
    "load_block_file",
    "load_preimages",
    "open_witness",
]
