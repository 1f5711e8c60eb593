"""The gRPC services: messages in, messages out, and the faults that were planned."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc

from coprove.devnet.prover_network.core import DOMAIN, PARTY, NetworkCore, RefusedCallError
from coprove.devnet.prover_network.faults import Fault, FaultKind, FaultPlan, stall
from coprove.prover.zk.network.channel import service_methods
from coprove.prover.zk.proto import artifact_pb2, network_pb2
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from coprove.devnet.prover_network.records import RequestRecord

__all__ = ["NetworkService"]

_MOST_LISTED: Final = 100
_log = get_logger(part="prover network")


class NetworkService:
    """Answers the calls of `network.ProverNetwork` and `artifact.ArtifactStore`."""

    def __init__(
        self,
        core: NetworkCore,
        faults: FaultPlan,
        *,
        base_url: Callable[[], str],
        on_request: Callable[[], None],
    ) -> None:
        """`base_url` is where artifacts lie, `on_request` is called when work has come."""
        self._core, self._faults = core, faults
        self._base_url, self._on_request = base_url, on_request

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return what a server serves."""
        return [
            grpc.method_handlers_generic_handler(
                service,
                {
                    name: grpc.unary_unary_rpc_method_handler(
                        self._served(name),
                        request_deserializer=request.FromString,
                        response_serializer=response.SerializeToString,
                    )
                    for name, (_, request, response) in service_methods(service).items()
                },
            )
            for service in ("network.ProverNetwork", "artifact.ArtifactStore")
        ]

    def _served(self, method: str) -> Callable[[Message, Any], Any]:
        answer: Callable[[Any], Message] = getattr(self, f"_on_{method}")

        async def serve(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
            fault = self._faults.take(method)
            await _before(fault, context)
            try:
                found = answer(request)
            except RefusedCallError as error:
                _log.info("call refused", method=method, code=error.code.name, error=error)
                await context.abort(error.code, str(error))
            await _after(fault, context)
            return found

        return serve

    def _on_GetNonce(self, request: network_pb2.GetNonceRequest) -> Message:  # noqa: N802
        return network_pb2.GetNonceResponse(nonce=self._core.nonce(request.address))

    def _on_GetBalance(self, _request: network_pb2.GetBalanceRequest) -> Message:  # noqa: N802
        return network_pb2.GetBalanceResponse(amount=str(10**24))

    def _on_GetProversByUptime(  # noqa: N802
        self, _request: network_pb2.GetProversByUptimeRequest
    ) -> Message:
        return network_pb2.GetProversByUptimeResponse(provers=[PARTY])

    def _on_GetProgram(self, request: network_pb2.GetProgramRequest) -> Message:  # noqa: N802
        found = self._core.store.program(request.vk_hash)
        if found is None:
            raise RefusedCallError(grpc.StatusCode.NOT_FOUND, "no such program")
        return network_pb2.GetProgramResponse(
            program=network_pb2.Program(
                vk_hash=found.vkey_hash,
                vk=found.vkey,
                program_uri=self._url(found.artifact_id),
                owner=found.owner,
                created_at=found.created_at,
            )
        )

    def _on_CreateProgram(self, request: network_pb2.CreateProgramRequest) -> Message:  # noqa: N802
        self._core.create_program(request)
        return network_pb2.CreateProgramResponse(tx_hash=bytes(32))

    def _on_CreateArtifact(  # noqa: N802
        self, request: artifact_pb2.CreateArtifactRequest
    ) -> Message:
        artifact = self._core.create_artifact(request.signature, request.artifact_type)
        url = self._url(artifact.artifact_id)
        return artifact_pb2.CreateArtifactResponse(
            artifact_uri=url, artifact_presigned_url=f"{url}?token={artifact.token}"
        )

    def _on_RequestProof(self, request: network_pb2.RequestProofRequest) -> Message:  # noqa: N802
        record = self._core.request_proof(request)
        self._on_request()
        return network_pb2.RequestProofResponse(
            tx_hash=record.request_id,
            body=network_pb2.RequestProofResponseBody(request_id=record.request_id),
        )

    def _on_CancelRequest(self, request: network_pb2.CancelRequestRequest) -> Message:  # noqa: N802
        self._core.cancel(request)
        return network_pb2.CancelRequestResponse(tx_hash=bytes(32))

    def _on_GetProofRequestStatus(  # noqa: N802
        self, request: network_pb2.GetProofRequestStatusRequest
    ) -> Message:
        record = self._core.request(request.request_id)
        body = network_pb2.RequestProofRequestBody.FromString(record.body)
        answer = network_pb2.GetProofRequestStatusResponse(
            fulfillment_status=record.fulfillment.name,
            execution_status=record.execution.name,
            request_tx_hash=record.request_id,
            deadline=body.deadline,
        )
        if record.proof_artifact is not None:
            answer.proof_uri = self._url(record.proof_artifact)
        return answer

    def _on_GetProofRequestDetails(  # noqa: N802
        self, request: network_pb2.GetProofRequestDetailsRequest
    ) -> Message:
        record = self._core.request(request.request_id)
        return network_pb2.GetProofRequestDetailsResponse(request=_details(record))

    def _on_GetFilteredProofRequests(  # noqa: N802
        self, request: network_pb2.GetFilteredProofRequestsRequest
    ) -> Message:
        found = [
            details
            for details in map(_details, self._core.requests())
            if _matches(details, request)
        ]
        size = min(request.limit or _MOST_LISTED, _MOST_LISTED)
        first = (max(request.page, 1) - 1) * size
        return network_pb2.GetFilteredProofRequestsResponse(requests=found[first : first + size])

    def _on_GetProofRequestParams(  # noqa: N802
        self, _request: network_pb2.GetProofRequestParamsRequest
    ) -> Message:
        if self._core.settings.kind != "auction":
            raise RefusedCallError(grpc.StatusCode.UNIMPLEMENTED, "no auction here")
        return network_pb2.GetProofRequestParamsResponse(
            domain=DOMAIN,
            auctioneer=PARTY,
            executor=PARTY,
            verifier=PARTY,
            treasury=PARTY,
            base_fee="0",
            max_price_per_pgu=str(self._core.settings.price_per_pgu),
        )

    def _url(self, artifact_id: str) -> str:
        return f"{self._base_url()}/artifacts/{artifact_id}"


async def _before(fault: Fault | None, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    if fault is None:
        return
    if fault.kind is FaultKind.DELAY:
        await asyncio.sleep(fault.seconds)
    elif fault.kind is FaultKind.FAIL:
        await context.abort(grpc.StatusCode[fault.code], "planned failure")


async def _after(fault: Fault | None, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    if fault is None:
        return
    if fault.kind is FaultKind.LOSE:
        await context.abort(grpc.StatusCode[fault.code], "planned loss of the answer")
    elif fault.kind is FaultKind.STALL:
        await stall()


def _details(record: RequestRecord) -> network_pb2.ProofRequest:
    body = network_pb2.RequestProofRequestBody.FromString(record.body)
    details = network_pb2.ProofRequest(
        request_id=record.request_id,
        vk_hash=body.vk_hash,
        version=body.version,
        mode=body.mode,
        strategy=body.strategy,
        stdin_uri=body.stdin_uri,
        deadline=body.deadline,
        cycle_limit=body.cycle_limit,
        gas_limit=body.gas_limit,
        fulfillment_status=record.fulfillment.name,
        execution_status=record.execution.name,
        requester=record.requester,
        created_at=record.created_at,
        updated_at=record.updated_at,
        tx_hash=record.request_id,
        execute_fail_cause=network_pb2.ExecuteFailureCause.Name(record.cause),
        min_auction_period=body.min_auction_period,
        whitelist=body.whitelist,
    )
    if record.fulfilled_at is not None:
        details.fulfilled_at = record.fulfilled_at
    if record.cycles is not None:
        details.cycles = record.cycles
    if record.gas is not None:
        details.gas_used = record.gas
    if record.price is not None:
        details.deduction_amount = str(record.price)
    return details


def _matches(
    details: network_pb2.ProofRequest, wanted: network_pb2.GetFilteredProofRequestsRequest
) -> bool:
    same = ("version", "fulfillment_status", "execution_status", "vk_hash", "requester", "mode")
    if any(
        wanted.HasField(name) and getattr(wanted, name) != getattr(details, name) for name in same
    ):
        return False
    return details.deadline >= wanted.minimum_deadline
