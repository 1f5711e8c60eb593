"""What the chain says about a devnet's AVS: confirmations, stakes, slashings, claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.devnets import RunningDevnet, until

from coprove.contracts.avs import ServiceManager
from coprove.contracts.avs.slashing import AvsSlasher
from coprove.contracts.eigenlayer import RewardsCoordinator, operator_shares
from coprove.devnet.avs.keys import bls_key_of, operator_account
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.contracts.avs import TaskConfirmed
    from coprove.contracts.avs.slashing import OperatorSlashed

__all__ = ["INTERVAL", "AvsWatch", "all_confirmed", "confirmed_ranges"]

INTERVAL = 10
"""Blocks from one output to the next, which `running_devnet` takes."""


async def confirmed_ranges(devnet: RunningDevnet) -> dict[int, TaskConfirmed]:
    """Confirmations by the range's last block."""
    assert devnet.manifest.avs is not None
    manager = ServiceManager(
        devnet.l1().transport, Address.from_hex(devnet.manifest.avs.service_manager)
    )
    found = await manager.tasks_confirmed(first=0)
    by_end = {item.end_block: item for item in found}
    assert len(by_end) == len(found), "a range is confirmed once"
    return by_end


async def all_confirmed(devnet: RunningDevnet, l2_block: int) -> None:
    """Wait until every output up to `l2_block` is confirmed, by another way to the same root."""
    wanted = set(range(INTERVAL, l2_block + 1, INTERVAL))

    async def are_there() -> bool:
        return wanted <= set(await confirmed_ranges(devnet))

    await until(f"ranges confirmed up to {l2_block}", are_there, 400)
    confirmed = await confirmed_ranges(devnet)
    for output in await devnet.outputs():
        if output.l2_block in wanted:
            assert confirmed[output.l2_block].output_root == output.root


class AvsWatch:
    """Operators' stakes and slashings, read from EigenLayer and the slasher."""

    def __init__(self, devnet: RunningDevnet) -> None:
        """Of a devnet with an AVS."""
        assert devnet.manifest.avs is not None
        self.avs = devnet.manifest.avs
        self._transport = devnet.l1().transport
        self.ids = [bls_key_of(index).public_key.operator_id for index in range(self.avs.operators)]

    async def shares(self) -> list[int]:
        """Return each operator's shares at the DelegationManager."""
        manager = Address.from_hex(self.avs.delegation_manager)
        strategy = Address.from_hex(self.avs.strategy)
        found = [
            await operator_shares(self._transport, manager, operator_account(index), [strategy])
            for index in range(self.avs.operators)
        ]
        return [one for (one,) in found]

    async def slashed(self) -> list[OperatorSlashed]:
        """Return who was slashed for what."""
        slasher = AvsSlasher(self._transport, Address.from_hex(self.avs.slasher))
        return await slasher.slashed(first=0)

    async def claimed(self, index: int) -> int:
        """Return what an operator claimed of its rewards."""
        coordinator = Address.from_hex(self.avs.rewards_coordinator)
        reader = RewardsCoordinator(self._transport, coordinator)
        return await reader.claimed(operator_account(index), Address.from_hex(self.avs.token))
