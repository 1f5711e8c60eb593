"""The settings of an operator of the multi-prover AVS."""

# No `from __future__ import annotations`: pydantic reads these annotations.

from pathlib import Path
from typing import Annotated

from pydantic import Field

from coprove.config.names import Hidden, OptionalAddress, Seconds, Secret, Section, Url

__all__ = ["OperatorSection"]

_Positive = Annotated[int, Field(ge=1)]
_Listen = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]*):[0-9]{1,5}$")]


class OperatorSection(Section):
    """An operator of the AVS; its L1 node is `rpc.l1`, its account that of `[transactions]`."""

    service_manager: OptionalAddress = None
    """The AVS; all other contracts are found from it."""
    registry_coordinator: OptionalAddress = None
    """The AVS' RegistryCoordinator, from which the service manager is found as well."""
    liveness_verifier: OptionalAddress = None
    """The AVS' TEELivenessVerifier; it is held against what the AVS names."""
    operator_state_retriever: OptionalAddress = None
    """EigenLayer's OperatorStateRetriever; taken, and not needed."""
    rewards: OptionalAddress = None
    """The AVS' AvsRewards, whose payments `coprove operator rewards` shows."""
    rewards_coordinator: OptionalAddress = None
    """EigenLayer's RewardsCoordinator, to claim from; without it that of `operator.rewards`."""
    bls_keystore: Path | None = None
    """BLS keystore of EigenLayer's tools."""
    bls_password: Secret | None = None
    """Its password."""
    bls_password_file: Path | None = None
    """File with its password."""
    prover_url: Annotated[Url, Hidden()] = "http://127.0.0.1:18232"
    """The operator's own TEE prover."""
    prover_token: Secret | None = None
    """Bearer token of the prover."""
    prover_token_file: Path | None = None
    """File with that token."""
    aggregator_url: Annotated[Url, Hidden()] = "http://127.0.0.1:18540"
    """The aggregator, as it calls itself: handshakes are signed for this URL."""
    name: str = ""
    """Under which metrics are pushed to the aggregator; without it account and version."""
    avs_name: str = "multi-prover-avs"
    """Label of metrics."""
    data_dir: Path = Path("coprove-operator")
    """Folder of the slashing-protection database and of what was sent. Keep it, and never copy it
    to a second operator that runs."""
    chain: Path | None = None
    """Folder of a recorded chain to take witnesses from, instead of the nodes of `[rpc]`."""
    check_roots: bool = True
    """Hold what was proven against the rollup node of `rpc.node` or `rpc.l2`, where one is set."""
    margin: _Positive = 300
    """Seconds before the end of an attestation at which it is renewed."""
    attest_interval: Annotated[Seconds, Field(ge=0.1)] = 10.0
    """From one look at prover and registry to the next."""
    push_interval: Seconds = 60.0
    """From one push of metrics to the aggregator to the next; 0 for none."""
    confirm_patience: Annotated[Seconds, Field(ge=1)] = 900.0
    """From handing a signature in to the confirmation on chain; what is later shows as late."""
    max_tasks: _Positive = 4
    """Tasks in work at once."""
    prove_timeout: Seconds = 600.0
    """For one proof."""
    pcs_url: Annotated[Url | None, Hidden()] = None
    """Intel's service or a PCCS, for quotes without their collateral; without it Intel's."""
    node_api: _Listen = "127.0.0.1:15692"
    """Address of EigenLayer's node API and of /metrics; without a host all interfaces."""
    metrics: _Listen | None = None
    """A further address of /metrics alone."""
