"""How the TEE prover's service behaves."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_PORT", "TeeProverOptions"]

DEFAULT_PORT = 18232
"""Where operators of the multi-prover AVS look for their prover."""
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TeeProverOptions:
    """Address, limits and times. Times are in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs `tokens`."""
    port: int = DEFAULT_PORT
    """TCP port, 0 for a free one."""
    tokens: tuple[str, ...] = ()
    """Any of these must be presented, as a bearer token or as the password of basic
    authentication; empty for none."""
    max_witness_bytes: int = 512 * _MIB
    """Longest witness."""
    memory_bytes: int = 2048 * _MIB
    """All witnesses held at once: being received, waiting, running and kept."""
    max_rpc_bytes: int = 64 * _MIB
    """Longest JSON-RPC body; a witness in it is twice as long as itself."""
    max_runs: int = 1
    """Ranges executed at once; each uses up to two cores."""
    max_queue: int = 8
    """Tasks that wait for their turn; further ones get 429."""
    cache_entries: int = 4096
    """Proofs, and refusals that would come again, kept for repeated requests."""
    witness_ttl: float = 120.0
    """How long a witness that was put is kept after its last use."""
    max_locks: int = 1024
    """Witnesses that clients have announced and not put yet."""
    rpc_wait: float = 60.0
    """How long prover_proveTask waits before it answers `not_ready`."""
    max_wait: float = 300.0
    """Longest wait that a client of /v1 may ask for."""
    retry_after: float = 5.0
    """When a refused client is told to come back."""
    max_collections: int = 2
    """Witnesses collected at once for clients that bring none; further ones get 429."""
    max_collected_blocks: int = 3600
    """Longest range that is collected."""
    max_requests: int = 64
    """HTTP requests under way at once; further ones get 503."""
    requests_per_second: float = 50.0
    """Rate limit for each client address; 0 for none."""
    burst: int = 200
    """Requests that a client may make before the rate limit counts."""
    body_idle_timeout: float = 60.0
    """Longest pause of a client in the middle of its body."""
    max_quotes: int = 8
    """Requests for evidence under way at once; further ones get 429."""
    quote_timeout: float = 60.0
    """When a platform that did not answer is taken not to quote."""
    check_interval: float = 300.0
    """From one look at whether the platform still quotes to the next."""
    stop_timeout: float = 20.0
    """How long a stop waits for requests and runs under way."""
