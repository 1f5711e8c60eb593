"""Which way evidence goes to the registry, and what that way needs beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from coprove.contracts.attestation.registry import answer_call, register_call
from coprove.prover.tee.registrar.decision import Step, next_action

if TYPE_CHECKING:
    from coprove.contracts import TransactionManager
    from coprove.contracts.attestation import ProverRegistry, Registration
    from coprove.prover.tee.registrar.decision import Action, Standing
    from coprove.types import Address

__all__ = ["DirectRoute", "RegistrationRoute"]


class RegistrationRoute(Protocol):
    """Says what is needed next, and brings it."""

    async def action(
        self, prover: Address, standing: Standing, *, operator: Address, margin: int
    ) -> Action:
        """Return what a prover's registration needs next; see `next_action`."""

    async def bring(self, registration: Registration, step: Step, *, key: str) -> None:
        """Send a registration, renewal or answer; `key` names the intent.

        CallRevertedError, with the registry's own name for what it refuses.
        """


class DirectRoute:
    """To the registry itself."""

    def __init__(self, manager: TransactionManager, registry: ProverRegistry) -> None:
        """`manager` signs as the operator or its delegate."""
        self._manager, self._registry = manager, registry

    async def action(
        self,
        prover: Address,  # noqa: ARG002 - the protocol's
        standing: Standing,
        *,
        operator: Address,
        margin: int,
    ) -> Action:
        """See RegistrationRoute."""
        return next_action(standing, operator=operator, margin=margin)

    async def bring(self, registration: Registration, step: Step, *, key: str) -> None:
        """See RegistrationRoute."""
        is_answer = step is Step.ANSWER
        data = answer_call(registration) if is_answer else register_call(registration)
        await self._manager.send(key=key, to=self._registry.address, data=data)
