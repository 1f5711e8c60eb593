"""The settings of an aggregator of the multi-prover AVS."""

# No `from __future__ import annotations`: pydantic reads these annotations.

from pathlib import Path
from typing import Annotated

from pydantic import Field

from coprove.config.names import Hidden, OptionalAddress, Seconds, Secret, Section

__all__ = ["AggregatorSection"]

_Count = Annotated[int, Field(ge=0)]
_Positive = Annotated[int, Field(ge=1)]
_Rate = Annotated[float, Field(ge=0)]
_Listen = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]*):[0-9]{1,5}$")]


class AggregatorSection(Section):
    """An aggregator of the AVS; its nodes are those of `[rpc]`, its account `[transactions]`'."""

    service_manager: OptionalAddress = None
    """The AVS (MultiProverServiceManager)."""
    operator_state_retriever: OptionalAddress = None
    """EigenLayer's OperatorStateRetriever, against which events are held."""
    registry_coordinator: OptionalAddress = None
    """The AVS' RegistryCoordinator; without it the one that the service manager names."""
    liveness_verifier: OptionalAddress = None
    """The AVS' TEELivenessVerifier; without it the one that the service manager names."""
    slasher: OptionalAddress = None
    """The AVS' AvsSlasher, to which evidence is sent; without it evidence is only kept."""
    rewards: OptionalAddress = None
    """The AVS' AvsRewards, which is asked to pay for each confirmed task; without it others ask."""
    settle_interval: Annotated[Seconds, Field(ge=0.1)] = 12.0
    """From one look for slashings and rewards to the next."""
    start_block: _Count = 0
    """L1 block from which events are read: that of the AVS' deployment, or before."""
    committees: tuple[_Positive, ...] = (1,)
    """Committees that are asked, with commas."""
    ranges: bool = True
    """Ask for the ranges of each committee's policy on chain."""
    created: bool = True
    """Ask for tasks that were created and paid for on chain."""
    outputs: bool = False
    """Ask for the outputs proposed at each committee's oracle, where these are tasks."""
    task_fetchers: Annotated[str, Hidden()] = ""
    """Further sources: a JSON list in the shape of the AVS' TaskFetcher."""
    max_open: _Positive = 8
    """Tasks that a source has open at once."""
    poll_interval: Annotated[Seconds, Field(ge=0.1)] = 6.0
    """From one question for new tasks to the next."""
    sync_interval: Annotated[Seconds, Field(ge=0.1)] = 4.0
    """From one look for new events of operators to the next."""
    time_to_expiry: _Positive = 3600
    """Seconds that a task is open at most."""
    min_wait: Seconds = 0.0
    """How long a task waits for more signatures than it needs; 0: sent at the threshold."""
    threshold: Annotated[int, Field(ge=0, le=100)] = 0
    """Percent of stake that must sign, where the contract asks for less."""
    reference_lag: _Positive = 1
    """Blocks by which a task's reference block lies below the head of L1."""
    l1_timeout: Annotated[Seconds, Field(ge=1)] = 60.0
    """For one answer about operators, however many calls it takes."""
    liveness_max_age: Seconds = 30.0
    """How long an answer about a prover is kept without an event that changes it."""
    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs `public`."""
    port: Annotated[int, Field(ge=0, le=65535)] = 18_540
    """TCP port; 0 takes a free one."""
    public: bool = False
    """Let strangers come: older operators have no token to show."""
    audiences: tuple[str, ...] = ()
    """URLs by which operators know it, with commas; their handshakes name one of them."""
    admin_tokens: Secret | None = None
    """Tokens with commas, for evidence, and for metrics where strangers come."""
    admin_token_file: Path | None = None
    """File with a token a line."""
    metrics: _Listen | None = None
    """A further address of /metrics alone; without a host all interfaces."""
    requests_per_second: _Rate = 50.0
    """Rate limit for each client address; 0 for none."""
    burst: _Positive = 200
    """Requests of a client address before that limit counts."""
    operator_requests_per_second: _Rate = 2.0
    """Rate limit for states and metrics of an operator; 0 for none."""
    operator_burst: _Positive = 40
    """Such requests before that limit counts."""
    client_polls: _Positive = 64
    """Polls of a client address that wait at once, those with a session apart."""
    data_dir: Path = Path("coprove-aggregator")
    """Folder of the database."""
    database_url: Secret | None = None
    """PostgreSQL or SQLite; without it a SQLite file in `data_dir`."""
    lease_seconds: Annotated[Seconds, Field(ge=3)] = 30.0
    """Length of the lease of who leads, where several share a database."""
