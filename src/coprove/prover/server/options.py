"""How a proof server behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ServerOptions"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Addresses, limits and times of a proof server. Times are in seconds, sizes in bytes."""

    data_dir: Path
    """Folder of the jobs, inputs and proofs; one server at a time."""
    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs `tokens`."""
    port: int = 3000
    """TCP port, 0 for a free one."""
    tokens: tuple[str, ...] = ()
    """Any of these must be presented, as a bearer token or as the password of basic
    authentication; empty for none."""
    max_body_bytes: int = 102_400 * _MIB
    """Longest body of an aggregation request; op-succinct's server has the same limit."""
    max_subproof_bytes: int = 64 * _MIB
    """Longest single subproof; a compressed SP1 proof has some 1.3 MB."""
    max_subproofs: int = 10_000
    """Most subproofs in an aggregation."""
    max_aggregation_bytes: int = 4096 * _MIB
    """Most bytes of all subproofs of an aggregation: the backend takes them in memory."""
    max_range_blocks: int = 10_000
    """Most blocks in a range."""
    max_open_jobs: int = 1000
    """Jobs that are not over; further requests get 503."""
    max_witness: int = 5
    """Inputs collected at once."""
    max_proving: int = 20
    """Jobs at the backend at once."""
    max_requests: int = 256
    """HTTP requests under way at once; further ones get 503."""
    max_uploads: int = 8
    """Aggregation bodies received at once; further ones get 503."""
    requests_per_second: float = 50.0
    """Rate limit for each client address; 0 for none."""
    burst: int = 200
    """Requests that a client may make before the rate limit counts."""
    disk_reserve: int = 512 * _MIB
    """Bytes that stay free on the disk."""
    witness_cache_bytes: int = 20 << 30
    """Inputs kept for repeated requests; the least recently used go first."""
    witness_timeout: float = 1200.0
    """Longest time for collecting an input, its retries included."""
    legacy_wait: float = 1190.0
    """How long request_span_proof and request_agg_proof wait for the backend to accept; the Go
    proposer gives up after 1200 s."""
    status_timeout: float = 10.0
    """How long a status request waits for the backend."""
    body_idle_timeout: float = 60.0
    """Longest pause of a client in the middle of its body."""
    poll_interval: float = 5.0
    """From one question for a proof's status to the next."""
    retry_delay: float = 1.0
    """First delay after a failure that may pass; it doubles up to a minute."""
    stop_timeout: float = 20.0
    """How long a stop waits for requests and submissions under way."""
    empty_mock_aggregation: bool = True
    """Answer mock aggregations with an empty proof, as op-succinct's server does and
    SP1MockVerifier wants; False gives the mock backend's proof."""
