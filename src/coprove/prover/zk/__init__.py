"""The ZK backends: mock, execute, the SP1 prover network; a chain of them and a budget."""

from coprove.prover.zk.execute import ExecuteBackend
from coprove.prover.zk.mock import MockBackend

__all__ = ["ExecuteBackend", "MockBackend"]
