"""`AvsView` over the contracts, through the operator's own L1 node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.avs.operator.chain import Committee, Standing

if TYPE_CHECKING:
    from coprove.avs.bls import PublicKey
    from coprove.avs.tasks import AvsTask
    from coprove.contracts.attestation import LivenessVerifier
    from coprove.contracts.avs.service_manager import ServiceManager
    from coprove.contracts.eigenlayer import QuorumRegistries
    from coprove.types import Address

__all__ = ["OnChainView"]


class OnChainView:
    """Reads at the newest block; nothing is kept."""

    def __init__(
        self,
        *,
        manager: ServiceManager,
        registries: QuorumRegistries,
        verifier: LivenessVerifier,
        key: PublicKey,
    ) -> None:
        """`key` is the operator's."""
        self._manager, self._registries, self._verifier = manager, registries, verifier
        self._key = key

    async def committee(self, committee_id: int) -> Committee | None:
        """See AvsView; a committee without a rollup is none."""
        found = await self._manager.committee(committee_id)
        policy = await self._manager.rollup_policy(committee_id)
        if found is None or policy is None:
            return None
        return Committee(
            quorums=tuple(sorted(found.quorums)),
            l2_chain_id=policy.l2_chain_id,
            rollup_config_hash=policy.rollup_config_hash,
        )

    async def standing(self, task: AvsTask) -> Standing:
        """See AvsView."""
        range_, committee = task.draft.metadata, task.draft.committee_id
        record = await self._manager.task(task.key)
        deadline = await self._manager.deadline(committee, range_.start_block, range_.end_block)
        return Standing(deadline=deadline or 0, is_confirmed=record.confirmed_at != 0)

    async def max_reference_age(self) -> int:
        """See AvsView."""
        return await self._manager.max_reference_age()

    async def own_quorums(self) -> frozenset[int]:
        """See AvsView."""
        return frozenset(await self._registries.quorums_of(self._key.operator_id))

    async def is_own_prover(self, prover: Address) -> bool:
        """See AvsView."""
        return await self._verifier.is_live(self._key.g1.encoded, prover)
