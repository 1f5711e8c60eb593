"""The records that every room speaks in: hashes, block references, configs, roots."""

from coprove.types.dev_chains import DEV_CHAIN_IDS, is_dev_chain
from coprove.types.forks import Fork
from coprove.types.hashes import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from coprove.types.header import BlockHeader
from coprove.types.l1_chain import BUILT_IN_L1_CHAINS, BlobParams, L1ChainConfig
from coprove.types.outputs import AggregationOutputs, BootInfo, OutputRoot
from coprove.types.payload import PayloadAttributes
from coprove.types.refs import BlockId, BlockRange, L1BlockRef, L2BlockRef
from coprove.types.rollup import BaseFeeConfig, ChainGenesis, RollupConfig
from coprove.types.system import SystemConfig

__all__ = [
    "BUILT_IN_L1_CHAINS",
    "DEV_CHAIN_IDS",
    "ZERO_ADDRESS",
    "ZERO_HASH",
    "Address",
    "AggregationOutputs",
    "BaseFeeConfig",
    "BlobParams",
    "BlockHeader",
    "BlockId",
    "BlockRange",
    "BootInfo",
    "ChainGenesis",
    "Fork",
    "Hash32",
    "L1BlockRef",
    "L1ChainConfig",
    "L2BlockRef",
    "OutputRoot",
    "PayloadAttributes",
    "RollupConfig",
    "SystemConfig",
    "is_dev_chain",
]
