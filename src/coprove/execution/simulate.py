"""Calls that leave no trace: what eth_call and eth_estimateGas stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove import _native
from coprove.errors import InputError
from coprove.execution.errors import kernel_errors
from coprove.execution.executor import chain_rules
from coprove.types import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.execution.store import NodeStore
    from coprove.types import RollupConfig

__all__ = ["CallResult", "simulate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """How a simulated call ended."""

    success: bool
    """False when it reverted or halted."""
    output: bytes
    """Return data, or revert data."""
    gas_used: int
    """Gas that a transaction like it would pay for, intrinsic gas included."""
    created: Address | None
    """Address of the contract, when the call created one."""
    halt: str | None
    """Why the EVM stopped other than by return or revert, such as OutOfGas."""


def simulate(
    config: RollupConfig,
    header: bytes,
    store: NodeStore,
    *,
    gas: int,
    to: bytes | None,
    sender: bytes = ZERO_ADDRESS,
    gas_price: int = 0,
    value: int = 0,
    data: bytes = b"",
    ancestors: Sequence[bytes] = (),
) -> CallResult:
    """Run a call (or a creation, `to` None) on the state after the block of `header` (RLP).

    The block's own number, time and base fee hold. The nonce, the block's gas limit and the cap on
    a transaction's gas do not bind; without a gas price neither does the base fee; rollup fees are
    not charged. Raises InvalidPayloadError when the call cannot even start (balance, intrinsic
    gas), MissingStateError when the store lacks state.
    """
    for what, number, bits in (
        ("gas", gas, 64),
        ("gasPrice", gas_price, 128),
        ("value", value, 256),
    ):
        if not 0 <= number < 1 << bits:
            raise InputError(what, expected=f"an integer of {bits} bits", actual=number)
    with kernel_errors():
        success, output, gas_used, created, halt = _native.simulate(
            chain_rules(config),
            header,
            store.native,
            ancestors,
            sender,
            to,
            gas,
            gas_price,
            value.to_bytes(32, "big"),
            data,
        )
    return CallResult(
        success=success,
        output=output,
        gas_used=gas_used,
        created=None if created is None else Address(created),
        halt=halt,
    )
