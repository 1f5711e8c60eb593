"""What a contract is shown of who signed: sums over signers, and who did not sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.avs.aggregator.errors import AggregateError, NotCoveredError
from coprove.avs.bls import G1Point, G2Point, Signature, verify_aggregate
from coprove.contracts.avs import SignedBy, StateHeader

if TYPE_CHECKING:
    from collections.abc import Collection

    from coprove.avs.aggregator.rounds import Round
    from coprove.contracts.eigenlayer import CheckSignaturesIndices
    from coprove.types import Hash32

__all__ = ["Aggregate", "aggregate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """A state with all that `confirmState` needs but the indices of histories on chain."""

    header: StateHeader
    """What is confirmed."""
    signers: tuple[Hash32, ...]
    """Who signed, ascending by id."""
    non_signers: tuple[Hash32, ...]
    """Operators of the quorums that did not, strictly ascending by id: the hash of their key."""
    non_signer_keys: tuple[G1Point, ...]
    """Their keys, in the same order."""
    quorum_apks: tuple[G1Point, ...]
    """Sum of all keys of each quorum."""
    apk_g2: G2Point
    """Sum of the signers' keys, each as often as it is in one of the quorums."""
    sigma: Signature
    """Sum of their signatures, each as often as well."""

    def signed_by(self, indices: CheckSignaturesIndices) -> SignedBy:
        """Return the struct that the contract takes, with its places in histories on chain."""
        return SignedBy(
            non_signers=tuple(key.coordinates for key in self.non_signer_keys),
            quorum_apks=tuple(key.coordinates for key in self.quorum_apks),
            apk_g2=self.apk_g2.coordinates,
            sigma=self.sigma.point.coordinates,
            indices=indices,
        )


def aggregate(found: Round, state: bytes, *, excluded: Collection[Hash32] = ()) -> Aggregate:
    """Add up who signed a state, without those `excluded`: their provers do not count now.

    NotCoveredError when that is below a threshold, nobody included; AggregateError when the sum
    does not verify as the contract would have it, so that no gas is spent on it.
    """
    operators = found.operators
    signers = sorted(set(found.signers(state)) - set(excluded))
    covered = found.coverage(state, signers)
    if operators is None or not covered.is_met:
        raise NotCoveredError(
            f"task {found.task.number}: {covered.signed} of {covered.totals} signed,"
            f" thresholds are {covered.thresholds} percent"
        )
    records = operators.operators
    # An operator in k of the quorums enters each sum k times (popcount of its bitmap).
    weights = [len(found.quorums_of(one)) for one in signers]
    non_signers = sorted(set(found.members()) - set(signers))
    quorum_apks = tuple(
        G1Point.combine([records[one].key.g1 for one in quorum.stakes])
        for quorum in operators.quorums
    )
    non_signer_keys = tuple(records[one].key.g1 for one in non_signers)
    apk_g2 = G2Point.combine([records[one].key.g2 for one in signers], weights)
    sigma = Signature.combine([found.accepted[one].signature for one in signers], weights)
    apk = G1Point.combine(
        [*quorum_apks, *non_signer_keys],
        [1] * len(quorum_apks) + [-len(found.quorums_of(one)) for one in non_signers],
    )
    if not verify_aggregate(digest=found.digest(state), apk=apk, apk_g2=apk_g2, signature=sigma):
        raise AggregateError(f"task {found.task.number}: the sum of {len(signers)} signatures")
    task = found.task
    return Aggregate(
        header=StateHeader(
            committee_id=task.draft.committee_id,
            metadata=task.draft.metadata.encode(),
            state=state,
            quorum_numbers=task.quorums,
            thresholds=task.thresholds,
            reference_block=task.reference_block,
        ),
        signers=tuple(signers),
        non_signers=tuple(non_signers),
        non_signer_keys=non_signer_keys,
        quorum_apks=quorum_apks,
        apk_g2=apk_g2,
        sigma=sigma,
    )
