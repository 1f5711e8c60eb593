"""Public deployments by name: EigenLayer's core, and Automata's multi-prover AVS on it.

Sources: the README of Layr-Labs/eigenlayer-contracts (v1.12), and contracts/script/output of
automata-network/multi-prover-avs. They were read there and not on the chains: `coprove operator
doctor` looks whether there is code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coprove.contracts.eigenlayer.addresses import EigenLayerCore, Middleware
from coprove.errors import InputError
from coprove.types import Address

__all__ = ["PROFILES", "Profile", "profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A public deployment."""

    name: str
    """What it is asked for by."""
    chain_id: int
    """EIP-155 id of its L1."""
    core: EigenLayerCore | None = None
    """EigenLayer; None where its addresses could not be read."""
    service_manager: Address | None = None
    """The AVS; None for EigenLayer alone."""
    middleware: Middleware | None = None
    """The AVS' registries."""
    liveness_verifier: Address | None = None
    """The AVS' TEELivenessVerifier."""
    is_m2: bool = False
    """Whether the AVS is of the time before operator sets."""

    def to_json(self) -> dict[str, object]:
        """Return what is known, nested as it is here."""
        values: dict[str, object] = {"chain_id": self.chain_id}
        if self.core is not None:
            values["core"] = self.core.to_json()
        if self.service_manager is not None:
            values["service_manager"] = str(self.service_manager)
            values["operator_sets"] = not self.is_m2
        if self.middleware is not None:
            values["middleware"] = self.middleware.to_json()
        if self.liveness_verifier is not None:
            values["liveness_verifier"] = str(self.liveness_verifier)
        return values


def _core(
    *,
    delegation: str,
    strategies: str,
    directory: str,
    allocations: str,
    rewards: str,
    permissions: str,
    pauser: str,
) -> EigenLayerCore:
    return EigenLayerCore(
        delegation_manager=Address.from_hex(delegation.lower()),
        strategy_manager=Address.from_hex(strategies.lower()),
        avs_directory=Address.from_hex(directory.lower()),
        allocation_manager=Address.from_hex(allocations.lower()),
        rewards_coordinator=Address.from_hex(rewards.lower()),
        permission_controller=Address.from_hex(permissions.lower()),
        pauser_registry=Address.from_hex(pauser.lower()),
    )


def _middleware(
    *, coordinator: str, stakes: str, keys: str, indices: str, retriever: str
) -> Middleware:
    return Middleware(
        registry_coordinator=Address.from_hex(coordinator.lower()),
        stake_registry=Address.from_hex(stakes.lower()),
        bls_apk_registry=Address.from_hex(keys.lower()),
        index_registry=Address.from_hex(indices.lower()),
        operator_state_retriever=Address.from_hex(retriever.lower()),
    )


_MAINNET_CORE: Final = _core(
    delegation="0x39053D51B77DC0d36036Fc1fCc8Cb819df8Ef37A",
    strategies="0x858646372CC42E1A627fcE94aa7A7033e7CF075A",
    directory="0x135dda560e946695d6f155dacafc6f1f25c1f5af",
    allocations="0x948a420b8CC1d6BFd0B6087C2E7c344a2CD0bc39",
    rewards="0x7750d328b314EfFa365A0402CcfD489B80B0adda",
    permissions="0x25E5F8B1E7aDf44518d35D5B2271f114e081f0E5",
    pauser="0xB8765ed72235d279c3Fb53936E4606db0Ef12806",
)
PROFILES: Final = (
    Profile(name="eigenlayer-mainnet", chain_id=1, core=_MAINNET_CORE),
    Profile(
        name="eigenlayer-sepolia",
        chain_id=11_155_111,
        core=_core(
            delegation="0xD4A7E1Bd8015057293f0D0A557088c286942e84b",
            strategies="0x2E3D6c0744b10eb0A4e6F679F71554a39Ec47a5D",
            directory="0xa789c91ECDdae96865913130B786140Ee17aF545",
            allocations="0x42583067658071247ec8CE0A516A58f682002d07",
            rewards="0x5ae8152fb88c26ff9ca5C014c94fca3c68029349",
            permissions="0x44632dfBdCb6D3E21EF613B0ca8A6A0c618F5a37",
            pauser="0x63AAe451780090f50Ad323aAEF155F63a29D20f3",
        ),
    ),
    Profile(
        name="eigenlayer-hoodi",
        chain_id=560_048,
        core=_core(
            delegation="0x867837a9722C512e0862d8c2E15b8bE220E8b87d",
            strategies="0xeE45e76ddbEDdA2918b8C7E3035cd37Eab3b5D41",
            directory="0xD58f6844f79eB1fbd9f7091d05f7cb30d3363926",
            allocations="0x95a7431400F362F3647a69535C5666cA0133CAA0",
            rewards="0x29e8572678e0c272350aa0b4B8f304E47EBcd5e7",
            permissions="0xdcCF401fD121d8C542E96BC1d0078884422aFAD2",
            pauser="0x64D78399B0fa32EA72959f33edCF313159F3c13D",
        ),
    ),
    Profile(
        name="automata-mainnet",
        chain_id=1,
        core=_MAINNET_CORE,
        service_manager=Address.from_hex("0xe5445838c475a2980e6a88054ff1514230b83aeb"),
        middleware=_middleware(
            coordinator="0x414696E4F7f06273973E89bfD3499e8666D63Bd4",
            stakes="0x4A4EC1631aE79699be7dCFD3fCA395Ab89c5eFe9",
            keys="0x61D25c9b943b893747Bd33F92B62Ec8270222e6F",
            indices="0x16552d7863560Ee6903F092A901A9124a5013085",
            retriever="0x91246253d3Bff9Ae19065A90dC3AB6e09EefD2B6",
        ),
        liveness_verifier=Address.from_hex("0x8e26055388347a2f4a7a112a7210ccc88a1c2f30"),
        is_m2=True,
    ),
    Profile(
        name="automata-holesky",
        chain_id=17_000,
        service_manager=Address.from_hex("0x4665af665df5703445645d243f0fd63ed3b9d132"),
        middleware=_middleware(
            coordinator="0x62c715575cE3Ad7C5a43aA325b881c70564f2215",
            stakes="0x5C7BbAfA3d5A3Fa0b592cDCF4b7B52261FaA99A8",
            keys="0x2b6C2584760eDbcEC42391862f97dBB872b5e2Eb",
            indices="0x158583f023ca440e79F199f037aa8b53b198F500",
            retriever="0xbfd43ac0a19c843e44491c3207ea13914818E214",
        ),
        liveness_verifier=Address.from_hex("0x2e8628f6000ef85dea615af6da4fd6df4fd149e6"),
        is_m2=True,
    ),
)
"""Public deployments."""


def profile(name: str) -> Profile:
    """Return a public deployment by its name; InputError lists the names."""
    for one in PROFILES:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in PROFILES)
    raise InputError("profile", expected=f"one of {names}", actual=name)
