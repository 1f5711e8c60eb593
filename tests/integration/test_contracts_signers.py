"""Transactions signed by a web3signer: a local server that speaks its JSON-RPC API."""

from __future__ import annotations

import asyncio

import pytest

from coprove.contracts import (
    MemoryIntentStore,
    TransactionManager,
    TransactionOptions,
    Web3Signer,
)
from coprove.contracts.errors import SigningError
from coprove.contracts.transactions import Fees, UnsignedTransaction
from coprove.rpc import RpcError
from coprove.types import Address
from tests.integration.anvil_l1 import DEPLOYER, OTHER, running_l1
from tests.integration.web3signer import holding, serving

pytestmark = pytest.mark.anvil

TO = Address(b"\x55" * 20)


def transaction(nonce: int = 0) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=31337,
        nonce=nonce,
        fees=Fees(max_fee=3 * 10**9, priority_fee=10**9),
        gas_limit=21_000,
        to=TO,
        value=1,
        data=b"",
    )


async def test_transfers_and_creations_go_through_a_web3signer() -> None:
    """The manager sends what the service signed; an outage in between only delays."""
    service = holding(DEPLOYER)
    options = TransactionOptions(confirmations=1, poll_interval=0.02)
    async with running_l1() as l1, serving(service) as transport:
        signer = Web3Signer(transport, DEPLOYER.address)
        store = MemoryIntentStore()
        async with TransactionManager(l1.transport, signer, store, options) as manager:
            service.down = 3
            await manager.send(key="transfer", to=TO, value=1)
            made = await manager.send(key="create", to=None, data=bytes.fromhex("00"))
        assert made.contract_address is not None
        assert int(str(await l1.rpc("eth_getBalance", str(TO), "latest")), 16) == 1
    assert set(service.methods) == {"eth_signTransaction"}


async def test_an_account_that_the_service_does_not_hold_is_told() -> None:
    """Its own message reaches the caller."""
    async with serving(holding(OTHER)) as transport:
        with pytest.raises(RpcError, match="not configured"):
            await Web3Signer(transport, DEPLOYER.address).sign(transaction())


@pytest.mark.parametrize(
    "change",
    [
        {"to": "0x" + "66" * 20},
        {"value": "0xffff"},
        {"nonce": "0x7"},
        {"gas": "0xfffff"},
        {"data": "0x00"},
        {"maxFeePerGas": hex(10**12)},
        {"from": str(OTHER.address)},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_another_transaction_than_asked_for_is_never_sent(change: dict[str, str]) -> None:
    """A service that signs something else, or as somebody else, gets a typed error."""
    service = holding(DEPLOYER, OTHER, alter=lambda given: given.update(change))
    async with serving(service) as transport:
        with pytest.raises(SigningError):
            await Web3Signer(transport, DEPLOYER.address).sign(transaction())


async def test_many_signatures_at_once_do_not_mix() -> None:
    """Each caller gets its own."""
    async with serving(holding(DEPLOYER)) as transport:
        signer = Web3Signer(transport, DEPLOYER.address)
        wanted = [transaction(nonce) for nonce in range(20)]
        signed = await asyncio.gather(*(signer.sign(one) for one in wanted))
    assert all(one.matches(raw) for one, raw in zip(wanted, signed, strict=True))
