"""A chain made here: simple transfers, so that derivation and overhead show beside execution.

L2 blocks every 2 s on L1 blocks every 12 s; each L1 block carries one span batch (brotli) of the L2
blocks before it as calldata, signed by the batcher, and is otherwise empty.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eth_account import Account

from coprove.derivation import L1Block
from coprove.derivation.attributes import prepare_attributes
from coprove.derivation.channel_out import ChannelOut, batch_from_block
from coprove.derivation.frames import encode_frames
from coprove.derivation.l1_info import l2_block_ref, system_config_from_l2_block
from coprove.devnet.node.genesis import GenesisSpec, make_genesis, read_genesis
from coprove.execution import BlockExecutor, NodeStore
from coprove.primitives import ordered_trie_root
from coprove.program import L1BlockInput, L2BlockInput, RangeInput
from coprove.program.wire import pack_list
from coprove.types import ZERO_ADDRESS, ZERO_HASH, Address, BlockHeader, BlockId, Fork, Hash32

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

L1_CHAIN_ID = 31337
L2_CHAIN_ID = 901
L1_BLOCK_TIME = 12
L2_BLOCK_TIME = 2
GENESIS_TIME = 1_700_000_000
SENDERS = 20
INBOX = Address(bytes.fromhex("ff00000000000000000000000000000000000901"))
_EMPTY_LIST = Hash32(ordered_trie_root([]))
_EMPTY_OMMERS = Hash32.from_hex(
    "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
)
_EMPTY_REQUESTS = Hash32.from_hex(
    "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)


def _account(index: int) -> LocalAccount:
    # Keys of this benchmark's own chain; they hold nothing anywhere.
    account: LocalAccount = Account.from_key(index.to_bytes(32, "big"))
    return account


def _l1_block(parent: BlockHeader | None, transactions: tuple[bytes, ...]) -> L1Block:
    header = BlockHeader(
        parent_hash=ZERO_HASH if parent is None else parent.hash(),
        ommers_hash=_EMPTY_OMMERS,
        beneficiary=ZERO_ADDRESS,
        state_root=ZERO_HASH,
        transactions_root=Hash32(ordered_trie_root(transactions)),
        receipts_root=_EMPTY_LIST,
        logs_bloom=bytes(256),
        difficulty=0,
        number=0 if parent is None else parent.number + 1,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=GENESIS_TIME if parent is None else parent.timestamp + L1_BLOCK_TIME,
        extra_data=b"",
        mix_hash=ZERO_HASH,
        nonce=bytes(8),
        base_fee_per_gas=10**9,
        withdrawals_root=_EMPTY_LIST,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        requests_hash=_EMPTY_REQUESTS,
    )
    return L1Block(header=header, hash=header.hash(), transactions=transactions, receipts=None)


def _signed(account: LocalAccount, **fields: Any) -> bytes:
    base: dict[str, Any] = {
        "type": 2,
        "value": 0,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
    }
    return bytes(account.sign_transaction({**base, **fields}).raw_transaction)


@functools.cache
def generated_range_input(blocks: int, transfers: int) -> RangeInput:
    """Return the range input of a whole chain with so many L2 blocks of so many transfers."""
    senders = [_account(index + 1) for index in range(SENDERS)]
    batcher = _account(1000)
    l1 = [_l1_block(None, ())]
    files = make_genesis(
        GenesisSpec(
            l1_genesis=BlockId(hash=l1[0].hash, number=0),
            l1_chain_id=L1_CHAIN_ID,
            l2_chain_id=L2_CHAIN_ID,
            l2_time=GENESIS_TIME,
            batcher=Address.from_hex(batcher.address),
            batch_inbox=INBOX,
            portal=Address(bytes.fromhex("11" * 20)),
            system_config=Address(bytes.fromhex("22" * 20)),
            block_time=L2_BLOCK_TIME,
            fork_offsets={Fork.ISTHMUS: 4, Fork.JOVIAN: None, Fork.KARST: None},
            accounts=[sender.address for sender in senders],
        )
    )
    genesis = read_genesis(files)
    config, l1_config = genesis.rollup_config, genesis.l1_chain_config
    store = NodeStore()
    store.add_nodes(genesis.nodes)
    store.add_codes(genesis.codes)
    executor = BlockExecutor(config, genesis.block.header, store, record=True)
    agreed = executor.output_root()
    header = BlockHeader.decode_rlp(genesis.block.header)
    head = l2_block_ref(config, header, None)
    system_config = system_config_from_l2_block(config, header, None)
    nodes: list[bytes] = []
    codes: list[bytes] = []
    sent = 0
    channel = ChannelOut(config, (0).to_bytes(16, "big"))
    while head.number < blocks or channel.blocks:
        if head.timestamp + L2_BLOCK_TIME >= l1[-1].header.timestamp + L1_BLOCK_TIME:
            l1.append(_next_l1(l1[-1], channel, batcher))
            channel = ChannelOut(config, len(l1).to_bytes(16, "big"))
        if head.number >= blocks:
            l1.append(_next_l1(l1[-1], channel, batcher))
            break
        prepared = prepare_attributes(config, l1_config, head, system_config, l1[-1])
        users = tuple(
            _signed(
                senders[index % SENDERS],
                chainId=L2_CHAIN_ID,
                nonce=(sent + index) // SENDERS,
                to=(0x10000 + sent + index).to_bytes(20, "big"),
                gas=21_000,
                value=1 + index,
            )
            for index in range(0 if head.number < 4 else transfers)
        )
        sent += len(users)
        block = executor.execute(
            replace(prepared.attributes, transactions=prepared.attributes.transactions + users)
        )
        assert block.witness is not None
        nodes.extend(block.witness.nodes)
        codes.extend(block.witness.codes)
        head = l2_block_ref(config, BlockHeader.decode_rlp(block.header), block.transactions[0])
        system_config = prepared.system_config
        channel.add(batch_from_block(head, block.transactions), head.sequence_number)
    claimed = executor.output_root()
    return RangeInput(
        rollup_config=_json(files.rollup),
        l1_config=_json(files.l1_chain_config),
        l1_head=l1[-1].hash,
        agreed_output_root=agreed.hash(),
        claimed_output_root=claimed.hash(),
        claimed_block_number=head.number,
        agreed_output=agreed,
        l2_blocks=(L2BlockInput(header=genesis.block.header, transactions=()),),
        l2_start_number=0,
        l1_blocks=tuple(
            L1BlockInput(
                header=block.header.encode_rlp(),
                transactions=block.transactions,
                receipts=None,
            )
            for block in l1
        ),
        blobs=(),
        nodes=pack_list(nodes),
        codes=pack_list(codes),
    )


def _next_l1(parent: L1Block, channel: ChannelOut, batcher: LocalAccount) -> L1Block:
    transactions: tuple[bytes, ...] = ()
    if channel.blocks:
        data = encode_frames(channel.frames(120_000))
        transactions = (
            _signed(
                batcher,
                chainId=L1_CHAIN_ID,
                nonce=parent.header.number,
                to=bytes(INBOX),
                gas=2_000_000,
                data="0x" + data.hex(),
            ),
        )
    return _l1_block(parent.header, transactions)


def _json(value: object) -> bytes:

    return json.dumps(value).encode()
