"""The settings of every room. The names in `Alias` are op-succinct's, of both its versions."""

# No `from __future__ import annotations`: pydantic reads these annotations.

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from coprove.config.names import (
    Alias,
    EthAddress,
    Hidden,
    OptionalAddress,
    Seconds,
    Secret,
    Section,
    Url,
    Word,
)

__all__ = [
    "ContractSection",
    "DaSection",
    "NetworkSection",
    "ProposerSection",
    "ProverSection",
    "RpcSection",
    "ServerSection",
    "StorageSection",
    "TelemetrySection",
    "TransactionsSection",
]

_Strategy = Literal["reserved", "hosted", "auction"]
_Count = Annotated[int, Field(ge=0)]
_Positive = Annotated[int, Field(ge=1)]
_Port = Annotated[int, Field(ge=0, le=65535)]
_Price = Annotated[int, Field(ge=0, lt=2**128)]


class RpcSection(Section):
    """Nodes."""

    l1: Annotated[
        Url | None, Alias("L1_RPC", "OP_PROPOSER_L1_RPC", "OP_PROPOSER_L1_ETH_RPC"), Hidden()
    ] = None
    """JSON-RPC of L1; several with commas fail over."""
    beacon: Annotated[
        Url | None,
        Alias("L1_BEACON_RPC", "OP_PROPOSER_L1_BEACON_RPC", "OP_PROPOSER_BEACON_RPC"),
        Hidden(),
    ] = None
    """Beacon API of L1, several with commas; not needed where batches are in calldata."""
    l2: Annotated[Url | None, Alias("L2_RPC", "OP_PROPOSER_L2_RPC"), Hidden()] = None
    """JSON-RPC of the L2 execution node; several with commas fail over."""
    node: Annotated[
        Url | None,
        Alias("L2_NODE_RPC", "OP_PROPOSER_L2_NODE_RPC", "OP_PROPOSER_ROLLUP_RPC"),
        Hidden(),
    ] = None
    """JSON-RPC of the rollup node; without it `l2` is asked."""
    rollup_config: Path | None = None
    """File rollup.json; without it the rollup node is asked."""
    l1_config: Path | None = None
    """File with the chain config of L1 in geth's JSON, for an L1 that is not built in."""
    quorum: _Positive = 1
    """Nodes of a kind that must agree on what no hash proves."""
    timeout: Annotated[Seconds, Alias("OP_PROPOSER_NETWORK_TIMEOUT")] = 30.0
    """For one request to a node."""
    calls_per_second: Annotated[float, Field(ge=0)] = 0.0
    """Rate limit for each endpoint; 0 for none."""
    max_concurrency: _Positive = 16
    """Requests under way at once for each endpoint."""
    max_batch: _Positive = 50
    """Calls in one JSON-RPC batch; 1 for no batches."""


class DaSection(Section):
    """Servers of inputs that L1 only commits to; no range is proven over such inputs."""

    server: Annotated[Url | None, Hidden()] = None
    """Server of op-alt-da's protocol; several with commas fail over."""
    eigenda_proxy: Annotated[Url | None, Alias("EIGENDA_PROXY_ADDRESS"), Hidden()] = None
    """EigenDA proxy, for commitments of that layer; several with commas fail over."""
    eigenda_encoded: bool = False
    """Have the proxy give encoded payloads, and check and undo the encoding here."""


class ContractSection(Section):
    """The contract that outputs settle in, and the programs that it believes."""

    address: Annotated[OptionalAddress, Alias("L2OO_ADDRESS", "OP_PROPOSER_L2OO_ADDRESS")] = None
    """The output oracle."""
    dispute_game_factory: Annotated[
        OptionalAddress, Alias("DGF_ADDRESS", "OP_PROPOSER_DGF_ADDRESS")
    ] = None
    """The factory that the oracle sends proposals through; it is checked."""
    config_name: Annotated[str, Alias("OP_SUCCINCT_CONFIG_NAME")] = "opsuccinct_genesis"
    """Named config of a second-generation oracle."""
    prover_address: OptionalAddress = None
    """Who is credited with proofs, in oracles v2 and v3; without it the proposing account."""
    aggregation_vkey: Annotated[Word | None, Alias("AGGREGATION_VKEY")] = None
    """Verification key of the aggregation program, as `coprove vkeys` prints it."""
    range_vkey_commitment: Annotated[Word | None, Alias("RANGE_VKEY_COMMITMENT")] = None
    """Commitment to the verification key of the range program, as `coprove vkeys` prints it."""


class ProverSection(Section):
    """Who makes the proofs."""

    backend: Literal["mock", "execute", "network", "server"] | None = None
    """Without it: `mock` when that is set, `server` with a `server_url`, else `network`."""
    fallbacks: tuple[Literal["mock", "execute", "network", "server"], ...] = ()
    """Backends that take over, in this order, when the one before refuses or is away."""
    mock: Annotated[bool, Alias("OP_SUCCINCT_MOCK", "OP_PROPOSER_OP_SUCCINCT_MOCK")] = False
    """Make mock proofs, which hold on development chains only."""
    server_url: Annotated[
        Url | None, Alias("OP_SUCCINCT_SERVER_URL", "OP_PROPOSER_OP_SUCCINCT_SERVER_URL"), Hidden()
    ] = None
    """A proof server, ours or op-succinct's; a token may stand in it as a password."""
    server_token: Secret | None = None
    """Bearer token of the proof server."""
    server_token_file: Path | None = None
    """File with that token."""
    workers: _Positive = 1
    """Processes that collect inputs and run the range program."""
    dask: str | None = None
    """Address of a Dask scheduler that does this work instead, such as tcp://10.0.0.5:8786."""
    daily_requests: _Count | None = None
    """Proofs requested in a day (UTC) at most, of all on the database `storage.url`; without it any
    number."""
    daily_units: _Count | None = None
    """Units of the payment token spent in a day at most, with the two estimates."""
    range_estimate: _Count = 0
    """Units that a range counts until its price is known."""
    aggregation_estimate: _Count = 0
    """Units that an aggregation counts until its price is known."""


class NetworkSection(Section):
    """The SP1 prover network."""

    private_key: Annotated[Secret | None, Alias("NETWORK_PRIVATE_KEY", "SP1_PRIVATE_KEY")] = None
    """Key of the account that requests and pays."""
    private_key_file: Path | None = None
    """File with that key in hex."""
    signer_url: Annotated[Url | None, Hidden()] = None
    """A web3signer that signs requests (eth_sign), in place of a key."""
    signer_address: OptionalAddress = None
    """The account that it signs for."""
    url: Annotated[Url | None, Alias("NETWORK_RPC_URL", "PROVER_NETWORK_RPC"), Hidden()] = None
    """gRPC endpoint; without it the network that has the strategy."""
    range_strategy: Annotated[_Strategy, Alias("RANGE_PROOF_STRATEGY")] = "reserved"
    """Who fulfils range proofs."""
    aggregation_strategy: Annotated[_Strategy | None, Alias("AGG_PROOF_STRATEGY")] = None
    """Who fulfils aggregation proofs; by default the same. `auction` is for both or for none."""
    aggregation_mode: Annotated[Literal["plonk", "groth16"], Alias("AGG_PROOF_MODE")] = "groth16"
    """What aggregation proofs are wrapped in; op-succinct's validity proposer defaults to plonk."""
    circuit_version: str = "v6.1.0"
    """Version of the circuits that the programs are built for."""
    range_elf: Path | None = None
    """Executable of the range program."""
    range_vkey_file: Path | None = None
    """Its verification key in bincode."""
    aggregation_elf: Path | None = None
    """Executable of the aggregation program."""
    aggregation_vkey_file: Path | None = None
    """Its verification key in bincode."""
    range_cycle_limit: Annotated[_Positive, Alias("RANGE_CYCLE_LIMIT")] = 10**12
    """Cycles of a range proof at most."""
    range_gas_limit: Annotated[_Positive, Alias("RANGE_GAS_LIMIT")] = 10**12
    """Prover gas units of a range proof at most."""
    aggregation_cycle_limit: Annotated[_Positive, Alias("AGG_CYCLE_LIMIT")] = 10**12
    """Cycles of an aggregation proof at most."""
    aggregation_gas_limit: Annotated[_Positive, Alias("AGG_GAS_LIMIT")] = 10**12
    """Prover gas units of an aggregation proof at most."""
    max_price_per_pgu: Annotated[_Price, Alias("MAX_PRICE_PER_PGU")] = 300_000_000
    """Most paid for a prover gas unit, in the payment token's base unit."""
    proving_timeout: Annotated[
        Seconds, Alias("PROVING_TIMEOUT", "MAX_PROOF_TIME", "OP_PROPOSER_MAX_PROOF_TIME")
    ] = 14_400.0
    """The deadline that a request gives the network."""
    call_timeout: Annotated[Seconds, Alias("NETWORK_CALLS_TIMEOUT")] = 15.0
    """For one call."""
    whitelist: Annotated[str, Alias("WHITELIST")] = ""
    """Addresses of provers that may take a request, with commas; empty for the network's choice."""
    min_auction_period: Annotated[_Count, Alias("MIN_AUCTION_PERIOD")] = 1
    """Seconds that bids are taken at least."""
    auction_timeout: Annotated[Seconds, Alias("AUCTION_TIMEOUT")] = 60.0
    """After which a request that no prover took is cancelled."""
    simulated: bool = False
    """Take the mock proofs of a local prover network, which hold on development chains only."""


class ProposerSection(Section):
    """The proposer."""

    poll_interval: Annotated[
        Seconds, Alias("LOOP_INTERVAL", "POLL_INTERVAL", "OP_PROPOSER_POLL_INTERVAL")
    ] = 12.0
    """Between two ticks; op-succinct: 12 (20 in its container), today 60."""
    allow_non_finalized: Annotated[
        bool, Alias("ALLOW_NON_FINALIZED", "OP_PROPOSER_ALLOW_NON_FINALIZED")
    ] = False
    """Prove up to the safe head, not only up to the finalized one."""
    max_blocks_per_range: Annotated[
        _Positive,
        Alias(
            "RANGE_PROOF_INTERVAL",
            "MAX_BLOCK_RANGE_PER_SPAN_PROOF",
            "OP_PROPOSER_MAX_BLOCK_RANGE_PER_SPAN_PROOF",
        ),
    ] = 300
    """L2 blocks in one range; op-succinct: 300 (flag 50), today 1800."""
    gas_per_range: Annotated[_Count, Alias("RANGE_PROOF_EVM_GAS_LIMIT")] = 0
    """L2 gas after which a range ends early; 0 for none."""
    submission_interval: Annotated[_Count, Alias("SUBMISSION_INTERVAL")] = 0
    """L2 blocks from one output to the next, when the contract allows less."""
    max_concurrent_proof_requests: Annotated[
        _Positive,
        Alias("MAX_CONCURRENT_PROOF_REQUESTS", "OP_PROPOSER_MAX_CONCURRENT_PROOF_REQUESTS"),
    ] = 10
    """Requests in work at once; op-succinct: 10 (flag 20), today 1."""
    max_concurrent_witness_gen: Annotated[_Positive, Alias("MAX_CONCURRENT_WITNESS_GEN")] = 5
    """Of them, those whose input is being collected; op-succinct: 5, today 1."""
    failures_before_split: _Positive = 2
    """Failures of a range of several blocks after which it is split in two."""
    l1_head_buffer: _Count = 20
    """L1 blocks read beyond the one from which a range's end is safe."""
    safe_db_fallback: Annotated[bool, Alias("SAFE_DB_FALLBACK")] = True
    """Go on where the rollup node keeps no safe-head database; op-succinct: false."""
    witness_timeout: Seconds = 1200.0
    """For an input and its execution."""
    lease: Annotated[Seconds, Field(gt=0)] = 30.0
    """Length of the leader's lease; a standby takes over so long after a leader died."""


class ServerSection(Section):
    """The proof server."""

    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs `tokens` or `token_file`."""
    port: Annotated[_Port, Alias("PORT")] = 3000
    """TCP port; 0 takes a free one."""
    data_dir: Path = Path("coprove-server")
    """Folder of its jobs, inputs and proofs."""
    tokens: Secret | None = None
    """Tokens with commas, of which a client must present one."""
    token_file: Path | None = None
    """File with a token a line."""
    max_body_mib: _Positive = 102_400
    """Longest body of an aggregation request, in MiB."""
    max_open_jobs: _Positive = 1000
    """Jobs that are not over; further requests get 503."""
    max_witness: _Positive = 5
    """Inputs collected at once."""
    max_proving: _Positive = 20
    """Jobs at the backend at once."""
    requests_per_second: Annotated[float, Field(ge=0)] = 50.0
    """Rate limit for each client; 0 for none."""
    witness_cache_mib: _Count = 20_480
    """Inputs kept for repeated requests, in MiB."""
    witness_timeout: Seconds = 1200.0
    """For collecting an input."""
    empty_mock_aggregation: bool = True
    """Answer mock aggregations with an empty proof, as op-succinct's server does."""


class TransactionsSection(Section):
    """Who signs L1 transactions and how they are sent."""

    private_key: Annotated[Secret | None, Alias("PRIVATE_KEY", "OP_PROPOSER_PRIVATE_KEY")] = None
    """Key of the proposing account."""
    private_key_file: Annotated[Path | None, Alias("PRIVATE_KEY_FILE")] = None
    """File with that key in hex."""
    keystore: Annotated[Path | None, Alias("KEYSTORE")] = None
    """Keystore (Web3 Secret Storage)."""
    keystore_password: Annotated[Secret | None, Alias("KEYSTORE_PASSWORD")] = None
    """The keystore's password."""
    keystore_password_file: Annotated[Path | None, Alias("KEYSTORE_PASSWORD_FILE")] = None
    """File with the keystore's password."""
    signer_url: Annotated[
        Url | None, Alias("SIGNER_URL", "OP_PROPOSER_SIGNER_ENDPOINT"), Hidden()
    ] = None
    """A web3signer."""
    signer_address: Annotated[
        EthAddress | None, Alias("SIGNER_ADDRESS", "OP_PROPOSER_SIGNER_ADDRESS")
    ] = None
    """The account that it signs for."""
    confirmations: Annotated[_Positive, Alias("OP_PROPOSER_NUM_CONFIRMATIONS")] = 3
    """Depth at which a transaction counts as settled."""
    resubmit_after: Annotated[
        Seconds, Alias("TX_CONFIRMATION_TIMEOUT", "OP_PROPOSER_RESUBMISSION_TIMEOUT")
    ] = 60.0
    """After which one with higher fees replaces a waiting one."""
    min_tip_gwei: Annotated[float, Field(ge=0), Alias("OP_PROPOSER_TXMGR_MIN_TIP_CAP")] = 1.0
    """Floor of the priority fee."""
    min_fee_gwei: Annotated[float, Field(ge=0), Alias("OP_PROPOSER_TXMGR_MIN_BASEFEE")] = 2.0
    """Floor of the maximum fee."""
    max_fee_gwei: Annotated[float, Field(gt=0)] = 500.0
    """The maximum fee never goes above this."""


class StorageSection(Section):
    """Where the proposer keeps what must survive."""

    data_dir: Annotated[Path, Alias("DB_PATH", "OP_PROPOSER_DB_PATH")] = Path("coprove-proposer")
    """Folder of inputs and, with SQLite, of the databases."""
    url: Annotated[Secret | None, Alias("DATABASE_URL")] = None
    """PostgreSQL or SQLite; without it a SQLite file in `data_dir`."""


class TelemetrySection(Section):
    """Logs, metrics and alerts."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Alias("COPROVE_LOG_LEVEL", "OP_PROPOSER_LOG_LEVEL"),
    ] = "info"
    """How much is logged."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """`auto`: text on a terminal, JSON elsewhere."""
    metrics_host: Annotated[str, Alias("OP_PROPOSER_METRICS_ADDR")] = "127.0.0.1"
    """Address of /metrics, /healthz and /readyz."""
    metrics_port: Annotated[_Port, Alias("METRICS_PORT", "OP_PROPOSER_METRICS_PORT")] = 7300
    """Its port; 0 takes a free one. op-succinct: 7300, today 8080."""
    metrics_enabled: Annotated[bool, Alias("METRICS_ENABLED", "OP_PROPOSER_METRICS_ENABLED")] = True
    """Whether they are served on `metrics_port`; the proof server has them on its own."""
    slack_webhook_url: Secret | None = None
    """Webhook for alerts, in Slack's form."""
    alert_interval: Seconds = 600.0
    """Between two alerts of the same kind."""
