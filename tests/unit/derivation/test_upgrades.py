"""Upgrade transactions equal those of recorded fork blocks and of the specification."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coprove.derivation.deposits import DepositTransaction
from coprove.derivation.upgrades import (
    UPGRADE_FORKS,
    stripped_upgrade_gas,
    upgrade_gas,
    upgrade_transactions,
    upgrade_transactions_at,
)
from coprove.primitives import keccak256, rlp
from coprove.types import Address, Fork
from tests.unit.derivation.chain import load_chain

# Source hashes of the specification's chapters, in the order of the transactions.
SOURCE_HASHES = {
    Fork.ECOTONE: (
        "877a6077205782ea15a6dc8699fa5ebcec5e0f4389f09cb8eda09488231346f8",
        "a312b4510adf943510f05fcc8f15f86995a5066bd83ce11384688ae20e6ecf42",
        "18acb38c5ff1c238a7460ebc1b421fa49ec4874bdf1e0a530d234104e5e67dbc",
        "ee4f9385eceef498af0be7ec5862229f426dec41c8d42397c7257a5117d9230a",
        "0c1cb38e99dbc9cbfab3bb80863380b0905290b37eb3d6ab18dc01c1f3e75f93",
        "69b763c48478b9dc2f65ada09b3d92133ec592ea715ec65ad6e7f3dc519dc00c",
    ),
    Fork.FJORD: (
        "86122c533fdcb89b16d8713174625e44578a89751d96c098ec19ab40a51a8ea3",
        "1e6bb0c28bfab3dc9b36ffb0f721f00d6937f33577606325692db0965a7d58c6",
        "bac7bb0d5961cad209a345408b0280a0d4686b1b20665e1b0f9cdafd73b19b6b",
    ),
}
# Code hashes which the specification demands of the contracts that are deployed. Solidity's
# creation code of a contract without constructor is 32 bytes before the code, the system
# contracts' is 9 bytes.
CODE_HASHES = (
    (Fork.ECOTONE, 0, 32, "c88a313aa75dc4fbf0b6850d9f9ae41e04243b7008cf3eadb29256d4a71c1dfd"),
    (Fork.ECOTONE, 1, 32, "8b71360ea773b4cfaf1ae6d2bd15464a4e1e2e360f786e475f63aeaed8da0ae5"),
    (Fork.FJORD, 0, 32, "a88fa50a2745b15e6794247614b5298483070661adacb8d32d716434ed24c6b2"),
    (Fork.ISTHMUS, 0, 32, "8e3fe7a416d3e5f3b7be74ddd4e7e58e516fa3f80b67c6d930e3cd7297da4a4b"),
    (Fork.ISTHMUS, 1, 32, "4d195a9d7caf9fb6d4beaf80de252c626c853afd5868c4f4f8d19c9d301c2679"),
    (Fork.ISTHMUS, 7, 9, "6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d"),
    (Fork.JOVIAN, 0, 32, "5f885ca815d2cf27a203123e50b8ae204fdca910b6995d90b2d7700cbb9240d1"),
    (Fork.JOVIAN, 2, 32, "e9fc7c96c4db0d6078e3d359d7e8c982c350a513cb2c31121adf5e1e8a446614"),
)


def deposits(fork: Fork) -> list[DepositTransaction]:
    return [DepositTransaction.decode(raw) for raw in upgrade_transactions(fork)]


@pytest.mark.parametrize(
    ("name", "number", "fork"),
    [
        ("calldata", 16, Fork.ISTHMUS),
        ("calldata", 34, Fork.JOVIAN),
        ("calldata", 54, Fork.KARST),
        ("blobs", 16, Fork.ISTHMUS),
        ("blobs", 34, Fork.JOVIAN),
        ("blobs", 54, Fork.KARST),
        ("heavy", 4, Fork.ISTHMUS),
    ],
)
def test_recorded_fork_blocks_end_with_the_upgrade(name: str, number: int, fork: Fork) -> None:
    """Byte for byte; and the block holds nothing but deposits."""
    chain = load_chain(name)
    block = chain.l2[number]
    transactions, gas = upgrade_transactions_at(chain.config, block.header.timestamp)
    assert transactions == upgrade_transactions(fork)
    assert gas == upgrade_gas(fork)
    assert block.transactions[-len(transactions) :] == transactions
    assert all(tx[0] == 0x7E for tx in block.transactions)
    for other in (number - 1, number + 1):
        time = chain.l2[other].header.timestamp
        assert upgrade_transactions_at(chain.config, time) == ((), 0)


@pytest.mark.parametrize("fork", list(SOURCE_HASHES))
def test_source_hashes_are_the_specifications(fork: Fork) -> None:
    """Forks that no recording crosses are checked against the text."""
    assert tuple(deposit.source_hash.hex() for deposit in deposits(fork)) == SOURCE_HASHES[fork]


@pytest.mark.parametrize(("fork", "index", "skip", "code_hash"), CODE_HASHES)
def test_deployed_code_has_the_specified_hash(
    fork: Fork, index: int, skip: int, code_hash: str
) -> None:
    """The creation code ends in the code that it returns."""
    deposit = deposits(fork)[index]
    assert deposit.to is None
    assert keccak256(deposit.data[skip:]).hex() == code_hash


def test_proxies_are_pointed_at_the_contracts_just_deployed() -> None:
    """upgradeTo's argument is the address that the deployer's first creation gets."""
    for fork in (Fork.ECOTONE, Fork.FJORD, Fork.ISTHMUS, Fork.JOVIAN):
        created = {
            keccak256(rlp.encode([deposit.sender, b""]))[12:]
            for deposit in deposits(fork)
            if deposit.to is None
        }
        updates = [d for d in deposits(fork) if d.data.startswith(bytes.fromhex("3659cfe6"))]
        assert updates
        assert all(update.data[16:] in created for update in updates)
        assert all(update.sender == Address(bytes(20)) for update in updates)


def test_beacon_roots_are_deployed_as_eip_4788_says() -> None:
    """Sender and gas are the EIP's, and its sender's first creation is the known address."""
    deposit = deposits(Fork.ECOTONE)[5]
    assert str(deposit.sender) == "0x0b799c86a49deeb90402691f1041aa3af2d3c875"
    assert deposit.gas == 0x3D090
    address = keccak256(rlp.encode([deposit.sender, b""]))[12:]
    assert address.hex() == "000f3df6d732807ef1319fb7b8bb8522d0beac02"


def test_no_upgrade_mints_pays_or_is_a_system_transaction() -> None:
    """All are plain deposits without value."""
    for fork in Fork:
        assert bool(upgrade_transactions(fork)) == (fork in UPGRADE_FORKS)
        for deposit in deposits(fork):
            assert (deposit.mint, deposit.value, deposit.is_system) == (0, 0, False)


def test_only_karst_brings_its_own_gas() -> None:
    """Its block's limit grows by the sum, and the next block gives it back."""
    assert [upgrade_gas(fork) for fork in UPGRADE_FORKS] == [0, 0, 0, 0, 55_370_657]
    config = load_chain("calldata").config
    karst = config.fork_time(Fork.KARST)
    assert karst is not None
    assert stripped_upgrade_gas(config, karst) == 55_370_657
    assert stripped_upgrade_gas(config, karst + 1) == 0
    assert stripped_upgrade_gas(replace(config, keep_karst_upgrade_gas=True), karst) == 0


def test_forks_that_activate_together_follow_one_another() -> None:
    """One block can hold the upgrades of several forks, the older first."""
    config = load_chain("calldata").config
    time = config.genesis.l2_time + 9
    together = replace(config, fork_times=(0, 0, 0, *([time] * 7)))
    transactions, gas = upgrade_transactions_at(together, time)
    assert transactions == sum((upgrade_transactions(fork) for fork in UPGRADE_FORKS), ())
    assert gas == upgrade_gas(Fork.KARST)
