"""The file that says what an AVS begins with (TOML)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from coprove.attestation import Platform  # noqa: TC001 - pydantic reads the annotation
from coprove.contracts.avs.deployment import AvsRoles
from coprove.contracts.avs.plan import AvsPlan, CommitteePlan, QuorumPlan
from coprove.contracts.avs.records import Committee, RollupPolicy
from coprove.contracts.eigenlayer.addresses import EigenLayerCore, Middleware
from coprove.contracts.eigenlayer.profiles import profile
from coprove.contracts.toml_file import StrictModel, parse_toml
from coprove.errors import InputError
from coprove.types import Address, Hash32

__all__ = ["AvsFile"]

_Address = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
_Word = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{64}$")]
_Hex = Annotated[str, Field(pattern="^0x([0-9a-fA-F]{2})*$")]
_Uint32 = Annotated[int, Field(ge=0, lt=2**32)]
_Uint64 = Annotated[int, Field(ge=0, lt=2**64)]
_Uint96 = Annotated[int, Field(ge=0, lt=2**96)]
_NOBODY = "0x" + "00" * 20


class _Roles(StrictModel):
    state_confirmer: _Address
    poa_manager: _Address
    poa_enabled: bool = False


class _Attestation(StrictModel):
    registry: _Address
    max_blocks: Annotated[int, Field(ge=1, le=8191)] = 256
    validity: Annotated[int, Field(ge=1, lt=2**32)] = 3600


class _Quorum(StrictModel):
    platform: Annotated[Platform, Field(strict=False)]
    strategies: Annotated[list[_Address], Field(min_length=1)]
    minimum_stake: Annotated[int, Field(ge=1, lt=2**96)] = 1
    max_operators: Annotated[int, Field(ge=1, le=200)] = 200


class _Rollup(StrictModel):
    l2_chain_id: Annotated[int, Field(ge=1, lt=2**64)]
    rollup_config_hash: _Word
    oracle: _Address = _NOBODY
    first_block: Annotated[int, Field(ge=1, lt=2**64)]
    interval: _Uint64
    l2_genesis_time: _Uint64
    l2_block_time: Annotated[int, Field(ge=1, lt=2**32)]
    window: Annotated[int, Field(ge=1, lt=2**32)]
    minimum_reward: _Uint96 = 0
    reward: _Uint96 = 0
    reward_token: _Address = _NOBODY


class _Committee(StrictModel):
    id: Annotated[int, Field(ge=1, lt=2**256)]
    description: str = ""
    metadata: _Hex = "0x"
    quorums: Annotated[list[Annotated[int, Field(ge=0, le=191)]], Field(min_length=1)]
    rollup: _Rollup


class AvsFile(StrictModel):
    """Where EigenLayer is, who may do what, what an offence costs, quorums and committees."""

    version: Literal[1]
    """Version of the file's form."""
    eigenlayer: str | dict[str, _Address]
    """Name of a public deployment (`coprove operator profiles`), or a table of addresses."""
    middleware: dict[str, _Address] | None = None
    """EigenLayer's registries, made for the AVS; without them the AVS gets its address alone."""
    roles: _Roles
    """Beside the sender, who owns it and keeps its committees."""
    attestation: _Attestation
    """The registry of provers, and how old a report may be and how long it counts."""
    strategies: Annotated[list[_Address], Field(min_length=1)]
    """How an operator's stakers share what it gets."""
    slash_wad: Annotated[int, Field(ge=1, le=10**18)]
    """What an offence costs, of 10^18."""
    reward_intervals_before: Annotated[int, Field(ge=0, le=30)] = 0
    """Rewards are for who was staked so many days before the confirmation."""
    metadata_uri: str = ""
    """Where people find the AVS' name and logo."""
    quorums: Annotated[list[_Quorum], Field(min_length=1, max_length=192)]
    """From number 0."""
    committees: Annotated[list[_Committee], Field(min_length=1)]
    """One for each rollup."""

    @classmethod
    def parse(cls, text: str) -> AvsFile:
        """Parse TOML; InputError names the field that is wrong."""
        return parse_toml(cls, text, "AVS file")

    def core(self, chain_id: int) -> EigenLayerCore:
        """Return where EigenLayer is; InputError for an unknown name or another chain's."""
        if not isinstance(self.eigenlayer, str):
            return EigenLayerCore.from_json(self.eigenlayer)
        found = profile(self.eigenlayer)
        if found.core is None or found.chain_id != chain_id:
            raise InputError(
                "eigenlayer", expected=f"one of chain {chain_id}", actual=f"{found.name}"
            )
        return found.core

    def registries(self) -> Middleware | None:
        """Return where the AVS' registries are; None before they are."""
        return None if self.middleware is None else Middleware.from_json(self.middleware)

    def plan(self, *, owner: Address, chain_id: int) -> AvsPlan:
        """Return what is to be deployed; InputError for what does not fit together."""
        return AvsPlan(
            core=self.core(chain_id),
            roles=AvsRoles(
                owner=owner,
                state_confirmer=Address.from_hex(self.roles.state_confirmer),
                poa_manager=Address.from_hex(self.roles.poa_manager),
                committee_manager=owner,
                poa_enabled=self.roles.poa_enabled,
            ),
            strategies=_addresses(self.strategies),
            slash_wad=self.slash_wad,
            reward_intervals_before=self.reward_intervals_before,
            registry=Address.from_hex(self.attestation.registry),
            max_blocks=self.attestation.max_blocks,
            validity=self.attestation.validity,
            metadata_uri=self.metadata_uri,
            quorums=tuple(
                QuorumPlan(
                    platform=item.platform,
                    strategies=_addresses(item.strategies),
                    minimum_stake=item.minimum_stake,
                    max_operators=item.max_operators,
                )
                for item in self.quorums
            ),
            committees=tuple(_committee(item) for item in self.committees),
        )


def _addresses(texts: list[str]) -> tuple[Address, ...]:
    return tuple(sorted(Address.from_hex(item) for item in texts))


def _committee(item: _Committee) -> CommitteePlan:
    rollup = item.rollup
    values = rollup.model_dump()
    values["rollup_config_hash"] = Hash32.from_hex(rollup.rollup_config_hash)
    for name in ("oracle", "reward_token"):
        values[name] = Address.from_hex(values[name])
    return CommitteePlan(
        committee=Committee(
            committee_id=item.id,
            description=item.description,
            metadata=bytes.fromhex(item.metadata[2:]),
            quorums=tuple(sorted(item.quorums)),
        ),
        policy=RollupPolicy(**values),
    )
