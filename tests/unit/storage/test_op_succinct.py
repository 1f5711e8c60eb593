"""An operator moves from op-succinct without losing queued, running or finished proofs."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.storage import (
    DEAD,
    ForeignRequest,
    RequestKind,
    RequestStatus,
    plan_adoption,
    read_early,
    read_today,
)
from coprove.storage.errors import AdoptionError, RangeGapError, StoreUnavailableError
from coprove.types import BlockRange
from tests.unit.storage.lab import CONFIG, SCOPE, block, plans, spans

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import PostgresServer
    from tests.unit.storage.lab import Lab

S = RequestStatus
RANGE, AGGREGATION = RequestKind.RANGE, RequestKind.AGGREGATION

EARLY_SCHEMA = """
CREATE TABLE proof_requests (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, type text NOT NULL,
    start_block integer NOT NULL, end_block integer NOT NULL, status text NOT NULL,
    request_added_time integer NOT NULL, prover_request_id text NULL,
    proof_request_time integer NULL, last_updated_time integer NOT NULL,
    l1_block_number integer NULL, l1_block_hash text NULL, proof blob NULL
) STRICT
"""
EARLY_ROWS: list[tuple[object, ...]] = [
    ("SPAN", 0, 10, "COMPLETE", "aa00", None, None, b"proof 0"),
    ("SPAN", 10, 20, "COMPLETE", "aa01", None, None, b"proof 1"),
    ("SPAN", 20, 30, "FAILED", "aa02", None, None, None),
    ("SPAN", 20, 30, "COMPLETE", "aa03", None, None, b"proof 2"),
    ("SPAN", 30, 40, "FAILED", "aa04", None, None, None),
    # The halves of a split, as that proposer made them: block 35 belongs to neither.
    ("SPAN", 30, 35, "PROVING", "aa05", None, None, None),
    ("SPAN", 36, 40, "WITNESSGEN", None, None, None, None),
    ("SPAN", 40, 50, "UNREQ", None, None, None, None),
    ("AGG", 0, 10, "COMPLETE", "bb00", 7, f"0x{'07' * 32}", b"old"),
    ("AGG", 10, 30, "PROVING", "bb01", 8, "08" * 32, None),
    ("AGG", 10, 20, "UNREQ", None, None, None, None),
]


def _early(path: Path, rows: list[tuple[object, ...]]) -> None:
    db = sqlite3.connect(path)
    db.execute(EARLY_SCHEMA)
    db.executemany(
        "INSERT INTO proof_requests (type, start_block, end_block, status, prover_request_id,"
        " l1_block_number, l1_block_hash, proof, request_added_time, last_updated_time)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 2)",
        rows,
    )
    db.commit()
    db.close()


async def test_the_first_proposers_work_goes_on(lab: Lab, tmp_path: Path) -> None:
    """Proofs and requests at the network are kept, a gap from a split is closed."""
    _early(tmp_path / "proofs.db", EARLY_ROWS)
    plan = plan_adoption(await read_early(tmp_path / "proofs.db"), 10)
    async with lab.leading(None) as (store, lease):
        adopted = await store.adopt(lease, plan, backend="network", config=CONFIG)
        path = await store.live_ranges()
        assert [(r.blocks.start, r.blocks.end, r.status, r.attempts) for r in path] == [
            (10, 20, S.COMPLETE, 0),
            (20, 30, S.COMPLETE, 1),
            (30, 35, S.PROVING, 0),
            (35, 36, S.UNREQUESTED, 0),
            (36, 40, S.UNREQUESTED, 0),
            (40, 50, S.UNREQUESTED, 0),
        ]
        assert plan.filled == (BlockRange(start=35, end=36),)
        assert await store.proof(path[1].id) == b"proof 2"
        assert path[2].proof_id == b"\xaa\x05"
        (aggregation,) = await store.find(kind=AGGREGATION)
        assert (aggregation.blocks, aggregation.status) == (BlockRange(start=10, end=30), S.PROVING)
        assert aggregation.proof_id == b"\xbb\x01"
        assert aggregation.checkpoint is not None
        assert aggregation.checkpoint.number == 8
        assert list(adopted.requests) == [*path, aggregation]
        assert spans(list(plan.left_out)) == [(0, 10), (0, 10), (10, 20)]
        with pytest.raises(AdoptionError):
            await store.adopt(lease, plan, backend="network")
        await store.plan_ranges(lease, plans(50, 60), backend="network")


@pytest.mark.parametrize(
    "row",
    [
        ("SPAN", 10, 10, "UNREQ", None, None, None, None),
        ("SPAN", 0, 10, "DONE", None, None, None, None),
        ("RANGE", 0, 10, "UNREQ", None, None, None, None),
        ("SPAN", 0, 10, "PROVING", "xyz", None, None, None),
        ("AGG", 0, 10, "PROVING", "aa", 5, "0x1234", None),
    ],
)
async def test_rows_that_the_first_proposer_never_wrote_are_refused(
    tmp_path: Path, row: tuple[object, ...]
) -> None:
    _early(tmp_path / "proofs.db", [row])
    with pytest.raises(InputError):
        await read_early(tmp_path / "proofs.db")


async def test_a_file_of_something_else_is_not_readable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        await read_early(tmp_path / "none.db")
    assert not await asyncio.to_thread((tmp_path / "none.db").exists)
    sqlite3.connect(tmp_path / "other.db").close()
    with pytest.raises(StoreUnavailableError, match="proof_requests"):
        await read_early(tmp_path / "other.db")


TODAY_SCHEMA = """
CREATE TABLE requests (
    id BIGSERIAL PRIMARY KEY, status SMALLINT NOT NULL, req_type SMALLINT NOT NULL,
    mode SMALLINT NOT NULL, start_block BIGINT NOT NULL, end_block BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL, proof_request_id BYTEA,
    checkpointed_l1_block_number BIGINT, checkpointed_l1_block_hash BYTEA,
    execution_statistics JSONB NOT NULL DEFAULT 'null'::jsonb, witnessgen_duration BIGINT,
    execution_duration BIGINT, proof_request_time TIMESTAMP, prove_duration BIGINT,
    range_vkey_commitment BYTEA NOT NULL, aggregation_vkey_hash BYTEA,
    rollup_config_hash BYTEA NOT NULL, relay_tx_hash BYTEA, proof BYTEA,
    total_nb_transactions BIGINT NOT NULL, total_eth_gas_used BIGINT NOT NULL,
    total_l1_fees NUMERIC(38,0) NOT NULL, total_tx_fees NUMERIC(38,0) NOT NULL,
    l1_chain_id BIGINT NOT NULL, l2_chain_id BIGINT NOT NULL, contract_address BYTEA,
    prover_address BYTEA, l1_head_block_number BIGINT
)
"""


def _today(url: str, rows: list[dict[str, object]]) -> None:
    usual = {
        "mode": 0,
        "range_vkey_commitment": bytes(CONFIG.range_vkey_commitment),
        "rollup_config_hash": bytes(CONFIG.rollup_config_hash),
        "l1_chain_id": SCOPE.l1_chain_id,
        "l2_chain_id": SCOPE.l2_chain_id,
        "created_at": "2026-01-01",
        "updated_at": "2026-01-01",
        "total_nb_transactions": 1,
        "total_eth_gas_used": 1,
        "total_l1_fees": 1,
        "total_tx_fees": 1,
    }
    with psycopg.connect(url) as db:
        db.execute(TODAY_SCHEMA)
        for row in rows:
            given = usual | row
            names, holes = ", ".join(given), ", ".join(f"%({name})s" for name in given)
            db.execute(f"INSERT INTO requests ({names}) VALUES ({holes})".encode(), given)  # noqa: S608 - constants


async def test_todays_proposers_work_goes_on(lab: Lab, postgres: PostgresServer) -> None:
    """Only what is proven for this contract's chains and identity is of use."""
    url = postgres.new_database()
    aggregation: dict[str, object] = {
        "req_type": 1,
        "aggregation_vkey_hash": bytes(CONFIG.aggregation_vkey),
        "contract_address": bytes(SCOPE.contract),
        "checkpointed_l1_block_number": 5,
        "checkpointed_l1_block_hash": bytes(block(5).hash),
    }
    spans_of: dict[str, object] = {"req_type": 0}
    rows = [
        spans_of | {"start_block": 0, "end_block": 10, "status": 4, "proof": b"p0"},
        spans_of | {"start_block": 10, "end_block": 20, "status": 6},
        spans_of | {"start_block": 10, "end_block": 20, "status": 3, "proof_request_id": b"i" * 32},
        spans_of | {"start_block": 20, "end_block": 30, "status": 2},
        spans_of | {"start_block": 30, "end_block": 40, "status": 0},
        spans_of | {"start_block": 40, "end_block": 50, "status": 7},
        spans_of | {"start_block": 40, "end_block": 50, "status": 0, "l2_chain_id": 1},
        spans_of
        | {"start_block": 40, "end_block": 50, "status": 0, "range_vkey_commitment": b"?" * 32},
        aggregation | {"start_block": 0, "end_block": 10, "status": 4, "proof": b"agg"},
        aggregation
        | {"start_block": 0, "end_block": 10, "status": 4, "proof": b"x", "contract_address": b"x"},
    ]
    _today(url, rows)
    plan = plan_adoption(await read_today(url, SCOPE, CONFIG), 0)
    async with lab.leading(None) as (store, lease):
        await store.adopt(lease, plan, backend="network", config=CONFIG)
        path = await store.live_ranges()
        assert [(r.blocks.start, r.blocks.end, r.status, r.attempts) for r in path] == [
            (0, 10, S.COMPLETE, 0),
            (10, 20, S.PROVING, 1),
            (20, 30, S.UNREQUESTED, 0),
            (30, 40, S.UNREQUESTED, 0),
        ]
        assert path[1].proof_id == b"i" * 32
        (found,) = await store.find(kind=AGGREGATION)
        assert await store.proof(found.id) == b"agg"
        assert (found.status, found.checkpoint) == (S.COMPLETE, block(5))
    with pytest.raises(InputError):
        await read_today("sqlite:///x", SCOPE, CONFIG)
    with pytest.raises(StoreUnavailableError):
        await read_today(postgres.url(), SCOPE, CONFIG)


async def test_an_adoption_that_cannot_be_leaves_nothing(lab: Lab) -> None:
    blocks = BlockRange(start=0, end=5)
    row = ForeignRequest(kind=RANGE, status=S.COMPLETE, blocks=blocks, proof=b"p")
    good = plan_adoption([row], 0)
    async with lab.leading(None) as (store, lease):
        for start, end, error in ((7, 9, RangeGapError), (5, 2**63, InputError)):
            beyond = replace(row, blocks=BlockRange(start=start, end=end))
            bad = replace(good, ranges=(row, beyond))
            with pytest.raises(error):
                await store.adopt(lease, bad, backend="network")
            assert await store.find() == []
            assert await store.anchor() is None
        await store.adopt(lease, good, backend="network")


_FOREIGN = st.builds(
    lambda kind, status, start, length, paid: ForeignRequest(
        kind=kind,
        status=status,
        blocks=BlockRange(start=start, end=start + length),
        proof_id=b"i" if paid else None,
        proof=b"p" if paid else None,
    ),
    st.sampled_from(RequestKind),
    st.sampled_from(RequestStatus),
    st.integers(0, 12),
    st.integers(1, 5),
    st.booleans(),
)


@given(rows=st.lists(_FOREIGN, max_size=12), anchor=st.integers(0, 6))
def test_any_rows_become_one_path(rows: list[ForeignRequest], anchor: int) -> None:
    """Whatever gaps and overlaps there are; live ranges are taken over or named as left out."""
    plan = plan_adoption(rows, anchor)
    at = anchor
    for row in plan.ranges:
        assert row.blocks.start == at
        at = row.blocks.end
    live = [row for row in rows if row.status not in DEAD]
    taken = [*plan.ranges, *plan.aggregations, *plan.left_out]
    assert len(taken) == len(live) + len(plan.filled)
    assert all(any(row is one for one in taken) for row in live)
    for row in plan.left_out:
        if row.kind is RANGE and row.blocks.start >= anchor:
            # It shares blocks with one that is on the path.
            assert any(
                row.blocks.start < one.blocks.end and one.blocks.start < row.blocks.end
                for one in plan.ranges
            )
