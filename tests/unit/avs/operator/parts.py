"""Tasks, states and databases for tests of the operator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from coprove.attestation.avs_poe import AvsPoe, batch_hash
from coprove.avs.bls import SecretKey
from coprove.avs.operator.protection import ProtectionScope, SignedState
from coprove.avs.tasks import AvsTask, RangeMetadata, TaskDraft
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CHAIN", "CONFIG_HASH", "KEY", "L2_CHAIN", "SCOPE", "entry", "h", "poe_of", "task_of"]

KEY = SecretKey((7).to_bytes(32, "big"))
CHAIN = 900
L2_CHAIN = 901
CONFIG_HASH = Hash32(b"\xcf" * 32)
SCOPE = ProtectionScope(
    chain_id=CHAIN,
    service_manager=Address(b"\x5e" * 20),
    operator_id=KEY.public_key.operator_id,
)


def h(number: int) -> Hash32:
    return Hash32(keccak256(number.to_bytes(32, "big")))


def task_of(
    start: int = 1,
    end: int = 10,
    *,
    l1_head: int = 100,
    reference_block: int = 120,
    number: int = 1,
    quorums: Sequence[int] = (0, 1),
    expires_at: int = 2_000_000_000,
) -> AvsTask:
    return AvsTask(
        number=number,
        draft=TaskDraft(
            committee_id=1,
            metadata=RangeMetadata(start_block=start, end_block=end),
            l1_head=h(l1_head),
            l1_head_number=l1_head,
        ),
        reference_block=reference_block,
        quorums=tuple(quorums),
        thresholds=(67,) * len(quorums),
        created_at=1_000,
        expires_at=expires_at,
    )


def poe_of(task: AvsTask, outcome: int = 1) -> AvsPoe:
    draft = task.draft
    return AvsPoe(
        batch_hash=batch_hash(
            l2_chain_id=L2_CHAIN,
            rollup_config_hash=CONFIG_HASH,
            l1_head=draft.l1_head,
            pre_block=draft.metadata.pre_block,
            post_block=draft.metadata.end_block,
        ),
        state_hash=h(outcome + 1000),
        prev_state_root=h(draft.metadata.pre_block + 5000),
        new_state_root=h(outcome + 2000),
        withdrawal_root=h(outcome + 3000),
    )


def entry(task: AvsTask, outcome: int = 1, *, signed_at: int = 1) -> SignedState:
    poe = poe_of(task, outcome)
    header = task.header(poe.encode())
    return SignedState(
        task_key=task.key,
        batch_hash=poe.batch_hash,
        state_hash=Hash32(keccak256(header.state)),
        l1_head=task.draft.l1_head,
        l1_head_number=task.draft.l1_head_number,
        reference_block=task.reference_block,
        digest=header.digest(),
        signed_at=signed_at,
    )


def with_reference(task: AvsTask, block: int) -> AvsTask:
    return replace(task, reference_block=block)
