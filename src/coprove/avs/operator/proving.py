"""From a task to a proof: its witness, the prover's answer, and what that answer must say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from coprove.attestation import prover_address
from coprove.attestation.avs_poe import AvsPoe
from coprove.avs.operator.errors import ProverBindingError, RootAlarmError, TaskMismatchError
from coprove.avs.tasks import OP_STACK_TASK
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.prover.tee.enclave.key import recover_prover
from coprove.prover.tee.registrar import ProverAnswerError, ProverUnreachableError
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.avs.operator.chain import AvsView, Committee
    from coprove.avs.tasks import AvsTask
    from coprove.prover.tee.registrar import ProvenRange, TeeProverClient
    from coprove.rpc import RollupNodeClient
    from coprove.types import Address

__all__ = ["ProvenState", "StateProver", "WitnessSource", "state_of"]

_POLLS: Final = 20
_SIGNATURE_BYTES: Final = 65


class WitnessSource(Protocol):
    """Where the witness of a task comes from."""

    async def collect(self, task: AvsTask) -> bytes:
        """Return the encoded RangeInput of the task's range up to the task's own L1 head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenState:
    """A state whose prover signed it; all of it checked."""

    poe: AvsPoe
    """What is to be signed."""
    prover_signature: bytes
    """r, s, v over the digest of its five roots."""
    prover: Address
    """Who signed it."""


class StateProver:
    """Has tasks proven by the operator's own prover and believes nothing that it can check."""

    def __init__(
        self,
        prover: TeeProverClient,
        witnesses: WitnessSource,
        avs: AvsView,
        node: RollupNodeClient | None = None,
        *,
        pause: float = 1.0,
    ) -> None:
        """`node` is the operator's own rollup node; without one, roots are the prover's word.

        `pause` is how many seconds lie between two questions for a proof that is not ready.
        """
        self._prover, self._witnesses, self._avs, self._node = prover, witnesses, avs, node
        self._pause = pause

    async def prove(self, task: AvsTask, committee: Committee) -> ProvenState:
        """Return the task's state, proven, signed by the registered prover, and as our node has it.

        Errors: those of the prover's client and the witness; TaskMismatchError when the proof is
        of another range; ProverBindingError when another key signed; RootAlarmError.
        """
        witness = await self._witnesses.collect(task)
        proven = await self._prover.prove(witness)
        _check_claim(task, committee, proven)
        digest = Hash32(keccak256(witness))
        del witness
        answer = await self._state_of(task, digest)
        found = _read(answer)
        expected = {
            "prev_state_root": proven.poe.l2_pre_root,
            "new_state_root": proven.poe.l2_post_root,
        }
        for name, root in expected.items():
            if getattr(found.poe, name) != root:
                raise ProverAnswerError(name, expected=root, actual=getattr(found.poe, name))
        await self.check(task, committee, found)
        return found

    async def check(self, task: AvsTask, committee: Committee, state: ProvenState) -> None:
        """Check what is known of a state without the prover that made it; errors as of `prove`."""
        expected = committee.batch_hash(task)
        if state.poe.batch_hash != expected:
            raise TaskMismatchError("batch_hash", expected=expected, actual=state.poe.batch_hash)
        if not await self._avs.is_own_prover(state.prover):
            raise ProverBindingError(
                "prover", expected="the one that is live for this operator", actual=state.prover
            )
        if self._node is not None:
            await self._check_roots(task, state.poe, self._node)

    async def _state_of(self, task: AvsTask, witness: Hash32) -> dict[str, Any]:
        range_ = task.draft.metadata
        asked = {
            "pob_hash": witness.hex0x,
            "task_type": OP_STACK_TASK,
            "start": range_.start_block,
            "end": range_.end_block,
        }
        for _ in range(_POLLS):
            answer = await self._prover.rpc("prover_proveTask", asked)
            if not isinstance(answer, dict):
                raise ProverAnswerError("proof", expected="an object", actual=answer)
            if not answer.get("not_ready"):
                return answer
            await asyncio.sleep(self._pause)
        raise ProverUnreachableError(f"{self._prover.name}: the proof is never ready")

    async def _check_roots(self, task: AvsTask, poe: AvsPoe, node: RollupNodeClient) -> None:
        range_ = task.draft.metadata
        before = await node.output_at_block(range_.pre_block)
        after = await node.output_at_block(range_.end_block)
        withdrawals = after.output.message_passer_storage_root
        for block, expected, actual in (
            (range_.pre_block, before.root, poe.prev_state_root),
            (range_.end_block, after.root, poe.new_state_root),
            (range_.end_block, withdrawals, poe.withdrawal_root),
        ):
            if expected != actual:
                raise RootAlarmError(block=block, expected=expected, actual=actual)


def state_of(state: bytes, prover_signature: bytes) -> ProvenState:
    """Read a state that was proven before; InputError when its signature is none."""
    poe = AvsPoe.decode(state)
    key = recover_prover(poe.digest(), prover_signature)
    if key is None:
        raise ProverBindingError(
            "poe_signature", expected="one over the state", actual=prover_signature.hex()
        )
    return ProvenState(poe=poe, prover_signature=prover_signature, prover=prover_address(key))


def _read(answer: dict[str, Any]) -> ProvenState:
    signature = answer.get("poe_signature")
    poe = answer.get("poe")
    try:
        given = bytes.fromhex(str(signature).removeprefix("0x"))
        if len(given) != _SIGNATURE_BYTES or not isinstance(poe, dict):
            raise ProverAnswerError("proof", expected="a PoE and 65 bytes", actual=answer)
        roots = {
            name: Hash32.from_hex(poe.get(name), name)
            for name in (
                "batch_hash",
                "state_hash",
                "prev_state_root",
                "new_state_root",
                "withdrawal_root",
            )
        }
    except (ValueError, InputError) as error:
        if isinstance(error, ProverAnswerError):
            raise
        raise ProverAnswerError("proof", expected="a PoE", actual=error) from None
    return state_of(AvsPoe(**roots).encode(), given)


def _check_claim(task: AvsTask, committee: Committee, proven: ProvenRange) -> None:
    """Hold the claim that `/v1` signs against the task before anything is asked further."""
    poe, range_ = proven.poe, task.draft.metadata
    for name, expected, actual in (
        ("l2_chain_id", committee.l2_chain_id, poe.l2_chain_id),
        ("rollup_config_hash", committee.rollup_config_hash, poe.rollup_config_hash),
        ("l1_head", task.draft.l1_head, poe.l1_head),
        ("l2_pre_block", range_.pre_block, poe.l2_pre_block),
        ("l2_post_block", range_.end_block, poe.l2_post_block),
    ):
        if expected != actual:
            raise TaskMismatchError(name, expected=expected, actual=actual)
