"""The aggregator's HTTP server: JSON-RPC that operators of the AVS know, and a typed API."""

from coprove.avs.aggregator.server.desk import AggregatorPorts
from coprove.avs.aggregator.server.metrics import SERVER_METRICS
from coprove.avs.aggregator.server.options import AggregatorServerOptions
from coprove.avs.aggregator.server.ports import Directory, Engine, Health, Records
from coprove.avs.aggregator.server.serving import AggregatorServer

__all__ = [
    "SERVER_METRICS",
    "AggregatorPorts",
    "AggregatorServer",
    "AggregatorServerOptions",
    "Directory",
    "Engine",
    "Health",
    "Records",
]
