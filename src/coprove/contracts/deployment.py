"""Deployment of a devnet's whole L1 side."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

from coprove.contracts.artifacts import load_artifact, load_bedrock_artifact
from coprove.contracts.oracle_deployment import create, deploy_oracle
from coprove.errors import InputError
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from coprove.contracts.parameters import OracleParameters
    from coprove.contracts.transactions import TransactionManager

__all__ = [
    "L1Deployment",
    "RollupContracts",
    "RollupParameters",
    "deploy_l1",
    "deploy_rollup_contracts",
    "deploy_settlement",
]

_RESOURCE_CONFIG = (20_000_000, 10, 8, 10**9, 1_000_000, 2**128 - 1)
"""OP Stack's deposit fee market: limit, elasticity, denominator, base fee, system gas, ceiling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupParameters:
    """What a devnet's portal and SystemConfig are initialized with."""

    batcher: Address
    """Account that posts batches."""
    batch_inbox: Address
    """Address that batches are sent to."""
    unsafe_block_signer: Address
    """Signer of unsafe blocks."""
    gas_limit: int = 60_000_000
    """L2 block gas limit; 21 to 200 million."""
    base_fee_scalar: int = 1368
    """Scalar of the L1 base fee, in millionths."""
    blob_base_fee_scalar: int = 810_949
    """Scalar of the L1 blob base fee, in millionths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupContracts:
    """The contracts on L1 that a rollup's derivation reads; the L2 genesis may follow them."""

    optimism_portal: Address
    """Proxy of the OptimismPortal; it takes deposits once it is bound to the oracle."""
    system_config: Address
    """Proxy of the SystemConfig."""
    superchain_config: Address
    """Proxy of the SuperchainConfig."""
    portal_implementation: Address
    """What the portal's proxy will point to."""
    deployed_at: int
    """L1 block in or before which all of them are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Deployment:
    """Addresses of a devnet's contracts on L1."""

    deployed_at: int
    """L1 block in or before which all of them are there."""
    l2_output_oracle: Address
    """Proxy of the oracle."""
    verifier: Address
    """Mock SP1 verifier."""
    optimism_portal: Address
    """Proxy of the OptimismPortal."""
    system_config: Address
    """Proxy of the SystemConfig."""
    superchain_config: Address
    """Proxy of the SuperchainConfig."""

    def to_json(self) -> str:
        """Return the JSON form: numbers, and addresses in hex."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps(
            {n: str(v) if isinstance(v, Address) else v for n, v in values.items()}, indent=1
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Parse the JSON form strictly; InputError when a field is missing, extra or malformed."""
        try:
            parsed = json.loads(text)
        except ValueError as error:
            raise InputError("deployment", expected="JSON", actual=error) from error
        names = {field.name for field in fields(cls)}
        if not isinstance(parsed, dict) or set(parsed) != names:
            raise InputError("deployment", expected=f"the fields {sorted(names)}", actual=parsed)
        values: dict[str, int | Address] = {}
        for name, value in parsed.items():
            if name == "deployed_at":
                if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                    raise InputError(name, expected="a number", actual=value)
                values[name] = value
            else:
                values[name] = Address.from_hex(value, name)
        return cls(**values)  # type: ignore[arg-type]

    def save(self, path: Path) -> None:
        """Write the JSON form to a file."""
        path.write_text(self.to_json())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the JSON form from a file."""
        return cls.from_json(path.read_bytes())


async def deploy_rollup_contracts(
    manager: TransactionManager, *, rollup: RollupParameters, key: str = "deploy"
) -> RollupContracts:
    """Deploy what the L2 genesis refers to; the sender owns it and administers the proxies.

    The OP Stack contracts come from node_modules; development chains only. Called again with the
    same `key` and store it goes on where it stopped.
    """
    owner = bytes(manager.address)
    proxy = load_bedrock_artifact("Proxy")
    superchain = load_bedrock_artifact("SuperchainConfig")
    system = load_bedrock_artifact("SystemConfig")
    made = await asyncio.gather(
        create(manager, f"{key}/portal", load_bedrock_artifact("OptimismPortal")),
        create(manager, f"{key}/superchain-config", superchain),
        create(manager, f"{key}/system-config", system),
        create(manager, f"{key}/portal-proxy", proxy, owner),
        create(manager, f"{key}/superchain-config-proxy", proxy, owner),
        create(manager, f"{key}/system-config-proxy", proxy, owner),
    )
    portal_code, superchain_code, system_code, portal_proxy, superchain_proxy, system_proxy = made
    extension = await create(
        manager,
        f"{key}/system-config-extension",
        load_artifact("SystemConfigExtension"),
        bytes(system_code),
    )
    addresses = (bytes(20),) * 4 + (bytes(portal_proxy), bytes(20), bytes(20))
    settled = await asyncio.gather(
        _upgrade(
            manager,
            f"{key}/superchain-config-initialize",
            superchain_proxy,
            superchain_code,
            superchain.call("initialize", owner, False),  # noqa: FBT003 - not paused
        ),
        _upgrade(
            manager,
            f"{key}/system-config-initialize",
            system_proxy,
            extension,
            system.call(
                "initialize",
                owner,
                rollup.base_fee_scalar,
                rollup.blob_base_fee_scalar,
                bytes(12) + rollup.batcher,
                rollup.gas_limit,
                bytes(rollup.unsafe_block_signer),
                _RESOURCE_CONFIG,
                bytes(rollup.batch_inbox),
                addresses,
            ),
        ),
    )
    return RollupContracts(
        optimism_portal=portal_proxy,
        system_config=system_proxy,
        superchain_config=superchain_proxy,
        portal_implementation=portal_code,
        deployed_at=max(settled),
    )


async def deploy_settlement(
    manager: TransactionManager,
    *,
    contracts: RollupContracts,
    oracle: OracleParameters,
    key: str = "deploy",
) -> L1Deployment:
    """Deploy the mock verifier and the oracle, and bind the portal to the oracle."""
    verifier = await create(manager, f"{key}/verifier", load_artifact("MockSP1Verifier"))
    proxy = await deploy_oracle(manager, verifier=verifier, parameters=oracle, key=key)
    block = await _upgrade(
        manager,
        f"{key}/portal-initialize",
        contracts.optimism_portal,
        contracts.portal_implementation,
        load_bedrock_artifact("OptimismPortal").call(
            "initialize",
            bytes(proxy),
            bytes(contracts.system_config),
            bytes(contracts.superchain_config),
        ),
    )
    return L1Deployment(
        deployed_at=block,
        l2_output_oracle=proxy,
        verifier=verifier,
        optimism_portal=contracts.optimism_portal,
        system_config=contracts.system_config,
        superchain_config=contracts.superchain_config,
    )


async def deploy_l1(
    manager: TransactionManager,
    *,
    rollup: RollupParameters,
    oracle: Callable[[RollupContracts], Awaitable[OracleParameters]],
    key: str = "deploy",
) -> L1Deployment:
    """Deploy a devnet's whole L1 side.

    `oracle` is asked for the oracle's parameters in the middle: the rollup's config and genesis
    name the portal and the SystemConfig, and the oracle holds their hashes. With automatic mining
    it takes about a second.
    """
    contracts = await deploy_rollup_contracts(manager, rollup=rollup, key=key)
    parameters = await oracle(contracts)
    return await deploy_settlement(manager, contracts=contracts, oracle=parameters, key=key)


async def _upgrade(
    manager: TransactionManager, key: str, proxy: Address, implementation: Address, data: bytes
) -> int:
    """Point an OP Stack proxy at its implementation and initialize it; return the L1 block."""
    upgrade = load_bedrock_artifact("Proxy").call("upgradeToAndCall", bytes(implementation), data)
    mined = await manager.send(key=key, to=proxy, data=upgrade)
    return mined.block_number
