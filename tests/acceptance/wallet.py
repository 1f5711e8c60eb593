"""A user's side of the bridge: keys, transactions, deposits, withdrawals and their proofs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode, encode
from tests.acceptance.devnets import until

from coprove.devnet.accounts import DevAccounts, Role
from coprove.devnet.traffic.kinds import MESSAGE_PASSER, Payload
from coprove.primitives import keccak256

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from coprove.rpc import EthClient
    from coprove.types import OutputRoot

__all__ = ["Wallet", "Withdrawal", "prove_withdrawal_call", "withdrawal_of"]

_PROVE = (
    "proveWithdrawalTransaction((uint256,address,address,uint256,uint256,bytes),uint256,"
    "(bytes32,bytes32,bytes32,bytes32),bytes[])"
)
_WITHDRAWAL_TYPES = ["uint256", "address", "address", "uint256", "uint256", "bytes"]
_MESSAGE_PASSED = keccak256(
    b"MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)"
).hex()


@dataclass
class Wallet:
    """One account on one chain."""

    client: EthClient
    account: LocalAccount

    @classmethod
    def of_user(cls, client: EthClient) -> Wallet:
        return cls(client, DevAccounts().account(Role.WALLET))

    async def balance(self, address: str | None = None) -> int:
        name = address or self.account.address
        return int(str(await self.client.transport.call("eth_getBalance", [name, "latest"])), 16)

    async def send(self, payload: Payload) -> dict[str, Any]:
        """Sign, send, and return the receipt, which must be a success."""
        call = self.client.transport.call
        nonce = await call("eth_getTransactionCount", [self.account.address, "pending"])
        price = int(str(await call("eth_gasPrice")), 16)
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": await self.client.chain_id(),
            "nonce": int(str(nonce), 16),
            "to": None if payload.to is None else bytes(payload.to),
            "value": payload.value,
            "data": payload.data,
            "gas": payload.gas,
            "maxFeePerGas": 2 * price + 10**9,
            "maxPriorityFeePerGas": 10**6,
        }
        raw = self.account.sign_transaction(transaction).raw_transaction
        tx_hash = await call("eth_sendRawTransaction", [f"0x{bytes(raw).hex()}"])
        receipt = await until(
            f"receipt of {payload.kind}", lambda: call("eth_getTransactionReceipt", [tx_hash])
        )
        assert isinstance(receipt, dict)
        assert receipt["status"] == "0x1", receipt
        return receipt


@dataclass(frozen=True)
class Withdrawal:
    """What L2ToL1MessagePasser's event tells."""

    fields: tuple[Any, ...]
    """nonce, sender, target, value, gas limit, data."""
    hash: bytes

    @property
    def slot(self) -> str:
        """Storage key of sentMessages[hash], which lies at slot 0."""
        return "0x" + keccak256(self.hash + bytes(32)).hex()


def withdrawal_of(receipt: dict[str, Any]) -> Withdrawal:
    log = next(
        log
        for log in receipt["logs"]
        if log["address"].lower() == str(MESSAGE_PASSER)
        and log["topics"][0] == f"0x{_MESSAGE_PASSED}"
    )
    nonce = int(log["topics"][1], 16)
    sender, target = (f"0x{log['topics'][i][-40:]}" for i in (2, 3))
    value, gas, data, digest = decode(
        ["uint256", "uint256", "bytes", "bytes32"], bytes.fromhex(log["data"][2:])
    )
    fields = (nonce, sender, target, value, gas, data)
    assert keccak256(encode(_WITHDRAWAL_TYPES, fields)) == digest
    return Withdrawal(fields=fields, hash=digest)


def prove_withdrawal_call(
    withdrawal: Withdrawal, *, output_index: int, output: OutputRoot, proof: list[str]
) -> bytes:
    """Return the calldata of the portal's proveWithdrawalTransaction."""
    kinds = [
        f"({','.join(_WITHDRAWAL_TYPES)})",
        "uint256",
        "(bytes32,bytes32,bytes32,bytes32)",
        "bytes[]",
    ]
    parts = (
        bytes(32),
        bytes(output.state_root),
        bytes(output.message_passer_storage_root),
        bytes(output.block_hash),
    )
    nodes = [bytes.fromhex(node[2:]) for node in proof]
    selector = keccak256(_PROVE.encode())[:4]
    return bytes(selector) + encode(kinds, [withdrawal.fields, output_index, parts, nodes])
