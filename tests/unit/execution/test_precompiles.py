"""Precompiles by fork, as the specification has them (Karst where op-revm or op-geth differ)."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from coprove.execution import NodeStore, genesis_state, simulate
from coprove.types import BlockHeader, Fork, RollupConfig
from tests.unit.execution.chains import recorded, recorded_config
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from coprove.execution import CallResult

GAS = 30_000_000
PAIR = 192
"""Bytes of one pair of points of the bn256 pairing."""
CAPS = {
    Fork.HOLOCENE: 112_687 // PAIR,
    Fork.ISTHMUS: 112_687 // PAIR,
    Fork.JOVIAN: 81_984 // PAIR,
    Fork.KARST: 57_600 // PAIR,
}


@pytest.fixture(scope="module")
def headers() -> dict[Fork, bytes]:
    """A header of each fork that the recording crosses, on the state of its genesis."""
    folder = recording_dir("calldata")
    config = recorded_config(folder)
    found: dict[Fork, bytes] = {}
    root = BlockHeader.decode_rlp(next(recorded(folder)).parent).state_root
    for case in recorded(folder):
        header = BlockHeader.decode_rlp(case.parent)
        on_genesis = case.parent.replace(header.state_root, root, 1)
        found[config.fork_at(header.timestamp)] = on_genesis
    return found


@pytest.fixture(scope="module")
def store() -> NodeStore:
    made = NodeStore()
    with gzip.open(recording_dir("calldata") / "l2_genesis.json.gz") as file:
        genesis_state(made, json.load(file)["alloc"])
    return made


def call(header: bytes, store: NodeStore, address: int, data: bytes) -> CallResult:
    config: RollupConfig = recorded_config(recording_dir("calldata"))
    return simulate(config, header, store, to=address.to_bytes(20, "big"), gas=GAS, data=data)


@pytest.mark.parametrize("fork", CAPS)
def test_the_pairing_takes_no_more_pairs_than_its_fork_allows(
    headers: dict[Fork, bytes], store: NodeStore, fork: Fork
) -> None:
    """Points at infinity, so that the largest input is also a valid one."""
    largest = call(headers[fork], store, 8, bytes(CAPS[fork] * PAIR))
    assert largest.success
    assert largest.output == (1).to_bytes(32, "big")
    more = call(headers[fork], store, 8, bytes((CAPS[fork] + 1) * PAIR))
    assert not more.success
    assert more.halt is not None


@pytest.mark.parametrize(("fork", "price"), [(Fork.JOVIAN, 3_450), (Fork.KARST, 6_900)])
def test_p256verify_has_its_forks_price(
    headers: dict[Fork, bytes], store: NodeStore, fork: Fork, price: int
) -> None:
    """RIP-7212's price until EIP-7951's comes with Karst."""
    result = call(headers[fork], store, 0x100, bytes(160))
    assert result.success
    assert result.output == b""
    assert result.gas_used == 21_000 + 160 * 4 + price


@pytest.mark.parametrize(("fork", "price"), [(Fork.JOVIAN, 200), (Fork.KARST, 500)])
def test_modexp_has_its_forks_least_price(
    headers: dict[Fork, bytes], store: NodeStore, fork: Fork, price: int
) -> None:
    """EIP-2565's 200 until EIP-7883's 500 comes with Karst; the result is right in both."""
    assert call(headers[fork], store, 5, b"").gas_used == 21_000 + price
    lengths = b"".join((1).to_bytes(32, "big") for _ in range(3))
    assert call(headers[fork], store, 5, lengths + bytes([3, 5, 7])).output == b"\x05"
