"""Changes of the system config that L1 logs announce.

Source: specification, "System Config" and its fork chapters. An update that cannot be parsed is
skipped, as is one of an unknown version or type: the contract's owner cannot stop derivation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from coprove.derivation.receipts import find_logs
from coprove.types import Address, Fork, Hash32
from coprove.types.hashes import ZERO_HASH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.derivation.receipts import Log
    from coprove.types import RollupConfig, SystemConfig

__all__ = ["CONFIG_UPDATE_TOPIC", "apply_config_update", "apply_config_updates"]

CONFIG_UPDATE_TOPIC = Hash32(
    bytes.fromhex("1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be")
)
"""keccak256 of `ConfigUpdate(uint256,uint8,bytes)`."""

_FEE_SCALARS = 1


def apply_config_updates(
    config: RollupConfig,
    system_config: SystemConfig,
    receipts: Sequence[bytes],
    l1_timestamp: int,
) -> SystemConfig:
    """Return `system_config` after all ConfigUpdate logs of an L1 block, in their order.

    `receipts` are the block's, EIP-2718 encoded, `l1_timestamp` its time in seconds.
    """
    for _, log in find_logs(receipts, config.l1_system_config_address, CONFIG_UPDATE_TOPIC):
        system_config = apply_config_update(config, system_config, log, l1_timestamp)
    return system_config


def apply_config_update(
    config: RollupConfig, system_config: SystemConfig, log: Log, l1_timestamp: int
) -> SystemConfig:
    """Return `system_config` after one ConfigUpdate log; the same when the log says nothing."""
    if len(log.topics) != 3 or log.topics[1] != ZERO_HASH:
        return system_config
    kind = int.from_bytes(log.topics[2], "big")
    payload = _payload(log.data, 64 if kind == _FEE_SCALARS else 32)
    if payload is None:
        return system_config
    if kind == _FEE_SCALARS:
        ecotone = config.is_active(Fork.ECOTONE, l1_timestamp)
        return _fee_scalars(system_config, payload, ecotone=ecotone)
    read = _READERS.get(kind)
    return replace(system_config, **(read(payload) if read else {}))


def _batcher(payload: bytes) -> dict[str, Any]:
    return {} if any(payload[:12]) else {"batcher_address": Address(payload[12:])}


def _gas_limit(payload: bytes) -> dict[str, Any]:
    return _uint("gas_limit", payload, 8)


def _eip1559_params(payload: bytes) -> dict[str, Any]:
    return {
        "eip1559_denominator": int.from_bytes(payload[24:28], "big"),
        "eip1559_elasticity": int.from_bytes(payload[28:], "big"),
    }


def _operator_fee(payload: bytes) -> dict[str, Any]:
    return {
        "operator_fee_scalar": int.from_bytes(payload[20:24], "big"),
        "operator_fee_constant": int.from_bytes(payload[24:], "big"),
    }


def _min_base_fee(payload: bytes) -> dict[str, Any]:
    return _uint("min_base_fee", payload, 8)


def _da_footprint(payload: bytes) -> dict[str, Any]:
    return _uint("da_footprint_gas_scalar", payload, 2)


def _uint(field: str, payload: bytes, size: int) -> dict[str, Any]:
    """Return the change of an integer of `size` bytes; none when the word holds more."""
    return {} if any(payload[:-size]) else {field: int.from_bytes(payload, "big")}


# What each type of one word changes. Type 3, the unsafe block signer, concerns gossip alone.
_READERS: dict[int, Callable[[bytes], dict[str, Any]]] = {
    0: _batcher,
    2: _gas_limit,
    4: _eip1559_params,
    5: _operator_fee,
    6: _min_base_fee,
    7: _da_footprint,
}


def _payload(data: bytes, size: int) -> bytes | None:
    """Return the one `bytes` value of `size` bytes that ABI-encoded `data` holds, else None."""
    if len(data) != 64 + size:
        return None
    if int.from_bytes(data[:32], "big") != 32 or int.from_bytes(data[32:64], "big") != size:
        return None
    return data[64:]


def _fee_scalars(system_config: SystemConfig, payload: bytes, *, ecotone: bool) -> SystemConfig:
    scalar = Hash32(payload[32:])
    if not ecotone:
        return replace(system_config, overhead=Hash32(payload[:32]), scalar=scalar)
    padding = {0: scalar[1:28], 1: scalar[1:24]}.get(scalar[0])
    if padding is None or any(padding):
        return system_config
    return replace(system_config, overhead=ZERO_HASH, scalar=scalar)
