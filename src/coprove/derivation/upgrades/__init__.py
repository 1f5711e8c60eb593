"""The transactions with which each fork upgrades L2's own contracts.

They are deposits of the fork's activation block. Their data (sender, target, gas, code) are
protocol constants, kept as JSON beside this file: one entry for each transaction, in order.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from coprove.derivation.deposits import DepositTransaction, upgrade_source_hash
from coprove.types import Address, Fork

if TYPE_CHECKING:
    from coprove.types import RollupConfig

__all__ = [
    "UPGRADE_FORKS",
    "stripped_upgrade_gas",
    "upgrade_gas",
    "upgrade_transactions",
    "upgrade_transactions_at",
]

UPGRADE_FORKS = (Fork.ECOTONE, Fork.FJORD, Fork.ISTHMUS, Fork.JOVIAN, Fork.KARST)
"""Forks that come with upgrade transactions."""


@cache
def upgrade_transactions(fork: Fork) -> tuple[bytes, ...]:
    """Return the encoded upgrade deposits of `fork`, in order; none for a fork without."""
    return tuple(deposit.encode() for deposit in _deposits(fork))


@cache
def upgrade_gas(fork: Fork) -> int:
    """Return the gas that the activation block of `fork` gets on top of the gas limit.

    Karst gives its transactions their own gas; those before it ran within the limit.
    """
    return sum(deposit.gas for deposit in _deposits(fork)) if fork >= Fork.KARST else 0


def upgrade_transactions_at(config: RollupConfig, timestamp: int) -> tuple[tuple[bytes, ...], int]:
    """Return the upgrade deposits of the L2 block of this time and its additional gas limit."""
    transactions: tuple[bytes, ...] = ()
    gas = 0
    for fork in UPGRADE_FORKS:
        if config.activates_at(fork, timestamp):
            transactions += upgrade_transactions(fork)
            gas += upgrade_gas(fork)
    return transactions, gas


def stripped_upgrade_gas(config: RollupConfig, timestamp: int) -> int:
    """Return the part of the gas limit of the block of this time that its child does not keep.

    It is the additional gas of an activation block, but for chains which activated Karst with
    software that forgot to take it back (`keep_karst_upgrade_gas`).
    """
    if config.keep_karst_upgrade_gas or not config.activates_at(Fork.KARST, timestamp):
        return 0
    return upgrade_gas(Fork.KARST)


@cache
def _deposits(fork: Fork) -> tuple[DepositTransaction, ...]:
    if fork not in UPGRADE_FORKS:
        return ()
    name = f"data/{fork.name.lower()}.json"
    text = files("coprove.derivation.upgrades").joinpath(name).read_text(encoding="utf-8")
    return tuple(
        DepositTransaction(
            source_hash=upgrade_source_hash(entry["intent"]),
            sender=Address.from_hex(entry["from"]),
            to=None if entry["to"] is None else Address.from_hex(entry["to"]),
            mint=0,
            value=0,
            gas=entry["gas"],
            is_system=False,
            data=bytes.fromhex(entry["data"][2:]),
        )
        for entry in json.loads(text)
    )
