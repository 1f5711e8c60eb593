"""All checks of a setup, at once; one that fails or hangs stops no other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from coprove.doctor import contract, nodes, services
from coprove.doctor.findings import Finding, failed
from coprove.doctor.setup import open_setup
from coprove.errors import CoproveError, InputError, Temporary
from coprove.telemetry import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coprove.config import Settings
    from coprove.doctor.setup import Setup

__all__ = ["CHECKS", "examine", "guarded"]

T = TypeVar("T")

CHECKS: Final[tuple[tuple[str, Callable[[Setup], Awaitable[Finding]]], ...]] = (
    ("L1", nodes.check_l1),
    ("clock", nodes.check_clock),
    ("L1 config", nodes.check_l1_config),
    ("L1 methods", nodes.check_l1_methods),
    ("beacon", nodes.check_beacon),
    ("L2", nodes.check_l2),
    ("L2 methods", nodes.check_l2_methods),
    ("rollup node", nodes.check_rollup_node),
    ("safe-head database", nodes.check_safe_db),
    ("contract", contract.check_contract),
    ("keys", contract.check_keys),
    ("progress", contract.check_progress),
    ("signer", contract.check_signer),
    ("right to propose", contract.check_right),
    ("balance", contract.check_balance),
    ("storage", services.check_storage),
    ("disk", services.check_disk),
    ("prover", services.check_prover),
    ("prover network", services.check_network),
    ("proof server", services.check_proof_server),
    ("DA servers", services.check_da),
)
"""Every check and its name, in the order in which they are shown."""


async def examine(settings: Settings, *, seconds: float = 15.0) -> list[Finding]:
    """Make all checks; each request to a node may take `seconds`, each check four times that."""
    async with open_setup(settings, seconds=seconds) as setup:
        return list(
            await asyncio.gather(
                *(guarded(name, check, setup, 4 * seconds) for name, check in CHECKS)
            )
        )


async def guarded(
    name: str, check: Callable[[T], Awaitable[Finding]], setup: T, seconds: float
) -> Finding:
    """Make one check in so many seconds; what it raises is a finding as well."""
    try:
        async with asyncio.timeout(seconds):
            found = await check(setup)
    except TimeoutError:
        found = failed(f"no answer within {seconds:g} s", "Look at the node and the network.")
    except InputError as error:
        found = failed(str(redact(str(error))), "Correct the value that is named.")
    except Temporary as error:
        found = failed(
            str(redact(str(error))), "Look whether it runs and can be reached from here."
        )
    except CoproveError as error:
        found = failed(f"{type(error).__name__}: {redact(str(error))}", "See the text.")
    return replace(found, name=name)
