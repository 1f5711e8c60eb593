"""The one place where states are signed: nothing leaves it that is not in the database first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coprove.avs.operator.errors import AnotherStateError
from coprove.avs.operator.protection import SignedState
from coprove.avs.tasks import Handshake, Submission
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from coprove.attestation.avs_poe import AvsPoe
    from coprove.avs.bls import SecretKey
    from coprove.avs.operator.protection import SlashingProtection
    from coprove.avs.tasks import AvsTask, SessionScope

__all__ = ["ProtectedSigner"]


class ProtectedSigner:
    """An operator's BLS key behind its slashing protection."""

    def __init__(
        self,
        key: SecretKey,
        protection: SlashingProtection,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """The database must be the key's; ValueError otherwise."""
        if protection.scope.operator_id != key.public_key.operator_id:
            msg = "the slashing-protection database is another key's"
            raise ValueError(msg)
        self._key, self._protection, self._now = key, protection, now

    @property
    def operator_id(self) -> Hash32:
        """Whose signatures these are."""
        return self._protection.scope.operator_id

    def signed(self, task_key: Hash32) -> tuple[SignedState, ...]:
        """Return what was signed for a task."""
        return self._protection.signed(task_key)

    def handshake(self, scope: SessionScope) -> Handshake:
        """Sign who this is for one aggregator; a digest that no state has (`SessionScope`)."""
        now = int(self._now())
        signature = self._key.sign(scope.digest(self.operator_id, now))
        return Handshake(
            operator_id=self.operator_id,
            time=now,
            audience=scope.audience,
            signature=signature.point.coordinates,
        )

    def check_head(self, task: AvsTask, *, reorged: Collection[Hash32]) -> None:
        """Raise AnotherStateError when no state of the task could be signed up to its L1 head.

        That is when one was signed up to another head, which is not among `reorged`, and nothing
        but its hash is known: whatever the task's state will be, it is another one.
        """
        for earlier in self.signed(task.key):
            is_of_another = earlier.l1_head != task.draft.l1_head
            if is_of_another and earlier.l1_head not in reorged and not earlier.state:
                asked = f"one up to L1 block {task.draft.l1_head}"
                raise AnotherStateError(task.key, signed=earlier.state_hash, asked=asked)

    def sign(
        self,
        task: AvsTask,
        poe: AvsPoe,
        prover_signature: bytes,
        *,
        reorged: Collection[Hash32] = (),
    ) -> Submission:
        """Sign a state and return what goes to the aggregator.

        The state was checked by the caller, and that L1 blocks in `reorged` are not canonical any
        more. AnotherStateError when another outcome was signed for the task, or another state
        under the same L1 head.
        """
        header = task.header(poe.encode())
        digest = header.digest()
        self._protection.record(
            SignedState(
                task_key=task.key,
                batch_hash=poe.batch_hash,
                state_hash=Hash32(keccak256(header.state)),
                l1_head=task.draft.l1_head,
                l1_head_number=task.draft.l1_head_number,
                reference_block=task.reference_block,
                digest=digest,
                signed_at=int(self._now()),
                state=header.state,
                prover_signature=prover_signature,
            ),
            reorged=reorged,
        )
        signature = self._key.sign(digest)
        return Submission(
            header=header,
            quorums=task.quorums,
            thresholds=task.thresholds,
            signature=signature.point.coordinates,
            operator_id=self.operator_id,
            prover_signature=prover_signature,
        )
