"""The attestation contracts of a new devnet, and what they accept: the simulation's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.attestation import Platform, TcbStatus, measurement_id
from coprove.attestation.simulation.intel import SimulatedIntel
from coprove.contracts.attestation import (
    FOREVER,
    AttestationSettings,
    MeasurementRules,
    RegistryParameters,
    deploy_attestation,
)
from coprove.contracts.attestation.dcap import deploy_dcap
from coprove.devnet.accounts import DevAccounts, Role
from coprove.devnet.manifest import TeeManifest
from coprove.devnet.options import MAX_PROVERS
from coprove.prover.tee.enclave.platforms import simulated_measurement
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import JsonRpcTransport

__all__ = ["PARAMETERS", "SIMULATION_SEED", "deploy_tee", "platform_of"]

SIMULATION_SEED: Final = "coprove devnet"
"""What keys and certificates of the simulated vendor follow from."""
PARAMETERS: Final = RegistryParameters(
    ttl=600, challenge_window=20, challenge_cooldown=20, max_block_age=256, challenge_bond=10**16
)
"""Short times, so that one sees a prover expire and a challenge fail."""
_PLATFORMS: Final = (Platform.INTEL_SGX, Platform.INTEL_TDX)
_DAY: Final = 86_400
_FUNDS: Final = 10**20


def platform_of(index: int) -> Platform:
    """Return what prover number `index`, from 0, plays: SGX and TDX in turn."""
    return _PLATFORMS[index % len(_PLATFORMS)]


async def deploy_tee(
    manager: TransactionManager, transport: JsonRpcTransport, *, now: int
) -> TeeManifest:
    """Deploy collateral, verifier, policy, registry and PoE verifier; fund the operators.

    `now` is the L1's time. The deployer owns the timelock and is the guardian.
    """
    start = now // _DAY * _DAY
    intel = SimulatedIntel(SIMULATION_SEED, start=start)
    dcap = await deploy_dcap(manager, transport, key="tee", root=intel.root)
    codes = {kind: measurement_id(kind, simulated_measurement(kind)) for kind in _PLATFORMS}
    settings = AttestationSettings(
        guardian=manager.address,
        proposers=[manager.address],
        delay=60,
        measurement_notice=60,
        parameters=PARAMETERS,
        platforms=dict.fromkeys(_PLATFORMS, dcap.verifier),
        measurements={
            code: MeasurementRules(platform=kind, active_from=start) for kind, code in codes.items()
        },
        tcb_accepted_until={(kind, TcbStatus.OK): FOREVER for kind in _PLATFORMS},
    )
    deployed = await deploy_attestation(manager, settings, key="tee")
    accounts = DevAccounts()
    for index in (*range(Role.OPERATOR, Role.OPERATOR + MAX_PROVERS), Role.CLAIMS):
        operator = Address.from_hex(accounts.account(index).address.lower())
        await manager.send(key=f"tee/fund/{index}", to=operator, value=_FUNDS)
    return TeeManifest(
        registry=str(deployed.registry),
        policy=str(deployed.policy),
        poe_verifier=str(deployed.poe_verifier),
        collateral=str(dcap.collateral),
        timelock=str(deployed.timelock),
        simulation_start=start,
    )
