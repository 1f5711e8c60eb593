"""Outgoing calls: JSON-RPC transport, and typed clients that check what they return."""

from coprove.rpc.beacon import BeaconClient, BlobSidecar
from coprove.rpc.errors import (
    EndpointBusyError,
    EndpointUnavailableError,
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTooLargeError,
    RpcError,
    RpcTimeoutError,
    WrongDataError,
)
from coprove.rpc.eth import BlockTag, EthBlock, EthClient, EthHeader
from coprove.rpc.http import CallStats, EndpointOptions, Json
from coprove.rpc.l1 import L1Client
from coprove.rpc.l2 import AccountWitness, ExecutionWitness, L2Client
from coprove.rpc.retry import GiveUp, Retry, RetryDecision, RetryPolicy
from coprove.rpc.rollup_node import (
    OutputAtBlock,
    RollupNodeClient,
    SafeHeadAtL1Block,
    SyncStatus,
)
from coprove.rpc.transport import Call, JsonRpcTransport

__all__ = [
    "AccountWitness",
    "BeaconClient",
    "BlobSidecar",
    "BlockTag",
    "Call",
    "CallStats",
    "EndpointBusyError",
    "EndpointOptions",
    "EndpointUnavailableError",
    "EthBlock",
    "EthClient",
    "EthHeader",
    "ExecutionWitness",
    "GiveUp",
    "Json",
    "JsonRpcTransport",
    "L1Client",
    "L2Client",
    "MalformedResponseError",
    "MethodNotFoundError",
    "NotYetAvailableError",
    "OutputAtBlock",
    "RateLimitedError",
    "RequestRefusedError",
    "ResponseTooLargeError",
    "Retry",
    "RetryDecision",
    "RetryPolicy",
    "RollupNodeClient",
    "RpcError",
    "RpcTimeoutError",
    "SafeHeadAtL1Block",
    "SyncStatus",
    "WrongDataError",
]
