"""A small L1 and L2 for property tests: a sequencer and batcher with a seeded will of their own.

Batcher transactions have the deposit type, which names its sender, so that nothing need be signed;
executing a block means hashing its content.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from coprove.derivation import L1Block, L2Block, Pipeline, PipelineStart
from coprove.derivation.attributes import prepare_attributes
from coprove.derivation.channel_out import BatchType, ChannelOut, batch_from_block
from coprove.derivation.deposits import DepositTransaction
from coprove.primitives import keccak256, rlp
from coprove.types import (
    Address,
    BlockHeader,
    BlockId,
    Fork,
    Hash32,
    L1ChainConfig,
    L2BlockRef,
    RollupConfig,
    SystemConfig,
)
from coprove.types.hashes import ZERO_ADDRESS, ZERO_HASH
from coprove.types.rollup import ChainGenesis

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from coprove.derivation import DerivedAttributes
    from coprove.derivation.compression import Compression
    from coprove.derivation.frames import Frame
    from coprove.types import L1BlockRef, PayloadAttributes

START = 1_800_000_000
INBOX = Address(b"\xff" * 20)
BATCHER = Address(b"\xba" * 20)
L1_TIME = 12
NEVER = (None,) * (len(Fork) - 1)


def forks_until(fork: Fork, start: int = 0) -> tuple[int | None, ...]:
    """Schedule every fork up to `fork` from genesis on, the later ones never."""
    return tuple(start if one <= fork else None for one in list(Fork)[1:])


def l1_header(number: int, timestamp: int, parent: Hash32) -> BlockHeader:
    return BlockHeader(
        parent_hash=parent,
        ommers_hash=ZERO_HASH,
        beneficiary=ZERO_ADDRESS,
        state_root=ZERO_HASH,
        transactions_root=ZERO_HASH,
        receipts_root=ZERO_HASH,
        logs_bloom=bytes(256),
        difficulty=0,
        number=number,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=timestamp,
        extra_data=b"",
        mix_hash=Hash32(keccak256(b"randao" + number.to_bytes(8, "big"))),
        nonce=bytes(8),
        base_fee_per_gas=7,
    )


def make_config(
    forks: tuple[int | None, ...], l1_genesis: L1Block, **changes: object
) -> RollupConfig:
    system_config = SystemConfig(
        batcher_address=BATCHER,
        overhead=ZERO_HASH,
        scalar=Hash32(b"\x01" + bytes(31)),
        gas_limit=30_000_000,
    )
    config = RollupConfig(
        genesis=ChainGenesis(
            l1=BlockId(hash=l1_genesis.hash, number=0),
            l2=BlockId(hash=Hash32(keccak256(b"l2 genesis")), number=0),
            l2_time=START,
            system_config=system_config,
        ),
        block_time=2,
        max_sequencer_drift=600,
        seq_window_size=40,
        channel_timeout=12,
        granite_channel_timeout=8,
        l1_chain_id=900,
        l2_chain_id=901,
        fork_times=forks,
        batch_inbox_address=INBOX,
        deposit_contract_address=Address(b"\x0d" * 20),
        l1_system_config_address=Address(b"\x5c" * 20),
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def random_transaction(chance: random.Random, *, set_code: bool) -> bytes:
    """Make a transaction of the right form for L2 901; its signature is random."""

    def number(size: int) -> bytes:
        return rlp.encode_int(chance.getrandbits(8 * chance.randint(0, size)))

    kind = chance.choice((0, 0, 1, 2, 4) if set_code else (0, 1, 2))
    to = b"" if kind != 4 and chance.random() < 0.1 else chance.randbytes(20)
    payload = chance.randbytes(chance.choice((0, 0, 1, 4, 60, 300)))
    r, s = number(32), number(32)
    parity = chance.randint(0, 1)
    chain = rlp.encode_int(901)
    access: list[rlp.Encodable] = [
        [chance.randbytes(20), [chance.randbytes(32) for _ in range(chance.randint(0, 2))]]
        for _ in range(chance.choice((0, 0, 1, 2)))
    ]
    if kind == 0:
        v = 27 + parity if chance.random() < 0.3 else 901 * 2 + 35 + parity
        items: list[rlp.Encodable] = [number(8), number(6), number(4), to, number(9), payload]
        return rlp.encode([*items, rlp.encode_int(v), r, s])
    prices = [number(6)] if kind == 1 else [number(5), number(6)]
    items = [chain, number(8), *prices, number(4), to, number(9), payload, access]
    if kind == 4:
        items.append([[number(4), chance.randbytes(20), number(8), rlp.encode_int(parity), r, s]])
    return bytes([kind]) + rlp.encode([*items, rlp.encode_int(parity), r, s])


@dataclass(slots=True)
class World:
    """L1 and L2 as far as they got, and the pipeline's source and history."""

    chance: random.Random
    config: RollupConfig
    l1: list[L1Block]
    l1_config: L1ChainConfig = field(
        default_factory=lambda: L1ChainConfig(chain_id=900, blob_schedule=())
    )
    refs: list[L2BlockRef] = field(default_factory=list)
    contents: list[tuple[bytes, ...]] = field(default_factory=list)
    configs: list[SystemConfig] = field(default_factory=list)
    head: int | None = None
    reads: int = 0

    @classmethod
    def make(
        cls,
        chance: random.Random,
        forks: tuple[int | None, ...],
        *,
        l1_times: Sequence[int] | None = None,
        l1_length: int = 30,
        **changes: object,
    ) -> World:
        times = l1_times or [START + L1_TIME * number for number in range(l1_length)]
        blocks: list[L1Block] = []
        for number, time in enumerate(times):
            header = l1_header(number, time, blocks[-1].hash if blocks else ZERO_HASH)
            blocks.append(
                L1Block(header=header, hash=header.hash(), transactions=(), receipts=None)
            )
        config = make_config(forks, blocks[0], **changes)
        genesis = L2BlockRef(
            hash=config.genesis.l2.hash,
            number=0,
            parent_hash=ZERO_HASH,
            timestamp=START,
            l1_origin=config.genesis.l1,
            sequence_number=0,
        )
        return cls(
            chance,
            config,
            blocks,
            refs=[genesis],
            contents=[()],
            configs=[config.genesis.system_config],
        )

    # The pipeline's source and history.

    def block_by_number(self, number: int) -> L1Block | None:
        self.reads += 1
        end = len(self.l1) if self.head is None else self.head + 1
        return self.l1[number] if number < end else None

    def blobs(self, _block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        raise AssertionError(versioned_hashes)

    def l2_block(self, number: int) -> L2Block:
        return L2Block(ref=self.refs[number], transactions=self.contents[number])

    # The sequencer.

    def sequence(self, *, until_epoch: int, most: int = 3, lag: int = 2) -> None:
        """Build blocks of up to `most` transactions until one has the L1 origin `until_epoch`.

        The origin is up to `lag` blocks behind the newest that time allows.
        """
        while self.refs[-1].l1_origin.number < until_epoch:
            parent = self.refs[-1]
            timestamp = parent.timestamp + self.config.block_time
            epoch = parent.l1_origin.number
            newest = max(
                n for n, block in enumerate(self.l1) if block.header.timestamp <= timestamp
            )
            if epoch < newest and (newest - epoch > lag or self.chance.random() < 0.4):
                epoch += 1
            quiet = any(
                self.config.activates_at(fork, timestamp) for fork in (Fork.JOVIAN, Fork.KARST)
            )
            count = 0 if quiet else self.chance.randint(0, most)
            set_code = self.config.is_active(Fork.ISTHMUS, timestamp)
            users = tuple(random_transaction(self.chance, set_code=set_code) for _ in range(count))
            self.build(epoch, users)

    def build(self, epoch: int, users: tuple[bytes, ...]) -> None:
        """Append the block with this origin and these user transactions to L2."""
        parent = self.refs[-1]
        prepared = prepare_attributes(
            self.config, self.l1_config, parent, self.configs[-1], self.l1[epoch]
        )
        attributes = prepared.attributes
        content = (*attributes.transactions, *users)
        self.contents.append(content)
        self.refs.append(
            execute(parent, replace(attributes, transactions=content), self.l1[epoch].ref)
        )
        self.configs.append(prepared.system_config)

    # The batcher.

    def channel(
        self, first: int, last: int, batch_type: BatchType, compression: Compression, size: int
    ) -> list[Frame]:
        """Put the blocks `first` to `last` into one channel of frames of `size` bytes."""
        out = ChannelOut(
            self.config,
            self.chance.randbytes(16),
            batch_type=batch_type,
            compression=compression,
            level=1,
        )
        for number in range(first, last + 1):
            ref = self.refs[number]
            out.add(batch_from_block(ref, self.contents[number]), ref.sequence_number)
        return out.frames(size)

    def post(self, l1_number: int, data: bytes, sender: Address = BATCHER) -> None:
        """Put a transaction with `data` to the inbox into an L1 block."""
        raw = DepositTransaction(
            source_hash=ZERO_HASH,
            sender=sender,
            to=INBOX,
            mint=0,
            value=0,
            gas=0,
            is_system=False,
            data=data,
        ).encode()
        block = self.l1[l1_number]
        self.l1[l1_number] = replace(block, transactions=(*block.transactions, raw))

    # The verifier.

    def pipeline(self) -> Pipeline:
        start = PipelineStart(
            l1_origin=self.l1[0].ref,
            l1_system_config=self.config.genesis.system_config,
            safe_head=self.refs[0],
            safe_head_system_config=self.config.genesis.system_config,
        )
        return Pipeline(self.config, self.l1_config, self, start)


def execute(parent: L2BlockRef, attributes: PayloadAttributes, epoch: L1BlockRef) -> L2BlockRef:
    """Return the block that an engine would make: its hash covers parent, time and content."""
    content = b"".join(keccak256(raw) for raw in attributes.transactions)
    same = parent.l1_origin.number == epoch.number
    return L2BlockRef(
        hash=Hash32(keccak256(parent.hash + attributes.timestamp.to_bytes(8, "big") + content)),
        number=parent.number + 1,
        parent_hash=parent.hash,
        timestamp=attributes.timestamp,
        l1_origin=epoch.id,
        sequence_number=parent.sequence_number + 1 if same else 0,
    )


def derive_all(
    world: World, chance: random.Random | None = None, limit: int = 10_000
) -> list[tuple[L2BlockRef, DerivedAttributes]]:
    """Derive until L1 is used up; `chance` looks ahead by random amounts in between."""
    pipeline = world.pipeline()
    head = world.refs[0]
    found: list[tuple[L2BlockRef, DerivedAttributes]] = []
    while len(found) < limit:
        if chance is not None:
            for _ in range(chance.choice((0, 0, 1, 3, 30))):
                if not pipeline.prefetch():
                    break
        derived = pipeline.next_attributes(head)
        if derived is None:
            return found
        head = execute(head, derived.attributes, derived.epoch)
        found.append((head, derived))
    return found
