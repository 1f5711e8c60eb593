"""An AVS' registries at EigenLayer: typed readers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Event, Function
from coprove.contracts.caller import ContractReader
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.caller import Block
    from coprove.contracts.eigenlayer.addresses import Middleware
    from coprove.rpc import RpcTransport

__all__ = [
    "APK_OPERATOR_ADDED",
    "APK_OPERATOR_REMOVED",
    "NEW_PUBKEY",
    "OPERATOR_DEREGISTERED",
    "OPERATOR_REGISTERED",
    "STAKE_UPDATE",
    "CheckSignaturesIndices",
    "OperatorStake",
    "OperatorStatus",
    "QuorumRegistries",
    "RegisteredKeys",
]

G1 = tuple[int, int]
"""X and Y."""
G2 = tuple[tuple[int, int], tuple[int, int]]
"""X and Y, the imaginary part of each first."""

OPERATOR_REGISTERED: Final = Event("OperatorRegistered(address,bytes32)", (True, True))
"""RegistryCoordinator: account, operator id; when it enters its first quorum."""
OPERATOR_DEREGISTERED: Final = Event("OperatorDeregistered(address,bytes32)", (True, True))
"""RegistryCoordinator: account, operator id; when it left its last quorum."""
NEW_PUBKEY: Final = Event(
    "NewPubkeyRegistration(address,(uint256,uint256),(uint256[2],uint256[2]))",
    (True, False, False),
)
"""BLSApkRegistry: account, key in G1 and in G2, checked against a signature."""
APK_OPERATOR_ADDED: Final = Event(
    "OperatorAddedToQuorums(address,bytes32,bytes)", (False, False, False)
)
"""BLSApkRegistry: account, operator id, quorums."""
APK_OPERATOR_REMOVED: Final = Event(
    "OperatorRemovedFromQuorums(address,bytes32,bytes)", (False, False, False)
)
"""BLSApkRegistry: account, operator id, quorums."""
STAKE_UPDATE: Final = Event("OperatorStakeUpdate(bytes32,uint8,uint96)", (True, False, False))
"""StakeRegistry: operator id, quorum, stake."""

_STATE: Final = Function("getOperatorState(address,bytes,uint32)", "((address,bytes32,uint96)[][])")
_INDICES: Final = Function(
    "getCheckSignaturesIndices(address,uint32,bytes,bytes32[])",
    "((uint32[],uint32[],uint32[],uint32[][]))",
)
_OPERATOR_ID: Final = Function("getOperatorId(address)", "(bytes32)")
_OPERATOR_FROM_ID: Final = Function("getOperatorFromId(bytes32)", "(address)")
_STATUS: Final = Function("getOperatorStatus(address)", "(uint8)")
_BITMAP: Final = Function("getCurrentQuorumBitmap(bytes32)", "(uint192)")
_BITMAP_INDICES: Final = Function(
    "getQuorumBitmapIndicesAtBlockNumber(uint32,bytes32[])", "(uint32[])"
)
_QUORUM_COUNT: Final = Function("quorumCount()", "(uint8)")
_IS_M2: Final = Function("isM2Quorum(uint8)", "(bool)")
_REGISTRATION_DIGEST: Final = Function(
    "calculatePubkeyRegistrationMessageHash(address)", "(bytes32)"
)
_KEY: Final = Function("getRegisteredPubkey(address)", "((uint256,uint256),bytes32)")
_KEY_G2: Final = Function("getOperatorPubkeyG2(address)", "((uint256[2],uint256[2]))")
_APK: Final = Function("getApk(uint8)", "((uint256,uint256))")
_STAKE_INDEX: Final = Function("getStakeUpdateIndexAtBlockNumber(bytes32,uint8,uint32)", "(uint32)")
_CURRENT_STAKE: Final = Function("getCurrentStake(bytes32,uint8)", "(uint96)")
_TOTAL_STAKE: Final = Function("getCurrentTotalStake(uint8)", "(uint96)")
_MINIMUM: Final = Function("minimumStakeForQuorum(uint8)", "(uint96)")
_LIST: Final = Function("getOperatorListAtBlockNumber(uint8,uint32)", "(bytes32[])")


class OperatorStatus(IntEnum):
    """Where an operator stands at the RegistryCoordinator."""

    NEVER_REGISTERED = 0
    REGISTERED = 1
    DEREGISTERED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorStake:
    """An operator in a quorum at a block."""

    account: Address
    """The operator."""
    operator_id: Hash32
    """Id of its key."""
    stake: int
    """What it has in the quorum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSignaturesIndices:
    """Places in the registries' histories that `confirmState` has to be told."""

    non_signer_quorum_bitmap: tuple[int, ...]
    """One for each non-signer."""
    quorum_apk: tuple[int, ...]
    """One for each quorum."""
    total_stake: tuple[int, ...]
    """One for each quorum."""
    non_signer_stake: tuple[tuple[int, ...], ...]
    """For each quorum, one for each non-signer in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredKeys:
    """An operator's keys as they were registered; all zeros where there are none."""

    g1: G1
    """In G1."""
    g2: G2
    """In G2."""


class QuorumRegistries:
    """Reads an AVS' registries. Errors: CallRevertedError, InputError, those of the transport."""

    def __init__(self, transport: RpcTransport, middleware: Middleware) -> None:
        """Share the endpoint's transport."""
        self.addresses = middleware
        self._coordinator = ContractReader(transport, middleware.registry_coordinator)
        self._stakes = ContractReader(transport, middleware.stake_registry)
        self._keys = ContractReader(transport, middleware.bls_apk_registry)
        self._indices = ContractReader(transport, middleware.index_registry)
        self._retriever = ContractReader(transport, middleware.operator_state_retriever)

    async def operator_state(
        self, quorums: Sequence[int], block: int
    ) -> tuple[tuple[OperatorStake, ...], ...]:
        """Return who was in each quorum at a block, and with how much stake."""
        coordinator = bytes(self.addresses.registry_coordinator)
        found = await self._retriever.call(_STATE, coordinator, bytes(quorums), block)
        return tuple(
            tuple(
                OperatorStake(
                    account=Address.from_hex(account), operator_id=Hash32(id_), stake=stake
                )
                for account, id_, stake in operators
            )
            for operators in found
        )

    async def check_signatures_indices(
        self, block: int, quorums: Sequence[int], non_signers: Sequence[Hash32]
    ) -> CheckSignaturesIndices:
        """Return the places that belong to a reference block and these non-signers."""
        bitmaps, apks, totals, stakes = await self._retriever.call(
            _INDICES,
            bytes(self.addresses.registry_coordinator),
            block,
            bytes(quorums),
            [bytes(id_) for id_ in non_signers],
        )
        return CheckSignaturesIndices(
            non_signer_quorum_bitmap=tuple(bitmaps),
            quorum_apk=tuple(apks),
            total_stake=tuple(totals),
            non_signer_stake=tuple(tuple(places) for places in stakes),
        )

    async def operator_id(self, account: Address) -> Hash32 | None:
        """Return an operator's id; None when it has registered no key."""
        found = Hash32(await self._coordinator.call(_OPERATOR_ID, bytes(account)))
        return None if found == bytes(32) else found

    async def operator_from_id(self, operator_id: Hash32) -> Address | None:
        """Return the account of an operator id; None when nobody has it."""
        found = await self._coordinator.call(_OPERATOR_FROM_ID, bytes(operator_id))
        account = Address.from_hex(found)
        return None if account == bytes(20) else account

    async def status(self, account: Address) -> OperatorStatus:
        """Return where an operator stands."""
        return OperatorStatus(await self._coordinator.call(_STATUS, bytes(account)))

    async def quorums_of(self, operator_id: Hash32) -> tuple[int, ...]:
        """Return the quorums that an operator is in now."""
        bitmap = await self._coordinator.call(_BITMAP, bytes(operator_id))
        return tuple(number for number in range(192) if bitmap >> number & 1)

    async def bitmap_index(self, operator_id: Hash32, block: int) -> int:
        """Return the place in an operator's history of quorums that holds at a block."""
        (place,) = await self._coordinator.call(_BITMAP_INDICES, block, [bytes(operator_id)])
        return int(place)

    async def quorum_count(self) -> int:
        """Return how many quorums there are."""
        return int(await self._coordinator.call(_QUORUM_COUNT))

    async def is_m2_quorum(self, quorum: int) -> bool:
        """Whether a quorum is of the time before operator sets."""
        return bool(await self._coordinator.call(_IS_M2, quorum))

    async def registration_digest(self, account: Address) -> Hash32:
        """Return what an operator's BLS key signs to be registered."""
        return Hash32(await self._coordinator.call(_REGISTRATION_DIGEST, bytes(account)))

    async def keys_of(self, account: Address) -> RegisteredKeys:
        """Return an operator's registered keys."""
        g1, _ = await self._keys.call(_KEY, bytes(account))
        x, y = await self._keys.call(_KEY_G2, bytes(account))
        return RegisteredKeys(g1=tuple(g1), g2=(tuple(x), tuple(y)))

    async def apk(self, quorum: int, *, block: Block = "latest") -> G1:
        """Return the sum of a quorum's keys; past blocks need an archive node."""
        x, y = await self._keys.call(_APK, quorum, block=block)
        return x, y

    async def stake_index(self, operator_id: Hash32, quorum: int, block: int) -> int:
        """Return the place in an operator's history of stakes that holds at a block."""
        return int(await self._stakes.call(_STAKE_INDEX, bytes(operator_id), quorum, block))

    async def stake(self, operator_id: Hash32, quorum: int) -> int:
        """Return an operator's stake in a quorum now."""
        return int(await self._stakes.call(_CURRENT_STAKE, bytes(operator_id), quorum))

    async def total_stake(self, quorum: int) -> int:
        """Return a quorum's stake now."""
        return int(await self._stakes.call(_TOTAL_STAKE, quorum))

    async def minimum_stake(self, quorum: int) -> int:
        """Return the least stake with which one may enter a quorum."""
        return int(await self._stakes.call(_MINIMUM, quorum))

    async def operator_list(self, quorum: int, block: int) -> tuple[Hash32, ...]:
        """Return the operators of a quorum at a block, in the registry's own order."""
        found = await self._indices.call(_LIST, quorum, block)
        return tuple(Hash32(id_) for id_ in found)
