"""What the rooms make of the settings: their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from coprove.config.errors import SettingError
from coprove.config.settings import all_settings
from coprove.contracts import FeePolicy
from coprove.da import EIGENDA_LAYER, AltDaClient, EigenDaClient, FailoverInputs, LayeredInputs
from coprove.proposer.settings import ProposerSettings
from coprove.prover.server import LiveSource, ServerOptions
from coprove.rpc import EndpointOptions, split_urls
from coprove.types import Hash32
from coprove.witness import LiveEndpoints, LiveOptions

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from coprove.config.settings import Settings
    from coprove.da import InputSource
    from coprove.witness import WorkExecutor

__all__ = [
    "backend_names",
    "bearer_tokens",
    "da_inputs",
    "endpoint_options",
    "fee_policy",
    "live_endpoints",
    "live_options",
    "live_source",
    "program_keys",
    "proposer_settings",
    "require",
    "server_options",
    "storage_url",
    "text_of",
]

T = TypeVar("T")
_GWEI = 10**9
_MIB = 1 << 20


def require(path: str, value: T | None) -> T:
    """Return a setting's value; SettingError names it and its variables when it is missing."""
    if value is not None:
        return value
    names = next(item.names for item in all_settings() if item.path == path)
    raise SettingError(path, expected=f"a value, as in {' or '.join(names)}", actual="nothing")


def endpoint_options(settings: Settings) -> EndpointOptions:
    """Return how nodes are used."""
    rpc = settings.rpc
    return EndpointOptions(
        timeout=rpc.timeout,
        calls_per_second=rpc.calls_per_second,
        max_concurrency=rpc.max_concurrency,
        max_batch=rpc.max_batch,
    )


def da_inputs(settings: Settings) -> LayeredInputs:
    """Return the source of inputs behind commitments; SettingError where no server is set.

    The caller closes it.
    """
    given, options = settings.da, endpoint_options(settings)
    if given.server is None and given.eigenda_proxy is None:
        require("da.server", given.server)
    by_layer: dict[int, InputSource] = {}
    if given.eigenda_proxy is not None:
        by_layer[EIGENDA_LAYER] = FailoverInputs(
            [
                EigenDaClient(url, options, encoded=given.eigenda_encoded)
                for url in split_urls(given.eigenda_proxy)
            ]
        )
    others = None
    if given.server is not None:
        others = FailoverInputs([AltDaClient(url, options) for url in split_urls(given.server)])
    return LayeredInputs(by_layer, others)


def live_endpoints(settings: Settings) -> LiveEndpoints:
    """Return where the nodes are; SettingError for one that is missing."""
    l2 = require("rpc.l2", settings.rpc.l2)
    return LiveEndpoints(
        l1=require("rpc.l1", settings.rpc.l1),
        l2=l2,
        node=settings.rpc.node or l2,
        beacon=settings.rpc.beacon,
        quorum=settings.rpc.quorum,
    )


def live_options(settings: Settings) -> LiveOptions:
    """Return the choices of a collection, files read."""
    return LiveOptions(
        rollup_config=_content(settings.rpc.rollup_config, "rpc.rollup_config"),
        l1_config=_content(settings.rpc.l1_config, "rpc.l1_config") or b"",
        l1_buffer=settings.proposer.l1_head_buffer,
    )


def live_source(settings: Settings, executor: WorkExecutor, cache_path: Path | None) -> LiveSource:
    """Return inputs from the nodes, with a cache on disk when `cache_path` is given."""
    return LiveSource(
        live_endpoints(settings),
        executor,
        options=live_options(settings),
        endpoint_options=endpoint_options(settings),
        cache_path=cache_path,
    )


def program_keys(settings: Settings) -> tuple[Hash32, Hash32]:
    """Return the range program's commitment and the aggregation program's key."""
    contract = settings.contract
    commitment = require("contract.range_vkey_commitment", contract.range_vkey_commitment)
    aggregation = require("contract.aggregation_vkey", contract.aggregation_vkey)
    return Hash32.from_hex(commitment), Hash32.from_hex(aggregation)


def bearer_tokens(tokens: SecretStr | None, file: Path | None, what: str) -> tuple[str, ...]:
    """Return the tokens of a setting, separated by commas, and of a file, one a line.

    `what` names the file's setting in errors.
    """
    found: list[str] = []
    if tokens is not None:
        found += tokens.get_secret_value().split(",")
    if file is not None:
        found += text_of(file, what).splitlines()
    return tuple(token.strip() for token in found if token.strip())


def server_options(settings: Settings) -> ServerOptions:
    """Return how the proof server behaves."""
    given = settings.server
    return ServerOptions(
        data_dir=given.data_dir,
        host=given.host,
        port=given.port,
        tokens=bearer_tokens(given.tokens, given.token_file, "server.token_file"),
        max_body_bytes=given.max_body_mib * _MIB,
        max_open_jobs=given.max_open_jobs,
        max_witness=given.max_witness,
        max_proving=given.max_proving,
        requests_per_second=given.requests_per_second,
        witness_cache_bytes=given.witness_cache_mib * _MIB,
        witness_timeout=given.witness_timeout,
        legacy_wait=max(1.0, given.witness_timeout - 10),
        empty_mock_aggregation=given.empty_mock_aggregation,
    )


def proposer_settings(settings: Settings) -> ProposerSettings:
    """Return the proposer's own settings; SettingError for one that is missing or wrong."""
    endpoints = live_endpoints(settings)
    commitment, aggregation = program_keys(settings)
    given, contract, telemetry = settings.proposer, settings.contract, settings.telemetry
    url = settings.storage.url
    values: dict[str, Any] = {
        "l1_rpc_url": endpoints.l1,
        "l1_beacon_url": endpoints.beacon,
        "l2_rpc_url": endpoints.l2,
        "rollup_node_url": endpoints.node,
        "oracle_address": require("contract.address", contract.address),
        "dispute_game_factory_address": contract.dispute_game_factory,
        "config_name": contract.config_name,
        "prover_address": contract.prover_address,
        "aggregation_vkey": str(aggregation),
        "range_vkey_commitment": str(commitment),
        "rollup_config": settings.rpc.rollup_config,
        "l1_chain_config": settings.rpc.l1_config,
        "data_dir": settings.storage.data_dir,
        "database_url": None if url is None else url.get_secret_value(),
        "poll_interval": given.poll_interval,
        "allow_non_finalized": given.allow_non_finalized,
        "max_blocks_per_range": given.max_blocks_per_range,
        "gas_per_range": given.gas_per_range,
        "submission_interval": given.submission_interval,
        "max_concurrent_proof_requests": given.max_concurrent_proof_requests,
        "max_concurrent_witness_gen": given.max_concurrent_witness_gen,
        "workers": settings.prover.workers,
        "failures_before_split": given.failures_before_split,
        "mock": "mock" in backend_names(settings),
        "l1_head_buffer": given.l1_head_buffer,
        "safe_db_fallback": given.safe_db_fallback,
        "network_calls_timeout": settings.network.call_timeout,
        "witness_timeout": given.witness_timeout,
        "confirmations": settings.transactions.confirmations,
        "tx_resubmit_after": settings.transactions.resubmit_after,
        "lease_seconds": given.lease,
        "slack_webhook_url": telemetry.slack_webhook_url,
        "alert_interval": telemetry.alert_interval,
        "metrics_host": telemetry.metrics_host if telemetry.metrics_enabled else "127.0.0.1",
        "metrics_port": telemetry.metrics_port if telemetry.metrics_enabled else 0,
    }
    try:
        return ProposerSettings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingError(where, expected=first["msg"], actual="another value") from None


def storage_url(settings: Settings) -> str:
    """Return where the proposer's database is."""
    if settings.storage.url is not None:
        return settings.storage.url.get_secret_value()
    return f"sqlite:///{settings.storage.data_dir.resolve() / 'requests.sqlite'}"


def fee_policy(settings: Settings) -> FeePolicy:
    """Return how fees of transactions are chosen."""
    given = settings.transactions
    return FeePolicy(
        min_priority_fee=int(given.min_tip_gwei * _GWEI),
        min_max_fee=int(given.min_fee_gwei * _GWEI),
        max_fee_cap=int(given.max_fee_gwei * _GWEI),
    )


def backend_names(settings: Settings) -> tuple[str, ...]:
    """Return the backends in the order in which they are tried."""
    given = settings.prover
    first = given.backend
    if first is None:
        if given.mock:
            first = "server" if given.server_url is not None else "mock"
        else:
            first = "server" if given.server_url is not None else "network"
    return tuple(dict.fromkeys((first, *given.fallbacks)))


def text_of(path: Path, name: str) -> str:
    """Return a text file that a setting names; SettingError when it cannot be read."""
    content = _content(path, name)
    try:
        return (content or b"").decode()
    except UnicodeDecodeError:
        raise SettingError(name, expected="a text file", actual="other bytes") from None


def _content(path: Path | None, name: str) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingError(name, expected="a readable file", actual=error.strerror) from None
