"""The L1-attributes transaction: the first of every L2 block, which tells L2 of its L1 origin.

Source: specification, "Deposits" (L1 attributes) and the fork chapters Ecotone, Isthmus, Jovian.
Karst keeps Jovian's format. The activation block of a fork still speaks the format before it, as
the contract that reads it is upgraded in that very block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coprove.derivation.deposits import DepositTransaction, l1_info_source_hash
from coprove.derivation.upgrades import stripped_upgrade_gas
from coprove.errors import InputError
from coprove.types import Address, BlockId, Fork, Hash32, L2BlockRef, SystemConfig
from coprove.types.hashes import ZERO_HASH

if TYPE_CHECKING:
    from coprove.types import BlockHeader, L1ChainConfig, RollupConfig

__all__ = [
    "DEFAULT_DA_FOOTPRINT_SCALAR",
    "L1_BLOCK_ADDRESS",
    "L1_INFO_DEPOSITOR",
    "L1Info",
    "decode_l1_info",
    "l1_info_deposit",
    "l1_info_fork",
    "l1_info_from_header",
    "l2_block_ref",
    "system_config_from_l2_block",
]

L1_INFO_DEPOSITOR = Address(bytes.fromhex("deaddeaddeaddeaddeaddeaddeaddeaddead0001"))
"""The account that L1-attributes deposits run as."""
L1_BLOCK_ADDRESS = Address(bytes.fromhex("4200000000000000000000000000000000000015"))
"""The predeploy that they call."""

_SELECTORS = {
    Fork.BEDROCK: bytes.fromhex("015d8eb9"),
    Fork.ECOTONE: bytes.fromhex("440a5e20"),
    Fork.ISTHMUS: bytes.fromhex("098999be"),
    Fork.JOVIAN: bytes.fromhex("3db6be2b"),
}
_SIZES = {Fork.BEDROCK: 260, Fork.ECOTONE: 164, Fork.ISTHMUS: 176, Fork.JOVIAN: 178}
_SYSTEM_GAS = 150_000_000
_REGOLITH_GAS = 1_000_000
DEFAULT_DA_FOOTPRINT_SCALAR = 400
"""Gas per byte of estimated batch data while the system config does not set it (Jovian)."""
_HOLOCENE_EXTRA_DATA = 9
_JOVIAN_EXTRA_DATA = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Info:
    """The arguments of an L1-attributes transaction; a format's absent fields are 0."""

    number: int
    """Number of the L1 origin."""
    timestamp: int
    """Its time in seconds."""
    base_fee: int
    """Its base fee in wei."""
    block_hash: Hash32
    """Its hash."""
    sequence_number: int
    """Distance of the L2 block from the first one of the epoch."""
    batcher_address: Address
    """The batcher, from the system config."""
    overhead: Hash32 = ZERO_HASH
    """Fee overhead (Bedrock's format)."""
    scalar: Hash32 = ZERO_HASH
    """Fee scalar (Bedrock's format)."""
    blob_base_fee: int = 0
    """The origin's blob base fee in wei (from Ecotone's format on)."""
    base_fee_scalar: int = 0
    """L1 fee scalar of the base fee (from Ecotone's format on)."""
    blob_base_fee_scalar: int = 0
    """L1 fee scalar of the blob base fee (from Ecotone's format on)."""
    operator_fee_scalar: int = 0
    """See `SystemConfig` (from Isthmus's format on)."""
    operator_fee_constant: int = 0
    """See `SystemConfig` (from Isthmus's format on)."""
    da_footprint_gas_scalar: int = 0
    """See `SystemConfig` (Jovian's format), never 0 there."""

    def encode(self, fork: Fork) -> bytes:
        """Return the call data in the format of `fork` (Bedrock, Ecotone, Isthmus or Jovian)."""
        selector = _SELECTORS[fork]
        if fork is Fork.BEDROCK:
            return b"".join(
                (
                    selector,
                    self.number.to_bytes(32, "big"),
                    self.timestamp.to_bytes(32, "big"),
                    self.base_fee.to_bytes(32, "big"),
                    self.block_hash,
                    self.sequence_number.to_bytes(32, "big"),
                    bytes(12),
                    self.batcher_address,
                    self.overhead,
                    self.scalar,
                )
            )
        data = b"".join(
            (
                selector,
                self.base_fee_scalar.to_bytes(4, "big"),
                self.blob_base_fee_scalar.to_bytes(4, "big"),
                self.sequence_number.to_bytes(8, "big"),
                self.timestamp.to_bytes(8, "big"),
                self.number.to_bytes(8, "big"),
                self.base_fee.to_bytes(32, "big"),
                self.blob_base_fee.to_bytes(32, "big"),
                self.block_hash,
                bytes(12),
                self.batcher_address,
            )
        )
        if fork >= Fork.ISTHMUS:
            data += self.operator_fee_scalar.to_bytes(4, "big")
            data += self.operator_fee_constant.to_bytes(8, "big")
        if fork >= Fork.JOVIAN:
            data += self.da_footprint_gas_scalar.to_bytes(2, "big")
        return data


def l1_info_fork(config: RollupConfig, timestamp: int) -> Fork:
    """Return the fork whose format the L2 block of this time uses."""
    for fork in (Fork.JOVIAN, Fork.ISTHMUS, Fork.ECOTONE):
        if config.is_active(fork, timestamp) and not config.activates_at(fork, timestamp):
            return fork
    return Fork.BEDROCK


def decode_l1_info(data: bytes, fork: Fork) -> L1Info:
    """Parse call data in the format of `fork`; InputError unless all of it fits."""
    if data[:4] != _SELECTORS[fork] or len(data) != _SIZES[fork]:
        expected = f"{_SIZES[fork]} bytes, selector {_SELECTORS[fork].hex()}"
        actual = f"{len(data)} bytes, selector {data[:4].hex()}"
        raise InputError(f"L1 info of {fork.name.lower()}", expected=expected, actual=actual)
    if fork is Fork.BEDROCK:
        return L1Info(
            number=_uint(data[4:36], 8, "number"),
            timestamp=_uint(data[36:68], 8, "timestamp"),
            base_fee=int.from_bytes(data[68:100], "big"),
            block_hash=Hash32(data[100:132]),
            sequence_number=_uint(data[132:164], 8, "sequence_number"),
            batcher_address=_address(data[164:196]),
            overhead=Hash32(data[196:228]),
            scalar=Hash32(data[228:]),
        )
    return L1Info(
        base_fee_scalar=int.from_bytes(data[4:8], "big"),
        blob_base_fee_scalar=int.from_bytes(data[8:12], "big"),
        sequence_number=int.from_bytes(data[12:20], "big"),
        timestamp=int.from_bytes(data[20:28], "big"),
        number=int.from_bytes(data[28:36], "big"),
        base_fee=int.from_bytes(data[36:68], "big"),
        blob_base_fee=int.from_bytes(data[68:100], "big"),
        block_hash=Hash32(data[100:132]),
        batcher_address=_address(data[132:164]),
        operator_fee_scalar=int.from_bytes(data[164:168], "big"),
        operator_fee_constant=int.from_bytes(data[168:176], "big"),
        da_footprint_gas_scalar=int.from_bytes(data[176:], "big"),
    )


def l1_info_from_header(
    config: RollupConfig,
    l1_config: L1ChainConfig,
    system_config: SystemConfig,
    header: BlockHeader,
    *,
    block_hash: Hash32,
    sequence_number: int,
    fork: Fork,
) -> L1Info:
    """Collect what an L2 block tells of its L1 origin in the format of `fork`.

    `header` and `block_hash` are the origin's; `system_config` holds there.
    """
    bedrock = L1Info(
        number=header.number,
        timestamp=header.timestamp,
        base_fee=header.base_fee_per_gas or 0,
        block_hash=block_hash,
        sequence_number=sequence_number,
        batcher_address=system_config.batcher_address,
    )
    if fork is Fork.BEDROCK:
        return replace(bedrock, overhead=system_config.overhead, scalar=system_config.scalar)
    base_fee_scalar, blob_base_fee_scalar = system_config.ecotone_scalars
    ecotone = replace(
        bedrock,
        blob_base_fee=_blob_base_fee(config, l1_config, header),
        base_fee_scalar=base_fee_scalar,
        blob_base_fee_scalar=blob_base_fee_scalar,
    )
    if fork is Fork.ECOTONE:
        return ecotone
    isthmus = replace(
        ecotone,
        operator_fee_scalar=system_config.operator_fee_scalar,
        operator_fee_constant=system_config.operator_fee_constant,
    )
    if fork is Fork.ISTHMUS:
        return isthmus
    footprint = system_config.da_footprint_gas_scalar or DEFAULT_DA_FOOTPRINT_SCALAR
    return replace(isthmus, da_footprint_gas_scalar=footprint)


def l1_info_deposit(
    config: RollupConfig,
    l1_config: L1ChainConfig,
    system_config: SystemConfig,
    header: BlockHeader,
    *,
    block_hash: Hash32,
    sequence_number: int,
    l2_timestamp: int,
) -> DepositTransaction:
    """Return the L1-attributes deposit of the L2 block of time `l2_timestamp`.

    `header` and `block_hash` are those of its L1 origin, `system_config` holds at that origin.
    """
    fork = l1_info_fork(config, l2_timestamp)
    info = l1_info_from_header(
        config,
        l1_config,
        system_config,
        header,
        block_hash=block_hash,
        sequence_number=sequence_number,
        fork=fork,
    )
    regolith = config.is_active(Fork.REGOLITH, l2_timestamp)
    return DepositTransaction(
        source_hash=l1_info_source_hash(block_hash, sequence_number),
        sender=L1_INFO_DEPOSITOR,
        to=L1_BLOCK_ADDRESS,
        mint=0,
        value=0,
        gas=_REGOLITH_GAS if regolith else _SYSTEM_GAS,
        is_system=not regolith,
        data=info.encode(fork),
    )


def l2_block_ref(config: RollupConfig, header: BlockHeader, first_tx: bytes | None) -> L2BlockRef:
    """Return the reference to an L2 block, its L1 origin read from its first transaction.

    The genesis block has none (None is right there); its hash must be the config's.
    """
    block_hash = header.hash()
    if _is_genesis(config, header, block_hash):
        origin, sequence_number = config.genesis.l1, 0
    else:
        info = _info_of_block(config, header, first_tx)
        origin = BlockId(hash=info.block_hash, number=info.number)
        sequence_number = info.sequence_number
    return L2BlockRef(
        hash=block_hash,
        number=header.number,
        parent_hash=header.parent_hash,
        timestamp=header.timestamp,
        l1_origin=origin,
        sequence_number=sequence_number,
    )


def system_config_from_l2_block(
    config: RollupConfig, header: BlockHeader, first_tx: bytes | None
) -> SystemConfig:
    """Return the system config that an L2 block was built with, as far as the block shows it.

    A value that its fork does not know yet reads as 0, even if L1 has announced it.
    """
    if _is_genesis(config, header, header.hash()):
        return config.genesis.system_config
    info = _info_of_block(config, header, first_tx)
    timestamp = header.timestamp
    bedrock = l1_info_fork(config, timestamp) is Fork.BEDROCK
    stripped = stripped_upgrade_gas(config, timestamp)
    if header.gas_limit < stripped:
        raise InputError("header.gas_limit", expected=f"over {stripped}", actual=header.gas_limit)
    denominator, elasticity, min_base_fee = _extra_data(config, header)
    return SystemConfig(
        batcher_address=info.batcher_address,
        overhead=info.overhead,
        scalar=info.scalar
        if bedrock
        else SystemConfig.encode_ecotone_scalar(info.base_fee_scalar, info.blob_base_fee_scalar),
        gas_limit=header.gas_limit - stripped,
        eip1559_denominator=denominator,
        eip1559_elasticity=elasticity,
        operator_fee_scalar=info.operator_fee_scalar,
        operator_fee_constant=info.operator_fee_constant,
        min_base_fee=min_base_fee,
        da_footprint_gas_scalar=info.da_footprint_gas_scalar,
    )


def _blob_base_fee(config: RollupConfig, l1_config: L1ChainConfig, header: BlockHeader) -> int:
    """Return the blob base fee that L2 is told for an L1 block: 1 before Cancun."""
    pectra = config.pectra_blob_schedule_time
    if pectra is not None and header.timestamp < pectra:
        fee = l1_config.cancun_blob_base_fee(header)
    else:
        fee = l1_config.blob_base_fee(header)
    return 1 if fee is None else fee


def _is_genesis(config: RollupConfig, header: BlockHeader, block_hash: Hash32) -> bool:
    genesis = config.genesis.l2
    if header.number < genesis.number:
        raise InputError("L2 block", expected=f"at least {genesis.number}", actual=header.number)
    if header.number == genesis.number and block_hash != genesis.hash:
        raise InputError("L2 genesis hash", expected=str(genesis.hash), actual=block_hash)
    return header.number == genesis.number


def _info_of_block(config: RollupConfig, header: BlockHeader, first_tx: bytes | None) -> L1Info:
    if first_tx is None:
        what = f"first transaction of L2 block {header.number}"
        raise InputError(what, expected="an L1-attributes deposit", actual="none")
    deposit = DepositTransaction.decode(first_tx)
    if deposit.sender != L1_INFO_DEPOSITOR or deposit.to != L1_BLOCK_ADDRESS:
        what = f"first transaction of L2 block {header.number}"
        actual = f"from {deposit.sender} to {deposit.to}"
        raise InputError(what, expected="an L1-attributes deposit", actual=actual)
    return decode_l1_info(deposit.data, l1_info_fork(config, header.timestamp))


def _extra_data(config: RollupConfig, header: BlockHeader) -> tuple[int, int, int]:
    """Return denominator, elasticity and least base fee from extraData; zeros before Holocene."""
    if not config.is_active(Fork.HOLOCENE, header.timestamp):
        return 0, 0, 0
    jovian = config.is_active(Fork.JOVIAN, header.timestamp)
    size = _JOVIAN_EXTRA_DATA if jovian else _HOLOCENE_EXTRA_DATA
    data = header.extra_data
    if len(data) != size or data[0] != int(jovian):
        expected = f"{size} bytes of version {int(jovian)}"
        raise InputError("header.extra_data", expected=expected, actual=data.hex())
    denominator = int.from_bytes(data[1:5], "big")
    if denominator == 0:
        raise InputError("header.extra_data", expected="a denominator above 0", actual=data.hex())
    return denominator, int.from_bytes(data[5:9], "big"), int.from_bytes(data[9:], "big")


def _uint(word: bytes, size: int, name: str) -> int:
    if any(word[:-size]):
        raise InputError(f"L1 info {name}", expected=f"{size} bytes", actual=word.hex())
    return int.from_bytes(word, "big")


def _address(word: bytes) -> Address:
    if any(word[:12]):
        raise InputError("L1 info batcher", expected="an address", actual=word.hex())
    return Address(word[12:])
