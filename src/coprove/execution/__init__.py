"""The typed face of the native kernel: state, block execution, proofs, simulated calls."""

from coprove.execution.ecrecover import ecrecover
from coprove.execution.errors import (
    InvalidPayloadError,
    KernelError,
    MissingKind,
    MissingStateError,
    WitnessError,
)
from coprove.execution.executor import (
    BlockExecutor,
    BlockTimes,
    BlockWitness,
    BuiltBlock,
    ExecutedBlock,
    RejectedTransaction,
)
from coprove.execution.simulate import CallResult, simulate
from coprove.execution.state import Account, AccountProof, SlotProof, StateReader
from coprove.execution.store import NodeStore, genesis_state

__all__ = [
    "Account",
    "AccountProof",
    "BlockExecutor",
    "BlockTimes",
    "BlockWitness",
    "BuiltBlock",
    "CallResult",
    "ExecutedBlock",
    "InvalidPayloadError",
    "KernelError",
    "MissingKind",
    "MissingStateError",
    "NodeStore",
    "RejectedTransaction",
    "SlotProof",
    "StateReader",
    "WitnessError",
    "ecrecover",
    "genesis_state",
    "simulate",
]
