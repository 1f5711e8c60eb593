"""Recorded chains: a folder of JSON lines with everything that ranges of the chain need."""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coprove.da import Blob
from coprove.derivation import L2Block
from coprove.derivation.l1_info import l2_block_ref, system_config_from_l2_block
from coprove.primitives import rlp
from coprove.primitives.bounded_json import load_json
from coprove.program import (
    BlobInput,
    L1BlockInput,
    L2BlockInput,
    RangeInput,
    overlapped_blocks,
)
from coprove.program.agreed import starts_pipeline
from coprove.program.bloom import LogFilter
from coprove.program.wire import pack_list
from coprove.rpc.encoding import encode_header
from coprove.rpc.fields import array, data, fixed, integer, member, record
from coprove.types import BlockHeader, Hash32, L1ChainConfig, L2BlockRef, OutputRoot, RollupConfig
from coprove.witness.batcher import BatcherWatch
from coprove.witness.errors import RecordingError
from coprove.witness.prestate import prestate

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

__all__ = ["RecordedL1Block", "RecordedL2Block", "Recording"]

_NO_WITNESS: dict[str, Any] = {"state": [], "codes": [], "headers": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedL1Block:
    """One L1 block of a recording."""

    header: bytes
    """RLP of the header."""
    transactions: tuple[bytes, ...]
    """EIP-2718 encodings of the transactions."""
    receipts: tuple[bytes, ...]
    """EIP-2718 encodings of the receipts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedL2Block:
    """One L2 block of a recording."""

    hash: Hash32
    """The recorded hash."""
    header: bytes
    """RLP of the header."""
    transactions: tuple[bytes, ...]
    """EIP-2718 encodings of the transactions."""
    receipts: tuple[bytes, ...]
    """EIP-2718 encodings of the receipts."""
    nodes: tuple[bytes, ...]
    """State nodes that execution needs: op-geth's witness and what completes it."""
    codes: tuple[bytes, ...]
    """Contract codes that execution needs."""
    ancestors: tuple[bytes, ...]
    """RLP of earlier headers that BLOCKHASH needs, from the parent back."""
    output: OutputRoot
    """Preimage of the output root after the block."""


class Recording:
    """A recorded chain; lines are parsed when they are first asked for."""

    def __init__(self, path: Path | str) -> None:
        """Open the folder; RecordingError when it lacks a file."""
        self.path = Path(path)
        self.rollup_config_json = self._read("rollup.json")
        self.config = RollupConfig.from_json(self.rollup_config_json)
        self.l1_config_json = self._read("l1_chain_config.json")
        self._l2_blocks: dict[int, RecordedL2Block] = {}

    @property
    def default_range(self) -> tuple[int, int]:
        """The largest range of the recording: agreed and claimed block."""
        found = self._json("range.json")
        return (
            integer(member(found, "from", "range.json"), "from"),
            integer(member(found, "to", "range.json"), "to"),
        )

    @property
    def last_l1(self) -> int:
        """Number of the last recorded L1 block."""
        return len(self._l1_lines) - 1

    @property
    def last_l2(self) -> int:
        """Number of the last recorded L2 block."""
        return len(self._l2_lines) - 1

    @functools.cached_property
    def l2_genesis(self) -> dict[str, Any]:
        """The L2 genesis file: config, alloc and header fields, as geth has it."""
        return self._json("l2_genesis.json.gz")

    @functools.cached_property
    def sync_status(self) -> dict[str, Any]:
        """The recorded answers of the rollup node."""
        return self._json("sync_status.json")

    def l1_row(self, number: int) -> dict[str, Any]:
        """Return the recorded line of an L1 block as it stands."""
        return self._row(self._l1_lines, number, "l1.jsonl.gz")

    def l2_row(self, number: int) -> dict[str, Any]:
        """Return the recorded line of an L2 block as it stands."""
        return self._row(self._l2_lines, number, "l2.jsonl.gz")

    @functools.cached_property
    def blob_rows(self) -> list[dict[str, Any]]:
        """The recorded blobs as they stand; empty where batches went into calldata."""
        if not (self.path / "blobs.jsonl.gz").exists():
            return []
        return [
            _parse(line, f"blobs.jsonl.gz:{index + 1}")
            for index, line in enumerate(self._lines("blobs.jsonl.gz"))
        ]

    def l1_block(self, number: int) -> RecordedL1Block:
        """Return an L1 block."""
        row = self.l1_row(number)
        what = f"L1 block {number}"
        return RecordedL1Block(
            header=data(row.get("header_rlp"), what),
            transactions=_all_bytes(row.get("raw_transactions"), what),
            receipts=_all_bytes(row.get("raw_receipts"), what),
        )

    def l2_block(self, number: int) -> RecordedL2Block:
        """Return an L2 block with its witness (empty for the genesis block)."""
        block = self._l2_blocks.get(number)
        if block is None:
            block = self._l2_blocks[number] = self._parse_l2_block(number)
        return block

    def _parse_l2_block(self, number: int) -> RecordedL2Block:
        what = f"L2 block {number}"
        row = self.l2_row(number)
        block = rlp.decode_list(data(member(row, "block_rlp", what), what), what, 4)
        found = rlp.expect_list(block[1], f"{what}: transactions")
        witness = record(row.get("execution_witness") or _NO_WITNESS, what)
        nodes = array(witness.get("state"), what) + array(row.get("extra_state", []), what)
        output = record(member(row, "output", what), what)
        return RecordedL2Block(
            hash=Hash32(fixed(row.get("hash"), 32, what)),
            header=rlp.encode(rlp.expect_list(block[0], f"{what}: header")),
            transactions=tuple(tx if isinstance(tx, bytes) else rlp.encode(tx) for tx in found),
            receipts=_all_bytes(row.get("raw_receipts"), what),
            nodes=_all_bytes(nodes, what),
            codes=_all_bytes(witness.get("codes"), what),
            ancestors=tuple(
                encode_header(item) for item in array(witness.get("headers"), what, 257)
            ),
            output=OutputRoot(
                state_root=Hash32.from_hex(output.get("stateRoot"), what),
                message_passer_storage_root=Hash32.from_hex(
                    output.get("withdrawalStorageRoot"), what
                ),
                block_hash=Hash32.from_hex(record(output.get("blockRef"), what).get("hash"), what),
            ),
        )

    def l2_ref(self, number: int) -> L2BlockRef:
        """Return the reference of an L2 block."""
        block = self.l2_block(number)
        header = BlockHeader.decode_rlp(block.header)
        return l2_block_ref(self.config, header, _first(block.transactions))

    def expected_output(self, number: int) -> Hash32:
        """Return the recorded output root of an L2 block."""
        what = f"output of L2 block {number}"
        output = record(member(self.l2_row(number), "output", what), what)
        return Hash32.from_hex(output.get("outputRoot"), what)

    def l1_head_for(self, number: int) -> int:
        """Return the first recorded L1 block at which L2 block `number` was safe, else the last."""
        for entry in array(self.sync_status.get("safe_head_at_l1"), "safe_head_at_l1"):
            row = record(entry, "safe_head_at_l1")
            if integer(row.get("safe_head"), "safe_head") >= number:
                return min(integer(row.get("l1"), "l1"), self.last_l1)
        return self.last_l1

    def range_input(
        self, from_block: int, to_block: int, *, l1_head: int | None = None
    ) -> RangeInput:
        """Return the input for the range after `from_block` up to `to_block`.

        `l1_head` is the number of the last L1 block to give, by default the first one at which
        `to_block` is safe. RecordingError when the blocks are not recorded.
        """
        if not 0 <= from_block < to_block <= self.last_l2:
            raise RecordingError(
                "range",
                expected=f"from before to, within 0 and {self.last_l2}",
                actual=f"{from_block} to {to_block}",
            )
        agreed = self.l2_block(from_block)
        start_number = self._start(from_block)
        start = self.l2_block(start_number)
        head = self.l1_head_for(to_block) if l1_head is None else l1_head
        origin = self.l2_ref(start_number).l1_origin.number
        l1_blocks = [self.l1_block(number) for number in range(origin, head + 1)]
        executed = [self.l2_block(number) for number in range(from_block + 1, to_block + 1)]
        nodes, codes = prestate(
            agreed.output.state_root,
            (node for block in executed for node in block.nodes),
            (code for block in executed for code in block.codes),
        )
        first_ancestor = min(
            from_block + 1 + index - len(block.ancestors) for index, block in enumerate(executed)
        )
        first_header = max(0, min(start_number, first_ancestor))
        log_filter = LogFilter(self.config)
        inputs = tuple(_l1_input(block, log_filter) for block in l1_blocks)
        older = set(range(first_header, from_block + 1))
        given = RangeInput(
            rollup_config=self.rollup_config_json,
            l1_config=self._l1_config(),
            l1_head=Hash32.from_hex(self.l1_row(head).get("hash"), "L1 head"),
            agreed_output_root=self.expected_output(from_block),
            claimed_output_root=self.expected_output(to_block),
            claimed_block_number=to_block,
            agreed_output=agreed.output,
            l2_blocks=self._l2_inputs(older, {start_number, from_block}),
            l2_start_number=start_number,
            l1_blocks=inputs,
            blobs=tuple(self._blobs(start, inputs)),
            nodes=pack_list(nodes),
            codes=pack_list(codes),
        )
        derived = [
            L2Block(ref=self.l2_ref(number), transactions=self.l2_block(number).transactions)
            for number in range(from_block + 1, to_block + 1)
        ]
        overlapped = overlapped_blocks(given, derived, self)
        if not overlapped:
            return given
        older |= set(range(min(overlapped), from_block + 1))
        return replace(
            given,
            l2_blocks=self._l2_inputs(older, overlapped | {start_number, from_block}),
        )

    def block_by_number(self, number: int) -> L2Block | None:
        """Return an L2 block as derivation asks for it (its L2History); None when not recorded."""
        if not 0 <= number <= self.last_l2:
            return None
        return L2Block(ref=self.l2_ref(number), transactions=self.l2_block(number).transactions)

    def _l2_inputs(self, numbers: set[int], whole: Set[int]) -> tuple[L2BlockInput, ...]:
        """Return blocks by ascending number, those of `whole` with their transactions."""
        return tuple(
            L2BlockInput(
                header=self.l2_block(number).header,
                transactions=self.l2_block(number).transactions if number in whole else None,
            )
            for number in sorted(numbers)
        )

    def _start(self, from_block: int) -> int:
        agreed = self.l2_ref(from_block)
        number = from_block
        while not starts_pipeline(self.config, self.l2_ref(number), agreed):
            number -= 1
        return number

    def _blobs(
        self, start: RecordedL2Block, l1_blocks: tuple[L1BlockInput, ...]
    ) -> Iterator[BlobInput]:
        system_config = system_config_from_l2_block(
            self.config, BlockHeader.decode_rlp(start.header), _first(start.transactions)
        )
        watch = BatcherWatch(self.config, system_config.batcher_address)
        recorded = self.blobs
        for block in l1_blocks:
            for name in watch.blob_hashes(block.transactions, block.receipts):
                blob = recorded.get(name)
                if blob is None:
                    raise RecordingError("blobs.jsonl.gz", expected=f"blob {name}", actual="none")
                yield BlobInput(commitment=blob.commitment, proof=blob.proof, data=blob.data)

    @functools.cached_property
    def blobs(self) -> dict[bytes, Blob]:
        """The recorded blobs by versioned hash."""
        found: dict[bytes, Blob] = {}
        for row in self.blob_rows:
            size = integer(row.get("blob_length"), "blob_length", 18)
            found[fixed(row.get("versioned_hash"), 32, "versioned_hash")] = Blob(
                commitment=fixed(row.get("commitment"), 48, "commitment"),
                proof=fixed(row.get("proof"), 48, "proof"),
                data=data(row.get("blob"), "blob").ljust(size, b"\x00"),
            )
        return found

    def _l1_config(self) -> bytes:
        """Return the L1 config's bytes, none for an L1 that is built in."""
        built_in = L1ChainConfig.built_in(self.config.l1_chain_id) is not None
        return b"" if built_in else self.l1_config_json

    @functools.cached_property
    def _l1_lines(self) -> list[bytes]:
        return self._lines("l1.jsonl.gz")

    @functools.cached_property
    def _l2_lines(self) -> list[bytes]:
        return self._lines("l2.jsonl.gz")

    def _json(self, name: str) -> dict[str, Any]:
        return _parse(self._read(name), name)

    def _lines(self, name: str) -> list[bytes]:
        return self._read(name).splitlines()

    def _read(self, name: str) -> bytes:
        path = self.path / name
        try:
            content = path.read_bytes()
            return gzip.decompress(content) if name.endswith(".gz") else content
        except (OSError, EOFError) as error:
            raise RecordingError(name, expected="a readable file", actual=error) from None

    def _row(self, lines: list[bytes], number: int, name: str) -> dict[str, Any]:
        if not 0 <= number < len(lines):
            raise RecordingError(name, expected=f"a block up to {len(lines) - 1}", actual=number)
        row = _parse(lines[number], f"{name}:{number + 1}")
        if row.get("number") != number:
            raise RecordingError(
                f"{name}:{number + 1}", expected=f"block {number}", actual=row.get("number")
            )
        return row


def _l1_input(block: RecordedL1Block, log_filter: LogFilter) -> L1BlockInput:
    """Leave out receipts that cannot hold a log which derivation reads."""
    wanted = log_filter.may_match(BlockHeader.decode_rlp(block.header).logs_bloom)
    return L1BlockInput(
        header=block.header,
        transactions=block.transactions,
        receipts=block.receipts if wanted else None,
    )


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        return record(load_json(content), name)
    except ValueError as error:
        raise RecordingError(name, expected="JSON", actual=error) from None


def _first(transactions: tuple[bytes, ...]) -> bytes | None:
    return transactions[0] if transactions else None


def _all_bytes(values: Any, what: str) -> tuple[bytes, ...]:
    return tuple(data(item, what) for item in array(values, what))
