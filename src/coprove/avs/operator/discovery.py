"""All contracts that an operator talks to, found from one of them: each names the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts import CallRevertedError
from coprove.contracts.abi import Function
from coprove.contracts.attestation import LivenessVerifier, PolicyContract, ProverRegistry
from coprove.contracts.avs.service_manager import ServiceManager
from coprove.contracts.caller import ContractReader
from coprove.contracts.eigenlayer import EigenLayer, EigenLayerCore, Middleware, QuorumRegistries
from coprove.errors import InputError
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.attestation import Platform
    from coprove.rpc import RpcTransport

__all__ = ["GivenAddresses", "OperatorContracts", "discover"]

_NONE: Final = Address(bytes(20))


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAddresses:
    """What a person named; at least one of the first two. What can be read is held against it."""

    service_manager: Address | None = None
    """The AVS."""
    registry_coordinator: Address | None = None
    """Its RegistryCoordinator."""
    liveness_verifier: Address | None = None
    """Its TEELivenessVerifier."""
    operator_state_retriever: Address | None = None
    """EigenLayer's OperatorStateRetriever; nothing of an operator needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorContracts:
    """Readers of all of them, at one endpoint."""

    transport: RpcTransport
    """The endpoint."""
    service_manager: ServiceManager
    """The AVS."""
    registries: QuorumRegistries
    """Its registries at EigenLayer."""
    eigenlayer: EigenLayer
    """EigenLayer's core."""
    verifier: LivenessVerifier
    """Knows which prover is whose."""
    prover_registry: ProverRegistry
    """The registry of provers behind it."""

    async def collateral(self, platform: Platform) -> Address:
        """Return the DcapCollateral that a platform's quotes are verified with.

        InputError when the policy does not accept the platform, or its verifier takes none.
        """
        policy = PolicyContract(self.transport, await self.prover_registry.policy())
        rules = await policy.platform(platform)
        if rules is None:
            raise InputError("platform", expected="one that the policy accepts", actual=platform)
        try:
            return await _address(self.transport, rules.verifier, "COLLATERAL")
        except CallRevertedError:
            raise InputError(
                f"quote verifier {rules.verifier}", expected="one of DCAP", actual="another"
            ) from None


async def discover(transport: RpcTransport, given: GivenAddresses) -> OperatorContracts:
    """Read where all contracts are; InputError for one that is not what was named."""
    manager = given.service_manager
    if manager is None:
        if given.registry_coordinator is None:
            raise InputError(
                "contracts",
                expected="the address of the service manager or the registry coordinator",
                actual="neither",
            )
        manager = await _address(transport, given.registry_coordinator, "serviceManager")
    coordinator = await _address(transport, manager, "registryCoordinator")
    verifier = await _address(transport, manager, "livenessVerifier")
    _same("registry coordinator", given.registry_coordinator, coordinator)
    _same("liveness verifier", given.liveness_verifier, verifier)
    if verifier == _NONE:
        raise InputError(
            f"service manager {manager}", expected="a liveness verifier", actual="none set yet"
        )
    core = await _core(transport, manager)
    liveness = LivenessVerifier(transport, verifier)
    return OperatorContracts(
        transport=transport,
        service_manager=ServiceManager(transport, manager),
        registries=QuorumRegistries(
            transport, await _middleware(transport, coordinator, given.operator_state_retriever)
        ),
        eigenlayer=EigenLayer(transport, core),
        verifier=liveness,
        prover_registry=ProverRegistry(
            transport, await _address(transport, verifier, "attestationVerifier")
        ),
    )


async def _core(transport: RpcTransport, manager: Address) -> EigenLayerCore:
    allocation = await _address(transport, manager, "allocationManager")
    delegation = await _address(transport, allocation, "delegation")
    return EigenLayerCore(
        delegation_manager=delegation,
        strategy_manager=await _address(transport, delegation, "strategyManager"),
        avs_directory=await _address(transport, manager, "avsDirectory"),
        allocation_manager=allocation,
        # An operator claims through the coordinator that its rewards' proofs name.
        rewards_coordinator=_NONE,
        permission_controller=await _address(transport, manager, "permissionController"),
        pauser_registry=await _address(transport, delegation, "pauserRegistry"),
    )


async def _middleware(
    transport: RpcTransport, coordinator: Address, retriever: Address | None
) -> Middleware:
    return Middleware(
        registry_coordinator=coordinator,
        stake_registry=await _address(transport, coordinator, "stakeRegistry"),
        bls_apk_registry=await _address(transport, coordinator, "blsApkRegistry"),
        index_registry=await _address(transport, coordinator, "indexRegistry"),
        operator_state_retriever=retriever or _NONE,
    )


async def _address(transport: RpcTransport, contract: Address, getter: str) -> Address:
    found = await ContractReader(transport, contract).call(Function(f"{getter}()", "(address)"))
    return Address.from_hex(found, getter)


def _same(what: str, given: Address | None, found: Address) -> None:
    if given is not None and given != found:
        raise InputError(what, expected=f"{found}, which the AVS names", actual=given)
