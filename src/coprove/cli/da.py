"""`coprove da`: inputs that L1 only commits to, stored, fetched and looked at.

What derivation would read; ranges over such inputs are not proven.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import App, Parameter

from coprove.cli.console import print_result, read_file
from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config.wiring import da_inputs, endpoint_options, require
from coprove.da import (
    AltDaClient,
    Commitment,
    CommitmentError,
    EigenDaClient,
    GenericCommitment,
    KeccakCommitment,
    batch_data,
    commitment_of,
    read_commitment,
)
from coprove.errors import InputError
from coprove.primitives import keccak256, rlp
from coprove.rpc import L1Client, NotYetAvailableError, RetryPolicy, open_transport, split_urls
from coprove.types import Hash32, L1BlockRef

if TYPE_CHECKING:
    from coprove.config import Settings

__all__ = ["app"]

app = App(name="da", help="Store, fetch and look at inputs that L1 only commits to.")

_DEFAULT = SettingsOptions()
_DATA_FIELDS: Final = {1: 6, 2: 7}
"""Place of the calldata in transactions of each type that may carry commitments."""
_LEGACY_DATA: Final = 5
_CONFIRMATION: Final = 1_200.0
"""Seconds that EigenDA may take to confirm a blob."""


@app.command
def put(
    file: Path,
    /,
    *,
    layer: Literal["keccak", "server", "eigenda"] = "keccak",
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Store a file with the first server and print its commitment.

    Parameters
    ----------
    file
        The input; what a batcher transaction would hold otherwise, its version byte included.
    layer
        keccak: under its hash, with `da.server`; server: under a commitment that this server
        chooses; eigenda: with `da.eigenda_proxy`, as long as it takes to be confirmed.
    json
        Print one JSON object instead of a table.
    """
    loaded, data = settings_for("da", settings), read_file(file)
    commitment = asyncio.run(_store(loaded, data, layer))
    print_result({**_described(commitment), "bytes": len(data)}, as_json=json)
    return 0


async def _store(settings: Settings, data: bytes, layer: str) -> Commitment:
    options = endpoint_options(settings)
    if layer == "eigenda":
        proxies = split_urls(require("da.eigenda_proxy", settings.da.eigenda_proxy))
        # Confirmation takes minutes, and another try would disperse the blob again.
        patient = replace(options, timeout=_CONFIRMATION, retry=RetryPolicy(attempts=1))
        async with EigenDaClient(proxies[0], patient) as proxy:
            return await proxy.store(data)
    servers = split_urls(require("da.server", settings.da.server))
    async with AltDaClient(servers[0], options) as server:
        return await server.store(data, keccak=layer == "keccak")


@app.command
def get(
    commitment: str,
    /,
    *,
    l1_block: int | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Fetch an input by its commitment.

    Parameters
    ----------
    commitment
        The commitment in hex, its type first, without the version of the transaction.
    l1_block
        Number of the L1 block that holds it: EigenDA takes no certificate that came too late.
    out
        File for the input.
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("da", settings)
    wanted = read_commitment(_bytes(commitment, "commitment"))
    if l1_block is None and isinstance(wanted, GenericCommitment):
        raise InputError("--l1-block", expected="the block of the commitment", actual="nothing")
    data = asyncio.run(_fetch(loaded, wanted, l1_block or 0))
    if out is not None:
        out.write_bytes(data)
    print_result({**_described(wanted), "bytes": len(data)}, as_json=json)
    return 0


async def _fetch(settings: Settings, commitment: Commitment, l1_block: int) -> bytes:
    nobody = Hash32(bytes(32))
    included_at = L1BlockRef(hash=nobody, number=l1_block, parent_hash=nobody, timestamp=0)
    source = da_inputs(settings)
    try:
        return await source.fetch(commitment, included_at)
    finally:
        await source.close()


@app.command
def transaction(
    tx_hash: str,
    /,
    *,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Show what derivation would read for a batcher transaction on L1 (`rpc.l1`).

    Exit code 1 when it would pass over it.

    Parameters
    ----------
    tx_hash
        The transaction.
    out
        File for the data.
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("da", settings)
    wanted = Hash32.from_hex(tx_hash, "transaction hash")
    values, data = asyncio.run(_look(loaded, wanted))
    if out is not None and data is not None:
        out.write_bytes(data)
    print_result(values, as_json=json)
    return 1 if data is None else 0


async def _look(settings: Settings, wanted: Hash32) -> tuple[dict[str, object], bytes | None]:
    url = require("rpc.l1", settings.rpc.l1)
    async with open_transport(url, endpoint_options(settings)) as transport:
        found = await transport.call("eth_getTransactionByHash", [wanted.hex0x])
        if not isinstance(found, dict) or found.get("blockHash") is None:
            raise NotYetAvailableError(f"transaction {wanted} is not in a block")
        block_hash = Hash32.from_hex(found["blockHash"], "transaction.blockHash")
        (block,) = await L1Client(transport).blocks([block_hash])
    included_at = L1BlockRef.from_header(block.header, block.hash)
    # Only what hangs under the block's hash is believed.
    raw = next((item for item in block.transactions if keccak256(item) == wanted), None)
    if raw is None:
        raise InputError(f"block {block.hash}", expected=f"transaction {wanted}", actual="others")
    held = _calldata(raw)
    values: dict[str, object] = {"l1_block": included_at.number}
    try:
        commitment = commitment_of(held)
    except CommitmentError:
        return {**values, "kind": "no commitment, passed over"}, None
    if commitment is None:
        return {**values, "kind": "the data itself", "bytes": len(held)}, held
    source = da_inputs(settings)
    try:
        data = await batch_data(source, held, included_at)
    finally:
        await source.close()
    values |= _described(commitment)
    return {**values, "bytes": "none, passed over" if data is None else len(data)}, data


def _described(commitment: Commitment) -> dict[str, object]:
    if isinstance(commitment, KeccakCommitment):
        kind, proof = "keccak", "its hash"
    else:
        layer = commitment.layer if isinstance(commitment, GenericCommitment) else 0
        kind, proof = f"generic, layer {layer}", "the server's word"
    return {"commitment": f"0x{commitment.encode().hex()}", "kind": kind, "proof": proof}


def _calldata(raw: bytes) -> bytes:
    """Return the calldata of a transaction; InputError for a type that carries no commitments."""
    if raw[0] > 0x7F:
        return rlp.expect_bytes(rlp.decode_list(raw)[_LEGACY_DATA], "calldata")
    place = _DATA_FIELDS.get(raw[0])
    if place is None:
        raise InputError("transaction type", expected="0, 1 or 2", actual=raw[0])
    return rlp.expect_bytes(rlp.decode_list(raw[1:])[place], "calldata")


def _bytes(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise InputError(what, expected="hex", actual=text) from None
