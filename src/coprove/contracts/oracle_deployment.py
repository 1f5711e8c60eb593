"""Deployment of what a rollup settles in: the oracle of either generation, the dispute game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts.abi import Function
from coprove.contracts.artifacts import load_artifact, load_bedrock_artifact
from coprove.contracts.caller import ContractReader
from coprove.contracts.errors import DeploymentError
from coprove.contracts.generations import GAME_TYPE, set_dispute_game_factory_call
from coprove.contracts.parameters import ORACLE_ARTIFACTS
from coprove.contracts.settlement import ContractCall, Generation
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.contracts.artifacts import Artifact
    from coprove.contracts.parameters import OracleParameters
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport

__all__ = [
    "GameDeployment",
    "create",
    "deploy_factory",
    "deploy_game",
    "deploy_mock_verifier",
    "deploy_oracle",
    "has_code",
    "owner_of",
]

_NO_ADDRESS = bytes(20)
_OWNER = Function("owner()", "(address)")
_SET_IMPLEMENTATION = Function("setImplementation(uint32,address)")


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDeployment:
    """A validity game, and what puts it into use."""

    game: Address
    """The implementation that the factory clones."""
    factory: Address
    """OP Stack's DisputeGameFactory."""
    register: ContractCall
    """For the factory's owner: clone this game for its type."""
    route: ContractCall
    """For the oracle's owner: have proposals come through the factory."""


async def deploy_oracle(
    manager: TransactionManager,
    *,
    verifier: Address,
    parameters: OracleParameters,
    key: str,
    generation: Generation = Generation.FIRST,
    implementation: Address | None = None,
    proxy_owner: Address | None = None,
) -> Address:
    """Deploy the oracle behind its proxy, initialized, and return the proxy's address.

    The sender pays; `parameters.owner` owns the contract, and its ProxyAdmin too unless a
    `proxy_owner` is given, who alone may upgrade then. `key` names the deployment:
    called again with it, after a crash too, it goes on where it stopped. `implementation` is one
    that is there already. Needs nothing but the package.
    """
    artifact = load_artifact(ORACLE_ARTIFACTS[generation])
    if implementation is None:
        implementation = await create(manager, f"{key}/oracle", artifact)
    return await create(
        manager,
        f"{key}/oracle-proxy",
        load_artifact("OracleProxy"),
        bytes(implementation),
        bytes(proxy_owner or parameters.owner),
        parameters.initializer(verifier, generation),
    )


async def deploy_mock_verifier(manager: TransactionManager, *, key: str) -> Address:
    """Deploy the mock verifier; CallRevertedError NotADevChain outside development chains."""
    return await create(manager, f"{key}/verifier", load_artifact("MockSP1Verifier"))


async def deploy_factory(manager: TransactionManager, *, owner: Address, key: str) -> Address:
    """Deploy OP Stack's DisputeGameFactory behind a proxy, for chains that have none.

    Its artifact comes from node_modules: ToolNotFoundError without them.
    """
    artifact = load_bedrock_artifact("DisputeGameFactory")
    implementation = await create(manager, f"{key}/factory", artifact)
    return await create(
        manager,
        f"{key}/factory-proxy",
        load_artifact("OracleProxy"),
        bytes(implementation),
        bytes(owner),
        artifact.call("initialize", bytes(owner)),
    )


async def deploy_game(
    manager: TransactionManager,
    *,
    oracle: Address,
    factory: Address,
    registry: Address | None = None,
    key: str,
) -> GameDeployment:
    """Deploy the validity game of an oracle.

    `registry` is OP Stack's AnchorStateRegistry, where there is one. The game is in use once the
    owners of factory and oracle have sent the two calls that are returned.
    """
    game = await create(
        manager,
        f"{key}/game",
        load_artifact("ValidityDisputeGame"),
        bytes(oracle),
        bytes(registry or _NO_ADDRESS),
    )
    return GameDeployment(
        game=game,
        factory=factory,
        register=ContractCall(to=factory, data=_SET_IMPLEMENTATION.encode(GAME_TYPE, bytes(game))),
        route=ContractCall(to=oracle, data=set_dispute_game_factory_call(factory)),
    )


async def owner_of(transport: RpcTransport, contract: Address) -> Address:
    """Return the owner of an ownable contract."""
    return Address.from_hex(await ContractReader(transport, contract).call(_OWNER), "owner")


async def has_code(transport: RpcTransport, contract: Address) -> bool:
    """Whether there is a contract at an address."""
    return await transport.call("eth_getCode", [contract.hex0x, "latest"]) != "0x"


async def create(
    manager: TransactionManager, key: str, artifact: Artifact, *arguments: object
) -> Address:
    """Create a contract and return its address; DeploymentError when none came of it."""
    mined = await manager.send(key=key, to=None, data=artifact.creation_code(*arguments))
    if mined.contract_address is None:
        raise DeploymentError(f"{key} created no contract")
    return mined.contract_address
