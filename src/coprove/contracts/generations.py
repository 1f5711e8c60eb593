"""The generations of the output oracle behind `OutputContract`, and which one an address is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.contracts.errors import (
    CallRevertedError,
    FactoryMismatchError,
    UnknownConfigError,
    UnknownGenerationError,
)
from coprove.contracts.oracle import (
    OutputOracle,
    checkpoint_call,
    propose_call,
    propose_optimistic_call,
)
from coprove.contracts.settlement import (
    GENESIS_CONFIG,
    ContractCall,
    Generation,
    OutputClaim,
    OutputContract,
    ProgramKeys,
    ProposingRight,
    config_name_hash,
)
from coprove.errors import InputError
from coprove.types import ZERO_HASH, Address, Hash32

if TYPE_CHECKING:
    from coprove.contracts.caller import Block
    from coprove.contracts.oracle import OutputProposal, OutputProposed
    from coprove.rpc import RpcTransport

__all__ = [
    "GAME_TYPE",
    "FirstOutputContract",
    "MiddleOutputContract",
    "SecondOutputContract",
    "add_config_call",
    "delete_config_call",
    "open_output_contract",
    "set_dispute_game_factory_call",
]

GAME_TYPE: Final = 6
"""The dispute game type of validity proofs (GameTypes.OP_SUCCINCT)."""

_NO_ADDRESS: Final = Address(bytes(20))
_SIX: Final = "(bytes32,bytes32,uint256,uint256,bytes,address)"
_PROPOSE = Function(f"proposeL2Output{_SIX}")
_PROPOSE_OF_MIDDLE = Function("proposeL2Output(bytes32,uint256,uint256,bytes,address)")
_PROPOSE_THROUGH_FACTORY = Function(f"dgfProposeL2Output{_SIX}", "(address)")
_CONFIGS = Function("opSuccinctConfigs(bytes32)", "(bytes32,bytes32,bytes32)")
_ADD_CONFIG = Function("addOpSuccinctConfig(bytes32,bytes32,bytes32,bytes32)")
_DELETE_CONFIG = Function("deleteOpSuccinctConfig(bytes32)")
_SET_FACTORY = Function("setDisputeGameFactory(address)")
_FACTORY = Function("disputeGameFactory()", "(address)")
_FALLBACK = Function("fallbackTimeout()", "(uint256)")
_LAST_PROPOSAL = Function("lastProposalTimestamp()", "(uint256)")
_INIT_BONDS = Function("initBonds(uint32)", "(uint256)")
_GAME_IMPLS = Function("gameImpls(uint32)", "(address)")
_CREATE_GAME = Function("create(uint32,bytes32,bytes)")
_GAME_ORACLE = Function("l2OutputOracle()", "(address)")


class _Shared(OutputOracle):
    """What both generations answer alike."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        super().__init__(transport, address)
        self._transport = transport

    async def latest_output(self, *, block: Block = "latest") -> OutputProposal:
        """See `OutputContract`."""
        return await self.get_l2_output(await self.latest_output_index(block=block), block=block)

    def checkpoint_call(self, l1_block: int) -> ContractCall:
        """See `OutputContract`."""
        return self._call(checkpoint_call(l1_block))

    def propose_optimistic_call(
        self, *, output_root: Hash32, l2_block: int, l1_hash: Hash32, l1_block: int
    ) -> ContractCall:
        """See `OutputContract`."""
        return self._call(
            propose_optimistic_call(
                output_root=output_root, l2_block=l2_block, l1_hash=l1_hash, l1_block=l1_block
            )
        )

    async def simulate(self, call: ContractCall, *, sender: Address) -> None:
        """See `OutputContract`."""
        reader = ContractReader(self._transport, call.to)
        await reader.check(call.data, sender=sender, what="the call", value=call.value)

    async def find_output(self, l2_block: int, *, first: int = 0) -> OutputProposed | None:
        """See `OutputContract`."""
        for event in reversed(await self.outputs_proposed(first=first, l2_block=l2_block)):
            # A deletion leaves the event in the chain and shortens the list.
            try:
                there = await self.get_l2_output(event.l2_output_index)
            except CallRevertedError:
                continue
            if (there.l2_block_number, there.output_root) == (l2_block, event.output_root):
                return event
        return None

    def _call(self, data: bytes, *, value: int = 0) -> ContractCall:
        return ContractCall(to=self.address, data=data, value=value)


class _OneConfig(_Shared):
    """What contracts with one set of keys answer alike."""

    generation: Final = Generation.FIRST

    async def keys(self, *, block: Block = "latest") -> ProgramKeys:
        """See `OutputContract`."""
        return ProgramKeys(
            aggregation_vkey=await self.aggregation_vkey(block=block),
            range_vkey_commitment=await self.range_vkey_commitment(block=block),
            rollup_config_hash=await self.rollup_config_hash(block=block),
        )

    async def proposing_right(self, account: Address, *, block: Block = "latest") -> ProposingRight:
        """See `OutputContract`."""
        return ProposingRight(
            is_approved=await self.may_propose(account, block=block),
            open_after=None,
            l1_time=await self.contract.block_time(block),
        )


class FirstOutputContract(_OneConfig):
    """An `OutputContract` of the first generation."""

    has_prover_address: Final = False

    async def propose_call(self, claim: OutputClaim) -> ContractCall:
        """See `OutputContract`."""
        return self._call(
            propose_call(
                output_root=claim.output_root,
                l2_block=claim.l2_block,
                l1_block=claim.l1_block,
                proof=claim.proof,
            )
        )


class MiddleOutputContract(_OneConfig):
    """OPSuccinctL2OutputOracle v2: the first generation with a prover's address in its proofs."""

    has_prover_address: Final = True

    def __init__(
        self, transport: RpcTransport, address: Address, factory: Address | None = None
    ) -> None:
        """The contract knows no factory: one that is given is where proposals go."""
        super().__init__(transport, address)
        self._factory = factory

    async def propose_call(self, claim: OutputClaim) -> ContractCall:
        """See `OutputContract`: a game of the factory, with its bond, where one was given."""
        if self._factory is None:
            return self._call(
                _PROPOSE_OF_MIDDLE.encode(
                    bytes(claim.output_root),
                    claim.l2_block,
                    claim.l1_block,
                    claim.proof,
                    bytes(claim.prover),
                )
            )
        packed = claim.l2_block.to_bytes(32) + claim.l1_block.to_bytes(32)
        packed += bytes(claim.prover) + claim.proof
        return ContractCall(
            to=self._factory,
            data=_CREATE_GAME.encode(GAME_TYPE, bytes(claim.output_root), packed),
            value=await _bond(self._transport, self._factory),
        )

    async def check_factory(self) -> None:
        """Raise InputError unless the factory, where one was given, clones a game of this oracle.

        Games of v2.0.0 do not tell their oracle; a proposal's simulation does.
        """
        if self._factory is None:
            return
        game = await _game_of(self._transport, self._factory)
        what = f"DisputeGameFactory {self._factory}"
        if game is None:
            raise InputError(what, expected=f"a game of type {GAME_TYPE}", actual="none")
        try:
            reader = ContractReader(self._transport, game)
            oracle = Address.from_hex(await reader.call(_GAME_ORACLE), "l2OutputOracle")
        except CallRevertedError:
            return
        if oracle != self.address:
            raise InputError(what, expected=f"a game of {self.address}", actual=f"one of {oracle}")


class SecondOutputContract(_Shared):
    """An `OutputContract` of the second generation, with one of its named configs."""

    generation: Final = Generation.SECOND
    has_prover_address: Final = True

    def __init__(
        self, transport: RpcTransport, address: Address, config_name: str = GENESIS_CONFIG
    ) -> None:
        """`config_name` is the plain name; on chain it is addressed by its hash."""
        super().__init__(transport, address)
        self.config_name = config_name

    async def keys(self, *, block: Block = "latest") -> ProgramKeys:
        """See `OutputContract`."""
        there = await self.config(self.config_name, block=block)
        if there is None:
            raise UnknownConfigError(self.config_name, contract=self.address.hex0x)
        return there

    async def config(self, name: str, *, block: Block = "latest") -> ProgramKeys | None:
        """Return a named config; None when there is none that the contract calls valid."""
        words = await self.contract.call(_CONFIGS, bytes(config_name_hash(name)), block=block)
        aggregation, commitment, rollup = (Hash32(word) for word in words)
        if ZERO_HASH in (aggregation, commitment, rollup):
            return None
        return ProgramKeys(
            aggregation_vkey=aggregation,
            range_vkey_commitment=commitment,
            rollup_config_hash=rollup,
        )

    async def fallback_timeout(self, *, block: Block = "latest") -> int:
        """Return the seconds without an output after which everyone may propose."""
        return int(await self.contract.call(_FALLBACK, block=block))

    async def last_proposal_timestamp(self, *, block: Block = "latest") -> int:
        """Return the L1 time of the latest output; the starting block's time when it is alone."""
        return int(await self.contract.call(_LAST_PROPOSAL, block=block))

    async def dispute_game_factory(self, *, block: Block = "latest") -> Address | None:
        """Return the factory that proposals go through; None when they go to the oracle."""
        factory = Address.from_hex(await self.contract.call(_FACTORY, block=block))
        return None if factory == _NO_ADDRESS else factory

    async def proposing_right(self, account: Address, *, block: Block = "latest") -> ProposingRight:
        """See `OutputContract`."""
        open_after = None
        if not await self.optimistic_mode(block=block):
            open_after = await self.last_proposal_timestamp(block=block)
            open_after += await self.fallback_timeout(block=block)
        return ProposingRight(
            is_approved=await self.may_propose(account, block=block),
            open_after=open_after,
            l1_time=await self.contract.block_time(block),
        )

    async def propose_call(self, claim: OutputClaim) -> ContractCall:
        """See `OutputContract`: through the factory, with its bond, where the oracle has one."""
        arguments: tuple[Any, ...] = (
            bytes(config_name_hash(self.config_name)),
            bytes(claim.output_root),
            claim.l2_block,
            claim.l1_block,
            claim.proof,
            bytes(claim.prover),
        )
        factory = await self.dispute_game_factory()
        if factory is None:
            return self._call(_PROPOSE.encode(*arguments))
        bond = await _bond(self._transport, factory)
        return self._call(_PROPOSE_THROUGH_FACTORY.encode(*arguments), value=bond)

    async def game_implementation(self, *, block: Block = "latest") -> Address | None:
        """Return the game that the factory clones; None without a factory or a game in it."""
        factory = await self.dispute_game_factory(block=block)
        if factory is None:
            return None
        return await _game_of(self._transport, factory, block=block)


async def open_output_contract(
    transport: RpcTransport,
    address: Address,
    *,
    config_name: str = GENESIS_CONFIG,
    factory: Address | None = None,
) -> OutputContract:
    """Return the oracle at `address` as what it is.

    `config_name` is the named config of a second-generation one. `factory` is the
    DisputeGameFactory that the caller was told of (op-succinct's DGF_ADDRESS): FactoryMismatchError
    when the contract has another or none. A v2 contract knows no factory: proposals go to the one
    that is given, InputError unless it clones games of this oracle. UnknownGenerationError for any
    other contract.
    """
    version = await OutputOracle(transport, address).version()
    match = re.match(r"v?(\d+)\.", version)
    major = int(match.group(1)) if match else None
    opened: FirstOutputContract | MiddleOutputContract | SecondOutputContract
    actual: Address | None = None
    try:
        if major == 1:
            opened = FirstOutputContract(transport, address)
            await opened.aggregation_vkey()
        elif major == 2:
            opened = MiddleOutputContract(transport, address, factory)
            await opened.aggregation_vkey()
        elif major == 3:
            opened = SecondOutputContract(transport, address, config_name)
            await opened.config(config_name)
            actual = await opened.dispute_game_factory()
        else:
            raise UnknownGenerationError(address.hex0x, version=version)
    except (CallRevertedError, InputError) as error:
        # Another contract may call itself by the same number.
        raise UnknownGenerationError(address.hex0x, version=version) from error
    if isinstance(opened, MiddleOutputContract):
        await opened.check_factory()
    elif factory is not None and factory != actual:
        raise FactoryMismatchError(
            expected=factory.hex0x, actual="none" if actual is None else actual.hex0x
        )
    return opened


async def _bond(transport: RpcTransport, factory: Address) -> int:
    """Return what a game must be created with, in wei."""
    return int(await ContractReader(transport, factory).call(_INIT_BONDS, GAME_TYPE))


async def _game_of(
    transport: RpcTransport, factory: Address, *, block: Block = "latest"
) -> Address | None:
    reader = ContractReader(transport, factory)
    game = Address.from_hex(await reader.call(_GAME_IMPLS, GAME_TYPE, block=block))
    return None if game == _NO_ADDRESS else game


def add_config_call(name: str, keys: ProgramKeys) -> bytes:
    """Return the calldata that adds a named config; for the owner. The name must be free."""
    return _ADD_CONFIG.encode(
        bytes(config_name_hash(name)),
        bytes(keys.rollup_config_hash),
        bytes(keys.aggregation_vkey),
        bytes(keys.range_vkey_commitment),
    )


def delete_config_call(name: str) -> bytes:
    """Return the calldata that deletes a named config; for the owner."""
    return _DELETE_CONFIG.encode(bytes(config_name_hash(name)))


def set_dispute_game_factory_call(factory: Address | None) -> bytes:
    """Return the calldata that routes proposals through a factory, None: to the oracle itself."""
    return _SET_FACTORY.encode(bytes(factory or _NO_ADDRESS))
