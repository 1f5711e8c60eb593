"""Single blocks in files: what to execute (JSON) and the state it needs (keyed bytes)."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.primitives.bounded_json import load_json
from coprove.rpc.encoding import encode_header
from coprove.rpc.fields import array, data, fixed, member, quantity, record
from coprove.types import Address, Fork, Hash32, PayloadAttributes, RollupConfig
from coprove.witness.errors import RecordingError

if TYPE_CHECKING:
    from coprove.rpc import Json

__all__ = ["BlockFile", "load_block_file", "load_preimages"]

_MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFile:
    """One block to execute."""

    config: RollupConfig
    """The chain's rollup config."""
    parent_header: bytes
    """RLP of the parent's header."""
    attributes: PayloadAttributes
    """What the block is built from."""
    expected_hash: Hash32
    """Hash that the executed block must have."""


def load_block_file(path: Path | str) -> BlockFile:
    """Read a block file: rollup_config, parent_header, executing_payload, expected_block_hash.

    JSON, or JSON in gzip. Raises RecordingError or InputError naming the field that is wrong.
    """
    content = _read(Path(path))
    try:
        parsed = load_json(content)
    except ValueError as error:
        raise RecordingError(Path(path).name, expected="JSON", actual=error) from None
    block = record(parsed, "block file")
    payload = record(member(block, "executing_payload", "block file"), "executing_payload")
    params = payload.get("eip1559Params")
    beacon_root = payload.get("parentBeaconBlockRoot")
    min_base_fee = payload.get("minBaseFee")
    randao = member(payload, "prevRandao", "payload")
    recipient = member(payload, "suggestedFeeRecipient", "payload")
    transactions = array(payload.get("transactions"), "payload.transactions")
    # The superchain registry leaves Regolith out: its chains started with it.
    rollup = {"regolith_time": 0, **record(block.get("rollup_config"), "rollup_config")}
    config = RollupConfig.from_json(rollup)
    timestamp = quantity(payload.get("timestamp"), "payload.timestamp")
    return BlockFile(
        config=config,
        parent_header=encode_header(member(block, "parent_header", "block file")),
        attributes=PayloadAttributes(
            timestamp=timestamp,
            prev_randao=Hash32(fixed(randao, 32, "payload.prevRandao")),
            suggested_fee_recipient=Address(fixed(recipient, 20, "payload.suggestedFeeRecipient")),
            parent_beacon_block_root=(
                None
                if beacon_root is None
                else Hash32(fixed(beacon_root, 32, "payload.parentBeaconBlockRoot"))
            ),
            withdrawals_enabled=config.is_active(Fork.CANYON, timestamp),
            transactions=tuple(data(item, "payload.transactions") for item in transactions),
            no_tx_pool=True,
            gas_limit=quantity(payload.get("gasLimit"), "payload.gasLimit"),
            eip_1559_params=(None if params is None else fixed(params, 8, "payload.eip1559Params")),
            min_base_fee=(
                None if min_base_fee is None else quantity(min_base_fee, "payload.minBaseFee")
            ),
        ),
        expected_hash=Hash32(fixed(block.get("expected_block_hash"), 32, "expected_block_hash")),
    )


def _with_implied_forks(value: Json) -> dict[str, Json]:
    """Set forks that are left out where a later one is set: a fork implies those before it.

    kona writes configs so (Regolith is left out where it was active from genesis).
    """
    config = dict(record(value, "rollup_config"))
    later: Json = None
    for fork in reversed(list(Fork)[1:]):
        if config.get(fork.json_name) is None and later is not None:
            config[fork.json_name] = 0
        later = config.get(fork.json_name) if later is None else later
    return config


def load_preimages(path: Path | str) -> tuple[bytes, ...]:
    """Read a witness file: records of 32-byte keccak256 key, u32 little-endian length, value.

    Values are trie nodes and contract codes alike, each checked against its key. Raises
    RecordingError for a cut file or a value that does not hash to its key.
    """
    content = _read(Path(path))
    values: list[bytes] = []
    offset, end = 0, len(content)
    while offset < end:
        start = offset + 36
        size = int.from_bytes(content[offset + 32 : start], "little")
        if start + size > end:
            raise RecordingError(
                f"witness record {len(values)}", expected=f"{size} bytes", actual=end - start
            )
        key, value = content[offset : offset + 32], content[start : start + size]
        if keccak256(value) != key:
            raise RecordingError(
                f"witness record {len(values)}",
                expected=f"a value of hash 0x{key.hex()}",
                actual=f"hash 0x{keccak256(value).hex()}",
            )
        values.append(value)
        offset = start + size
    return tuple(values)


def _read(path: Path) -> bytes:
    """Read a file, in gzip or not; bounded, since a small gzip file may unpack to anything."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            with gzip.open(path) as stream:
                content = stream.read(_MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordingError(path.name, expected="a readable file", actual=error) from None
    if len(content) > _MAX_FILE_BYTES:
        raise InputError(path.name, expected=f"at most {_MAX_FILE_BYTES} bytes", actual="more")
    return content
