"""Whether a contract has the keys and the config hash that this server proves for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts import GENESIS_CONFIG, open_output_contract

if TYPE_CHECKING:
    from coprove.prover.server.source import WitnessSource
    from coprove.rpc import RpcTransport
    from coprove.types import Address, Hash32

__all__ = ["ContractCheck", "ContractMatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMatch:
    """What agrees."""

    aggregation_vkey: bool
    """The aggregation program's verification key."""
    range_vkey_commitment: bool
    """The commitment to the range program's."""
    rollup_config_hash: bool
    """The rollup config's hash."""


class ContractCheck:
    """Compares an output oracle, of either generation, with what this server proves for."""

    def __init__(
        self,
        transport: RpcTransport,
        source: WitnessSource,
        *,
        aggregation_vkey: Hash32,
        range_vkey_commitment: Hash32,
        config_name: str = GENESIS_CONFIG,
    ) -> None:
        """Read contracts by `transport`, the config hash from `source`."""
        self._transport, self._source = transport, source
        self._aggregation_vkey = aggregation_vkey
        self._range_vkey_commitment = range_vkey_commitment
        self._config_name = config_name

    async def check(self, address: Address) -> ContractMatch:
        """Compare; errors are those of the endpoint and of a contract that is no oracle."""
        contract = await open_output_contract(
            self._transport, address, config_name=self._config_name
        )
        keys = await contract.keys()
        return ContractMatch(
            aggregation_vkey=keys.aggregation_vkey == self._aggregation_vkey,
            range_vkey_commitment=keys.range_vkey_commitment == self._range_vkey_commitment,
            rollup_config_hash=keys.rollup_config_hash == await self._source.rollup_config_hash(),
        )
