from collections.abc import Sequence
from typing import Any, final

__all__ = [
    "Bn254G2",
    "ChainRules",
    "Executor",
    "NativeError",
    "NodeStore",
    "bn254_check_g1",
    "bn254_combine_g1",
    "bn254_combine_g2",
    "bn254_hash_to_g1",
    "bn254_public_keys",
    "bn254_same_key",
    "bn254_sign",
    "bn254_verify",
    "bn254_verify_aggregate",
    "bn254_verify_batch",
    "decode_range_witness",
    "encode_range_witness",
    "genesis_state",
    "headers_from_cbor",
    "headers_to_cbor",
    "keccak256",
    "ordered_trie_nodes",
    "ordered_trie_root",
    "prove",
    "read_account",
    "read_storage",
    "recover_sender",
    "recover_senders",
    "simulate",
]

class NativeError(Exception): ...

@final
class Bn254G2:
    def __new__(cls, encoded: bytes, /) -> Bn254G2: ...

def bn254_check_g1(encoded: bytes, /) -> None: ...
def bn254_combine_g1(points: Sequence[bytes], weights: Sequence[int], /) -> bytes: ...
def bn254_combine_g2(points: Sequence[Bn254G2], weights: Sequence[int], /) -> bytes: ...
def bn254_hash_to_g1(digest: bytes, /) -> bytes: ...
def bn254_public_keys(secret: bytes, /) -> tuple[bytes, bytes]: ...
def bn254_same_key(g1: bytes, g2: Bn254G2, /) -> bool: ...
def bn254_sign(secret: bytes, digest: bytes, /) -> bytes: ...
def bn254_verify(key: Bn254G2, digest: bytes, signature: bytes, /) -> bool: ...
def bn254_verify_aggregate(
    digest: bytes, key_g1: bytes, key_g2: Bn254G2, signature: bytes, /
) -> bool: ...
def bn254_verify_batch(
    keys: Sequence[Bn254G2], digests: Sequence[bytes], signatures: Sequence[bytes], /
) -> list[bool]: ...
def keccak256(data: bytes, /) -> bytes: ...
def ordered_trie_root(items: Sequence[bytes], /) -> bytes: ...
def ordered_trie_nodes(items: Sequence[bytes], /) -> list[bytes]: ...
def encode_range_witness(
    local_keys: Sequence[tuple[int, bytes]],
    hashed: Sequence[bytes],
    blobs: Sequence[tuple[bytes, bytes, bytes]],
    /,
) -> bytes: ...
def decode_range_witness(
    archive: bytes, /
) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes, bytes]]]: ...
def headers_to_cbor(headers: Sequence[bytes], /) -> bytes: ...
def headers_from_cbor(cbor: bytes, /) -> list[bytes]: ...
def recover_sender(raw: bytes, /) -> bytes: ...
def recover_senders(raws: Sequence[bytes], /) -> list[bytes]: ...

@final
class NodeStore:
    def __new__(cls) -> NodeStore: ...
    def add_nodes(self, flat: bytes, /) -> int: ...
    def add_codes(self, flat: bytes, /) -> int: ...
    def get_node(self, hash_: bytes, /) -> bytes | None: ...
    def get_code(self, hash_: bytes, /) -> bytes | None: ...
    def drain_new(self) -> tuple[bytes, bytes]: ...
    def counts(self) -> tuple[int, int]: ...

@final
class ChainRules:
    def __new__(
        cls,
        chain_id: int,
        fork_times: Sequence[int | None],
        elasticity: int,
        denominator: int,
        denominator_canyon: int,
    ) -> ChainRules: ...
    def next_base_fee(self, parent: bytes, timestamp: int, /) -> int: ...

@final
class Executor:
    def __new__(
        cls,
        rules: ChainRules,
        head: bytes,
        store: NodeStore,
        ancestors: Sequence[bytes],
        commit: bool,
        record: bool,
    ) -> Executor: ...
    def build(
        self,
        timestamp: int,
        prev_randao: bytes,
        fee_recipient: bytes,
        parent_beacon_block_root: bytes | None,
        gas_limit: int,
        eip1559_params: bytes | None,
        min_base_fee: int | None,
        transactions: Sequence[bytes],
        candidates: Sequence[bytes],
    ) -> dict[str, Any]: ...
    def message_passer_root(self) -> bytes: ...
    @property
    def header(self) -> bytes: ...
    @property
    def head_hash(self) -> bytes: ...
    @property
    def state_root(self) -> bytes: ...

def genesis_state(
    store: NodeStore,
    accounts: Sequence[tuple[bytes, int, bytes, bytes, Sequence[tuple[bytes, bytes]]]],
    /,
) -> bytes: ...
def read_account(
    store: NodeStore, root: bytes, who: bytes, /
) -> tuple[int, bytes, bytes, bytes] | None: ...
def read_storage(store: NodeStore, root: bytes, who: bytes, slot: bytes, /) -> bytes: ...
def prove(
    store: NodeStore, root: bytes, who: bytes, slots: Sequence[bytes], /
) -> tuple[
    tuple[int, bytes, bytes, bytes] | None, list[bytes], list[tuple[bytes, list[bytes]]]
]: ...
def simulate(
    rules: ChainRules,
    header: bytes,
    store: NodeStore,
    ancestors: Sequence[bytes],
    from_: bytes,
    to: bytes | None,
    gas: int,
    gas_price: int,
    value: bytes,
    data: bytes,
) -> tuple[bool, bytes, int, bytes | None, str | None]: ...
