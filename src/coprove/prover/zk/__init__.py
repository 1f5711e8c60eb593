"""The ZK backends: mock, execute, the SP1 prover network; a chain of them and a budget."""

from coprove.prover.zk.budget import BudgetedBackend, DailyBudget, SpendingLedger
from coprove.prover.zk.chain import BackendChain
from coprove.prover.zk.execute import ExecuteBackend
from coprove.prover.zk.mock import MockBackend

__all__ = [
    "BackendChain",
    "BudgetedBackend",
    "DailyBudget",
    "ExecuteBackend",
    "MockBackend",
    "SpendingLedger",
]
