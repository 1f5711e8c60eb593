"""The proof server: op-succinct's early routes, our own API beside them, and a client."""

from coprove.prover.server.client import ServerBackend, ServerClientOptions
from coprove.prover.server.options import ServerOptions
from coprove.prover.server.records import key_of_client
from coprove.prover.server.serving import ProofServer, ServerParts, serve
from coprove.prover.server.source import LiveSource, RecordingSource, WitnessSource

__all__ = [
    "LiveSource",
    "ProofServer",
    "RecordingSource",
    "ServerBackend",
    "ServerClientOptions",
    "ServerOptions",
    "ServerParts",
    "WitnessSource",
    "key_of_client",
    "serve",
]
