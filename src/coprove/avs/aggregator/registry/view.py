"""Who may sign, as events and the contracts say together."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from coprove.avs.aggregator.protocols import OperatorRecord, OperatorSet, QuorumStakes
from coprove.avs.aggregator.registry.errors import RegistryDisagreesError
from coprove.avs.aggregator.registry.follower import RegistryFollower
from coprove.avs.aggregator.registry.statement import RegistryStatements
from coprove.errors import InputError
from coprove.rpc import ChainMovedError, EthClient, NotYetAvailableError, RpcTimeoutError
from coprove.types import BlockId, Hash32

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from coprove.avs.aggregator.protocols import LiveProver
    from coprove.avs.aggregator.registry.liveness import LiveProvers
    from coprove.avs.aggregator.registry.statement import QuorumStatement, RegistryAddresses
    from coprove.avs.bls import PublicKey
    from coprove.rpc import RpcTransport
    from coprove.types import Address

__all__ = ["ChainRegistry"]

_MOST_SETS: Final = 64


class ChainRegistry:
    """`RegistryView` over L1."""

    def __init__(
        self,
        transport: RpcTransport,
        addresses: RegistryAddresses,
        provers: LiveProvers,
        *,
        start: int,
        timeout: float = 60.0,
        alarm: Callable[[RegistryDisagreesError], None],
    ) -> None:
        """Follow from block `start`, at or before the contracts' first.

        No call takes longer than `timeout` seconds, the very first `sync` apart; `alarm` is
        called when an endpoint contradicts itself.
        """
        self._client = EthClient(transport)
        self._statements = RegistryStatements(transport, addresses)
        self._provers, self._timeout, self._alarm = provers, timeout, alarm
        self._follower = RegistryFollower(
            self._client, keys=addresses.keys, stakes=addresses.stakes, start=start
        )
        self._follower.observe(provers)
        self._sets: OrderedDict[tuple[Hash32, tuple[int, ...]], OperatorSet] = OrderedDict()
        self._generation = 0

    @property
    def tip(self) -> BlockId | None:
        """The newest block that was read; None before the first `sync`."""
        return self._follower.tip

    @property
    def reorgs(self) -> int:
        """How often blocks that were read left the chain."""
        return self._follower.reorgs

    async def sync(self) -> BlockId:
        """Read what is new; see RegistryFollower. The first time takes as long as it takes."""
        with self._alarming():
            if self._follower.tip is None:
                return await self._follower.sync()
            async with self._in_time("the registry's events"):
                return await self._follower.sync()

    def is_registered(self, operator_id: Hash32) -> bool:
        """Whether somebody of that id is in a quorum now, as far as was read."""
        return self._follower.history.is_member(operator_id)

    def account_of(self, operator_id: Hash32) -> Address | None:
        """Return the account of an operator that is in a quorum now, as far as was read."""
        tip = self._follower.tip
        if tip is None or not self.is_registered(operator_id):
            return None
        return self._follower.history.account(operator_id, tip.number)

    def key_of(self, operator_id: Hash32) -> PublicKey | None:
        """Return its key, if that is the key of the id."""
        account, tip = self.account_of(operator_id), self._follower.tip
        if account is None or tip is None:
            return None
        key = self._follower.history.key(account, tip.number)
        return key if key is not None and key.operator_id == operator_id else None

    def has_account(self, account: Address) -> bool:
        """Whether an operator that is in a quorum now has this account."""
        tip = self._follower.tip
        key = None if tip is None else self._follower.history.key(account, tip.number)
        return key is not None and self.account_of(key.operator_id) == account

    async def operator_set(self, block: int, quorums: Sequence[int]) -> OperatorSet:
        """See RegistryView.

        NotYetAvailableError for a block that is not there, ChainMovedError (Reset) when it was
        reorged away meanwhile, RegistryDisagreesError when what the chain says cannot be.
        """
        asked = tuple(quorums)
        if not asked or list(asked) != sorted(set(asked)) or not 0 <= asked[0] <= asked[-1] < 192:
            raise InputError("quorums", expected="ascending, below 192", actual=asked)
        with self._alarming():
            async with self._in_time(f"the operators of block {block}"):
                return await self._operator_set(block, asked)

    async def live_prover(self, operator_id: Hash32, *, reference_block: int) -> LiveProver | None:
        """See RegistryView; None at once for who is in no quorum."""
        if not self.is_registered(operator_id):
            return None
        async with self._in_time(f"the prover of {operator_id}"):
            return await self._provers.find(operator_id, reference_block=reference_block)

    async def _operator_set(self, block: int, quorums: tuple[int, ...]) -> OperatorSet:
        tip = await self._follower.sync()
        if tip.number < block:
            raise NotYetAvailableError(f"block {block}: the head is {tip.number}")
        if self._generation != self._follower.generation:
            self._sets.clear()
            self._generation = self._follower.generation
        found = (await self._client.header(block)).hash
        known = self._sets.get((found, quorums))
        if known is not None:
            return known
        generation = self._follower.generation
        statements = await self._statements.quorums(block, quorums)
        try:
            result = self._joined(block, found, statements)
        except RegistryDisagreesError:
            await self._explain(BlockId(number=block, hash=found), generation)
            raise
        await self._check_still(BlockId(number=block, hash=found))
        if self._follower.generation != generation:
            raise ChainMovedError(f"a reorg came while the operators of block {block} were read")
        self._sets[found, quorums] = result
        while len(self._sets) > _MOST_SETS:
            self._sets.popitem(last=False)
        return result

    async def _explain(self, block: BlockId, generation: int) -> None:
        """Raise ChainMovedError when a reorg is why two answers differ."""
        await self._check_still(block)
        await self._follower.sync()
        if self._follower.generation != generation:
            raise ChainMovedError(f"a reorg came while block {block.number} was read")

    async def _check_still(self, block: BlockId) -> None:
        if (await self._client.header(block.number)).hash != block.hash:
            raise ChainMovedError(f"block {block.number} changed while its operators were read")

    def _joined(
        self, block: int, block_hash: Hash32, statements: Sequence[QuorumStatement]
    ) -> OperatorSet:
        history = self._follower.history
        operators: dict[Hash32, OperatorRecord] = {}
        quorums = []
        for said in statements:
            members = history.members(said.number, block)
            what = f"quorum {said.number} at block {block}"
            _same(f"operators of {what}", set(members), set(said.stakes))
            for operator_id, stake in members.items():
                _same(f"stake of {operator_id} in {what}", stake, said.stakes[operator_id])
                operators[operator_id] = self._operator(operator_id, block, said)
            _same(f"total stake of {what}", sum(members.values()), said.total)
            quorums.append(QuorumStakes(number=said.number, total=said.total, stakes=members))
        return OperatorSet(
            block=block, block_hash=block_hash, operators=operators, quorums=tuple(quorums)
        )

    def _operator(self, operator_id: Hash32, block: int, said: QuorumStatement) -> OperatorRecord:
        history = self._follower.history
        account = history.account(operator_id, block)
        _same(f"account of {operator_id}", account, said.accounts[operator_id])
        key = None if account is None else history.key(account, block)
        if account is None or key is None:
            raise RegistryDisagreesError(
                f"key of {operator_id}", expected="none", actual="an operator"
            )
        _same(f"operator id of {account}", key.operator_id, operator_id)
        return OperatorRecord(operator_id=operator_id, address=account, key=key)

    @contextlib.contextmanager
    def _alarming(self) -> Iterator[None]:
        try:
            yield
        except RegistryDisagreesError as error:
            self._follower.distrust()
            self._alarm(error)
            raise

    @contextlib.asynccontextmanager
    async def _in_time(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except TimeoutError:
            raise RpcTimeoutError(f"{what}: nothing in {self._timeout:g} s") from None


def _same(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise RegistryDisagreesError(what, expected=expected, actual=actual)
