"""A file that `coprove deploy avs` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["toml"]

NAMES = (
    "delegation_manager",
    "strategy_manager",
    "avs_directory",
    "allocation_manager",
    "rewards_coordinator",
    "permission_controller",
    "pauser_registry",
)
CORE = {name: f"0x{number + 1:040x}" for number, name in enumerate(NAMES)}


def table(name: str, values: Mapping[str, str]) -> str:
    lines = [f'{key} = "{value}"' for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines])


def toml(
    *,
    eigenlayer: Mapping[str, str] | str | None = None,
    middleware: Mapping[str, str] | None = None,
    strategy: str = "0x" + "0c" * 20,
    registry: str = "0x" + "0e" * 20,
    roles: str = "",
    quorum: str = "",
    committee: str = "",
    rollup: str = "",
) -> str:
    """Return a file that is right but for what a test says."""
    found = CORE if eigenlayer is None else eigenlayer
    parts = [
        "version = 1",
        f'eigenlayer = "{found}"' if isinstance(found, str) else "",
        f'strategies = ["{strategy}"]',
        f"slash_wad = {10**17}",
        "" if isinstance(found, str) else table("eigenlayer", found),
        "" if middleware is None else table("middleware", middleware),
        f'[roles]\nstate_confirmer = "0x{"0a" * 20}"\npoa_manager = "0x{"0b" * 20}"\n{roles}',
        f'[attestation]\nregistry = "{registry}"',
        f'[[quorums]]\nplatform = "intel-sgx"\nstrategies = ["{strategy}"]\n{quorum}',
        f'[[quorums]]\nplatform = "intel-tdx"\nstrategies = ["{strategy}"]',
        f'[[committees]]\nid = 1\ndescription = "a rollup"\nquorums = [1, 0]\n{committee}',
        f'[committees.rollup]\nl2_chain_id = 901\nrollup_config_hash = "0x{"cf" * 32}"',
        "first_block = 1\ninterval = 10\nl2_genesis_time = 1700000000\nl2_block_time = 2",
        f'window = 86400\nreward_token = "0x{"0d" * 20}"\n{rollup}',
    ]
    return "\n".join(parts) + "\n"
