"""What became of a finished request: its cost, and why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import CoproveError
from coprove.prover.backend import ProofCost
from coprove.prover.zk.proto import network_pb2
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.prover.zk.network.channel import NetworkChannel

__all__ = ["request_details"]

_log = get_logger(part="prover network")


async def request_details(
    channel: NetworkChannel, request_id: bytes
) -> tuple[ProofCost | None, str | None]:
    """Return cost and reason of a request; None for what the network does not tell now.

    Never raises: a final status must not be hidden by a call that only adds to it.
    """
    try:
        answer = await channel.call(
            "GetProofRequestDetails",
            network_pb2.GetProofRequestDetailsRequest(request_id=request_id),
            network_pb2.GetProofRequestDetailsResponse,
        )
    except CoproveError as error:
        _log.warning("no details", request_id=request_id.hex(), error=error)
        return None, None
    found = answer.request
    price = found.deduction_amount
    took = found.fulfilled_at - found.created_at if found.fulfilled_at else None
    cost = ProofCost(
        cycles=found.cycles or None,
        gas=found.gas_used or None,
        price=int(price) if price.isdecimal() else None,
        seconds=None if took is None else float(took),
    )
    return cost, _reason(found)


def _reason(found: network_pb2.ProofRequest) -> str:
    status = _name(network_pb2.FulfillmentStatus, found.fulfillment_status)
    if not found.execute_fail_cause:
        return status
    return f"{status}: {_name(network_pb2.ExecuteFailureCause, found.execute_fail_cause)}"


def _name(
    enum: type[network_pb2.FulfillmentStatus | network_pb2.ExecuteFailureCause], value: int
) -> str:
    try:
        return str(enum.Name(value)).lower().replace("_", " ")
    except ValueError:
        return f"status {value}"
