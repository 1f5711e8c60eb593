"""RangeInput: everything that the range program reads, as one value and as bytes."""

from __future__ import annotations

from dataclasses import dataclass

from coprove.program.errors import ProgramInputError
from coprove.program.wire import PartReader, pack_list, pack_part, unpack_list
from coprove.types import Hash32, OutputRoot

__all__ = ["RANGE_SCHEMA", "BlobInput", "L1BlockInput", "L2BlockInput", "RangeInput"]

RANGE_SCHEMA = b"coprove/range-input/1\n"
"""First bytes of an encoded RangeInput; a change of the layout changes the number."""

_ABSENT = b"\x00"
_PRESENT = b"\x01"


def _pack_optional(items: tuple[bytes, ...] | None) -> bytes:
    return _ABSENT if items is None else _PRESENT + pack_list(items)


def _unpack_optional(data: bytes, what: str) -> tuple[bytes, ...] | None:
    if data == _ABSENT:
        return None
    if data[:1] != _PRESENT:
        raise ProgramInputError(
            what, expected="0x00 alone or 0x01 and a list", actual=data[:8].hex()
        )
    return unpack_list(data[1:], what)


@dataclass(frozen=True, slots=True, kw_only=True)
class L1BlockInput:
    """An L1 block as it came, nothing checked."""

    header: bytes
    """RLP of the header."""
    transactions: tuple[bytes, ...]
    """EIP-2718 encodings of all transactions, in order."""
    receipts: tuple[bytes, ...] | None
    """EIP-2718 encodings of all receipts; None only where the header's bloom excludes logs of
    the portal and of SystemConfig, which the program checks."""

    def encode(self) -> bytes:
        """Return the block as a packed list: header, transactions, receipts."""
        return pack_list((self.header, pack_list(self.transactions), _pack_optional(self.receipts)))

    @classmethod
    def decode(cls, data: bytes) -> L1BlockInput:
        """Read what `encode` wrote; raise ProgramInputError when it is anything else."""
        parts = unpack_list(data, "L1 block")
        if len(parts) != 3:
            raise ProgramInputError("L1 block", expected="3 parts", actual=f"{len(parts)} parts")
        header, transactions, receipts = parts
        return cls(
            header=header,
            transactions=unpack_list(transactions, "L1 transactions"),
            receipts=_unpack_optional(receipts, "L1 receipts"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class L2BlockInput:
    """A block of the L2 chain up to the agreed one, nothing checked."""

    header: bytes
    """RLP of the header."""
    transactions: tuple[bytes, ...] | None
    """EIP-2718 encodings of all transactions, in order (none at genesis); None where derivation
    does not look at the block: it reads the block where it starts, the agreed one, and those that
    a span batch overlaps."""

    def encode(self) -> bytes:
        """Return the block as a packed list: header, transactions."""
        return pack_list((self.header, _pack_optional(self.transactions)))

    @classmethod
    def decode(cls, data: bytes) -> L2BlockInput:
        """Read what `encode` wrote; raise ProgramInputError when it is anything else."""
        parts = unpack_list(data, "L2 block")
        if len(parts) != 2:
            raise ProgramInputError("L2 block", expected="2 parts", actual=f"{len(parts)} parts")
        return cls(header=parts[0], transactions=_unpack_optional(parts[1], "L2 transactions"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInput:
    """A blob with what it takes to check it against a transaction's versioned hash (EIP-4844)."""

    commitment: bytes
    """KZG commitment, 48 bytes; its hash is the versioned hash."""
    proof: bytes
    """KZG blob proof, 48 bytes."""
    data: bytes
    """The blob, 131,072 bytes."""

    def encode(self) -> bytes:
        """Return commitment, proof and data, one after the other."""
        return self.commitment + self.proof + self.data

    @classmethod
    def decode(cls, data: bytes) -> BlobInput:
        """Read what `encode` wrote; the data's length is checked with the proof."""
        if len(data) < 96:
            raise ProgramInputError("blob", expected="at least 96 bytes", actual=len(data))
        return cls(commitment=data[:48], proof=data[48:96], data=data[96:])


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeInput:
    """All input of one run of the range program.

    Only `l1_head`, `agreed_output_root` and the hash of the rollup config are trusted, since the
    resulting BootInfo commits to them; everything else is checked against these by hash.
    """

    rollup_config: bytes
    """rollup.json as op-node has it, JSON in UTF-8."""
    l1_config: bytes
    """The L1 chain config, JSON in UTF-8 (fork times and blob schedule); empty for an L1 that is
    built in (mainnet, Sepolia, Holesky, Hoodi)."""
    l1_head: Hash32
    """Hash of the last L1 block that the derivation may read."""
    agreed_output_root: Hash32
    """Output root that the range starts from."""
    claimed_output_root: Hash32
    """Output root that the range is said to end in."""
    claimed_block_number: int
    """Number of the L2 block of the claimed output."""
    agreed_output: OutputRoot
    """Preimage of `agreed_output_root`."""
    l2_blocks: tuple[L2BlockInput, ...]
    """Consecutive L2 blocks, ascending and ending at the agreed one; they begin at the block where
    the pipeline starts or earlier, where BLOCKHASH or a span batch reaches back further."""
    l2_start_number: int
    """Number of the L2 block where the pipeline starts: its L1 origin is a channel timeout behind
    the agreed block's, or it is the genesis block."""
    l1_blocks: tuple[L1BlockInput, ...]
    """Consecutive L1 blocks from the pipeline-start block's L1 origin to `l1_head`."""
    blobs: tuple[BlobInput, ...]
    """The blobs of the batcher's transactions in `l1_blocks`."""
    nodes: bytes
    """Trie nodes of the state before the range, a packed list."""
    codes: bytes
    """Contract codes, a packed list."""

    def encode(self) -> bytes:
        """Return the input as bytes: the schema id, then each field as one part."""
        parts = (
            self.rollup_config,
            self.l1_config,
            self.l1_head,
            self.agreed_output_root,
            self.claimed_output_root,
            self.claimed_block_number.to_bytes(8, "little"),
            self.agreed_output.state_root,
            self.agreed_output.message_passer_storage_root,
            self.agreed_output.block_hash,
            pack_list(block.encode() for block in self.l2_blocks),
            self.l2_start_number.to_bytes(8, "little"),
            pack_list(block.encode() for block in self.l1_blocks),
            pack_list(blob.encode() for blob in self.blobs),
            self.nodes,
            self.codes,
        )
        return RANGE_SCHEMA + b"".join(map(pack_part, parts))

    @classmethod
    def decode(cls, data: bytes) -> RangeInput:
        """Read what `encode` wrote; raise ProgramInputError naming the part that is wrong.

        Checks form alone: contents are checked where the program uses them.
        """
        reader = PartReader(data, schema=RANGE_SCHEMA)
        decoded = cls(
            rollup_config=reader.part("rollup config"),
            l1_config=reader.part("L1 config"),
            l1_head=Hash32(reader.part("L1 head", size=32)),
            agreed_output_root=Hash32(reader.part("agreed output root", size=32)),
            claimed_output_root=Hash32(reader.part("claimed output root", size=32)),
            claimed_block_number=reader.number("claimed block number"),
            agreed_output=OutputRoot(
                state_root=Hash32(reader.part("agreed state root", size=32)),
                message_passer_storage_root=Hash32(reader.part("agreed storage root", size=32)),
                block_hash=Hash32(reader.part("agreed block hash", size=32)),
            ),
            l2_blocks=tuple(map(L2BlockInput.decode, reader.items("L2 blocks"))),
            l2_start_number=reader.number("L2 start number"),
            l1_blocks=tuple(map(L1BlockInput.decode, reader.items("L1 blocks"))),
            blobs=tuple(map(BlobInput.decode, reader.items("blobs"))),
            nodes=reader.part("state nodes"),
            codes=reader.part("codes"),
        )
        reader.finish()
        return decoded
