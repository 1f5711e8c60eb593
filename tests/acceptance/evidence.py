"""What happened, by what each part kept of it: the contract, the store, the server, the network."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from tests.acceptance.devnets import processes_of, until

from coprove.devnet.accounts import DevAccounts, Role
from coprove.devnet.prover_network.guest_reader import read_range_input
from coprove.devnet.prover_network.http import artifact_path
from coprove.devnet.prover_network.settings import load_network_settings
from coprove.prover import Fulfillment
from coprove.prover.zk.guest_aggregation import read_aggregation_stdin
from coprove.prover.zk.proto import network_pb2
from coprove.prover.zk.simulated import SIMULATED_SIZE
from coprove.prover.zk.stdin import Stdin, decompress
from coprove.storage import RequestKind, RequestStatus

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.devnets import RunningDevnet

    from coprove.devnet.outputs import ProposedOutput
    from coprove.devnet.prover_network.settings import ProverNetworkSettings

__all__ = [
    "Accepted",
    "accepted_requests",
    "check_contract",
    "check_server",
    "check_spending",
    "check_store",
    "drained",
    "rows",
    "sent_by_proposer",
]


def rows(database: Path | str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask an SQLite file, or a PostgreSQL database by its URL, without changing it."""
    if isinstance(database, str):
        with psycopg.connect(database, autocommit=True) as connection:
            return connection.execute(query.replace("?", "%s").encode(), values).fetchall()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute(query, values).fetchall()


async def sent_by_proposer(devnet: RunningDevnet) -> list[dict[str, Any]]:
    """Return the proposing account's transactions in canonical L1 blocks, with their receipts."""
    account = DevAccounts().account(Role.PROPOSER).address.lower()
    client = devnet.l1()
    found = []
    for number in range(await client.block_number() + 1):
        block: Any = await client.transport.call("eth_getBlockByNumber", [hex(number), True])
        for tx in block["transactions"]:
            if str(tx["from"]).lower() == account:
                receipt = await client.transport.call("eth_getTransactionReceipt", [tx["hash"]])
                found.append({**tx, "receipt": receipt})
    return found


async def drained(devnet: RunningDevnet, store: Path | str, *, interval: int, blocks: int) -> None:
    """Let no more blocks become final, and wait until all that are final are proposed.

    `blocks` are those of a range.
    """
    os.kill(processes_of(devnet.data_dir)["batcher"], signal.SIGSTOP)

    async def is_done() -> bool:
        status = await devnet.node().sync_status()
        outputs = await devnet.outputs()
        if status.safe_l2.number != status.finalized_l2.number or not outputs:
            return False
        if status.finalized_l2.number - outputs[-1].l2_block >= interval:
            return False
        live = rows(store, "SELECT MAX(end_block) FROM spans")[0][0]
        open_ones = rows(
            store, "SELECT id FROM requests WHERE status < ?", int(RequestStatus.COMPLETE)
        ) + rows(store, "SELECT number FROM intents WHERE state = 'open'")
        return status.finalized_l2.number - live < blocks and not open_ones

    await until("all that is final is proposed", is_done, 180)


async def check_contract(devnet: RunningDevnet) -> list[ProposedOutput]:
    """The outputs are one chain, each proposed by one transaction, and nothing else was sent.

    Of the account's transactions none reverted, no nonce is missing or used twice, and those
    that proposed nothing checkpointed, each another L1 block.
    """
    outputs = await devnet.outputs()
    assert [item.index for item in outputs] == list(range(1, len(outputs) + 1))
    blocks = [item.l2_block for item in outputs]
    assert blocks == sorted(set(blocks)), blocks
    proposing = [item.tx_hash.hex0x for item in outputs]
    assert len(set(proposing)) == len(outputs)
    for item in outputs:
        assert (await devnet.node().output_at_block(item.l2_block)).root == item.root
    sent = await sent_by_proposer(devnet)
    assert [int(tx["nonce"], 16) for tx in sent] == list(range(len(sent)))
    assert {tx["receipt"]["status"] for tx in sent} == {"0x1"}
    assert {str(tx["to"]).lower() for tx in sent} == {devnet.manifest.oracle.lower()}
    others = [tx for tx in sent if tx["hash"] not in proposing]
    assert len(others) == len(sent) - len(outputs)
    checkpointed = [tx["input"] for tx in others]
    assert {len(data) for data in checkpointed} <= {2 + 8 + 64}, "not one word: no checkpoint"
    assert len(set(checkpointed)) == len(checkpointed), "a block was checkpointed twice"
    assert len(checkpointed) <= len(outputs), "more checkpoints than outputs"
    pending: Any = await devnet.l1().transport.call(
        "eth_getTransactionCount", [DevAccounts().account(Role.PROPOSER).address, "pending"]
    )
    assert int(pending, 16) == len(sent), "something is still waiting to be mined"
    return outputs


def check_store(path: Path | str, outputs: list[ProposedOutput]) -> list[tuple[bytes, str]]:
    """The live path has no gap, outputs are its aggregations, and no proof was asked for twice.

    Returns the proofs that were asked for, each with what it is of.
    """
    spans = rows(path, "SELECT start_block, end_block FROM spans ORDER BY end_block")
    assert spans[0][0] is None, "the path has no anchor"
    ends = [end for _, end in spans]
    assert [start for start, _ in spans[1:]] == ends[:-1], f"a gap: {spans}"
    live = rows(
        path,
        "SELECT start_block, end_block, status FROM requests"
        " WHERE kind = ? AND status NOT IN (?, ?) ORDER BY start_block",
        int(RequestKind.RANGE),
        int(RequestStatus.FAILED),
        int(RequestStatus.CANCELLED),
    )
    assert [(start, end) for start, end, _ in live] == spans[1:]
    assert (live[0][0], live[-1][1] >= outputs[-1].l2_block) == (0, True)
    assert {status for *_, status in live} == {RequestStatus.COMPLETE}
    relayed = rows(
        path,
        "SELECT start_block, end_block, relay_tx FROM requests WHERE status = ? ORDER BY end_block",
        int(RequestStatus.RELAYED),
    )
    assert [(end, tx) for _, end, tx in relayed] == [
        (item.l2_block, bytes(item.tx_hash)) for item in outputs
    ]
    assert [start for start, *_ in relayed] == [0, *(end for _, end, _ in relayed[:-1])]
    asked = rows(
        path,
        "SELECT kind, start_block, end_block, status, proof_id FROM requests"
        " WHERE proof_id IS NOT NULL",
    )
    assert {status for *_, status, _ in asked} <= {RequestStatus.COMPLETE, RequestStatus.RELAYED}
    work = Counter((kind, start, end) for kind, start, end, *_ in asked)
    assert set(work.values()) == {1}, work
    assert len({proof_id for *_, proof_id in asked}) == len(asked)
    assert not rows(path, "SELECT key, kind FROM intents WHERE state = 'open'")
    return [
        (proof_id, f"{RequestKind(kind).name.lower()} {start}..{end}")
        for kind, start, end, _, proof_id in asked
    ]


def check_server(path: Path) -> set[bytes]:
    """Every job of a server ended with a proof, and nothing was worked on twice.

    Returns the backend's identifiers.
    """
    jobs = rows(path, "SELECT kind, start_block, end_block, state, proof_id FROM jobs")
    assert {state for *_, state, _ in jobs} == {"fulfilled"}, jobs
    work = Counter((kind, start, end) for kind, start, end, *_ in jobs)
    assert set(work.values()) == {1}, work
    found = {proof_id for *_, proof_id in jobs}
    assert len(found) == len(jobs)
    return found


@dataclass(frozen=True)
class Accepted:
    """A request in the network's own journal."""

    request_id: bytes
    kind: str
    work: tuple[str, str]
    """What is agreed on and what is claimed."""
    price: int


def accepted_requests(devnet: RunningDevnet) -> list[Accepted]:
    """Read the network's journal: what each accepted request is of, by its own input.

    All are fulfilled, and no work was accepted twice under whatever input.
    """
    settings = load_network_settings(devnet.data_dir / "config" / "prover_network.json")
    journal = rows(
        settings.data_dir / "network.sqlite",
        "SELECT request_id, body, fulfillment, price FROM requests",
    )
    assert {state for _, _, state, _ in journal} == {Fulfillment.FULFILLED}
    found = [_accepted(settings, row) for row in journal]
    work = Counter((item.kind, item.work) for item in found)
    assert set(work.values()) == {1}, [key for key, count in work.items() if count > 1]
    nonces = [network_pb2.RequestProofRequestBody.FromString(body).nonce for _, body, *_ in journal]
    assert len(set(nonces)) == len(nonces)
    return found


def check_spending(ledger: Path, accepted: list[Accepted]) -> None:
    """The ledger has each request that the network accepted, once, at the network's price."""
    spent = rows(ledger, "SELECT proof_id, amount FROM spending")
    assert sorted(spent) == sorted((item.request_id, str(item.price)) for item in accepted)


def _accepted(settings: ProverNetworkSettings, row: tuple[Any, ...]) -> Accepted:
    request_id, encoded, _, price = row
    body = network_pb2.RequestProofRequestBody.FromString(encoded)
    path = artifact_path(settings.data_dir, body.stdin_uri.rpartition("/")[2])
    data = decompress(path.read_bytes(), limit=settings.max_artifact_bytes)
    range_hash = bytes.fromhex(settings.range_vkey_hash[2:])
    if body.vk_hash == range_hash:
        given = read_range_input(Stdin.decode(data).buffers[0])
        work = str(given.agreed_output_root), str(given.claimed_output_root)
        return Accepted(request_id, "range", work, price)
    registered = rows(
        settings.data_dir / "network.sqlite",
        "SELECT vkey FROM programs WHERE vkey_hash = ?",
        range_hash,
    )
    stdin = Stdin.decode(data, proof_size=SIMULATED_SIZE, vkey=registered[0][0])
    claims = read_aggregation_stdin(stdin).boot_infos
    work = str(claims[0].l2_pre_root), str(claims[-1].l2_post_root)
    return Accepted(request_id, "aggregation", work, price)
