"""What a user chooses of a devnet, and what is fixed when it is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from coprove.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAX_PROVERS", "DevnetOptions"]

MAX_PROVERS = 8
"""TEE provers that a devnet can have, each with an operator account of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevnetOptions:
    """Choices of one start. Those marked * are fixed with the first start on a data directory."""

    data_dir: Path | None = None
    """Folder that keeps all state; None: a temporary one, removed at the end."""
    l1_port: int | None = None
    """Port of the L1's JSON-RPC; None: a free one."""
    l2_port: int | None = None
    """Port of the L2's JSON-RPC; None: a free one."""
    block_time: int = 1
    """* Seconds between L2 blocks."""
    l1_block_time: int = 1
    """Seconds between L1 blocks."""
    slots_in_an_epoch: int = 4
    """L1 blocks from the head to the safe block; the finalized block is twice as far."""
    submission_interval: int = 20
    """* L2 blocks from one output to the next."""
    blocks_per_range: int = 10
    """L2 blocks that one range run covers at most."""
    workers: int = 1
    """Processes that run ranges."""
    prover: Literal["mock", "network"] = "mock"
    """Where proofs come from: made by the proposer, or by the local prover network."""
    proposer: bool = True
    """Run a proposer; without one, settings for `coprove proposer` are written."""
    tee_provers: int = 3
    """Simulated TEE provers whose claims are recorded on L1, SGX and TDX in turn; 0 for none.
    * Whether there are any, or operators."""
    operators: int = 4
    """* Operators of the AVS, each with a prover of its own: of the `tee_provers` the first, and
    as many more as it takes; 0 for no AVS."""
    byzantine: int = 0
    """How many of these do wrong, the last ones: wrong roots, two states, replays, silence."""
    traffic: float = 2.0
    """L2 transactions a second; 0 for none."""
    batch_type: Literal["span", "singular"] = "span"
    """Form of the batches."""
    max_channel_duration: int = 1
    """L1 blocks after which the batcher closes a channel."""
    max_frame_size: int = 120_000
    """Bytes of a batcher transaction at most."""
    exit_after_outputs: int | None = None
    """Stop after so many finalised outputs; None: on a signal."""
    as_json: bool = False
    """Print one JSON object at the end, and nothing else, on standard output."""
    log_level: str = "info"
    """Least level of the children's log lines."""

    def __post_init__(self) -> None:
        """Refuse what cannot work; InputError names the option."""
        for name, low, high in (
            ("block_time", 1, 3600),
            ("l1_block_time", 1, 3600),
            ("slots_in_an_epoch", 1, 64),
            ("submission_interval", 1, 10_000),
            ("blocks_per_range", 1, 10_000),
            ("workers", 1, 64),
            ("tee_provers", 0, MAX_PROVERS),
            ("operators", 0, MAX_PROVERS),
            ("byzantine", 0, self.operators),
            ("max_channel_duration", 1, 100),
            ("max_frame_size", 100, 400_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(name, expected=f"{low} to {high}", actual=value)
        if self.prover not in ("mock", "network"):
            raise InputError("prover", expected="mock or network", actual=self.prover)
        if not 0 <= self.traffic <= 1000:
            raise InputError("traffic", expected="0 to 1000 a second", actual=self.traffic)
        if self.exit_after_outputs is not None and self.exit_after_outputs < 1:
            raise InputError(
                "exit_after_outputs", expected="at least 1", actual=self.exit_after_outputs
            )
        for name in ("l1_port", "l2_port"):
            port = getattr(self, name)
            if port is not None and not 0 <= port <= 65535:
                raise InputError(name, expected="a port", actual=port)
