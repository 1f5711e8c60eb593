"""The public prover's JSON-RPC methods for OP Stack tasks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from coprove.errors import CoproveError
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.desk import TaskState
from coprove.prover.tee.host.errors import (
    BatchError,
    ContextError,
    NoWitnessSourceError,
    ParamsError,
    ProvingRefusedError,
    TooManyTasksError,
    UnknownTaskError,
    UnsupportedTaskError,
)
from coprove.prover.tee.host.memory import HeldBytes
from coprove.prover.tee.host.rpc_params import (
    ProveTask,
    TaskType,
    hash_param,
    hex_param,
    inclusive_range,
    number_param,
    positional,
    witness_of_pob,
)

if TYPE_CHECKING:
    from coprove.primitives.bounded_json import Json
    from coprove.prover.tee.host.service import TeeService
    from coprove.types import Hash32

__all__ = ["Method", "RpcMethods"]

Method: TypeAlias = Callable[[Any], Awaitable[Any]]
_WORD: Final = 32


class RpcMethods:
    """Each method takes the call's `params` and returns its `result`."""

    def __init__(self, service: TeeService) -> None:
        """Speak for a service."""
        self._service = service
        self._collecting = 0
        self.table: Mapping[str, Method] = {
            "generateAttestationReport": self.generate_attestation_report,
            "getPoe": self.get_poe,
            "prover_genContext": self.gen_context,
            "prover_proveTask": self.prove_task,
            "prover_proveTaskWithoutContext": self.prove_task_without_context,
            "prover_metadata": self.metadata,
            "da_tryLock": self.try_lock,
            "da_putPob": self.put_pob,
        }
        """By name."""

    async def generate_attestation_report(self, params: Json) -> str:
        """Return evidence over the prover's padded address and the caller's last 32 bytes."""
        (given,) = positional(params, 1)
        quote = await self._service.avs_evidence(hex_param(given, "report data"))
        return f"0x{quote.evidence.hex()}"

    async def get_poe(self, params: Json) -> None:
        """Refuse: it proves batches of Scroll by their transaction."""
        positional(params, 1)
        raise UnsupportedTaskError(
            "getPoe", expected="an OP Stack task by prover_proveTask", actual="a Scroll batch"
        )

    async def gen_context(self, params: Json) -> dict[str, Any]:
        """Collect the witness of blocks start to end, both included, and keep it for a while."""
        start, end, kind = positional(params, 3)
        task_type = number_param(kind, "task type")
        if task_type != TaskType.OP_STACK:
            raise UnknownTaskError(f"unknown task: {task_type}")
        digest, witness = await self._collected(
            number_param(start, "start"), number_param(end, "end")
        )
        text = f"0x{witness.data.hex()}"
        label = TaskType.OP_STACK.label
        self._service.metrics.set(names.AVS_WITNESS_SIZE, len(text), type=label)
        return {"pob": [], "interning": text, "hash": digest.hex0x}

    async def prove_task(self, params: Json) -> dict[str, Any]:
        """Prove the range of a witness that was put or collected before."""
        (given,) = positional(params, 1) if isinstance(params, list) else (params,)
        task = ProveTask.from_json(given)
        if task.task_type != TaskType.OP_STACK:
            raise UnsupportedTaskError(
                "task type", expected=f"{TaskType.OP_STACK} (OP Stack)", actual=task.task_type
            )
        if self._service.desk.find(task.pob_hash) is None:
            self._service.desk.submit(task.pob_hash, self._service.shelf.get(task.pob_hash))
        return await self._answer(task)

    async def prove_task_without_context(self, params: Json) -> dict[str, Any]:
        """Collect a witness and prove it: data are the first and the last block, two words."""
        data, kind = positional(params, 2)
        task_type = number_param(kind, "task type")
        if task_type != TaskType.OP_STACK:
            raise UnsupportedTaskError(
                "task type", expected=f"{TaskType.OP_STACK} (OP Stack)", actual=task_type
            )
        words = hex_param(data, "task data")
        if len(words) != 2 * _WORD:
            raise ParamsError("task data", expected="two words", actual=f"{len(words)} bytes")
        start, end = (int.from_bytes(words[at : at + _WORD], "big") for at in (0, _WORD))
        digest, witness = await self._collected(
            number_param(start, "start"), number_param(end, "end")
        )
        self._service.desk.submit(digest, witness)
        del witness
        task = ProveTask.from_json({"pob_hash": digest.hex0x, "start": start, "end": end})
        return await self._answer(task)

    async def metadata(self, params: Json) -> dict[str, Any]:
        """Tell the version, and whether clients must bring the witness."""
        if params not in (None, []):
            positional(params, 0)
        version = f"coprove-{metadata.version('coprove')}"
        self._service.metrics.inc(names.AVS_METADATA, version=version)
        needs_context = self._service.maker is None
        return {
            "with_context": needs_context,
            "version": version,
            "task_with_context": {str(int(TaskType.OP_STACK)): needs_context},
        }

    async def try_lock(self, params: Json) -> str:
        """Announce a witness: Locked, Failed or Exist."""
        (digest,) = positional(params, 1)
        return self._service.shelf.try_lock(hash_param(digest, "hash")).value

    async def put_pob(self, params: Json) -> None:
        """Put a witness, under the hash that it has."""
        (context,) = positional(params, 1)
        witness = HeldBytes.of(witness_of_pob(context), self._service.budget)
        digest = await self._service.named(witness)
        self._service.shelf.put(digest, witness)

    async def _collected(self, start: int, end: int) -> tuple[Hash32, HeldBytes]:
        maker, service = self._service.maker, self._service
        if maker is None:
            raise NoWitnessSourceError("missing config: no nodes to collect witnesses from")
        blocks, options = inclusive_range(start, end), service.options
        if end - start >= options.max_collected_blocks:
            expected = f"at most {options.max_collected_blocks} blocks"
            raise BatchError("end", expected=expected, actual=end - start + 1)
        if self._collecting >= options.max_collections:
            raise TooManyTasksError(f"{self._collecting} witnesses are being collected")
        began = time.monotonic()
        self._collecting += 1
        try:
            data = await maker.collect(blocks)
        except CoproveError as error:
            raise ContextError(f"{type(error).__name__}: {error}") from error
        finally:
            self._collecting -= 1
        witness = HeldBytes.of(data, service.budget)
        digest = await service.named(witness)
        service.shelf.put(digest, witness)
        label = TaskType.OP_STACK.label
        service.metrics.inc(names.AVS_CONTEXTS, type=label)
        service.metrics.set(names.AVS_CONTEXT_MS, (time.monotonic() - began) * 1000, type=label)
        return digest, witness

    async def _answer(self, asked: ProveTask) -> dict[str, Any]:
        service = self._service
        task = await service.desk.wait(asked.pob_hash, service.options.rpc_wait)
        if task.refusal is not None:
            reason = f"{type(task.refusal).__name__}: {task.refusal}"
            raise ProvingRefusedError(reason)
        if task.state is not TaskState.PROVEN or task.proof is None:
            return _poe_response(asked.start or 0, asked.end or 0, None, None)
        proof = task.proof
        asked.check(proof.poe)
        label = TaskType.OP_STACK.label
        service.metrics.inc(names.AVS_PROOFS, type=label)
        service.metrics.set(names.AVS_PROVE_MS, proof.seconds * 1000, type=label)
        return _poe_response(
            proof.poe.l2_pre_block + 1,
            proof.poe.l2_post_block,
            proof.avs.to_json(),
            f"0x{proof.avs_signature.hex()}",
        )


def _poe_response(
    start: int, end: int, poe: dict[str, str] | None, signature: str | None
) -> dict[str, Any]:
    return {
        "not_ready": poe is None,
        "batch_id": 0,
        "start_block": start,
        "end_block": end,
        "poe": poe,
        "poe_signature": signature,
    }
