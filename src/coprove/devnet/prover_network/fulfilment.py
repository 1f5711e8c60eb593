"""Requests become proofs: the programs are run in worker processes."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from coprove.devnet.prover_network.http import artifact_path
from coprove.devnet.prover_network.provers import Proved, prove_aggregation, prove_range
from coprove.devnet.prover_network.records import ArtifactRecord, RequestRecord
from coprove.errors import Temporary
from coprove.prover import Execution, Fulfillment, ProgramRunError
from coprove.prover.pool import RangePool
from coprove.prover.zk.proto import artifact_pb2, network_pb2
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.devnet.prover_network.core import NetworkCore

__all__ = ["Fulfilment"]

_PAUSE: Final = 1.0
"""Seconds between looks at requests whose delay is not over, and after a worker died."""
_HALTED: Final = 1
_log = get_logger(part="prover network")


class Fulfilment:
    """Fulfils requests by itself, or when it is told to."""

    def __init__(self, core: NetworkCore) -> None:
        """Have the workers that the settings say."""
        self._core = core
        self._pool = RangePool(core.settings.workers)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    async def run(self) -> None:
        """Fulfil what is requested, for ever; what was under way before a restart too."""
        while True:
            self._wake.clear()
            if self._core.settings.fulfil:
                await self._pass()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _PAUSE)

    async def _pass(self) -> None:
        due = time.time() - self._core.settings.delay
        open_ones = [
            record
            for record in reversed(self._core.requests())
            if not record.fulfillment.is_final and record.created_at <= due
        ]
        limit = asyncio.Semaphore(self._core.settings.workers)

        async def one(record: RequestRecord) -> None:
            async with limit:
                try:
                    await self.fulfil(record.request_id)
                except Temporary as error:
                    _log.warning("worker died", request_id=record.request_id.hex(), error=error)

        await asyncio.gather(*(one(record) for record in open_ones))

    async def fulfil(self, request_id: bytes) -> None:
        """Run a request's program; afterwards the request is final.

        Raises WorkerDiedError when the process that ran it did.
        """
        record = self._core.request(request_id)
        if record.fulfillment.is_final:
            return
        if record.fulfillment is Fulfillment.REQUESTED:
            self._core.assign(request_id)
        try:
            proved = await self._prove(record)
        except (ProgramRunError, OSError) as error:
            _log.warning("unexecutable", request_id=request_id.hex(), error=error)
            self._core.fail(request_id, execution=Execution.UNEXECUTABLE, cause=_HALTED)
            return
        artifact_id = f"{request_id.hex()[:32]}"
        path = artifact_path(self._core.settings.data_dir, artifact_id)
        await asyncio.to_thread(path.write_bytes, proved.proof)
        self._core.store.put_artifact(
            ArtifactRecord(
                artifact_id=artifact_id,
                kind=artifact_pb2.ArtifactType.PROOF,
                token="",
                digest="",
            )
        )
        self._core.fulfil(request_id, proved, artifact_id)
        _log.info("fulfilled with a simulated proof", request_id=request_id.hex())

    async def _prove(self, record: RequestRecord) -> Proved:
        settings = self._core.settings
        body = network_pb2.RequestProofRequestBody.FromString(record.body)
        stdin = artifact_path(settings.data_dir, body.stdin_uri.rpartition("/")[2])
        range_hash = bytes.fromhex(settings.range_vkey_hash[2:])
        if body.vk_hash == range_hash:
            return await self._pool.call(
                prove_range, str(stdin), settings.max_artifact_bytes, range_hash
            )
        if body.vk_hash != bytes.fromhex(settings.aggregation_vkey_hash[2:]):
            raise ProgramRunError(f"nobody knows the program {body.vk_hash.hex()} here")
        program = self._core.store.program(range_hash)
        if program is None:
            raise ProgramRunError("the range program is not registered")
        return await self._pool.call(
            prove_aggregation,
            str(stdin),
            settings.max_artifact_bytes,
            range_vkey_hash=range_hash,
            range_vkey=program.vkey,
            aggregation_vkey=bytes.fromhex(settings.aggregation_vkey[2:]),
            is_groth16=body.mode == network_pb2.ProofMode.GROTH16,
        )
