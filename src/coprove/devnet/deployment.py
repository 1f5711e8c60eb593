"""Put a new devnet on its L1: contracts, L2 genesis, and the oracle that begins at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.contracts.deployment import RollupParameters, deploy_l1
from coprove.contracts.parameters import OracleParameters
from coprove.contracts.transactions import (
    LocalSigner,
    MemoryIntentStore,
    TransactionManager,
    TransactionOptions,
)
from coprove.devnet.accounts import DevAccounts, Role, require_dev_chain
from coprove.devnet.avs.deployment import deploy_devnet_avs
from coprove.devnet.l1 import L1_CHAIN_ID
from coprove.devnet.manifest import DataDir, Manifest
from coprove.devnet.node.genesis import Genesis, GenesisSpec, make_genesis, read_genesis
from coprove.devnet.tee.deployment import deploy_tee
from coprove.devnet.traffic.kinds import MESSAGE_PASSER
from coprove.execution import NodeStore, StateReader
from coprove.primitives import keccak256
from coprove.rpc import L1Client
from coprove.types import Address, BlockHeader, Hash32, OutputRoot

if TYPE_CHECKING:
    from coprove.contracts.deployment import RollupContracts
    from coprove.devnet.options import DevnetOptions
    from coprove.rpc import JsonRpcTransport
    from coprove.types import L1BlockRef

__all__ = [
    "AGGREGATION_VKEY",
    "BATCH_INBOX",
    "L2_CHAIN_ID",
    "RANGE_VKEY",
    "deploy",
    "genesis_output",
]

L2_CHAIN_ID: Final = 901
"""Chain id of the devnet's L2."""
BATCH_INBOX: Final = Address.from_hex("0xff00000000000000000000000000000000000901")
"""Where batches are sent."""
_EMPTY_TRIE_ROOT: Final = Hash32(keccak256(b"\x80"))
AGGREGATION_VKEY: Final = Hash32(keccak256(b"coprove devnet: aggregation program"))
"""Stands for the aggregation program's key: it runs natively here and has none."""
RANGE_VKEY: Final = Hash32(keccak256(b"coprove devnet: range program"))
"""Stands for the commitment to the range program's key."""


def genesis_output(genesis: Genesis) -> OutputRoot:
    """Return the output of an L2's genesis block."""
    store = NodeStore()
    store.add_nodes(genesis.nodes)
    header = BlockHeader.decode_rlp(genesis.block.header)
    passer = StateReader(store, header.state_root).account(MESSAGE_PASSER)
    return OutputRoot(
        state_root=header.state_root,
        message_passer_storage_root=(
            _EMPTY_TRIE_ROOT if passer is None else Hash32(passer.storage_root)
        ),
        block_hash=Hash32(genesis.block.hash),
    )


async def deploy(
    options: DevnetOptions, directory: DataDir, transport: JsonRpcTransport
) -> Manifest:
    """Deploy on a fresh L1 that mines at once, and write the chain's files.

    The oracle's parameters need the L2 genesis, whose time is that of an L1 block which has the
    portal already: so the portal comes first, the genesis second, the oracle last.
    """
    accounts, client = DevAccounts(), L1Client(transport)
    require_dev_chain(await client.chain_id(), L2_CHAIN_ID)
    manager = TransactionManager(
        transport,
        LocalSigner(accounts.account(Role.DEPLOYER)),
        MemoryIntentStore(),
        TransactionOptions(confirmations=1, poll_interval=0.05),
    )

    made: list[Genesis] = []

    async def oracle(contracts: RollupContracts) -> OracleParameters:
        l1_genesis = await client.block_ref("latest")
        files = make_genesis(_spec(options, l1_genesis, contracts, rollup))
        files.write(directory.chain)
        genesis = read_genesis(files)
        made.append(genesis)
        config = genesis.rollup_config
        return OracleParameters(
            owner=manager.address,
            challenger=_address(accounts, Role.CHALLENGER),
            proposer=_address(accounts, Role.PROPOSER),
            finalization_period_seconds=options.l1_block_time,
            l2_block_time=options.block_time,
            submission_interval=options.submission_interval,
            aggregation_vkey=AGGREGATION_VKEY,
            range_vkey_commitment=RANGE_VKEY,
            rollup_config_hash=config.config_hash(genesis.l1_chain_config),
            starting_output_root=genesis_output(genesis).hash(),
            starting_block_number=0,
            starting_timestamp=config.genesis.l2_time,
        )

    async with manager:
        rollup = RollupParameters(
            batcher=_address(accounts, Role.BATCHER),
            batch_inbox=BATCH_INBOX,
            unsafe_block_signer=manager.address,
        )
        deployed = await deploy_l1(manager, rollup=rollup, oracle=oracle)
        tee = avs = None
        if options.tee_provers or options.operators:
            now = (await client.block_ref("latest")).timestamp
            tee = await deploy_tee(manager, transport, now=now)
        if tee is not None and options.operators:
            (genesis,) = made
            avs = await deploy_devnet_avs(
                manager,
                transport,
                operators=options.operators,
                registry=Address.from_hex(tee.registry),
                oracle=deployed.l2_output_oracle,
                l2_chain_id=L2_CHAIN_ID,
                rollup_config_hash=genesis.rollup_config.config_hash(genesis.l1_chain_config),
                interval=options.submission_interval,
                l2_genesis_time=genesis.rollup_config.genesis.l2_time,
                l2_block_time=options.block_time,
            )
    return Manifest(
        oracle=str(deployed.l2_output_oracle),
        portal=str(deployed.optimism_portal),
        system_config=str(deployed.system_config),
        block_time=options.block_time,
        submission_interval=options.submission_interval,
        tee=tee,
        avs=avs,
    )


def _spec(
    options: DevnetOptions,
    l1_genesis: L1BlockRef,
    contracts: RollupContracts,
    rollup: RollupParameters,
) -> GenesisSpec:
    return GenesisSpec(
        l1_genesis=l1_genesis.id,
        l1_chain_id=L1_CHAIN_ID,
        l2_chain_id=L2_CHAIN_ID,
        l2_time=l1_genesis.timestamp,
        batcher=rollup.batcher,
        batch_inbox=rollup.batch_inbox,
        portal=contracts.optimism_portal,
        system_config=contracts.system_config,
        block_time=options.block_time,
        gas_limit=rollup.gas_limit,
        base_fee_scalar=rollup.base_fee_scalar,
        blob_base_fee_scalar=rollup.blob_base_fee_scalar,
    )


def _address(accounts: DevAccounts, role: Role) -> Address:
    return Address.from_hex(accounts.account(role).address.lower())
