"""`python -m coprove.devnet.avs.rewards --config FILE`: EigenLayer's service that posts rewards.

On public chains EigenLayer computes once a week or a day what operators and their stakers earned,
posts the root, and gives out the amounts. Here all operators stake for themselves alone, so each
gets what the AVS handed in for it, within seconds.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from coprove.contracts.avs.rewards import AvsRewards
from coprove.contracts.eigenlayer import (
    RewardsCoordinator,
    RewardTree,
    submit_root_call,
    write_earnings,
)
from coprove.devnet.accounts import Role
from coprove.devnet.sender import open_sender
from coprove.devnet.service import config_argument, run_loop, run_service
from coprove.devnet.settings import AddressText, ServiceSettings, load_settings
from coprove.rpc import EndpointOptions, JsonRpcTransport, RetryPolicy
from coprove.telemetry import MetricKind, Metrics, MetricSpec, get_logger
from coprove.types import Address, RollupConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from coprove.devnet.sender import Sender

__all__ = ["EARNINGS_FILE", "RewardsConfig", "RewardsUpdater"]

EARNINGS_FILE: Final = "claim-amounts.json"
"""What everybody earned, in the service's folder, under the name that EigenLayer gives it."""
_POSTED: Final = MetricSpec(
    name="coprove_devnet_reward_roots", kind=MetricKind.COUNTER, help="Roots that were posted."
)
_PAUSE: Final = 2.0
_ENDPOINT: Final = EndpointOptions(timeout=10.0, retry=RetryPolicy(attempts=3, max_delay=1.0))
_log = get_logger(part="rewards")


class RewardsConfig(ServiceSettings):
    """Whose rewards are posted where."""

    rewards: AddressText
    """The AvsRewards."""
    rewards_coordinator: AddressText
    """EigenLayer's distributor."""


class RewardsUpdater:
    """Posts the root of all that the AVS handed to EigenLayer, and writes the amounts down."""

    def __init__(
        self,
        rewards: AvsRewards,
        coordinator: RewardsCoordinator,
        sender: Sender,
        file: Path,
        metrics: Metrics,
    ) -> None:
        """`sender` must be the coordinator's updater."""
        self._rewards, self._coordinator, self._sender = rewards, coordinator, sender
        self._file, self._metrics = file, metrics

    async def tick(self) -> None:
        """Post what is new in final blocks; the file is written after its root is on chain."""
        earnings: defaultdict[Address, defaultdict[Address, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        for item in await self._rewards.settled(first=0, last="finalized"):
            for operator, amount in item.amounts.items():
                earnings[operator][item.token] += amount
        if not earnings:
            return
        tree = RewardTree(earnings)
        posted = await self._coordinator.posted(tree.root)
        if posted is None:
            until = await self._coordinator.now() - 1
            if until <= await self._coordinator.calculated_until():
                return
            call = submit_root_call(self._coordinator.address, tree.root, until=until)
            await self._sender.send(key=f"root/{tree.root}/{until}", to=call.to, data=call.data)
            self._metrics.inc(_POSTED)
            _log.info("root of rewards posted", root=tree.root.hex0x, earners=len(earnings))
            posted = await self._coordinator.posted(tree.root)
        if posted is not None:
            self._write(earnings, posted.until)

    def _write(self, earnings: Mapping[Address, Mapping[Address, int]], until: int) -> None:
        text = write_earnings(earnings, snapshot=until)
        if self._file.exists() and self._file.read_text(encoding="utf-8") == text:
            return
        temporary = self._file.with_suffix(".part")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self._file)


def _main() -> int:
    config = load_settings(RewardsConfig, config_argument("Post rewards, as EigenLayer does."))

    async def run(metrics: Metrics) -> None:
        async with AsyncExitStack() as stack:
            rollup = RollupConfig.from_json(config.rollup_config.read_bytes())
            l1 = await stack.enter_async_context(JsonRpcTransport(config.l1_rpc_url, _ENDPOINT))
            config.data_dir.mkdir(parents=True, exist_ok=True)
            updater = RewardsUpdater(
                AvsRewards(l1, Address.from_hex(config.rewards)),
                RewardsCoordinator(l1, Address.from_hex(config.rewards_coordinator)),
                await stack.enter_async_context(
                    open_sender(config, rollup, l1, account=Role.REWARDS)
                ),
                config.data_dir / EARNINGS_FILE,
                metrics,
            )
            await run_loop(updater.tick, pause=_PAUSE, metrics=metrics)

    return run_service("rewards", config, run, (_POSTED,))


if __name__ == "__main__":
    sys.exit(_main())
