"""`coprove block`: execute one block from a block file and its witness."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from coprove.cli.console import print_result
from coprove.execution import BlockExecutor, NodeStore
from coprove.program.wire import pack_list
from coprove.witness import load_block_file, load_preimages

__all__ = ["app"]

app = App(name="block", help="Execute single L2 blocks from their witness.")


@app.command
def run(
    *, block: Path, witness: Path, json: Annotated[bool, Parameter(negative="")] = False
) -> int:
    """Execute a block from its witness and compare its hash with the expected one.

    Parameters
    ----------
    block
        Block file: rollup config, parent header, payload and expected hash (JSON, may be .gz).
    witness
        Witness file: records of key, length and value (may be .gz).
    json
        Print one JSON object instead of a table.
    """
    given = load_block_file(block)
    # The file does not say which value is a node and which a code; each is found by its hash.
    preimages = pack_list(load_preimages(witness))
    began = time.perf_counter()
    store = NodeStore()
    store.add_nodes(preimages)
    store.add_codes(preimages)
    loaded = time.perf_counter()
    executor = BlockExecutor(given.config, given.parent_header, store)
    executed = executor.execute(given.attributes)
    ended = time.perf_counter()
    matches = executed.hash == given.expected_hash
    print_result(
        {
            "block": executed.number,
            "block_hash": str(executed.hash),
            "expected_block_hash": str(given.expected_hash),
            "match": matches,
            "transactions": len(executed.transactions),
            "gas": executed.gas_used,
            "seconds_loading": round(loaded - began, 6),
            "seconds": round(ended - began, 6),
        },
        as_json=json,
    )
    return 0 if matches else 1
