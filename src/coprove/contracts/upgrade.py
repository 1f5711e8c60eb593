"""Upgrade of a live oracle in place: look, compare the storage, then point the proxy elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.artifacts import load_artifact
from coprove.contracts.caller import ContractReader
from coprove.contracts.errors import CallRevertedError, StorageMismatchError, UpgradeError
from coprove.contracts.generations import open_output_contract
from coprove.contracts.oracle import OutputOracle
from coprove.contracts.parameters import ORACLE_ARTIFACTS
from coprove.contracts.settlement import ContractCall, Generation
from coprove.contracts.storage_check import compare_storage, initialized_version, read_slot
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.contracts.parameters import OracleParameters
    from coprove.rpc import RpcTransport

__all__ = [
    "Proxy",
    "UpgradePlan",
    "check_implementation",
    "check_upgraded",
    "plan_upgrade",
    "read_proxy",
    "simulate_upgrade",
]

_IMPLEMENTATION_SLOT: Final = int.from_bytes(keccak256(b"eip1967.proxy.implementation")) - 1
_ADMIN_SLOT: Final = int.from_bytes(keccak256(b"eip1967.proxy.admin")) - 1
_NO_ADDRESS: Final = Address(bytes(20))
_OWNER: Final = Function("owner()", "(address)")
_INTERFACE_VERSION: Final = Function("UPGRADE_INTERFACE_VERSION()", "(string)")
_UPGRADE_THROUGH_ADMIN: Final = Function("upgradeAndCall(address,address,bytes)")
_SET_THROUGH_ADMIN: Final = Function("upgrade(address,address)")
_UPGRADE: Final = Function("upgradeToAndCall(address,bytes)")
_SET: Final = Function("upgradeTo(address)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An ERC-1967 proxy and who may upgrade it."""

    address: Address
    """The proxy."""
    implementation: Address
    """What it points to."""
    admin: Address
    """Who it obeys: an account, or a ProxyAdmin contract."""
    sender: Address
    """Account that the upgrade must come from: the ProxyAdmin's owner, or the admin itself."""
    has_admin_contract: bool
    """Whether a ProxyAdmin passes the upgrade on."""
    takes_empty_call: bool
    """Whether that ProxyAdmin's upgradeAndCall leaves the call out when its data is empty."""

    def upgrade_call(self, implementation: Address, data: bytes) -> ContractCall:
        """Return the call that upgrades, and runs `data` on the new implementation if there is any.

        The ProxyAdmins of OpenZeppelin 5, of OpenZeppelin 4 and of OP Stack, and OP Stack's Proxy
        without one, each have their own form.
        """
        target = bytes(implementation)
        if not self.has_admin_contract:
            call = _UPGRADE.encode(target, data) if data else _SET.encode(target)
            return ContractCall(to=self.address, data=call)
        if data or self.takes_empty_call:
            call = _UPGRADE_THROUGH_ADMIN.encode(bytes(self.address), target, data)
        else:
            call = _SET_THROUGH_ADMIN.encode(bytes(self.address), target)
        return ContractCall(to=self.admin, data=call)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradePlan:
    """An upgrade that was checked against the live contract."""

    proxy: Proxy
    """What is upgraded."""
    old_version: str
    """Version of the implementation that is there."""
    generation: Generation
    """Generation afterwards."""
    initializer: bytes
    """Calldata that goes with the upgrade; empty where the initializer has run before."""
    outputs: int
    """Number of outputs in the list when the plan was made."""

    def call(self, implementation: Address) -> ContractCall:
        """Return the call that the proxy's admin must send."""
        return self.proxy.upgrade_call(implementation, self.initializer)


async def read_proxy(transport: RpcTransport, address: Address) -> Proxy:
    """Read a proxy's ERC-1967 slots and find out who may upgrade it; InputError for no proxy."""
    implementation = _address(await read_slot(transport, address, _IMPLEMENTATION_SLOT))
    admin = _address(await read_slot(transport, address, _ADMIN_SLOT))
    if _NO_ADDRESS in (implementation, admin):
        raise InputError(str(address), expected="an ERC-1967 proxy with an admin", actual="none")
    reader = ContractReader(transport, admin)
    sender, has_admin_contract, takes_empty_call = admin, False, False
    try:
        sender = Address.from_hex(await reader.call(_OWNER))
        has_admin_contract = True
        takes_empty_call = bool(await reader.call(_INTERFACE_VERSION))
    except (CallRevertedError, InputError):
        pass  # An account or a multisig has no owner, an older ProxyAdmin no such version.
    return Proxy(
        address=address,
        implementation=implementation,
        admin=admin,
        sender=sender,
        has_admin_contract=has_admin_contract,
        takes_empty_call=takes_empty_call,
    )


async def plan_upgrade(
    transport: RpcTransport,
    address: Address,
    *,
    generation: Generation,
    parameters: OracleParameters | None,
    verifier: Address | None,
) -> UpgradePlan:
    """Compare a live oracle with what it is to become; nothing is sent.

    Raises StorageMismatchError naming every variable that the new implementation would read
    otherwise, UnknownGenerationError for another contract, and UpgradeError where the upgrade
    would lose or open something: a lower generation, an initializer without parameters, or one
    that would let everyone propose where only some may. `parameters` and `verifier` go to the
    initializer where it has to run.
    """
    proxy = await read_proxy(transport, address)
    there = await open_output_contract(transport, address)
    if there.generation > generation:
        raise UpgradeError(f"{address} is of generation {there.generation}, above {generation}")
    name = ORACLE_ARTIFACTS[generation]
    layout = load_artifact(name).storage
    mismatches = await compare_storage(transport, address, layout)
    if mismatches:
        raise StorageMismatchError(address.hex0x, mismatches=mismatches)
    done = await initialized_version(transport, address)
    wanted = _INITIALIZERS[generation]
    if done > wanted:
        raise UpgradeError(f"{address} was initialized at version {done}, above {wanted}")
    oracle = OutputOracle(transport, address)
    initializer = b""
    if done < wanted:
        if parameters is None or verifier is None:
            raise UpgradeError(
                f"the initializer must run (version {done} to {wanted}): give the parameter file"
            )
        if parameters.proposer == _NO_ADDRESS and not await oracle.may_propose(_NO_ADDRESS):
            raise UpgradeError("a zero proposer would let everyone propose, which none may now")
        initializer = parameters.initializer(verifier, generation)
    return UpgradePlan(
        proxy=proxy,
        old_version=await there.version(),
        generation=generation,
        initializer=initializer,
        outputs=await oracle.next_output_index(),
    )


async def check_implementation(
    transport: RpcTransport, implementation: Address, generation: Generation
) -> None:
    """Raise UpgradeError unless a deployed implementation has the code of this package's."""
    creation = load_artifact(ORACLE_ARTIFACTS[generation]).creation_code()
    # The endpoint runs the constructor; the oracles have no immutable values in their code.
    wanted = await transport.call("eth_call", [{"data": f"0x{creation.hex()}"}, "latest"])
    there = await transport.call("eth_getCode", [implementation.hex0x, "latest"])
    if not isinstance(wanted, str) or len(wanted) < 4:
        raise InputError("eth_call of a creation", expected="code", actual=wanted)
    if there != wanted:
        raise UpgradeError(f"{implementation} is no {ORACLE_ARTIFACTS[generation]} of this version")


async def simulate_upgrade(
    transport: RpcTransport, plan: UpgradePlan, implementation: Address
) -> ContractCall:
    """Return the upgrade's call after a run on the latest state; CallRevertedError if it fails."""
    call = plan.call(implementation)
    reader = ContractReader(transport, call.to)
    await reader.check(call.data, sender=plan.proxy.sender, what="the upgrade")
    return call


async def check_upgraded(
    transport: RpcTransport, plan: UpgradePlan, implementation: Address
) -> str:
    """Return the version that the upgraded oracle tells; UpgradeError when it is not upgraded."""
    proxy = await read_proxy(transport, plan.proxy.address)
    if proxy.implementation != implementation:
        raise UpgradeError(
            f"{proxy.address} points to {proxy.implementation}, not to {implementation}"
        )
    there = await open_output_contract(transport, proxy.address)
    outputs = await OutputOracle(transport, proxy.address).next_output_index()
    if there.generation is not plan.generation or outputs < plan.outputs:
        raise UpgradeError(
            f"{proxy.address} is of generation {there.generation} with {outputs} outputs,"
            f" expected {plan.generation} with {plan.outputs}"
        )
    return await there.version()


def _address(word: int) -> Address:
    return Address((word & ((1 << 160) - 1)).to_bytes(20))


_INITIALIZERS: Final = {Generation.FIRST: 1, Generation.SECOND: 3}
"""`initializerVersion` of each generation's implementation."""
