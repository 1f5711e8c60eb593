"""The network's rules: what is accepted, what becomes of it, what is told."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import grpc

from coprove.devnet.prover_network.records import ArtifactRecord, ProgramRecord, RequestRecord
from coprove.prover import Execution, Fulfillment
from coprove.prover.errors import ProofFormatError
from coprove.prover.zk.network.artifacts import CREATE_ARTIFACT
from coprove.prover.zk.network.signing import recover_signer
from coprove.prover.zk.proto import network_pb2

if TYPE_CHECKING:
    from coprove.devnet.prover_network.provers import Proved
    from coprove.devnet.prover_network.settings import ProverNetworkSettings
    from coprove.devnet.prover_network.store import NetworkStore

__all__ = ["DOMAIN", "PARTY", "NetworkCore", "RefusedCallError"]

DOMAIN: Final = hashlib.sha256(b"coprove: a simulated prover network").digest()
"""What bodies of the auction are signed for."""
PARTY: Final = bytes(20)
"""Address of auctioneer, executor, verifier and treasury, who are nobody here."""


class RefusedCallError(Exception):
    """A call that is answered by a gRPC status instead of a message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        """Keep the status."""
        super().__init__(message)
        self.code = code


class NetworkCore:
    """All state changes, each in one transaction of the store."""

    def __init__(self, settings: ProverNetworkSettings, store: NetworkStore) -> None:
        """The store stays its owner's to close."""
        self.settings, self.store = settings, store

    def nonce(self, address: bytes) -> int:
        """Return an account's nonce."""
        return self.store.nonce(address)

    def create_artifact(self, signature: bytes, kind: int) -> ArtifactRecord:
        """Make room for content, for whoever signs."""
        _signer(CREATE_ARTIFACT, signature)
        artifact = ArtifactRecord(
            artifact_id=secrets.token_hex(16),
            kind=kind,
            token=secrets.token_hex(16),
            digest=None,
        )
        self.store.put_artifact(artifact)
        return artifact

    def create_program(self, request: network_pb2.CreateProgramRequest) -> None:
        """Register a program."""
        body = request.body
        owner = _signer(body.SerializeToString(deterministic=True), request.signature)
        with self.store.transaction():
            self._check_nonce(owner, body.nonce)
            if self.store.program(body.vk_hash) is not None:
                raise RefusedCallError(grpc.StatusCode.ALREADY_EXISTS, "program exists")
            artifact = self._uploaded(body.program_uri, "program")
            self.store.put_program(
                ProgramRecord(
                    vkey_hash=body.vk_hash,
                    vkey=body.vk,
                    artifact_id=artifact.artifact_id,
                    owner=owner,
                    created_at=int(time.time()),
                )
            )
            self.store.use_nonce(owner)

    def request_proof(self, request: network_pb2.RequestProofRequest) -> RequestRecord:
        """Accept a request; it costs from now on."""
        body, now = request.body, int(time.time())
        encoded = body.SerializeToString(deterministic=True)
        requester = _signer(encoded, request.signature)
        with self.store.transaction():
            self._check_nonce(requester, body.nonce)
            if self.store.program(body.vk_hash) is None:
                raise _invalid(f"program {body.vk_hash.hex()} is not registered")
            if body.deadline <= now:
                raise _invalid(f"deadline {body.deadline} is over")
            if not body.version.startswith("sp1-v"):
                raise _invalid(f"version {body.version!r}")
            if body.mode == network_pb2.ProofMode.UNSPECIFIED_PROOF_MODE:
                raise _invalid("no proof mode")
            self._check_network(body)
            artifact = self._uploaded(body.stdin_uri, "stdin")
            record = RequestRecord(
                request_id=hashlib.sha256(requester + encoded).digest(),
                requester=requester,
                body=encoded,
                stdin_digest=artifact.digest or "",
                fulfillment=Fulfillment.REQUESTED,
                execution=Execution.UNEXECUTED,
                created_at=now,
                updated_at=now,
            )
            self.store.put_request(record)
            self.store.use_nonce(requester)
        return record

    def cancel(self, request: network_pb2.CancelRequestRequest) -> None:
        """Cancel a request of the signer."""
        if self.settings.kind != "auction":
            raise RefusedCallError(grpc.StatusCode.UNIMPLEMENTED, "no cancelling here")
        body = request.body
        requester = _signer(body.SerializeToString(deterministic=True), request.signature)
        with self.store.transaction():
            self._check_nonce(requester, body.nonce)
            record = self.request(body.request_id)
            if record.requester != requester:
                raise RefusedCallError(grpc.StatusCode.PERMISSION_DENIED, "another's request")
            if record.fulfillment.is_final:
                raise RefusedCallError(grpc.StatusCode.FAILED_PRECONDITION, "request is final")
            self._change(record, fulfillment=Fulfillment.UNFULFILLABLE)
            self.store.use_nonce(requester)

    def request(self, request_id: bytes) -> RequestRecord:
        """Return a request as it stands now."""
        record = self.store.request(request_id)
        if record is None:
            raise RefusedCallError(grpc.StatusCode.NOT_FOUND, f"no request {request_id.hex()}")
        return self._aged(record)

    def requests(self) -> list[RequestRecord]:
        """Return all requests as they stand now, the newest first."""
        return [self._aged(record) for record in self.store.requests()]

    def assign(self, request_id: bytes) -> None:
        """Give a request to a prover."""
        record = self.request(request_id)
        if record.fulfillment is Fulfillment.REQUESTED:
            self._change(record, fulfillment=Fulfillment.ASSIGNED)

    def fulfil(self, request_id: bytes, proved: Proved, artifact_id: str) -> None:
        """Give a proof; nothing changes when the request is final."""
        record = self.request(request_id)
        if record.fulfillment.is_final:
            return
        now = int(time.time())
        self.store.put_request(
            replace(
                record,
                fulfillment=Fulfillment.FULFILLED,
                execution=Execution.EXECUTED,
                updated_at=now,
                fulfilled_at=now,
                cycles=proved.cycles,
                gas=proved.gas,
                price=proved.gas * self.settings.price_per_pgu,
                proof_artifact=artifact_id,
                public_values=proved.public_values,
            )
        )

    def fail(self, request_id: bytes, *, execution: Execution, cause: int = 0) -> None:
        """End a request without a proof; nothing changes when it is final."""
        record = self.request(request_id)
        if not record.fulfillment.is_final:
            self._change(
                record, fulfillment=Fulfillment.UNFULFILLABLE, execution=execution, cause=cause
            )

    def expire(self, request_id: bytes) -> None:
        """End a request as its deadline would."""
        record = self.request(request_id)
        if not record.fulfillment.is_final:
            self._change(record, fulfillment=Fulfillment.EXPIRED)

    def _change(self, record: RequestRecord, **changes: object) -> RequestRecord:
        changed = replace(record, updated_at=int(time.time()), **changes)  # type: ignore[arg-type]
        self.store.put_request(changed)
        return changed

    def _aged(self, record: RequestRecord) -> RequestRecord:
        """Expire a request whose deadline is over."""
        if record.fulfillment.is_final:
            return record
        body = network_pb2.RequestProofRequestBody.FromString(record.body)
        if time.time() <= body.deadline:
            return record
        return self._change(record, fulfillment=Fulfillment.EXPIRED)

    def _check_nonce(self, address: bytes, nonce: int) -> None:
        expected = self.store.nonce(address)
        if nonce != expected:
            raise _invalid(f"nonce: expected {expected}, got {nonce}")

    def _check_network(self, body: network_pb2.RequestProofRequestBody) -> None:
        """Check that a body is meant for this one of the two networks."""
        is_auction = body.strategy == network_pb2.FulfillmentStrategy.AUCTION
        if is_auction != (self.settings.kind == "auction") or not body.strategy:
            raise _invalid(f"strategy {body.strategy} on the {self.settings.kind} network")
        if not is_auction:
            if any(field.number >= 12 for field, _ in body.ListFields()):
                raise _invalid("fields of the auction on the base network")
            return
        if body.domain != DOMAIN:
            raise _invalid("domain")
        if not body.max_price_per_pgu.isdecimal():
            raise _invalid(f"max price {body.max_price_per_pgu!r}")
        if int(body.max_price_per_pgu) < self.settings.price_per_pgu:
            raise _invalid(f"max price {body.max_price_per_pgu} is below the network's")

    def _uploaded(self, uri: str, what: str) -> ArtifactRecord:
        artifact = self.store.artifact(uri.rpartition("/")[2])
        if artifact is None or artifact.digest is None:
            raise _invalid(f"{what} artifact is not there")
        return artifact


def _signer(message: bytes, signature: bytes) -> bytes:
    try:
        return recover_signer(message, signature)
    except ProofFormatError as error:
        raise RefusedCallError(grpc.StatusCode.UNAUTHENTICATED, str(error)) from error


def _invalid(message: str) -> RefusedCallError:
    return RefusedCallError(grpc.StatusCode.INVALID_ARGUMENT, message)
