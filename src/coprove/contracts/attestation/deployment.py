"""Deployment of the attestation contracts, behind proxies that a timelock administers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.contracts.artifacts import load_artifact
from coprove.contracts.attestation.records import RegistryParameters
from coprove.contracts.oracle_deployment import create
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.attestation.claims import TcbStatus
    from coprove.attestation.platform import Platform
    from coprove.contracts.artifacts import Artifact
    from coprove.contracts.attestation.attestors import AttestorRules
    from coprove.contracts.attestation.records import MeasurementRules
    from coprove.contracts.transactions import TransactionManager
    from coprove.types import Address, Hash32

__all__ = [
    "AttestationDeployment",
    "AttestationSettings",
    "deploy_attestation",
    "deploy_attestors",
    "deploy_timelock",
]

_ANYONE = bytes(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationSettings:
    """What registry and policy begin with. What comes later goes through the timelock."""

    guardian: Address
    """May pause, ban keys and withdraw measurements at once."""
    proposers: Sequence[Address]
    """May schedule calls through the timelock and cancel them; at least one."""
    executors: Sequence[Address] = ()
    """May execute them; empty: everyone."""
    delay: int = 2 * 24 * 3600
    """Seconds from scheduling a call to its execution, at least."""
    measurement_notice: int = 24 * 3600
    """Seconds from announcing a measurement to its activation, at least."""
    parameters: RegistryParameters = field(default_factory=RegistryParameters)
    """Times, ages and the bond."""
    platforms: Mapping[Platform, Address]
    """Quote verifiers by kind of environment."""
    measurements: Mapping[Hash32, MeasurementRules]
    """First measurements, free of the notice."""
    tcb_accepted_until: Mapping[tuple[Platform, TcbStatus], int]
    """First accepted TCB statuses, with the Unix seconds until which each is."""
    liveness_validity: int = 3600
    """Seconds that a report counts in the AVS' liveness interface."""
    liveness_max_blocks: int = 256
    """Blocks that a report may be old there."""

    def __post_init__(self) -> None:
        """Refuse a timelock that nobody could use; InputError."""
        if not self.proposers:
            raise InputError("proposers of the timelock", expected="one or more", actual="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationDeployment:
    """Addresses of the attestation contracts."""

    timelock: Address
    """Owns the ProxyAdmins and holds the roles that loosen."""
    policy: Address
    """Proxy of the AttestationPolicy."""
    registry: Address
    """Proxy of the TEEProverRegistry."""
    poe_verifier: Address
    """PoEVerifier of the registry's provers."""
    liveness_verifier: Address
    """Proxy of the AVS' TEELivenessVerifier over the registry."""


async def deploy_attestation(
    manager: TransactionManager, settings: AttestationSettings, *, key: str = "attestation"
) -> AttestationDeployment:
    """Deploy timelock, policy, registry, PoE verifier and the AVS' liveness interface.

    The sender pays and keeps no right. `key` names the deployment: called again with it, after a
    crash too, it goes on where it stopped. Needs nothing but the package.
    """
    timelock = await deploy_timelock(
        manager,
        delay=settings.delay,
        proposers=settings.proposers,
        executors=settings.executors,
        key=f"{key}/timelock",
    )
    admin, guardian = bytes(timelock), bytes(settings.guardian)
    policy_artifact = load_artifact("AttestationPolicy")
    policy = await _proxied(
        manager,
        f"{key}/policy",
        policy_artifact,
        timelock,
        policy_artifact.call("initialize", _policy_params(settings, admin)),
    )
    registry_artifact = load_artifact("TEEProverRegistry")
    registry = await _proxied(
        manager,
        f"{key}/registry",
        registry_artifact,
        timelock,
        registry_artifact.call(
            "initialize", admin, admin, guardian, bytes(policy), settings.parameters.to_abi()
        ),
    )
    poe = await create(manager, f"{key}/poe", load_artifact("PoEVerifier"), bytes(registry))
    liveness_artifact = load_artifact("TEELivenessVerifier")
    liveness = await _proxied(
        manager,
        f"{key}/liveness",
        liveness_artifact,
        timelock,
        liveness_artifact.call(
            "initialize",
            admin,
            bytes(registry),
            settings.liveness_max_blocks,
            settings.liveness_validity,
        ),
    )
    return AttestationDeployment(
        timelock=timelock,
        policy=policy,
        registry=registry,
        poe_verifier=poe,
        liveness_verifier=liveness,
    )


async def deploy_timelock(
    manager: TransactionManager,
    *,
    delay: int,
    proposers: Sequence[Address],
    executors: Sequence[Address] = (),
    key: str,
) -> Address:
    """Deploy a timelock; without `executors` everyone may execute what is ready."""
    return await create(
        manager,
        key,
        load_artifact("Timelock"),
        delay,
        [bytes(account) for account in proposers],
        [bytes(account) for account in executors] or [_ANYONE],
    )


async def deploy_attestors(
    manager: TransactionManager,
    *,
    owner: Address,
    attestors: Sequence[Address],
    rules: AttestorRules,
    key: str,
) -> Address:
    """Deploy an AttestorVerifier; `owner` changes attestors and rules: a timelock."""
    return await create(
        manager,
        key,
        load_artifact("AttestorVerifier"),
        bytes(owner),
        [bytes(account) for account in attestors],
        rules.to_abi(),
    )


async def _proxied(
    manager: TransactionManager, key: str, artifact: Artifact, admin: Address, data: bytes
) -> Address:
    implementation = await create(manager, f"{key}/implementation", artifact)
    proxy = load_artifact("OracleProxy")
    return await create(manager, f"{key}/proxy", proxy, bytes(implementation), bytes(admin), data)


def _policy_params(settings: AttestationSettings, admin: bytes) -> tuple[object, ...]:
    return (
        admin,
        admin,
        bytes(settings.guardian),
        settings.measurement_notice,
        [(kind.number, bytes(verifier)) for kind, verifier in settings.platforms.items()],
        [(bytes(code), rules.to_abi()) for code, rules in settings.measurements.items()],
        [
            (kind.number, int(status), until)
            for (kind, status), until in settings.tcb_accepted_until.items()
        ],
    )
