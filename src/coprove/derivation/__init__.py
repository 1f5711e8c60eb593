"""Derivation of L2 blocks from L1 data, Bedrock through Karst, as an executable specification."""

from coprove.derivation.errors import (
    L1ReorgError,
    L2ReorgError,
    MissingL2BlockError,
    PipelineError,
)
from coprove.derivation.pipeline import DerivedAttributes, Pipeline, PipelineStart
from coprove.derivation.source import L1Block, L1Source, L2Block, L2History
from coprove.derivation.start import L1BlockMissingError, L2Blocks, pipeline_start

__all__ = [
    "DerivedAttributes",
    "L1Block",
    "L1BlockMissingError",
    "L1ReorgError",
    "L1Source",
    "L2Block",
    "L2Blocks",
    "L2History",
    "L2ReorgError",
    "MissingL2BlockError",
    "Pipeline",
    "PipelineError",
    "PipelineStart",
    "pipeline_start",
]
