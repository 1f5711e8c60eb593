"""The options of commands that read a live chain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.console import read_file, required
from coprove.witness import LiveEndpoints, LiveOptions

__all__ = ["ChainOptions"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ChainOptions:
    """Where the nodes of a live chain are; each URL may be several, separated by commas."""

    l1_rpc: Annotated[str | None, Parameter(env_var="L1_RPC")] = None
    """URL of the L1 execution node."""
    l1_beacon_rpc: Annotated[str | None, Parameter(env_var="L1_BEACON_RPC")] = None
    """URL of the L1 beacon node; needed only where batches are in blobs."""
    l2_rpc: Annotated[str | None, Parameter(env_var="L2_RPC")] = None
    """URL of the L2 execution node, best with debug_executionWitness."""
    l2_node_rpc: Annotated[str | None, Parameter(env_var="L2_NODE_RPC")] = None
    """URL of the rollup node."""
    rollup_config: Path | None = None
    """rollup.json of a live chain; by default the rollup node is asked for it."""
    l1_config: Path | None = None
    """Chain config of the L1 (JSON), needed where the L1 is not a public one."""

    def endpoints(self, *, quorum: int = 1) -> LiveEndpoints:
        """Return the nodes; InputError names a flag that is missing beside no recording."""
        what = "a URL, or --chain with a recording's folder"
        return LiveEndpoints(
            l1=required(self.l1_rpc, "--l1-rpc", what),
            beacon=self.l1_beacon_rpc,
            l2=required(self.l2_rpc, "--l2-rpc", what),
            node=required(self.l2_node_rpc, "--l2-node-rpc", what),
            quorum=quorum,
        )

    def choices(self) -> LiveOptions:
        """Return the choices of a collection, files read."""
        return LiveOptions(
            rollup_config=None if self.rollup_config is None else read_file(self.rollup_config),
            l1_config=b"" if self.l1_config is None else read_file(self.l1_config),
        )
