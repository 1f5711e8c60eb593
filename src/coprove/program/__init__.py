"""The range program and the aggregation program: bytes in, a claim that holds out."""

from coprove.program.aggregation import AggregationInput, run_aggregation
from coprove.program.errors import (
    ChainingError,
    ClaimMismatchError,
    L1DataExhaustedError,
    ProgramInputError,
)
from coprove.program.inputs import BlobInput, L1BlockInput, L2BlockInput, RangeInput
from coprove.program.overlap import Rehearsal, overlapped_blocks, rehearse
from coprove.program.range import RangeReport, run_range, run_range_traced

__all__ = [
    "AggregationInput",
    "BlobInput",
    "ChainingError",
    "ClaimMismatchError",
    "L1BlockInput",
    "L1DataExhaustedError",
    "L2BlockInput",
    "ProgramInputError",
    "RangeInput",
    "RangeReport",
    "Rehearsal",
    "overlapped_blocks",
    "rehearse",
    "run_aggregation",
    "run_range",
    "run_range_traced",
]
