"""Commands of `coprove operator` about rewards: what there is, and the claim."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from coprove.avs.operator.claiming import claim_rewards, rewards_of
from coprove.cli.console import print_result, read_file
from coprove.cli.sending import address
from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config.operator import open_account
from coprove.config.operator_rewards import avs_rewards, rewards_coordinator
from coprove.contracts.eigenlayer import read_earnings

if TYPE_CHECKING:
    from coprove.avs.operator.claiming import Claimed, TokenRewards
    from coprove.config import Settings
    from coprove.types import Address

__all__ = ["claim", "rewards"]

_DEFAULT = SettingsOptions()


def rewards(
    *,
    from_block: int = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Show what the AVS gave the operator, and what of it was claimed. Nothing is changed.

    Parameters
    ----------
    from_block
        L1 block from which the AVS' rewards are counted.
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("operator", settings)

    async def found() -> tuple[Address, list[TokenRewards]]:
        async with open_account(loaded) as account:
            transport, operator = account.contracts.transport, account.manager.address
            contract = await avs_rewards(loaded, transport, account.contracts.service_manager)
            coordinator = await rewards_coordinator(loaded, transport, contract)
            return operator, await rewards_of(operator, contract, coordinator, first=from_block)

    operator, tokens = asyncio.run(found())
    if json:
        by_token = {
            str(item.token): {
                "settled": str(item.settled),
                "tasks": item.tasks,
                "claimed": str(item.claimed),
            }
            for item in tokens
        }
        print_result({"operator": str(operator), "tokens": by_token}, as_json=True)
        return 0
    values: dict[str, object] = {"operator": str(operator)}
    for item in tokens:
        values[str(item.token)] = (
            f"{item.settled} for {item.tasks} tasks, {item.claimed} claimed of all AVSs"
        )
    print_result(values if tokens else {**values, "rewards": "none yet"}, as_json=False)
    return 0


def claim(
    file: Path,
    *,
    earner: str | None = None,
    recipient: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Claim rewards from EigenLayer (RewardsCoordinator.processClaim), all that is left.

    Parameters
    ----------
    file
        What everybody earned up to a root: EigenLayer's claim-amounts.json, or what its Sidecar
        answers for that root. It is held against the roots on chain.
    earner
        Whose rewards; the account's own, unless it claims for another one.
    recipient
        Who gets them; the account.
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("operator", settings)
    earnings = read_earnings(read_file(file))
    whose = None if earner is None else address(earner, "--earner")
    who = None if recipient is None else address(recipient, "--recipient")

    async def claimed(loaded: Settings) -> tuple[Address, Claimed]:
        async with open_account(loaded) as account:
            own = account.manager.address
            transport = account.contracts.transport
            contract = None
            if loaded.operator.rewards_coordinator is None:
                contract = await avs_rewards(loaded, transport, account.contracts.service_manager)
            coordinator = await rewards_coordinator(loaded, transport, contract)
            return whose or own, await claim_rewards(
                account.manager,
                coordinator,
                earnings,
                earner=whose or own,
                recipient=who or own,
            )

    of, result = asyncio.run(claimed(loaded))
    values: dict[str, object] = {"earner": str(of)}
    values |= {str(token): str(amount) for token, amount in result.amounts.items()}
    if result.transaction is None:
        print_result({**values, "nothing": "to claim"}, as_json=json)
    else:
        print_result({**values, "claim": result.transaction.hex0x}, as_json=json)
    return 0
