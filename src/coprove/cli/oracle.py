"""The options of commands about an oracle that is there, and about program keys."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from coprove.cli.console import read_file, required
from coprove.cli.sending import address
from coprove.contracts import GENESIS_CONFIG, OutputContract, open_output_contract
from coprove.rpc import JsonRpcTransport
from coprove.types import Address, Hash32, L1ChainConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["KeyOptions", "OracleOptions", "l1_chain_config", "program_key"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class OracleOptions:
    """An oracle that is there."""

    l2oo_address: Annotated[str | None, Parameter(env_var="L2OO_ADDRESS")] = None
    """Proxy of the oracle."""
    config_name: Annotated[str, Parameter(env_var="OP_SUCCINCT_CONFIG_NAME")] = GENESIS_CONFIG
    """Named config of a second-generation oracle."""
    l1_rpc: Annotated[str | None, Parameter(env_var="L1_RPC")] = None
    """URL of the L1 execution node."""

    def check(self) -> tuple[str, Address]:
        """Return the L1's URL and the proxy's address; InputError names a flag that is missing."""
        oracle = address(self.l2oo_address, "--l2oo-address")
        return required(self.l1_rpc, "--l1-rpc", "the URL of an L1 node"), oracle

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[JsonRpcTransport, OutputContract]]:
        """Connect and open the oracle as what it is."""
        url, oracle = self.check()
        async with JsonRpcTransport(url) as transport:
            yield (
                transport,
                await open_output_contract(transport, oracle, config_name=self.config_name),
            )


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """The programs that an oracle believes."""

    aggregation_vkey: Annotated[str | None, Parameter(env_var="AGGREGATION_VKEY")] = None
    """Verification key of the aggregation program."""
    range_vkey_commitment: Annotated[str | None, Parameter(env_var="RANGE_VKEY_COMMITMENT")] = None
    """Commitment to the verification key of the range program."""


def program_key(
    text: str | None, flag: str, fallback: Hash32 | None = None, *, what: str = "32 bytes in hex"
) -> Hash32:
    """Return the key of a flag, or the fallback; InputError names the flag."""
    if text:
        return Hash32.from_hex(text, flag)
    return required(fallback, flag, what)


def l1_chain_config(path: Path | None) -> L1ChainConfig | None:
    """Return the chain config of the L1 in a file, None for no file."""
    return None if path is None else L1ChainConfig.from_json(read_file(path))
