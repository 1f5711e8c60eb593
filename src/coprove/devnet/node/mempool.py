"""The transaction pool: what the sequencer may put into its next block.

Transactions of one sender form a run of nonces; those that follow the account's nonce without a
gap are executable, the rest wait. The pool decides nothing about validity: the kernel does, when
a block is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.devnet.node.transactions import Transaction, decode_transaction
from coprove.errors import InputError
from coprove.primitives import recover_sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from coprove.devnet.node.config import MempoolConfig
    from coprove.devnet.node.fees import L1FeeParameters

__all__ = ["HeadView", "Mempool", "PoolEntry", "PoolError", "intrinsic_gas"]

_MAX_INIT_CODE = 49_152
_MAX_TRANSACTION_GAS = 2**24
"""EIP-7825, in force since Karst."""


class PoolError(InputError):
    """The pool does not take a transaction; the message is geth's, which wallets know."""

    def __init__(self, message: str) -> None:
        """`message` says why."""
        super().__init__("transaction", expected="one that the pool takes", actual=message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadView:
    """What the pool must know of the head block."""

    chain_id: int
    """Chain id of the L2."""
    account: Callable[[bytes], tuple[int, int]]
    """Nonce and balance in wei of an address at the head."""
    base_fee: int
    """Base fee of the next block in wei."""
    gas_limit: int
    """Gas limit of the head block."""
    l1_fees: L1FeeParameters | None
    """Data and operator fee at the head; None at genesis, where they are zero."""
    is_jovian: bool
    """Whether Jovian's operator fee applies."""
    is_isthmus: bool
    """Whether set-code transactions are allowed."""
    is_karst: bool
    """Whether the gas limit of one transaction is bounded by 2^24."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEntry:
    """A transaction in the pool."""

    transaction: Transaction
    """The transaction."""
    sender: bytes
    """Its recovered sender."""
    arrival: int
    """Counts up; earlier transactions win among equal tips."""


def intrinsic_gas(transaction: Transaction) -> int:
    """Least gas limit that a signed transaction needs (EIP-2028, 2930, 3860, 7623, 7702)."""
    zeros = transaction.data.count(0)
    tokens = zeros + 4 * (len(transaction.data) - zeros)
    gas = 21_000 + 4 * tokens
    if transaction.to is None:
        gas += 32_000 + 2 * ((len(transaction.data) + 31) // 32)
    for _, slots in transaction.access_list:
        gas += 2_400 + 1_900 * len(slots)
    gas += 25_000 * len(transaction.authorizations)
    return max(gas, 21_000 + 10 * tokens)


class Mempool:
    """The pool of one node; used from the event loop alone."""

    def __init__(self, config: MempoolConfig, view: HeadView) -> None:
        """Start empty at the head `view`."""
        self._config = config
        self._view = view
        self._accounts: dict[bytes, dict[int, PoolEntry]] = {}
        self._by_hash: dict[bytes, PoolEntry] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        """Transactions held."""
        return len(self._by_hash)

    def get(self, transaction_hash: bytes) -> PoolEntry | None:
        """The entry of this hash."""
        return self._by_hash.get(transaction_hash)

    def add(self, raw: bytes) -> PoolEntry:
        """Take a transaction in; `PoolError` when a rule or a limit forbids it."""
        if len(raw) > self._config.max_transaction_bytes:
            raise PoolError("oversized data")
        try:
            transaction = decode_transaction(raw)
        except InputError as error:
            raise PoolError(f"rlp: {error}") from error
        if transaction.hash in self._by_hash:
            raise PoolError("already known")
        self._check_form(transaction)
        try:
            sender = bytes(recover_sender(raw))
        except InputError as error:
            raise PoolError("invalid sender") from error
        nonce, balance = self._view.account(sender)
        if transaction.nonce < nonce:
            raise PoolError(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        if transaction.nonce - nonce > self._config.max_nonce_gap:
            raise PoolError(f"nonce too high: next nonce {nonce}, tx nonce {transaction.nonce}")
        self._check_funds(transaction, sender, balance)
        account = self._accounts.get(sender, {})
        old = account.get(transaction.nonce)
        if old is not None:
            self._check_replacement(old.transaction, transaction)
        elif len(account) >= self._config.max_per_account:
            raise PoolError("account limit exceeded")
        self._arrivals += 1
        entry = PoolEntry(transaction=transaction, sender=sender, arrival=self._arrivals)
        if old is None and len(self._by_hash) >= self._config.max_transactions:
            self._make_room(entry)
        if old is not None:
            del self._by_hash[old.transaction.hash]
        self._accounts.setdefault(sender, {})[transaction.nonce] = entry
        self._by_hash[transaction.hash] = entry
        return entry

    def _check_form(self, transaction: Transaction) -> None:
        view = self._view
        if transaction.is_deposit or (transaction.type == 4 and not view.is_isthmus):
            raise PoolError("transaction type not supported")
        if transaction.type == 4 and (not transaction.authorizations or transaction.to is None):
            raise PoolError("set code tx needs authorizations and a recipient")
        if transaction.chain_id not in (None, view.chain_id):
            raise PoolError(
                f"invalid chain id for signer: have {transaction.chain_id} want {view.chain_id}"
            )
        if transaction.to is None and len(transaction.data) > _MAX_INIT_CODE:
            raise PoolError("max initcode size exceeded")
        if transaction.gas_limit > view.gas_limit:
            raise PoolError("exceeds block gas limit")
        if view.is_karst and transaction.gas_limit > _MAX_TRANSACTION_GAS:
            raise PoolError(f"transaction gas limit too high (cap: {_MAX_TRANSACTION_GAS})")
        if transaction.max_tip > transaction.max_fee:
            raise PoolError("max priority fee per gas higher than max fee per gas")
        if transaction.nonce >= 2**64 - 1:
            raise PoolError("nonce has max value")
        needed = intrinsic_gas(transaction)
        if transaction.gas_limit < needed:
            raise PoolError(
                f"intrinsic gas too low: gas {transaction.gas_limit}, minimum needed {needed}"
            )

    def _cost(self, transaction: Transaction) -> int:
        cost = transaction.value + transaction.gas_limit * transaction.max_fee
        fees = self._view.l1_fees
        if fees is not None:
            cost += fees.l1_fee(transaction.raw)
            cost += fees.operator_fee(transaction.gas_limit, jovian=self._view.is_jovian)
        return cost

    def _check_funds(self, transaction: Transaction, sender: bytes, balance: int) -> None:
        others = (
            self._cost(entry.transaction)
            for nonce, entry in self._accounts.get(sender, {}).items()
            if nonce < transaction.nonce
        )
        cost = self._cost(transaction)
        if cost > balance:
            raise PoolError(
                f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}"
            )
        if cost + sum(others) > balance:
            raise PoolError("insufficient funds for gas * price + value: queued transactions")

    def _check_replacement(self, old: Transaction, new: Transaction) -> None:
        factor = 100 + self._config.price_bump_percent
        if new.max_fee * 100 < old.max_fee * factor or new.max_tip * 100 < old.max_tip * factor:
            raise PoolError("replacement transaction underpriced")

    def _make_room(self, entry: PoolEntry) -> None:
        base_fee = self._view.base_fee
        # Only the last nonce of a sender may go, so that no gap opens before others.
        last = (account[max(account)] for account in self._accounts.values())
        worst = min(
            (item for item in last if item.sender != entry.sender),
            key=lambda item: (item.transaction.effective_tip(base_fee), -item.arrival),
            default=None,
        )
        if worst is None or worst.transaction.effective_tip(
            base_fee
        ) >= entry.transaction.effective_tip(base_fee):
            raise PoolError("txpool is full")
        self._remove(worst)

    def _remove(self, entry: PoolEntry) -> None:
        self._by_hash.pop(entry.transaction.hash, None)
        account = self._accounts.get(entry.sender, {})
        if account.get(entry.transaction.nonce) is entry:
            del account[entry.transaction.nonce]
            if not account:
                del self._accounts[entry.sender]

    def candidates(self) -> list[bytes]:
        """Executable transactions that pay the base fee, best tip first, nonces in order.

        No more than what could fill two blocks: each counts with the least gas that it can use,
        since a high limit says nothing, and one near the block's may never fit.
        """
        base_fee = self._view.base_fee
        runs = {sender: self._executable(sender)[::-1] for sender in self._accounts}
        chosen: list[bytes] = []
        heads = {sender: run.pop() for sender, run in runs.items() if run}
        gas_left = 2 * self._view.gas_limit
        while heads and gas_left > 0:
            sender = max(
                heads,
                key=lambda key: (
                    heads[key].transaction.effective_tip(base_fee),
                    -heads[key].arrival,
                ),
            )
            entry = heads.pop(sender)
            if entry.transaction.max_fee < base_fee:
                continue
            chosen.append(entry.transaction.raw)
            gas_left -= intrinsic_gas(entry.transaction)
            if runs[sender]:
                heads[sender] = runs[sender].pop()
        return chosen

    def _executable(self, sender: bytes) -> list[PoolEntry]:
        account = self._accounts.get(sender, {})
        nonce, _ = self._view.account(sender)
        run = []
        while nonce in account:
            run.append(account[nonce])
            nonce += 1
        return run

    def pending_nonce(self, sender: bytes) -> int:
        """Nonce after the sender's executable transactions."""
        return self._view.account(sender)[0] + len(self._executable(sender))

    def content(self) -> tuple[list[PoolEntry], list[PoolEntry]]:
        """Executable and waiting transactions, by sender and nonce."""
        pending: list[PoolEntry] = []
        queued: list[PoolEntry] = []
        for sender in sorted(self._accounts):
            run = self._executable(sender)
            pending += run
            ready = {entry.transaction.hash for entry in run}
            rest = sorted(self._accounts[sender].items())
            queued += [entry for _, entry in rest if entry.transaction.hash not in ready]
        return pending, queued

    def drop(self, hashes: Iterable[bytes]) -> None:
        """Forget transactions that can never be included."""
        for item in hashes:
            entry = self._by_hash.get(item)
            if entry is not None:
                self._remove(entry)

    def reset(self, view: HeadView, dropped: Sequence[bytes] = ()) -> None:
        """Follow the chain to a new head.

        `dropped` are raw transactions of blocks that left the chain; those still valid return to
        the pool. Transactions that the new head made stale or that cannot be paid any more go.
        """
        self._view = view
        for raw in dropped:
            try:
                self.add(raw)
            except PoolError:
                # Deposits, and what the new chain already holds or forbids, do not return.
                continue
        for sender in list(self._accounts):
            nonce, balance = view.account(sender)
            for entry in list(self._accounts.get(sender, {}).values()):
                transaction = entry.transaction
                if transaction.nonce < nonce or self._cost(transaction) > balance:
                    self._remove(entry)
