"""Whatever callers send, every method answers within JSON-RPC's rules."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coprove.devnet.node.chain import Chain
from coprove.devnet.node.store import Store
from tests.unit.devnet_node.recorded import rows
from tests.unit.devnet_node.test_chain import Client, backend, genesis, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

QUANTITIES = st.sampled_from(["0x0", "0x1", "0xc", "0xffffffffffffffff", "0x" + "f" * 64, "0x01"])
HEX = st.binary(max_size=40).map(lambda raw: "0x" + raw.hex())
TAGS = st.sampled_from(["latest", "pending", "safe", "finalized", "earliest", "0x5", "0x77"])
HASHES = st.sampled_from([row["hash"] for row in rows()[:20]] + ["0x" + "00" * 32])
ADDRESSES = st.sampled_from(
    ["0x4200000000000000000000000000000000000006", "0x" + "00" * 20, "0x" + "f" * 40]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | QUANTITIES
    | HEX
    | TAGS
    | HASHES
    | ADDRESSES
)
NAMES = (
    "from to data input value gas gasPrice maxFeePerGas address topics fromBlock toBlock "
    "blockHash blockNumber requireCanonical nonce"
)
KEYS = st.sampled_from(NAMES.split()) | st.text(max_size=4)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
ALLOWED = {-32602, -32000, -32005, 3}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("fuzz")
    store = Store(folder)
    chain = Chain(store, genesis())
    asyncio.run(replay(chain, 20))
    yield Client(backend(chain, folder))
    store.close()


def answered(client: Client, method: str, params: list[Any]) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    body = asyncio.run(client.dispatcher.handle(json.dumps(request).encode()))
    assert body is not None
    answer = json.loads(body)
    if "error" in answer:
        assert answer["error"]["code"] in ALLOWED, (method, params, answer)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_parameters(client: Client, data: st.DataObject) -> None:
    """Random parameters give a result or one of the known errors, never an internal one."""
    method = data.draw(st.sampled_from(client.dispatcher.methods))
    answered(client, method, data.draw(st.lists(VALUES, max_size=4)))


CALLS = st.fixed_dictionaries(
    {"to": ADDRESSES},
    optional={
        "from": ADDRESSES,
        "data": HEX,
        "value": QUANTITIES,
        "gas": QUANTITIES,
        "gasPrice": QUANTITIES,
    },
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "fromBlock": TAGS | QUANTITIES,
        "toBlock": TAGS | QUANTITIES,
        "address": ADDRESSES | st.lists(ADDRESSES, max_size=3),
        "topics": st.lists(st.none() | HASHES | st.lists(HASHES, max_size=3), max_size=5),
        "blockHash": HASHES,
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_plausible_parameters(client: Client, data: st.DataObject) -> None:
    """Calls, filters and proofs of the right shape with extreme values are answered too."""
    call, criteria, tag = data.draw(CALLS), data.draw(FILTERS), data.draw(TAGS)
    slots = data.draw(st.lists(HASHES | HEX))
    answered(client, "eth_call", [call, tag])
    answered(client, "eth_estimateGas", [call, tag])
    answered(client, "eth_getLogs", [criteria])
    answered(client, "eth_newFilter", [criteria])
    answered(client, "eth_getProof", [data.draw(ADDRESSES), slots, tag])
