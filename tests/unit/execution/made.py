"""Chains that a test makes up: any fork, any state, any transactions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from eth_account import Account

from coprove.primitives import keccak256, rlp
from coprove.types import Address, BlockHeader, Fork, Hash32, PayloadAttributes, RollupConfig
from tests.unit.execution.chains import recorded_config
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

SENDER = b"\x0a" * 20
"""Whom deposits act for."""
USER = Account.from_key(b"\x01" * 32)
"""Who signs transactions."""
USER_ADDRESS = bytes.fromhex(USER.address[2:])
COLLECTOR = Address(b"\x11" * 20)
"""The fee recipient of every block."""
START = 1_000
"""Timestamp of block 0; a block follows every two seconds."""
EMPTY = Hash32(keccak256(b"\x80"))
OMMERS = Hash32(keccak256(b"\xc0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A deposit; plain fields as in the specification."""

    to: bytes | None
    data: bytes = b""
    sender: bytes = SENDER
    mint: int = 0
    value: int = 0
    gas: int = 2_000_000
    is_system: bool = False

    def encode(self, number: int) -> bytes:
        """The EIP-2718 bytes; `number` makes the source hash unique."""
        fields: list[rlp.Item] = [
            keccak256(number.to_bytes(8, "big")),
            self.sender,
            self.to or b"",
            rlp.encode_int(self.mint),
            rlp.encode_int(self.value),
            rlp.encode_int(self.gas),
            b"\x01" if self.is_system else b"",
            self.data,
        ]
        return b"\x7e" + rlp.encode(fields)


def signed(nonce: int, **changes: Any) -> bytes:
    """A transaction of USER's."""
    fields: dict[str, Any] = {
        "chainId": recorded_config(recording_dir("calldata")).l2_chain_id,
        "nonce": nonce,
        "gas": 1_000_000,
        "maxFeePerGas": 100,
        "maxPriorityFeePerGas": 0,
        "to": "0x" + "77" * 20,
        "value": 0,
    }
    fields |= changes
    return bytes(USER.sign_transaction(fields).raw_transaction)


def config(fork: Fork, at: int = 0) -> RollupConfig:
    """A chain with every fork up to `fork`: that one at time `at`, those before from the start."""
    times = tuple(None if f > fork else at if f == fork else 0 for f in list(Fork)[1:])
    return replace(recorded_config(recording_dir("calldata")), fork_times=times)


def genesis_header(root: Hash32, fork: Fork, passer_root: Hash32 = EMPTY) -> bytes:
    """RLP of the header of block 0, at a fork, on a state."""
    extra = {Fork.HOLOCENE: 9, Fork.ISTHMUS: 9, Fork.JOVIAN: 17, Fork.KARST: 17}.get(fork, 0)
    params = bytes([extra == 17]) + (250).to_bytes(4, "big") + (6).to_bytes(4, "big") + bytes(8)
    ecotone, isthmus = fork >= Fork.ECOTONE, fork >= Fork.ISTHMUS
    return BlockHeader(
        parent_hash=Hash32(bytes(32)),
        ommers_hash=OMMERS,
        beneficiary=Address(bytes(20)),
        state_root=root,
        transactions_root=EMPTY,
        receipts_root=EMPTY,
        logs_bloom=bytes(256),
        difficulty=0,
        number=0,
        gas_limit=60_000_000,
        gas_used=0,
        timestamp=START,
        extra_data=params[:extra],
        mix_hash=Hash32(bytes(32)),
        nonce=bytes(8),
        base_fee_per_gas=7,
        withdrawals_root=(passer_root if isthmus else EMPTY) if fork >= Fork.CANYON else None,
        blob_gas_used=0 if ecotone else None,
        excess_blob_gas=0 if ecotone else None,
        parent_beacon_block_root=Hash32(bytes(32)) if ecotone else None,
        requests_hash=EMPTY if isthmus else None,
    ).encode_rlp()


def attributes(
    fork: Fork,
    number: int,
    transactions: Sequence[Deposit | bytes],
    *,
    gas_limit: int = 60_000_000,
    beacon_root: bytes = bytes(32),
) -> PayloadAttributes:
    """What block `number` is made of, at a fork."""
    return PayloadAttributes(
        timestamp=START + 2 * number,
        prev_randao=Hash32(bytes(32)),
        suggested_fee_recipient=COLLECTOR,
        parent_beacon_block_root=Hash32(beacon_root) if fork >= Fork.ECOTONE else None,
        withdrawals_enabled=fork >= Fork.CANYON,
        transactions=tuple(
            tx if isinstance(tx, bytes) else tx.encode(100 * number + index)
            for index, tx in enumerate(transactions)
        ),
        no_tx_pool=True,
        gas_limit=gas_limit,
        eip_1559_params=bytes(8) if fork >= Fork.HOLOCENE else None,
        min_base_fee=0 if fork >= Fork.JOVIAN else None,
    )
