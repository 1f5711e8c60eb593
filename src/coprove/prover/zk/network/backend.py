"""`network`: proofs from the SP1 prover network."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING, Final

from coprove.prover.backend import Execution, Fulfillment, ProofStatus, RangeJob
from coprove.prover.errors import (
    NetworkRefusedError,
    NotOnNetworkError,
    ProofNotReadyError,
    ProofRefusedError,
    ProverUnavailableError,
    UnknownProofError,
)
from coprove.prover.zk.guest_aggregation import aggregation_stdin
from coprove.prover.zk.network.account import NetworkAccount
from coprove.prover.zk.network.artifacts import ArtifactStore
from coprove.prover.zk.network.bodies import make_body
from coprove.prover.zk.network.channel import NetworkChannel
from coprove.prover.zk.network.claims import ClaimFolder
from coprove.prover.zk.network.details import request_details
from coprove.prover.zk.network.inputs import receipts_wanted, write_range_artifact
from coprove.prover.zk.network.programs import register
from coprove.prover.zk.network.submission import Submission
from coprove.prover.zk.proto import artifact_pb2, network_pb2
from coprove.prover.zk.received import received_proof
from coprove.prover.zk.stdin import write_artifact
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.prover.backend import AggregationJob, IntentLog
    from coprove.prover.pool import RangePool
    from coprove.prover.zk.network.inputs import ReceiptSource
    from coprove.prover.zk.network.options import NetworkOptions
    from coprove.prover.zk.network.programs import GuestProgram
    from coprove.prover.zk.network.signing import NetworkSigner

__all__ = ["NetworkBackend"]

_ID_SIZE: Final = 32
_DAY: Final = 86_400.0
_log = get_logger(part="prover network")


class NetworkBackend:
    """Requests proofs; identifiers are the network's request ids.

    Requests are safe across crashes (see `submission`). The folder holds inputs on their way and
    what each open request is to show (see `claims`).
    """

    def __init__(
        self,
        options: NetworkOptions,
        signer: NetworkSigner,
        *,
        range_program: GuestProgram,
        aggregation_program: GuestProgram,
        receipts: ReceiptSource,
        pool: RangePool,
        work_dir: Path,
    ) -> None:
        """The pool stays its owner's to close."""
        work_dir.mkdir(parents=True, exist_ok=True)
        self._options, self._receipts = options, receipts
        self._range, self._aggregation = range_program, aggregation_program
        self._pool, self._work_dir = pool, work_dir
        self._channel = NetworkChannel(options)
        self.account = NetworkAccount(self._channel, signer, options)
        self._artifacts = ArtifactStore(self._channel, signer, options)
        self._submission = Submission(
            self._channel, self.account, listing_delay=options.listing_delay
        )
        self._claims = ClaimFolder(work_dir, seconds=2 * options.proving_timeout + _DAY)
        self._registered: set[bytes] = set()

    @property
    def name(self) -> str:
        """As in ProverBackend."""
        return "network"

    @property
    def is_simulated(self) -> bool:
        """As in ProverBackend."""
        return self._options.is_simulated

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
        """As in ProverBackend."""
        is_range = isinstance(job, RangeJob)
        program = self._range if is_range else self._aggregation
        await self.register(program)

        async def body(nonce: int, uri: str, now: int) -> network_pb2.RequestProofRequestBody:
            return await make_body(
                self._options,
                self._channel,
                nonce=nonce,
                vkey_hash=program.vkey_hash,
                is_range=is_range,
                stdin_uri=uri,
                now=now,
            )

        request_id = await self._submission.submit(
            job.key, intents, upload=lambda: self._upload(job), body=body
        )
        await asyncio.to_thread(self._claims.put, request_id, job)
        return request_id

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        """As in ProverBackend; a request that was noted and not accepted yet is sent again."""
        return await self._submission.find(key, intents)

    async def status(self, proof_id: bytes) -> ProofStatus:
        """As in ProverBackend.

        What the network says is final is final, whatever else fails afterwards.
        """
        answer = await self._status(proof_id)
        try:
            fulfillment = Fulfillment(answer.fulfillment_status)
            execution = Execution(answer.execution_status)
        except ValueError as error:
            raise ProverUnavailableError(f"the network gives an unknown status: {error}") from None
        if fulfillment.is_final:
            if fulfillment is not Fulfillment.FULFILLED:
                self._claims.drop(proof_id)
            cost, reason = await request_details(self._channel, proof_id)
            return ProofStatus(
                fulfillment=fulfillment,
                execution=execution,
                deadline=float(answer.deadline),
                cost=cost,
                reason=None if fulfillment is Fulfillment.FULFILLED else reason,
            )
        if fulfillment is Fulfillment.REQUESTED and self._is_unwanted(answer.deadline):
            return await self._without_bids(proof_id, execution)
        return ProofStatus(
            fulfillment=fulfillment, execution=execution, deadline=float(answer.deadline)
        )

    async def proof(self, proof_id: bytes) -> bytes:
        """As in ProverBackend; ProofFormatError for a proof that makes another claim."""
        answer = await self._status(proof_id)
        if answer.fulfillment_status != network_pb2.FulfillmentStatus.FULFILLED:
            raise ProofNotReadyError(f"request {proof_id.hex()} is not fulfilled")
        if not answer.proof_uri:
            raise ProverUnavailableError(f"request {proof_id.hex()}: no proof URI yet")
        data = await self._artifacts.download(answer.proof_uri, limit=self._options.max_proof_bytes)
        proof = received_proof(
            data, claim=self._claims.get(proof_id), allow_simulated=self._options.is_simulated
        )
        self._claims.drop(proof_id)
        return proof

    async def cancel(self, proof_id: bytes) -> None:
        """As in ProverBackend; the network of reserved capacity knows no cancelling."""
        await self._cancel(proof_id)
        self._claims.drop(proof_id)

    async def _cancel(self, proof_id: bytes) -> None:
        if not self._options.is_auction:
            await self._status(proof_id)
            _log.info("this network cannot cancel, the deadline ends it", request=proof_id.hex())
            return
        async with self.account.turn() as nonce:
            body = network_pb2.CancelRequestRequestBody(nonce=nonce, request_id=proof_id)
            request = network_pb2.CancelRequestRequest(
                format=network_pb2.MessageFormat.BINARY,
                signature=await self.account.signer.sign(body.SerializeToString()),
                body=body,
            )
            try:
                await self._channel.call(
                    "CancelRequest", request, network_pb2.CancelRequestResponse
                )
            except NotOnNetworkError as error:
                raise UnknownProofError(str(error)) from error
            except NetworkRefusedError as error:
                if Fulfillment((await self._status(proof_id)).fulfillment_status).is_final:
                    return
                raise ProverUnavailableError(f"not cancelled: {error}") from error

    async def close(self) -> None:
        """As in ProverBackend; requests go on without us."""
        await self._artifacts.close()
        await self._channel.close()

    async def register(self, program: GuestProgram) -> None:
        """Have the network know a program, once for each process."""
        if program.vkey_hash in self._registered:
            return
        await register(
            program,
            channel=self._channel,
            account=self.account,
            artifacts=self._artifacts,
            work_dir=self._work_dir,
        )
        self._registered.add(program.vkey_hash)

    async def _upload(self, job: RangeJob | AggregationJob) -> str:
        name = hashlib.sha256(job.key.encode()).hexdigest()
        path = self._work_dir / f"{name}.stdin"
        try:
            if isinstance(job, RangeJob):
                await self._write_range(job, path)
            else:
                await asyncio.to_thread(self._write_aggregation, job, path)
            return await self._artifacts.upload(artifact_pb2.ArtifactType.STDIN, path)
        except NetworkRefusedError as error:
            # A presigned URL that is no longer good: the next try has another.
            raise ProverUnavailableError(str(error)) from error
        finally:
            path.unlink(missing_ok=True)

    async def _write_range(self, job: RangeJob, path: Path) -> None:
        try:
            wanted = await self._pool.call(receipts_wanted, str(job.input_path))
        except OSError as error:
            raise ProofRefusedError(f"{job.key}: input is not readable: {error}") from error
        receipts = await self._receipts.receipts(wanted) if wanted else {}
        size = await self._pool.call(
            write_range_artifact,
            str(job.input_path),
            receipts,
            str(path),
            self._options.compress_artifacts,
        )
        _log.info("guest input ready", key=job.key, bytes=size)

    def _write_aggregation(self, job: AggregationJob, path: Path) -> None:
        stdin = aggregation_stdin(job.given, job.subproofs, range_vkey=self._range.vkey)
        write_artifact(path, stdin.parts(), zstd=self._options.compress_artifacts)

    async def _status(self, proof_id: bytes) -> network_pb2.GetProofRequestStatusResponse:
        if len(proof_id) != _ID_SIZE:
            raise UnknownProofError(f"request ids have {_ID_SIZE} bytes: {proof_id[:64].hex()}")
        try:
            return await self._channel.call(
                "GetProofRequestStatus",
                network_pb2.GetProofRequestStatusRequest(request_id=proof_id),
                network_pb2.GetProofRequestStatusResponse,
            )
        except NotOnNetworkError as error:
            raise UnknownProofError(str(error)) from error

    def _is_unwanted(self, deadline: int) -> bool:
        """Whether no prover took a request of the auction in time."""
        if not self._options.is_auction:
            return False
        requested = deadline - self._options.proving_timeout
        return time.time() > requested + self._options.auction_timeout

    async def _without_bids(self, proof_id: bytes, execution: Execution) -> ProofStatus:
        await self.cancel(proof_id)
        reason = f"cancelled: no prover took it within {self._options.auction_timeout} s"
        return ProofStatus(
            fulfillment=Fulfillment.UNFULFILLABLE, execution=execution, reason=reason
        )
