"""What an L2 transaction pays on top of its gas: the L1 data fee and the operator fee.

The kernel charges them; the functions here tell the pool and the receipts' JSON what it charges.
Sources: specs/protocol/fjord/exec-engine (L1 cost with FastLZ), isthmus/exec-engine (operator
fee), jovian/exec-engine (operator fee times 100, DA footprint).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from coprove.devnet.node.transactions import decode_transaction
from coprove.errors import InputError

if TYPE_CHECKING:
    from coprove.devnet.node.store import StoredBlock

__all__ = ["L1FeeParameters", "fastlz_length", "fee_parameters"]

_ECOTONE, _ISTHMUS, _JOVIAN = (
    bytes.fromhex(selector) for selector in ("440a5e20", "098999be", "3db6be2b")
)
_LENGTHS = {_ECOTONE: 164, _ISTHMUS: 176, _JOVIAN: 178}
_INTERCEPT = -42_585_600
_SLOPE = 836_500
_MIN_SIZE = 100_000_000
_MAX_OFFSET = 8192


def fastlz_length(data: bytes) -> int:
    """Bytes that FastLZ (level 1) makes of `data`, as the protocol's fee formula counts them."""
    size, limit, index, anchor = 0, len(data) - 13, 2, 0
    table: dict[int, int] = {}
    if len(data) < 13:
        return _literals(len(data))
    while index < limit:
        while True:
            head = data[index : index + 3]
            sequence = head[0] | head[1] << 8 | head[2] << 16
            key = (sequence * 2654435769 >> 19) & 0x1FFF
            reference = table.get(key, 0)
            table[key] = index
            distance = index - reference
            if index >= limit:
                break
            index += 1
            if distance < _MAX_OFFSET and data[reference : reference + 3] == head:
                break
        if index >= limit:
            break
        index -= 1
        if index > anchor:
            size += _literals(index - anchor)
        matched = _match_length(data, reference + 3, index + 3, limit + 9)
        size += _match_cost(matched)
        index += matched
        for position in (index, index + 1):
            head = data[position : position + 3]
            sequence = head[0] | head[1] << 8 | head[2] << 16
            table[(sequence * 2654435769 >> 19) & 0x1FFF] = position
        index += 2
        anchor = index
    return size + _literals(len(data) - anchor)


def _literals(count: int) -> int:
    full, rest = divmod(count, 32)
    return 33 * full + (rest + 1 if rest else 0)


def _match_length(data: bytes, first: int, second: int, end: int) -> int:
    start = second
    while second < end:
        same = data[first] == data[second]
        first += 1
        second += 1
        if not same:
            break
    return second - start


def _match_cost(length: int) -> int:
    length -= 1
    full, rest = divmod(length, 262)
    return 3 * full + (3 if rest >= 6 else 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class L1FeeParameters:
    """Fee parameters that a block's L1-attributes transaction carries (Ecotone's form or later)."""

    base_fee: int
    """L1 base fee in wei."""
    blob_base_fee: int
    """L1 blob base fee in wei."""
    base_fee_scalar: int
    """Weight of the base fee, in 1e-6."""
    blob_base_fee_scalar: int
    """Weight of the blob base fee, in 1e-6."""
    operator_fee_scalar: int = 0
    """Operator fee for each gas (Isthmus)."""
    operator_fee_constant: int = 0
    """Operator fee for each transaction, in wei (Isthmus)."""
    da_footprint_gas_scalar: int | None = None
    """Gas for each estimated DA byte (Jovian); None before Jovian's form."""

    @classmethod
    def from_l1_info(cls, data: bytes) -> L1FeeParameters:
        """Read the input of an L1-attributes transaction in the form of Ecotone or later."""
        selector = data[:4]
        if len(data) != _LENGTHS.get(selector, -1):
            raise InputError(
                "L1 attributes", expected="Ecotone's form or later", actual=data[:4].hex()
            )

        def number(start: int, end: int) -> int:
            return int.from_bytes(data[start:end], "big")

        footprint = number(176, 178) if selector == _JOVIAN else None
        return cls(
            base_fee_scalar=number(4, 8),
            blob_base_fee_scalar=number(8, 12),
            base_fee=number(36, 68),
            blob_base_fee=number(68, 100),
            operator_fee_scalar=number(164, 168),
            operator_fee_constant=number(168, 176),
            # Zero stands for the default (specs/protocol/jovian/l1-attributes).
            da_footprint_gas_scalar=400 if footprint == 0 else footprint,
        )

    def l1_fee(self, raw: bytes) -> int:
        """Wei that a transaction with this EIP-2718 encoding pays for its data (Fjord)."""
        weight = (
            16 * self.base_fee_scalar * self.base_fee
            + self.blob_base_fee_scalar * self.blob_base_fee
        )
        return _estimated_size(raw) * weight // 10**12

    def l1_gas_used(self, raw: bytes) -> int:
        """The `l1GasUsed` of a receipt (Fjord): estimated size times 16 gas."""
        return _estimated_size(raw) * 16 // 10**6

    def da_footprint(self, raw: bytes) -> int:
        """Gas that a transaction's data takes of a Jovian block; 0 before Jovian."""
        return _estimated_size(raw) // 10**6 * (self.da_footprint_gas_scalar or 0)

    def operator_fee(self, gas: int, *, jovian: bool) -> int:
        """Wei of operator fee for `gas`: per gas in 1e-6 before Jovian, times 100 since."""
        scaled = gas * self.operator_fee_scalar
        return (scaled * 100 if jovian else scaled // 10**6) + self.operator_fee_constant


# The pool reckons with the same transactions at every block.
@lru_cache(maxsize=16_384)
def _estimated_size(raw: bytes) -> int:
    return max(_MIN_SIZE, _INTERCEPT + _SLOPE * fastlz_length(raw))


def fee_parameters(block: StoredBlock) -> L1FeeParameters | None:
    """Fee parameters in force in a block; None for genesis, which has no L1 attributes."""
    if not block.transactions:
        return None
    return L1FeeParameters.from_l1_info(decode_transaction(block.transactions[0]).data)
