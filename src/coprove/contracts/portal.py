"""The OptimismPortal of the L2OutputOracle generation: deposits, and withdrawals in two steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eth_abi.abi import encode as abi_encode

from coprove.contracts.abi import Event, Function
from coprove.contracts.caller import ContractReader
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport
    from coprove.types import OutputRoot

__all__ = [
    "MESSAGE_PASSER",
    "Portal",
    "ProvenWithdrawal",
    "WithdrawalTransaction",
    "deposit_call",
    "finalize_withdrawal_call",
    "initiate_withdrawal_call",
    "message_passed",
    "prove_withdrawal_call",
]

MESSAGE_PASSER = Address.from_hex("0x4200000000000000000000000000000000000016")
"""The L2ToL1MessagePasser predeploy, where an L2 withdrawal begins."""
_TX = "(uint256,address,address,uint256,uint256,bytes)"
_DEPOSIT = Function("depositTransaction(address,uint256,uint64,bool,bytes)")
_PROVE = Function(
    f"proveWithdrawalTransaction({_TX},uint256,(bytes32,bytes32,bytes32,bytes32),bytes[])"
)
_FINALIZE = Function(f"finalizeWithdrawalTransaction({_TX})")
_PROVEN = Function("provenWithdrawals(bytes32)", "(bytes32,uint128,uint128)")
_FINALIZED = Function("finalizedWithdrawals(bytes32)", "(bool)")
_OUTPUT_FINALIZED = Function("isOutputFinalized(uint256)", "(bool)")
_INITIATE = Function("initiateWithdrawal(address,uint256,bytes)")
_MESSAGE_PASSED = Event(
    "MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)",
    (True, True, True, False, False, False, False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalTransaction:
    """A message from L2 to L1, as the L2ToL1MessagePasser records it."""

    nonce: int
    """Message nonce, its version in the two highest bytes."""
    sender: Address
    """Account that called the message passer on L2."""
    target: Address
    """Account to call on L1."""
    value: int
    """Wei to send to it."""
    gas_limit: int
    """Least gas for the call."""
    data: bytes
    """Calldata of the call."""

    def fields(self) -> tuple[int, bytes, bytes, int, int, bytes]:
        """Return the fields in ABI order."""
        return (
            self.nonce,
            bytes(self.sender),
            bytes(self.target),
            self.value,
            self.gas_limit,
            self.data,
        )

    def hash(self) -> Hash32:
        """Return the withdrawal hash: keccak256 of the ABI-encoded fields."""
        types = ["uint256", "address", "address", "uint256", "uint256", "bytes"]
        return Hash32(keccak256(abi_encode(types, self.fields())))

    def storage_slot(self) -> Hash32:
        """Return the message passer's slot that is 1 once the withdrawal began."""
        return Hash32(keccak256(self.hash() + bytes(32)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenWithdrawal:
    """A withdrawal that was proven on L1 and waits for its output to be final."""

    output_root: Hash32
    """Output that it was proven against."""
    timestamp: int
    """L1 time of the proof, in seconds."""
    l2_output_index: int
    """Index of that output."""


class Portal:
    """Reads an OptimismPortal."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self.contract = ContractReader(transport, address)

    async def proven_withdrawal(
        self, withdrawal_hash: Hash32, *, block: Block = "latest"
    ) -> ProvenWithdrawal | None:
        """Return what a withdrawal was proven against; None when it was not."""
        root, timestamp, index = await self.contract.call(
            _PROVEN, bytes(withdrawal_hash), block=block
        )
        if timestamp == 0:
            return None
        return ProvenWithdrawal(
            output_root=Hash32(root), timestamp=timestamp, l2_output_index=index
        )

    async def is_finalized(self, withdrawal_hash: Hash32, *, block: Block = "latest") -> bool:
        """Whether a withdrawal was carried out on L1."""
        return bool(await self.contract.call(_FINALIZED, bytes(withdrawal_hash), block=block))

    async def is_output_finalized(self, index: int, *, block: Block = "latest") -> bool:
        """Whether the finalization period of an output has passed."""
        return bool(await self.contract.call(_OUTPUT_FINALIZED, index, block=block))


def deposit_call(*, to: Address | None, value: int, gas_limit: int, data: bytes = b"") -> bytes:
    """Return the calldata of a deposit; `to` None creates a contract on L2.

    The transaction's own value is minted on L2; `value` is what the L2 call carries.
    """
    return _DEPOSIT.encode(bytes(to or bytes(20)), value, gas_limit, to is None, data)


def initiate_withdrawal_call(*, target: Address, gas_limit: int, data: bytes = b"") -> bytes:
    """Return the calldata for the message passer on L2; the transaction's value goes along."""
    return _INITIATE.encode(bytes(target), gas_limit, data)


def message_passed(topics: Sequence[bytes], data: bytes) -> WithdrawalTransaction:
    """Read a withdrawal from the message passer's MessagePassed log on L2."""
    nonce, sender, target, value, gas_limit, payload, logged = _MESSAGE_PASSED.decode(topics, data)
    withdrawal = WithdrawalTransaction(
        nonce=nonce,
        sender=Address.from_hex(sender),
        target=Address.from_hex(target),
        value=value,
        gas_limit=gas_limit,
        data=payload,
    )
    if withdrawal.hash() != logged:
        raise InputError("withdrawal hash", expected=f"0x{logged.hex()}", actual=withdrawal.hash())
    return withdrawal


def prove_withdrawal_call(
    withdrawal: WithdrawalTransaction,
    *,
    l2_output_index: int,
    output: OutputRoot,
    storage_proof: Sequence[bytes],
) -> bytes:
    """Return the calldata that proves a withdrawal against an output.

    `storage_proof` holds the trie nodes from the message passer's storage root to the withdrawal's
    slot, as eth_getProof gives them.
    """
    proof = (
        bytes(32),
        bytes(output.state_root),
        bytes(output.message_passer_storage_root),
        bytes(output.block_hash),
    )
    return _PROVE.encode(withdrawal.fields(), l2_output_index, proof, list(storage_proof))


def finalize_withdrawal_call(withdrawal: WithdrawalTransaction) -> bytes:
    """Return the calldata that carries a proven withdrawal out once its output is final."""
    return _FINALIZE.encode(withdrawal.fields())
