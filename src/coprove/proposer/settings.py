"""Settings of the proposer: our names, and beside each the names and defaults of op-succinct.

"Early" is op-succinct's Go proposer (flags with the prefix OP_PROPOSER_, and the unprefixed names
of its container), "today's" its one validity proposer.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from coprove.contracts import GENESIS_CONFIG
from coprove.types import Address

__all__ = ["ProposerSettings"]

_Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
_Word = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
_Seconds = Annotated[float, Field(gt=0)]


class ProposerSettings(BaseModel):
    """All that a proposer needs to know beside its prover backend and its signer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    l1_rpc_url: str
    """JSON-RPC of L1. Early: L1_RPC, OP_PROPOSER_L1_ETH_RPC; today's: L1_RPC."""
    l1_beacon_url: str | None = None
    """Beacon API of L1; not needed where batches are in calldata. Early and today's:
    L1_BEACON_RPC, OP_PROPOSER_BEACON_RPC."""
    l2_rpc_url: str
    """JSON-RPC of the L2 execution node. Early and today's: L2_RPC."""
    rollup_node_url: str | None = None
    """JSON-RPC of the rollup node; None: the same as `l2_rpc_url`. Early and today's: L2_NODE_RPC,
    OP_PROPOSER_ROLLUP_RPC."""
    oracle_address: _Address
    """The output oracle. Early: L2OO_ADDRESS, OP_PROPOSER_L2OO_ADDRESS; today's: L2OO_ADDRESS."""
    dispute_game_factory_address: _Address | None = None
    """The factory that the oracle routes proposals through, which is checked. Today's:
    DGF_ADDRESS."""
    config_name: str = GENESIS_CONFIG
    """Named config of the second generation's contract. Today's: OP_SUCCINCT_CONFIG_NAME."""
    prover_address: _Address | None = None
    """Who is credited with proofs in the second generation; None: the proposing account."""

    aggregation_vkey: _Word
    """Verification key of the aggregation program, as `coprove vkeys` prints it."""
    range_vkey_commitment: _Word
    """Commitment to the verification key of the range program."""
    rollup_config: Path | None = None
    """rollup.json; None asks the rollup node."""
    l1_chain_config: Path | None = None
    """L1 chain config in geth's JSON form, for an L1 that is not built in."""

    data_dir: Path
    """Folder of the witness cache and, with SQLite, of the databases. Early: DB_PATH."""
    database_url: str | None = None
    """Request store; None: SQLite in `data_dir`. Today's: DATABASE_URL (PostgreSQL)."""

    poll_interval: _Seconds = 12.0
    """Seconds between two ticks. Early: 12 (POLL_INTERVAL 20 in its container); today's:
    LOOP_INTERVAL 60."""
    allow_non_finalized: bool = False
    """Prove up to the safe head, not only up to the finalized one. Early: ALLOW_NON_FINALIZED."""
    max_blocks_per_range: int = Field(default=300, ge=1)
    """L2 blocks in one range. Early: MAX_BLOCK_RANGE_PER_SPAN_PROOF 300 (flag: 50); today's:
    RANGE_PROOF_INTERVAL 1800."""
    gas_per_range: int = Field(default=0, ge=0)
    """L2 gas after which a range ends early; 0: by blocks alone. Today's:
    RANGE_PROOF_EVM_GAS_LIMIT 0."""
    submission_interval: int = Field(default=0, ge=0)
    """L2 blocks from one output to the next at least; the contract's own interval when that is
    longer. Today's: SUBMISSION_INTERVAL 1800."""
    outputs_before_leap: int = Field(default=1, ge=1)
    """So many outputs due at once are covered by a single one; 1 always takes the furthest."""
    ranges_ahead: int = Field(default=100, ge=1)
    """Ranges that may wait for their turn; more are planned as these are done."""
    max_concurrent_proof_requests: int = Field(default=10, ge=1)
    """Requests from their witness to their proof at once. Early: MAX_CONCURRENT_PROOF_REQUESTS 10
    (flag: 20); today's: 1."""
    max_concurrent_witness_gen: int = Field(default=5, ge=1)
    """Of them, requests whose witness is collected or executed. Early: MAX_CONCURRENT_WITNESS_GEN
    5; today's: 1."""
    workers: int = Field(default=1, ge=1)
    """Processes that run the range program."""
    failures_before_split: int = Field(default=2, ge=1)
    """Failures of a range of several blocks after which it is split in two."""
    mock: bool = False
    """Use the mock backend, whose proofs hold on development chains only. Early and today's:
    OP_SUCCINCT_MOCK."""

    l1_head_buffer: int = Field(default=20, ge=0)
    """L1 blocks read beyond the one from which a range's end is safe. Early: 20, fixed."""
    safe_db_fallback: bool = True
    """Guess the L1 head, and check it by deriving the range, where the rollup node keeps no
    safe-head database. Today's: SAFE_DB_FALLBACK false."""

    rpc_timeout: _Seconds = 60.0
    """Seconds for one question to a node, retries included."""
    network_calls_timeout: _Seconds = 15.0
    """Seconds for one call to the prover backend. Early: 30; today's: NETWORK_CALLS_TIMEOUT 15."""
    submit_timeout: _Seconds = 600.0
    """Seconds for handing a job over to the backend, with the upload of its input."""
    witness_timeout: _Seconds = 1200.0
    """Seconds for a witness and its execution. Early: 20 minutes, fixed."""
    deadline_grace: _Seconds = 600.0
    """Seconds after the backend's own deadline until a proof that is not there counts as expired.
    There is no other limit on proving: the deadline is what was paid for (early: MAX_PROOF_TIME
    14400, today's: PROVING_TIMEOUT 14400, which set the deadline of a request)."""
    confirmations: int = Field(default=3, ge=1)
    """Depth at which a transaction counts as settled. Today's: 3."""
    tx_resubmit_after: _Seconds = 60.0
    """Seconds that a transaction waits before one with higher fees replaces it. Today's:
    TX_CONFIRMATION_TIMEOUT 60."""
    lease_seconds: _Seconds = 30.0
    """Length of the leader lease; a standby takes over so long after a leader died."""

    slack_webhook_url: SecretStr | None = None
    """Webhook that takes `{"text": …}`, as Slack's do. Early: SLACK_TOKEN took a bot's token."""
    alert_interval: _Seconds = 600.0
    """Seconds between two alerts of the same kind."""
    metrics_host: str = "127.0.0.1"
    """Address of /metrics, /healthz and /readyz."""
    metrics_port: int = Field(default=7300, ge=0, le=65535)
    """Its port; 0 takes a free one. Early: METRICS_PORT 7300; today's: 8080."""

    @property
    def oracle(self) -> Address:
        """`oracle_address` as an address."""
        return Address.from_hex(self.oracle_address)

    @property
    def factory(self) -> Address | None:
        """`dispute_game_factory_address` as an address."""
        text = self.dispute_game_factory_address
        return None if text is None else Address.from_hex(text)

    @property
    def prover(self) -> Address | None:
        """`prover_address` as an address."""
        return None if self.prover_address is None else Address.from_hex(self.prover_address)

    @property
    def node_url(self) -> str:
        """Where the rollup node answers."""
        return self.rollup_node_url or self.l2_rpc_url

    @property
    def witness_dir(self) -> Path:
        """Folder of the witness cache."""
        return self.data_dir / "witness"
