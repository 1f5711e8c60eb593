"""Make an L2 genesis for a devnet, and read one back.

Three files describe a chain, as for op-node and op-geth: `genesis.json` (state and header),
`rollup.json` and `l1_chain_config.json`.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coprove.devnet.node.store import StoredBlock
from coprove.devnet.node.template import GethAccount, load_template
from coprove.errors import InputError
from coprove.execution import NodeStore, StateReader, genesis_state
from coprove.primitives import keccak256, ordered_trie_root
from coprove.primitives.rlp import encode
from coprove.types import (
    Address,
    BlockHeader,
    BlockId,
    Fork,
    Hash32,
    L1ChainConfig,
    RollupConfig,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "DEV_ACCOUNTS",
    "ChainFiles",
    "Genesis",
    "GenesisSpec",
    "anvil_l1_chain_config",
    "load_genesis",
    "make_genesis",
]

DEV_ACCOUNTS: Final = (
    "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
    "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
    "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
    "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
    "0x976ea74026e726554db657fa54763abd0c3a0aa9",
    "0x14dc79964da2c08b23698b3d3cc7ca32193d9955",
    "0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f",
    "0xa0ee7a142d267c1f36714e4a8f75612f20a79720",
)
"""The accounts of the test mnemonic that anvil and hardhat fund; their keys are public."""

_MESSAGE_PASSER = Address.from_hex("0x4200000000000000000000000000000000000016")
_FEE_RECIPIENT = Address.from_hex("0x4200000000000000000000000000000000000011")
_EMPTY_LIST_ROOT = Hash32(ordered_trie_root([]))
_EMPTY_OMMERS = Hash32(keccak256(encode([])))
_EMPTY_REQUESTS = Hash32.from_hex(
    "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)
_AFTER_TEMPLATE = (Fork.ISTHMUS, Fork.JOVIAN, Fork.KARST)


def _default_offsets() -> dict[Fork, int]:
    return {Fork.ISTHMUS: 4, Fork.JOVIAN: 8, Fork.KARST: 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesisSpec:
    """What a devnet chooses of its L2."""

    l1_genesis: BlockId
    """L1 block at which the L2 starts: the contracts are deployed in it or before."""
    l1_chain_id: int
    """Chain id of the L1."""
    l2_chain_id: int
    """Chain id of the L2."""
    l2_time: int
    """Timestamp of the genesis block: that of the L1 block."""
    batcher: Address
    """Account whose transactions to the inbox are batches."""
    batch_inbox: Address
    """Where batches are sent on L1."""
    portal: Address
    """L1 contract whose TransactionDeposited logs are deposits."""
    system_config: Address
    """L1 contract whose ConfigUpdate logs change the system config."""
    block_time: int = 1
    """Seconds between L2 blocks."""
    fork_offsets: Mapping[Fork, int | None] = field(default_factory=_default_offsets)
    """Seconds after genesis at which Isthmus, Jovian and Karst activate, None for never; the
    forks before them are active at genesis. Above 0: the genesis state has Holocene's predeploys,
    and the upgrade transactions bring the later ones."""
    accounts: Sequence[str] = DEV_ACCOUNTS
    """Funded accounts."""
    balance: int = 10_000 * 10**18
    """Wei of each funded account."""
    gas_limit: int = 60_000_000
    """Gas limit of a block."""
    base_fee: int = 1_000_000
    """Base fee of the genesis block in wei."""
    base_fee_scalar: int = 1368
    """Weight of the L1 base fee in 1e-6."""
    blob_base_fee_scalar: int = 810_949
    """Weight of the L1 blob base fee in 1e-6."""
    eip1559_denominator: int = 250
    """Base fee change denominator from Canyon on."""
    eip1559_elasticity: int = 6
    """Base fee elasticity."""
    max_sequencer_drift: int = 600
    """Seconds that L2 time may be ahead of its L1 origin (before Fjord; then 1800)."""
    seq_window_size: int = 3600
    """L1 blocks within which an epoch's batches must be on L1."""
    channel_timeout: int = 300
    """L1 blocks within which a channel's frames must be on L1 (before Granite; then 50)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """A genesis that the node can start from."""

    block: StoredBlock
    """Block 0."""
    nodes: bytes
    """Trie nodes of its state, in the kernel's flat form."""
    codes: bytes
    """Contract codes of its state, in the kernel's flat form."""
    rollup_config: RollupConfig
    """The rollup config, whose genesis is this one."""
    l1_chain_config: L1ChainConfig
    """The L1's blob schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFiles:
    """The three JSON documents of a chain."""

    l2_genesis: dict[str, Any]
    """geth's genesis."""
    rollup: dict[str, Any]
    """rollup.json."""
    l1_chain_config: dict[str, Any]
    """geth's chain config of the L1."""

    def write(self, directory: Path) -> None:
        """Write `genesis.json.gz`, `rollup.json` and `l1_chain_config.json` into a folder."""
        directory.mkdir(parents=True, exist_ok=True)
        packed = gzip.compress(json.dumps(self.l2_genesis).encode(), 6, mtime=0)
        (directory / "genesis.json.gz").write_bytes(packed)
        (directory / "rollup.json").write_text(json.dumps(self.rollup, indent=1) + "\n")
        (directory / "l1_chain_config.json").write_text(
            json.dumps(self.l1_chain_config, indent=1) + "\n"
        )


def anvil_l1_chain_config(chain_id: int = 31337) -> dict[str, Any]:
    """geth's chain config for an anvil started with `--hardfork osaka`."""
    prague = {"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716}
    return {
        "chainId": chain_id,
        "cancunTime": 0,
        "pragueTime": 0,
        "osakaTime": 0,
        "blobSchedule": {
            "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477},
            "prague": prague,
            "osaka": prague,
        },
    }


def _fork_times(spec: GenesisSpec) -> dict[str, int]:
    times = {fork.json_name: 0 for fork in Fork if Fork.BEDROCK < fork < Fork.ISTHMUS}
    for fork in _AFTER_TEMPLATE:
        offset = spec.fork_offsets.get(fork)
        if offset is None:
            continue
        if offset <= 0:
            raise InputError(f"offset of {fork.name.lower()}", expected="above 0", actual=offset)
        times[fork.json_name] = spec.l2_time + offset
    return times


def _alloc(spec: GenesisSpec) -> dict[str, GethAccount]:
    alloc = load_template()
    for account in spec.accounts:
        address = Address.from_hex(account).hex()
        alloc[address] = {**alloc.get(address, {}), "balance": hex(spec.balance)}
    return alloc


def make_genesis(spec: GenesisSpec) -> ChainFiles:
    """Make the files of a new chain; `InputError` when the spec contradicts itself."""
    times = _fork_times(spec)
    extra = bytes(1) + b"".join(
        value.to_bytes(4, "big") for value in (spec.eip1559_denominator, spec.eip1559_elasticity)
    )
    chain_config: dict[str, Any] = {
        "chainId": spec.l2_chain_id,
        "terminalTotalDifficulty": 0,
        "bedrockBlock": 0,
        "optimism": {
            "eip1559Elasticity": spec.eip1559_elasticity,
            "eip1559Denominator": 50,
            "eip1559DenominatorCanyon": spec.eip1559_denominator,
        },
    }
    chain_config |= {
        f"{name.removesuffix('_time')}Time": time
        for name, time in times.items()
        if name != Fork.DELTA.json_name
    }
    l2_genesis: dict[str, Any] = {
        "config": chain_config,
        "nonce": "0x0",
        "timestamp": hex(spec.l2_time),
        "extraData": "0x" + extra.hex(),
        "gasLimit": hex(spec.gas_limit),
        "difficulty": "0x0",
        "mixHash": "0x" + bytes(32).hex(),
        "coinbase": str(_FEE_RECIPIENT),
        "number": "0x0",
        "gasUsed": "0x0",
        "parentHash": "0x" + bytes(32).hex(),
        "baseFeePerGas": hex(spec.base_fee),
        "excessBlobGas": "0x0",
        "blobGasUsed": "0x0",
        "alloc": _alloc(spec),
    }
    scalar = (
        b"\x01"
        + bytes(23)
        + b"".join(
            value.to_bytes(4, "big") for value in (spec.blob_base_fee_scalar, spec.base_fee_scalar)
        )
    )
    block_hash = _header(l2_genesis, NodeStore(), Fork.HOLOCENE).hash()
    rollup: dict[str, Any] = {
        "genesis": {
            "l1": {"hash": str(spec.l1_genesis.hash), "number": spec.l1_genesis.number},
            "l2": {"hash": str(block_hash), "number": 0},
            "l2_time": spec.l2_time,
            "system_config": {
                "batcherAddr": str(spec.batcher),
                "overhead": "0x" + bytes(32).hex(),
                "scalar": "0x" + scalar.hex(),
                "gasLimit": spec.gas_limit,
            },
        },
        "block_time": spec.block_time,
        "max_sequencer_drift": spec.max_sequencer_drift,
        "seq_window_size": spec.seq_window_size,
        "channel_timeout": spec.channel_timeout,
        "l1_chain_id": spec.l1_chain_id,
        "l2_chain_id": spec.l2_chain_id,
        **times,
        "batch_inbox_address": str(spec.batch_inbox),
        "deposit_contract_address": str(spec.portal),
        "l1_system_config_address": str(spec.system_config),
        "chain_op_config": chain_config["optimism"],
    }
    l1_chain_config = anvil_l1_chain_config(spec.l1_chain_id)
    RollupConfig.from_json(rollup)
    return ChainFiles(l2_genesis=l2_genesis, rollup=rollup, l1_chain_config=l1_chain_config)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
        value = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(str(path), expected="a readable JSON file", actual=error) from error
    if not isinstance(value, dict):
        raise InputError(str(path), expected="a JSON object", actual=type(value).__name__)
    return value


def load_genesis(l2_genesis: Path, rollup_config: Path, l1_chain_config: Path) -> Genesis:
    """Read a chain's files and build its genesis block.

    `InputError` when they do not belong together: the block's hash must be rollup.json's.
    """
    return read_genesis(
        ChainFiles(
            l2_genesis=_read_json(l2_genesis),
            rollup=_read_json(rollup_config),
            l1_chain_config=_read_json(l1_chain_config),
        )
    )


def read_genesis(files: ChainFiles) -> Genesis:
    """Build the genesis block of a chain; see `load_genesis`."""
    rollup = RollupConfig.from_json(files.rollup)
    store = NodeStore()
    header = _header(files.l2_genesis, store, rollup.fork_at(rollup.genesis.l2_time))
    if header.hash() != rollup.genesis.l2.hash:
        raise InputError(
            "L2 genesis", expected=str(rollup.genesis.l2.hash), actual=str(header.hash())
        )
    nodes, codes = store.drain_new()
    return Genesis(
        block=StoredBlock(
            hash=header.hash(),
            number=0,
            parent_hash=header.parent_hash,
            header=header.encode_rlp(),
            transactions=(),
            receipts=(),
            senders=(),
        ),
        nodes=nodes,
        codes=codes,
        rollup_config=rollup,
        l1_chain_config=L1ChainConfig.from_json(files.l1_chain_config),
    )


def _header(genesis: dict[str, Any], store: NodeStore, fork: Fork) -> BlockHeader:
    try:
        numbers = {
            name: int(genesis.get(name, "0x0"), 16)
            for name in ("timestamp", "gasLimit", "number", "baseFeePerGas")
        }
        state_root = genesis_state(store, genesis["alloc"])
        extra_data = bytes.fromhex(genesis["extraData"].removeprefix("0x"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("L2 genesis", expected="geth's form", actual=error) from error
    withdrawals_root: Hash32 | None = None
    if fork >= Fork.ISTHMUS:
        passer = StateReader(store, state_root).account(_MESSAGE_PASSER)
        withdrawals_root = Hash32(passer.storage_root) if passer else _EMPTY_LIST_ROOT
    elif fork >= Fork.CANYON:
        withdrawals_root = _EMPTY_LIST_ROOT
    blob_gas = 0 if fork >= Fork.ECOTONE else None
    return BlockHeader(
        parent_hash=Hash32(bytes(32)),
        ommers_hash=_EMPTY_OMMERS,
        beneficiary=Address.from_hex(genesis["coinbase"]),
        state_root=state_root,
        transactions_root=_EMPTY_LIST_ROOT,
        receipts_root=_EMPTY_LIST_ROOT,
        logs_bloom=bytes(256),
        difficulty=0,
        number=numbers["number"],
        gas_limit=numbers["gasLimit"],
        gas_used=0,
        timestamp=numbers["timestamp"],
        extra_data=extra_data,
        mix_hash=Hash32.from_hex(genesis["mixHash"]),
        nonce=bytes(8),
        base_fee_per_gas=numbers["baseFeePerGas"],
        withdrawals_root=withdrawals_root,
        blob_gas_used=blob_gas,
        excess_blob_gas=blob_gas,
        parent_beacon_block_root=Hash32(bytes(32)) if fork >= Fork.ECOTONE else None,
        requests_hash=_EMPTY_REQUESTS if fork >= Fork.ISTHMUS else None,
    )
