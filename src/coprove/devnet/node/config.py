"""Settings of one embedded L2 node: the JSON file behind `python -m coprove.devnet.node --config`.

Paths in the file are relative to the file's own folder. Nothing in it is secret, except what an
RPC URL may carry: URLs are never logged.
"""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coprove.errors import InputError

__all__ = ["MempoolConfig", "NodeConfig"]

Seconds = Annotated[float, Field(gt=0, le=3600)]
"""A duration in seconds."""


class MempoolConfig(BaseModel):
    """Limits of the transaction pool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_transactions: int = Field(default=8192, ge=1)
    """Transactions held in all; the worst payer is evicted beyond that."""
    max_per_account: int = Field(default=256, ge=1)
    """Transactions held of one sender, executable and queued together."""
    max_transaction_bytes: int = Field(default=131_072, ge=1024)
    """Largest EIP-2718 encoding taken (geth's limit: 128 KiB)."""
    price_bump_percent: int = Field(default=10, ge=1)
    """How much more a replacement of the same nonce must pay, in both fee cap and tip."""
    max_nonce_gap: int = Field(default=1024, ge=1)
    """How far ahead of the account's nonce a queued transaction may be."""


class NodeConfig(BaseModel):
    """Everything that one node process needs to know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path
    """Folder of the database; created when missing."""
    l2_genesis: Path
    """Genesis of the L2 in geth's JSON form (`.json` or `.json.gz`)."""
    rollup_config: Path
    """`rollup.json` as op-node reads it."""
    l1_chain_config: Path
    """L1 chain config in geth's JSON form (fork times, blob schedule)."""
    l1_rpc_url: str
    """JSON-RPC endpoint of the L1."""
    l1_beacon_url: str | None = None
    """Beacon API endpoint; needed only when batches are in blobs."""
    http_host: str = "127.0.0.1"
    """Address on which JSON-RPC, /healthz and /metrics are served."""
    http_port: int = Field(default=9545, ge=0, le=65535)
    """Its port; 0 takes a free one, which is written to `<data_dir>/node.url`."""
    sequencer: bool = True
    """True: build unsafe blocks and take transactions. False: follow L1 alone."""
    sequencer_l1_confs: int = Field(default=1, ge=0)
    """How many blocks behind the L1 head the L1 origin of a new block stays."""
    sequencer_max_safe_lag: int = Field(default=0, ge=0)
    """Stop building when the unsafe head is this many blocks ahead of the safe head; 0: never."""
    verifier_l1_confs: int = Field(default=0, ge=0)
    """How many blocks behind the L1 head derivation stays."""
    l1_poll_interval: Seconds = 0.5
    """How often the L1 head is asked for."""
    l1_request_timeout: Seconds = 10
    """Time limit of one L1 request."""
    max_body_bytes: int = Field(default=5 * 1024 * 1024, ge=1024)
    """Largest HTTP body of a JSON-RPC request."""
    max_batch: int = Field(default=1000, ge=1)
    """Most calls in one JSON-RPC batch."""
    max_log_range: int = Field(default=100_000, ge=1)
    """Most blocks that one eth_getLogs may span."""
    max_log_results: int = Field(default=20_000, ge=1)
    """Most logs that one eth_getLogs may return."""
    call_gas_cap: int = Field(default=50_000_000, ge=21_000)
    """Most gas that eth_call and eth_estimateGas may use."""
    mempool: MempoolConfig = MempoolConfig()
    """Limits of the transaction pool."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file at `path`; `InputError` says which field is wrong."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            config = cls.model_validate(raw)
        except OSError as error:
            raise InputError("node config", expected="a readable file", actual=error) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(str(path), expected="JSON", actual=error) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{path}: {field}", expected=first["msg"], actual="else") from error
        base = path.resolve().parent
        names = ("data_dir", "l2_genesis", "rollup_config", "l1_chain_config")
        return config.model_copy(update={name: base / getattr(config, name) for name in names})
