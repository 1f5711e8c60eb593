"""What follows from what was signed: slashings and rewards, brought before the AVS' contracts."""

from coprove.avs.aggregator.settlement.due import Due, DueSource
from coprove.avs.aggregator.settlement.metrics import SETTLEMENT_METRICS
from coprove.avs.aggregator.settlement.proven import ProvenWrong
from coprove.avs.aggregator.settlement.rewards import Rewards
from coprove.avs.aggregator.settlement.settler import Settler, SettlerOptions
from coprove.avs.aggregator.settlement.slashing import Slashings

__all__ = [
    "SETTLEMENT_METRICS",
    "Due",
    "DueSource",
    "ProvenWrong",
    "Rewards",
    "Settler",
    "SettlerOptions",
    "Slashings",
]
