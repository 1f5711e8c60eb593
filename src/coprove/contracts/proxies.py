"""Proxies that are deployed before what stands behind them, for contracts that name each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.contracts.artifacts import load_artifact
from coprove.contracts.oracle_deployment import create
from coprove.contracts.upgrade import read_proxy

if TYPE_CHECKING:
    from coprove.contracts.artifacts import Artifact
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport
    from coprove.types import Address

__all__ = ["deploy_placeholder", "empty_proxy", "fill_proxy"]


async def deploy_placeholder(manager: TransactionManager, *, key: str) -> Address:
    """Deploy what empty proxies stand before."""
    return await create(manager, key, load_artifact("Placeholder"))


async def empty_proxy(
    manager: TransactionManager, *, key: str, placeholder: Address, owner: Address
) -> Address:
    """Deploy a proxy of nothing; `owner` may upgrade it."""
    proxy, reserve = load_artifact("OracleProxy"), load_artifact("Placeholder").call("reserve")
    return await create(manager, key, proxy, bytes(placeholder), bytes(owner), reserve)


async def fill_proxy(
    manager: TransactionManager,
    transport: RpcTransport,
    proxy: Address,
    artifact: Artifact,
    *arguments: object,
    key: str,
    initializer: bytes,
) -> None:
    """Deploy an implementation and put it behind a proxy whose owner the sender is."""
    implementation = await create(manager, f"{key}/implementation", artifact, *arguments)
    found = await read_proxy(transport, proxy)
    call = found.upgrade_call(implementation, initializer)
    await manager.send(key=f"{key}/fill", to=call.to, data=call.data)
