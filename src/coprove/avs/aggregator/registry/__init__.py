"""What the chain says of operators: stakes and keys at any block, provers now."""

from coprove.avs.aggregator.registry.errors import RegistryDisagreesError
from coprove.avs.aggregator.registry.liveness import LiveProvers
from coprove.avs.aggregator.registry.statement import RegistryAddresses, registry_addresses
from coprove.avs.aggregator.registry.view import ChainRegistry

__all__ = [
    "ChainRegistry",
    "LiveProvers",
    "RegistryAddresses",
    "RegistryDisagreesError",
    "registry_addresses",
]
