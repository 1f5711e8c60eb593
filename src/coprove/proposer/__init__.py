"""The proposer: finalized L2 blocks become ranges, proofs, aggregations and outputs on L1."""

from coprove.proposer.alerts import Alert, Alerts, LogAlerts, WebhookAlerts
from coprove.proposer.errors import (
    CallTimeoutError,
    ConfigMismatchError,
    NotLeadingError,
    OutputMismatchError,
    ProposalRefusedError,
    SimulatedProofsError,
)
from coprove.proposer.metrics import ProposerMetrics
from coprove.proposer.service import Chains, ProposerService, open_chains
from coprove.proposer.settings import ProposerSettings

__all__ = [
    "Alert",
    "Alerts",
    "CallTimeoutError",
    "Chains",
    "ConfigMismatchError",
    "LogAlerts",
    "NotLeadingError",
    "OutputMismatchError",
    "ProposalRefusedError",
    "ProposerMetrics",
    "ProposerService",
    "ProposerSettings",
    "SimulatedProofsError",
    "WebhookAlerts",
    "open_chains",
]
