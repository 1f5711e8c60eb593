"""The settings of the TEE prover."""

# No `from __future__ import annotations`: pydantic reads these annotations.

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from coprove.config.names import OptionalAddress, Seconds, Secret, Section

__all__ = ["TeeSection"]

_Count = Annotated[int, Field(ge=0)]
_Positive = Annotated[int, Field(ge=1)]
_Hex = Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})+$")]


class TeeSection(Section):
    """The TEE prover."""

    platform: Literal["gramine", "tdx", "snp", "nitro", "cca", "psa", "simulation"] | None = None
    """Where its quotes come from; there is no default, so that nothing is simulated by mistake."""
    operator: OptionalAddress = None
    """The only operator that registrations may name; without it the first one asked for is."""
    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs `tokens` or `token_file`."""
    port: Annotated[int, Field(ge=0, le=65535)] = 18_232
    """TCP port, the public prover's; 0 takes a free one."""
    tokens: Secret | None = None
    """Tokens with commas, of which a client must present one."""
    token_file: Path | None = None
    """File with a token a line."""
    max_witness_mib: _Positive = 512
    """Longest witness, in MiB."""
    memory_mib: _Positive = 2048
    """All witnesses held at once, in MiB."""
    max_rpc_mib: _Positive = 64
    """Longest JSON-RPC body, in MiB; a witness in it is twice as long as itself."""
    max_runs: _Positive = 1
    """Ranges executed at once."""
    max_queue: _Count = 8
    """Tasks that wait for their turn; further ones get 429."""
    witness_ttl: Seconds = 120.0
    """How long a witness that was put is kept after its last use."""
    rpc_wait: Seconds = 60.0
    """How long prover_proveTask waits before it answers `not_ready`."""
    requests_per_second: Annotated[float, Field(ge=0)] = 50.0
    """Rate limit for each client; 0 for none."""
    check_interval: Annotated[Seconds, Field(ge=1)] = 300.0
    """From one look at whether the platform still quotes to the next."""
    collect: bool = False
    """Collect witnesses from the nodes of `[rpc]` for clients that bring none."""
    snp_vmpl: Annotated[int, Field(ge=0, le=3)] | None = None
    """Privilege level of SNP reports; without it the kernel's."""
    psa_device: Path | None = None
    """Device that takes a nonce of 64 bytes and gives a PSA token."""
    psa_command: str | None = None
    """Program, with its arguments, that reads the nonce and writes a PSA token."""
    simulation_platform: Literal["intel-sgx", "intel-tdx"] = "intel-sgx"
    """What `simulation` plays."""
    simulation_seed: str = "coprove"
    """What the simulation's keys and certificates follow from."""
    simulation_start: _Count | None = None
    """When they were issued, Unix seconds; without it today's first second (UTC)."""
    simulation_issued: _Count | None = None
    """When its collateral was issued, Unix seconds; without it with the certificates."""
    simulation_measurement: _Hex | None = None
    """Raw measurement that it shows; without it that of the simulation's own enclave."""
