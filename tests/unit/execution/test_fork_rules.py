"""Rules of blocks and of deposits that forks brought, each on a chain made for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from coprove.execution import (
    BlockExecutor,
    ExecutedBlock,
    InvalidPayloadError,
    MissingStateError,
    NodeStore,
    StateReader,
    genesis_state,
)
from coprove.primitives import keccak256, ordered_trie_root, rlp
from coprove.types import BlockHeader, Fork
from tests.unit.execution.chains import flat
from tests.unit.execution.made import (
    COLLECTOR,
    EMPTY,
    SENDER,
    START,
    USER,
    USER_ADDRESS,
    Deposit,
    attributes,
    config,
    genesis_header,
    signed,
)

L1_BLOCK = bytes.fromhex("4200000000000000000000000000000000000015")
OPERATOR_FEE_VAULT = bytes.fromhex("420000000000000000000000000000000000001b")
CREATE2_DEPLOYER = bytes.fromhex("13b0d85ccb8bf860b6b79af3029fca081ae9bef2")
CREATE2_DEPLOYER_HASH = "b0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2"
BEACON_ROOTS = bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02")
HISTORY = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
RING = 8191
TARGET = b"\x55" * 20
RICH = 10**20


@dataclass(slots=True)
class Chain:
    """An executor on a state, and what was made of it."""

    fork: Fork
    alloc: dict[bytes, dict[str, Any]]
    at: int = 0
    """When the fork comes; 0: it was always there."""
    store: NodeStore = field(default_factory=NodeStore)
    blocks: list[ExecutedBlock] = field(default_factory=list)
    executor: BlockExecutor = field(init=False)

    def __post_init__(self) -> None:
        """Write the state, the user's balance included, and stand at block 0."""
        funded = {USER_ADDRESS: {"balance": RICH}} | self.alloc
        root = genesis_state(self.store, {name.hex(): entry for name, entry in funded.items()})
        header = genesis_header(root, Fork(self.fork - 1) if self.at else self.fork)
        rules = config(self.fork, self.at)
        self.executor = BlockExecutor(rules, header, self.store, commit=True, record=True)

    def run(self, *transactions: Deposit | bytes, **more: Any) -> StateReader:
        """Execute the next block; the state after it."""
        number = len(self.blocks) + 1
        active = self.fork if START + 2 * number >= self.at else Fork(self.fork - 1)
        made = attributes(active, number, transactions, **more)
        self.blocks.append(self.executor.execute(made))
        return StateReader(self.store, self.blocks[-1].state_root)

    def balance(self, address: bytes) -> int:
        account = StateReader(self.store, self.blocks[-1].state_root).account(address)
        return 0 if account is None else account.balance


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_canyon_deploys_the_create2_deployer_in_its_first_block() -> None:
    """The account keeps its balance and nonce; neither the block before nor later ones touch it."""
    chain = Chain(Fork.CANYON, {CREATE2_DEPLOYER: {"balance": 3, "nonce": 5}}, at=START + 4)
    assert chain.run().code(CREATE2_DEPLOYER) == b""
    account = chain.run().account(CREATE2_DEPLOYER)
    assert account is not None
    assert (account.balance, account.nonce) == (3, 5)
    assert account.code_hash.hex() == CREATE2_DEPLOYER_HASH
    assert keccak256(chain.run().code(CREATE2_DEPLOYER)).hex() == CREATE2_DEPLOYER_HASH
    assert chain.blocks[1].state_root == chain.blocks[2].state_root
    older = Chain(Fork.CANYON, {})
    assert older.run().account(CREATE2_DEPLOYER) is None


# EIP-4788 and EIP-2935, as far as the system call goes: slot of the block is the key, the input
# the value. The real contracts run in the recordings.
RECORDER = "6000 35 6000 55 00".replace(" ", "")


@pytest.mark.parametrize(
    ("contract", "fork"), [(BEACON_ROOTS, Fork.ECOTONE), (HISTORY, Fork.ISTHMUS)]
)
def test_system_calls_begin_with_their_fork_and_need_no_contract(
    contract: bytes, fork: Fork
) -> None:
    """The beacon root (EIP-4788) and the parent's hash (EIP-2935) are written before the first
    transaction; where there is no contract nothing is, and no account appears."""
    chain = Chain(fork, {contract: {"balance": 0, "nonce": 1, "code": RECORDER}}, at=START + 4)
    root = b"\x42" * 32
    assert chain.run(beacon_root=root).storage(contract, word(0)) == bytes(32)
    parent = chain.blocks[0].hash
    written = chain.run(beacon_root=root).storage(contract, word(0))
    assert written == (root if contract == BEACON_ROOTS else parent)
    without = Chain(fork, {})
    before = StateReader(without.store, BlockHeader.decode_rlp(without.executor.header).state_root)
    after = without.run(beacon_root=root)
    assert after.account(contract) is None
    assert after.state_root == before.state_root


def test_blockhash_reaches_256_blocks_back() -> None:
    """The number itself and what lies further back are zero, ancestors are their hashes."""
    # Stores BLOCKHASH of the calldata's number.
    chain = Chain(Fork.KARST, {TARGET: {"balance": 0, "code": "6000354060005500"}})

    def ask(number: int) -> bytes:
        return chain.run(Deposit(to=TARGET, data=word(number))).storage(TARGET, word(0))

    for _ in range(259):
        chain.run()
    assert ask(260) == bytes(32)
    assert ask(260) == chain.blocks[259].hash
    assert ask(262 - 256) == chain.blocks[5].hash
    assert ask(263 - 257) == bytes(32)
    assert ask(2**64) == bytes(32)
    witness = chain.blocks[261].witness
    assert witness is not None
    assert len(witness.headers) == 255


@pytest.mark.parametrize(
    ("fork", "fields"), [(Fork.BEDROCK, 4), (Fork.REGOLITH, 5), (Fork.CANYON, 6)]
)
def test_a_deposits_receipt_tells_its_nonce_since_regolith_and_commits_to_it_since_canyon(
    fork: Fork, fields: int
) -> None:
    """Regolith's root leaves the nonce out; Canyon adds the version, and both are in the root."""
    chain = Chain(fork, {SENDER: {"balance": 1, "nonce": 7}})
    chain.run(Deposit(to=TARGET), Deposit(to=TARGET))
    raws = chain.blocks[0].receipts
    plain = []
    for nonce, raw in zip((7, 8), raws, strict=True):
        items = rlp.decode_list(raw[1:])
        assert len(items) == fields
        if fields > 4:
            assert items[4] == bytes([nonce])
        if fields > 5:
            assert items[5] == b"\x01"
        plain.append(raw[:1] + rlp.encode(items[:4]))
    committed = raws if fork >= Fork.CANYON else plain
    assert chain.blocks[0].receipts_root == ordered_trie_root(committed)


REVERT, SPEND = "60006000fd", "5b600056"
INIT_LIMIT = 49_152
GAS = 1_500_000


def gas_used(block: ExecutedBlock) -> int:
    return BlockHeader.decode_rlp(block.header).gas_used


@pytest.mark.parametrize("fork", [Fork.REGOLITH, Fork.CANYON, Fork.KARST])
@pytest.mark.parametrize(
    ("code", "changes", "used"),
    [
        pytest.param("", {"value": 10**19}, GAS, id="no funds"),
        pytest.param("", {"gas": 20_999}, 20_999, id="intrinsic gas"),
        pytest.param("", {"is_system": True}, GAS, id="system"),
        pytest.param(SPEND, {}, GAS, id="out of gas"),
        pytest.param(REVERT, {}, 21_006, id="revert"),
        pytest.param(REVERT, {"value": 6}, 21_006, id="revert with value"),
    ],
)
def test_a_failed_deposit_keeps_its_mint_and_its_nonce(
    fork: Fork, code: str, changes: dict[str, Any], used: int
) -> None:
    """It uses all its gas, unless it reverts of its own will; nothing else of it remains."""
    account = {"balance": 0, "code": code} if code else {"balance": 0, "nonce": 1}
    chain = Chain(fork, {SENDER: {"balance": 10, "nonce": 3}, TARGET: account})
    made: dict[str, Any] = {"to": TARGET, "mint": 1_000, "gas": GAS} | changes
    after = chain.run(Deposit(**made)).account(SENDER)
    assert after is not None
    assert (after.nonce, after.balance) == (4, 1_010)
    assert chain.balance(TARGET) == 0
    assert gas_used(chain.blocks[0]) == used
    assert rlp.decode_list(chain.blocks[0].receipts[0][1:])[0] == b""


@pytest.mark.parametrize("fork", [Fork.REGOLITH, Fork.CANYON, Fork.KARST])
def test_a_deposit_creates_with_no_more_initcode_than_a_transaction_may(fork: Fork) -> None:
    """EIP-3860 binds deposits too, which then fail with all their gas, as op-geth has it."""
    chain = Chain(fork, {SENDER: {"balance": 0, "nonce": 3}})
    gas = 3_000_000
    for nonce, size in ((3, INIT_LIMIT), (4, INIT_LIMIT + 1)):
        # Zeros stop at once: a contract without code.
        after = chain.run(Deposit(to=None, data=bytes(size), gas=gas, mint=5)).account(SENDER)
        assert after is not None
        assert after.nonce == nonce + 1
        assert after.balance == 5 * (nonce - 2)
        status = rlp.decode_list(chain.blocks[-1].receipts[0][1:])[0]
        failed = size > INIT_LIMIT and fork >= Fork.CANYON
        assert status == (b"" if failed else b"\x01")
        assert (gas_used(chain.blocks[-1]) == gas) == failed


def l1_block(*, scalar: int = 0, constant: int = 0, footprint: int = 0) -> dict[str, Any]:
    """An L1Block contract with these values in slot 8, and data fees of zero."""
    packed = footprint << 96 | scalar << 64 | constant
    return {"balance": 0, "nonce": 1, "code": "00", "storage": {f"0x{8:064x}": f"0x{packed:064x}"}}


@pytest.mark.parametrize("fork", [Fork.HOLOCENE, Fork.ISTHMUS, Fork.JOVIAN, Fork.KARST])
def test_the_operator_fee_follows_its_forks_formula(fork: Fork) -> None:
    """None before Isthmus, gas * scalar / 10^6 + constant in it, gas * scalar * 100 + constant
    since Jovian; what is not used of it comes back, and deposits pay none."""
    scalar, constant = 1_234_567, 89_000
    chain = Chain(fork, {L1_BLOCK: l1_block(scalar=scalar, constant=constant)})
    chain.run(Deposit(to=TARGET), signed(0))
    product = 21_000 * scalar
    fee = {
        Fork.HOLOCENE: 0,
        Fork.ISTHMUS: product // 10**6 + constant,
    }.get(fork, product * 100 + constant)
    assert chain.balance(OPERATOR_FEE_VAULT) == fee
    base_fee = BlockHeader.decode_rlp(chain.blocks[0].header).base_fee_per_gas or 0
    assert chain.balance(USER_ADDRESS) == RICH - fee - 21_000 * base_fee
    assert chain.balance(COLLECTOR) == 0


def test_the_da_footprint_is_bounded_by_the_gas_limit_and_drives_the_base_fee() -> None:
    """Transactions of at most 100 bytes when compressed count as 100, times the scalar."""
    each = 100 * 50_000
    users = [signed(nonce) for nonce in range(4)]
    chain = Chain(Fork.JOVIAN, {L1_BLOCK: l1_block(footprint=50_000)})
    chain.run(*users[:3], gas_limit=3 * each)
    header = BlockHeader.decode_rlp(chain.blocks[0].header)
    assert header.blob_gas_used == 3 * each
    assert header.gas_used == 63_000
    chain.run()
    assert (BlockHeader.decode_rlp(chain.blocks[1].header).base_fee_per_gas or 0) > (
        header.base_fee_per_gas or 0
    )
    over = Chain(Fork.JOVIAN, {L1_BLOCK: l1_block(footprint=50_000)})
    with pytest.raises(InvalidPayloadError, match="DA footprint"):
        over.run(*users, gas_limit=4 * each - 1)
    # Deposits have no footprint.
    over.run(*[Deposit(to=TARGET)] * 3, *users[:3], gas_limit=3 * each)
    before = Chain(Fork.ISTHMUS, {L1_BLOCK: l1_block(footprint=50_000)})
    before.run(*users, gas_limit=3 * each)
    assert BlockHeader.decode_rlp(before.blocks[0].header).blob_gas_used == 0


def test_karst_bounds_the_gas_of_a_transaction_but_not_of_a_deposit() -> None:
    """EIP-7825: 2^24."""
    cap = 2**24
    Chain(Fork.JOVIAN, {}).run(signed(0, gas=cap + 1))
    chain = Chain(Fork.KARST, {})
    with pytest.raises(InvalidPayloadError, match=str(cap)):
        chain.run(signed(0, gas=cap + 1))
    chain.run(signed(0, gas=cap), Deposit(to=TARGET, gas=cap + 1))
    receipts = [rlp.decode_list(raw[1:]) for raw in chain.blocks[0].receipts]
    assert [items[0] for items in receipts] == [b"\x01", b"\x01"]


def test_a_delegation_runs_the_code_that_it_names() -> None:
    """EIP-7702: the delegate's code is part of the witness, and missing it is an error."""
    delegate = b"\x66" * 20
    alloc = {delegate: {"balance": 0, "code": "602a60005500"}}  # slot 0 = 42
    chain = Chain(Fork.ISTHMUS, alloc)
    rules = config(Fork.ISTHMUS)
    # The sender's nonce has moved on when the authorization is looked at.
    permit = USER.sign_authorization(
        {"chainId": rules.l2_chain_id, "address": "0x" + delegate.hex(), "nonce": 1}
    )
    reader = chain.run(signed(0, authorizationList=[permit]))
    assert reader.code(USER_ADDRESS) == b"\xef\x01\x00" + delegate
    assert reader.storage(USER_ADDRESS, word(0)) == bytes(32)
    call = Deposit(to=USER_ADDRESS)
    assert chain.run(call).storage(USER_ADDRESS, word(0)) == word(42)
    witness = chain.blocks[1].witness
    assert witness is not None
    assert {len(code) for code in witness.codes} == {23, 6}
    for codes in (witness.codes, [code for code in witness.codes if len(code) == 23]):
        store = NodeStore()
        store.add_nodes(flat(witness.nodes))
        store.add_codes(flat(codes))
        executor = BlockExecutor(rules, chain.blocks[0].header, store)
        made = attributes(Fork.ISTHMUS, 2, [call])
        if len(codes) == 2:
            assert executor.execute(made).hash == chain.blocks[1].hash
            continue
        with pytest.raises(MissingStateError) as caught:
            executor.execute(made)
        assert (caught.value.kind, caught.value.address) == ("code", delegate)


def test_a_set_code_transaction_needs_its_fork_and_an_authorization() -> None:
    """Before Isthmus there is no type 4, and a list of none is invalid."""
    rules = config(Fork.ISTHMUS)
    permit = USER.sign_authorization(
        {"chainId": rules.l2_chain_id, "address": "0x" + "66" * 20, "nonce": 1}
    )
    with pytest.raises(InvalidPayloadError, match="7702"):
        Chain(Fork.HOLOCENE, {}).run(signed(0, authorizationList=[permit]))


def test_a_touched_empty_account_is_gone() -> None:
    """EIP-161, with an empty account from genesis; one that nobody touches stays."""
    other = b"\x56" * 20
    chain = Chain(Fork.KARST, {TARGET: {"balance": 0}, other: {"balance": 0}})
    reader = chain.run(Deposit(to=TARGET))
    assert reader.account(TARGET) is None
    left = reader.account(other)
    assert left is not None
    assert (left.nonce, left.balance, left.storage_root) == (0, 0, EMPTY)
