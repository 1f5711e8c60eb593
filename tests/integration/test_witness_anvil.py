"""anvil as L1: no debug_getRaw*, so everything is rebuilt from JSON and still checked."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account

from coprove.contracts.foundry_tools import start_anvil
from coprove.rpc import BeaconClient, JsonRpcTransport, L1Client, L2Client
from coprove.types import Address, Hash32

pytestmark = pytest.mark.anvil

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ACCOUNT = Account.from_key(KEY)
FEES = {"maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 10**9, "type": 2}
EMITTER = "0x602060006000a0600a600c600039600a6000f3602a60006000a1"
TRANSACTIONS: list[dict[str, Any]] = [
    {"gasPrice": 3 * 10**9, "to": ACCOUNT.address, "value": 1},
    {**FEES, "to": ACCOUNT.address, "value": 2, "data": "0x0102"},
    {
        "gasPrice": 3 * 10**9,
        "to": ACCOUNT.address,
        "accessList": [{"address": ACCOUNT.address, "storageKeys": ["0x" + "01" * 32]}],
        "type": 1,
    },
    {**FEES, "data": EMITTER},
    {**FEES, "data": "0xfe"},
]


async def test_blocks_receipts_and_proofs_of_anvil_are_accepted() -> None:
    """Legacy, 2930 and 1559 transactions, a log, a failure; account proofs; block-number slots."""
    with start_anvil(block_time=None) as anvil:
        url = f"http://127.0.0.1:{anvil.port}"
        async with JsonRpcTransport(url) as transport, BeaconClient(url) as beacon:
            for nonce, fields in enumerate(TRANSACTIONS):
                transaction = {**fields, "nonce": nonce, "gas": 200_000, "chainId": 31337}
                raw = ACCOUNT.sign_transaction(transaction).raw_transaction
                await transport.call("eth_sendRawTransaction", ["0x" + bytes(raw).hex()])
                await transport.call("evm_mine")
            client = L1Client(transport)
            head = await client.block_number()
            blocks = await client.blocks(list(range(head + 1)))
            receipts = await client.receipts(blocks)
            assert sum(len(block.transactions) for block in blocks) == len(TRANSACTIONS)
            assert [len(block.transactions) for block in blocks] == [len(r) for r in receipts]
            assert await beacon.slot_of(number=2, timestamp=blocks[2].header.timestamp) == 2
            proofs = L2Client(transport)
            sender = Address.from_hex(ACCOUNT.address.lower())
            assert (await proofs.account(sender, (), blocks[-1])).exists
            absent = await proofs.account(Address(b"\x77" * 20), (Hash32(bytes(32)),), blocks[-1])
            assert not absent.exists
