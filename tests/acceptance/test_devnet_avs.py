"""The AVS in a devnet: operators confirm what the ZK lane proves, through deaths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.acceptance.devnets import RunningDevnet, processes_of, running_devnet, until

from coprove.contracts.avs import ServiceManager
from coprove.types import Address

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.contracts.avs import TaskConfirmed

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

INTERVAL = 10


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

    await until(f"ranges confirmed up to {l2_block}", are_there, 240)
    confirmed = await confirmed_ranges(devnet)
    for output in await devnet.outputs():
        if output.l2_block in wanted:
            assert confirmed[output.l2_block].output_root == output.root


@pytest.mark.timeout(900)
async def test_operators_confirm_every_output_and_come_back_from_kills(tmp_path: Path) -> None:
    """Four operators in two quorums; the aggregator and one of them are killed in between."""
    with running_devnet(tmp_path / "data", operators=4, traffic=1.0, start_seconds=180) as devnet:
        try:
            first = await devnet.final_output_above(2 * INTERVAL)
            await all_confirmed(devnet, first.l2_block)
            some = next(iter((await confirmed_ranges(devnet)).values()))
            assert len(some.signed_stakes) == 2
            assert all(
                signed * 100 >= 67 * total
                for signed, total in zip(some.signed_stakes, some.total_stakes, strict=True)
            )
            for name in ("operator_1", "aggregator"):
                old = devnet.kill(name)

                async def is_back(name: str = name, old: int = old) -> bool:
                    return processes_of(devnet.data_dir).get(name, old) != old

                await until(f"{name} back", is_back, 30)
            outputs = await devnet.outputs()
            later = await devnet.final_output_above(outputs[-1].l2_block + INTERVAL)
            await all_confirmed(devnet, later.l2_block)
        finally:
            await devnet.close()
