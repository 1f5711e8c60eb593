"""Gas of a simulated SGX prover's way into the registry, on an anvil with P256VERIFY."""

from __future__ import annotations

import asyncio

from tests.integration.sgx_lab import running_sgx_lab

from coprove.telemetry import configure_logging

__all__ = ["main", "run"]

RENEWED_AFTER = 3600
"""Seconds from the registration to the renewal that is measured."""


def run() -> dict[str, float]:
    """Print a table; return figures for results.json.

    Whole transactions, behind the proxies: `register_gas` a prover's first registration,
    `reattest_gas` a renewal. Both rest on the platform's certificate (`pck_gas`) and on
    collateral (`crl_gas`, `tcb_info_gas`, `qe_identity_gas`, `authority_gas`), which are
    registered once for all provers and renewed when the vendor renews them.
    """
    configure_logging("bench", level="warning")
    figures = asyncio.run(_measure())
    for name, gas in figures.items():
        print(f"{name:<28} {gas:>10,} gas")
    return {f"attestation.{name}": gas for name, gas in figures.items()}


async def _measure() -> dict[str, int]:
    async with running_sgx_lab() as lab:
        register = await lab.register(await lab.registration())
        await lab.l1.rpc("evm_increaseTime", RENEWED_AFTER)
        await lab.l1.mine()
        renew = await lab.register(await lab.registration())
        kinds = {name.replace("-", "_"): gas for name, gas in lab.collateral_gas.items()}
    pck = kinds.pop("platform")
    figures = {"reattest_gas": renew, "register_gas": register, "pck_gas": pck}
    return figures | {f"{name}_gas": gas for name, gas in sorted(kinds.items())}


def main() -> None:
    """Run on its own."""
    print(run())


if __name__ == "__main__":
    main()
