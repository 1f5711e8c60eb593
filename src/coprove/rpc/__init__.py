"""Outgoing calls: JSON-RPC transport, and typed clients that check what they return."""

from coprove.rpc.beacon import BeaconClient, BlobSidecar
from coprove.rpc.beacon_failover import BeaconSource, FailoverBeacon, open_beacon
from coprove.rpc.cache import CacheStats, DiskCache
from coprove.rpc.errors import (
    ChainMovedError,
    EndpointBusyError,
    EndpointsDisagreeError,
    EndpointUnavailableError,
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    QueryTooWideError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTooLargeError,
    RpcError,
    RpcTimeoutError,
    WrongDataError,
)
from coprove.rpc.eth import BlockTag, EthBlock, EthClient, EthHeader
from coprove.rpc.failover import EndpointHealth, FailoverTransport, open_transport, split_urls
from coprove.rpc.http import CallStats, EndpointOptions, Json
from coprove.rpc.l1 import L1Client
from coprove.rpc.l2 import AccountWitness, ExecutionWitness, L2Client
from coprove.rpc.logs import get_logs
from coprove.rpc.queries import Answer, Call, Query, RpcTransport
from coprove.rpc.retry import GiveUp, Retry, RetryDecision, RetryPolicy
from coprove.rpc.rollup_node import (
    OutputAtBlock,
    RollupNodeClient,
    SafeHeadAtL1Block,
    SyncStatus,
)
from coprove.rpc.transport import JsonRpcTransport

__all__ = [
    "AccountWitness",
    "Answer",
    "BeaconClient",
    "BeaconSource",
    "BlobSidecar",
    "BlockTag",
    "CacheStats",
    "Call",
    "CallStats",
    "ChainMovedError",
    "DiskCache",
    "EndpointBusyError",
    "EndpointHealth",
    "EndpointOptions",
    "EndpointUnavailableError",
    "EndpointsDisagreeError",
    "EthBlock",
    "EthClient",
    "EthHeader",
    "ExecutionWitness",
    "FailoverBeacon",
    "FailoverTransport",
    "GiveUp",
    "Json",
    "JsonRpcTransport",
    "L1Client",
    "L2Client",
    "MalformedResponseError",
    "MethodNotFoundError",
    "NotYetAvailableError",
    "OutputAtBlock",
    "Query",
    "QueryTooWideError",
    "RateLimitedError",
    "RequestRefusedError",
    "ResponseTooLargeError",
    "Retry",
    "RetryDecision",
    "RetryPolicy",
    "RollupNodeClient",
    "RpcError",
    "RpcTimeoutError",
    "RpcTransport",
    "SafeHeadAtL1Block",
    "SyncStatus",
    "WrongDataError",
    "get_logs",
    "open_beacon",
    "open_transport",
    "split_urls",
]
