"""One pass of the lane: provers stay registered, and say what they think of each new output."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.attestation.poe import record_poe_call
from coprove.devnet.outputs import proposed_outputs
from coprove.errors import CoproveError
from coprove.prover.tee.registrar import Step
from coprove.telemetry import MetricKind, MetricSpec, get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.attestation import PoEContract, ProverRegistry
    from coprove.contracts.transactions import TransactionManager
    from coprove.devnet.outputs import ProposedOutput
    from coprove.prover.tee.registrar import Registrar, TeeProverClient
    from coprove.rpc import RpcTransport
    from coprove.telemetry import Metrics
    from coprove.types import Address, Hash32
    from coprove.witness import LiveWitness

__all__ = ["CLAIMS", "DISAGREEMENTS", "LIVE", "METRICS", "STEPS", "Member", "TeeLane"]

LIVE: Final = MetricSpec(
    name="coprove_devnet_tee_live_provers",
    kind=MetricKind.GAUGE,
    help="Simulated provers that the registry counts as live.",
)
STEPS: Final = MetricSpec(
    name="coprove_devnet_tee_registry_steps",
    kind=MetricKind.COUNTER,
    help="Registry transactions of simulated provers.",
    labels=("prover", "step"),
)
CLAIMS: Final = MetricSpec(
    name="coprove_devnet_tee_claims",
    kind=MetricKind.COUNTER,
    help="Claims of simulated provers recorded on L1.",
    labels=("prover",),
)
DISAGREEMENTS: Final = MetricSpec(
    name="coprove_devnet_tee_disagreements",
    kind=MetricKind.COUNTER,
    help="Claims whose root is not the proposed output's.",
    labels=("prover",),
)
METRICS: Final = (LIVE, STEPS, CLAIMS, DISAGREEMENTS)
_log = get_logger(part="tee")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A prover with all that is done for it."""

    name: str
    """For logs and metrics."""
    client: TeeProverClient
    """Asks it."""
    operator: Address
    """Who answers for it."""
    registrar: Registrar | None
    """Keeps it registered; None where its operator does that."""
    manager: TransactionManager
    """Sends its claims."""


class TeeLane:
    """Provers of one chain. What is done is asked of the chain, so it may end at any moment."""

    def __init__(
        self,
        *,
        l1: RpcTransport,
        oracle: Address,
        registry: ProverRegistry,
        poes: PoEContract,
        witness: LiveWitness,
        members: Sequence[Member],
        metrics: Metrics,
    ) -> None:
        """Nothing is asked yet; all parts are the caller's to close."""
        self._l1, self._oracle, self._registry, self._poes = l1, oracle, registry, poes
        self._witness, self._members, self._metrics = witness, members, metrics
        self._range: tuple[Hash32, bytes] | None = None

    async def tick(self) -> None:
        """Do what each registration needs, then have the oldest output proven that lacks a claim.

        Errors of one prover are logged and counted, and stay with it; those of the chain go up.
        """
        await asyncio.gather(
            *(
                self._keep(member.name, member.registrar)
                for member in self._members
                if member.registrar is not None
            )
        )
        live = [member for member in self._members if await self._is_live(member)]
        self._metrics.set(LIVE, len(live))
        if live:
            await self._claim(live)

    async def _keep(self, name: str, registrar: Registrar) -> None:
        try:
            action = await registrar.tick()
        except CoproveError as error:
            _log.warning("not kept registered", prover=name, error=error)
            return
        if action.step is not Step.WAIT:
            self._metrics.inc(STEPS, prover=name, step=action.step.value)

    async def _is_live(self, member: Member) -> bool:
        try:
            identity = await member.client.identity()
        except CoproveError:
            return False
        return await self._registry.is_live(identity.address)

    async def _claim(self, live: Sequence[Member]) -> None:
        outputs = await proposed_outputs(self._l1, self._oracle)
        recorded = await self._poes.recorded(first=0)
        claimed = {(item.operator, item.poe.l2_post_block) for item in recorded}
        start = 0
        for output in outputs:
            missing = [
                member for member in live if (member.operator, output.l2_block) not in claimed
            ]
            if missing:
                await self._prove(start, output, missing)
                return
            start = output.l2_block

    async def _prove(self, start: int, output: ProposedOutput, members: Sequence[Member]) -> None:
        if self._range is None or self._range[0] != output.root:
            given = await self._witness.range_input(start, output.l2_block)
            self._range = (output.root, await asyncio.to_thread(given.encode))
        witness = self._range[1]
        await asyncio.gather(*(self._record(member, witness, output) for member in members))

    async def _record(self, member: Member, witness: bytes, output: ProposedOutput) -> None:
        try:
            proven = await member.client.prove(witness)
            if proven.poe.l2_post_root != output.root:
                self._metrics.inc(DISAGREEMENTS, prover=member.name)
                _log.error(
                    "an enclave disagrees with a proposed output",
                    prover=member.name,
                    l2_block=output.l2_block,
                    proposed=str(output.root),
                    executed=str(proven.poe.l2_post_root),
                )
            await member.manager.send(
                key=f"poe/{proven.poe.digest()}/{proven.prover}",
                to=self._poes.address,
                data=record_poe_call(proven.poe, proven.signature),
            )
        except CoproveError as error:
            _log.warning("no claim", prover=member.name, l2_block=output.l2_block, error=error)
            return
        self._metrics.inc(CLAIMS, prover=member.name)
        _log.info(
            "claim recorded (simulated enclave)",
            prover=member.name,
            l2_block=output.l2_block,
            root=str(proven.poe.l2_post_root),
        )
