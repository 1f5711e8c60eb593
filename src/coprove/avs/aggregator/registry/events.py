"""What BLSApkRegistry and StakeRegistry announce of operators, in the chain's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coprove.avs.aggregator.raw_logs import read_logs
from coprove.contracts.abi import Event
from coprove.rpc import MalformedResponseError
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.bls.points import G1Coordinates, G2Coordinates
    from coprove.rpc import Json, RpcTransport

__all__ = [
    "KeyRegistered",
    "QuorumsJoined",
    "QuorumsLeft",
    "RegistryEvent",
    "StakeChanged",
    "read_events",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEvent:
    """Something that changed who may sign."""

    block: int
    """Block from which it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRegistered(RegistryEvent):
    """An account registered its BLS key, for good; nothing of it is checked here."""

    operator: Address
    """The account."""
    g1: G1Coordinates
    """X and Y in G1."""
    g2: G2Coordinates
    """X and Y in G2, each [imaginary, real]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumsJoined(RegistryEvent):
    """An operator is in some more quorums."""

    operator: Address
    """Its account."""
    operator_id: Hash32
    """keccak256 of its G1 key."""
    quorums: tuple[int, ...]
    """The quorums that it joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumsLeft(RegistryEvent):
    """An operator is out of some quorums."""

    operator: Address
    """Its account."""
    operator_id: Hash32
    """keccak256 of its G1 key."""
    quorums: tuple[int, ...]
    """The quorums that it left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeChanged(RegistryEvent):
    """An operator's stake in a quorum is another one."""

    operator_id: Hash32
    """Whose."""
    quorum: int
    """Where."""
    stake: int
    """From now on."""


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))


def _key(block: int, operator: str, g1: Any, g2: Any) -> RegistryEvent:
    x, y = g2
    return KeyRegistered(
        block=block, operator=_address(operator), g1=(g1[0], g1[1]), g2=(tuple(x), tuple(y))
    )


def _joined(block: int, operator: str, operator_id: bytes, quorums: bytes) -> RegistryEvent:
    return QuorumsJoined(
        block=block,
        operator=_address(operator),
        operator_id=Hash32(operator_id),
        quorums=tuple(quorums),
    )


def _left(block: int, operator: str, operator_id: bytes, quorums: bytes) -> RegistryEvent:
    return QuorumsLeft(
        block=block,
        operator=_address(operator),
        operator_id=Hash32(operator_id),
        quorums=tuple(quorums),
    )


def _stake(block: int, operator_id: bytes, quorum: int, stake: int) -> RegistryEvent:
    return StakeChanged(block=block, operator_id=Hash32(operator_id), quorum=quorum, stake=stake)


_OF_KEYS: Final = {
    Event(
        "NewPubkeyRegistration(address,(uint256,uint256),(uint256[2],uint256[2]))",
        (True, False, False),
    ): _key,
    Event("OperatorAddedToQuorums(address,bytes32,bytes)", (False, False, False)): _joined,
    Event("OperatorRemovedFromQuorums(address,bytes32,bytes)", (False, False, False)): _left,
}
_OF_STAKES: Final = {
    Event("OperatorStakeUpdate(bytes32,uint8,uint96)", (True, False, False)): _stake
}
_READERS: Final[dict[Event, Callable[..., RegistryEvent]]] = {**_OF_KEYS, **_OF_STAKES}
_BY_TOPIC: Final = {event.topic: event for event in _READERS}


async def read_events(
    transport: RpcTransport, *, keys: Address, stakes: Address, first: int, last: int
) -> list[tuple[RegistryEvent, Hash32]]:
    """Return the events of blocks `first` to `last`, each with its block's hash, in their order.

    `keys` is the BLSApkRegistry, `stakes` the StakeRegistry. MalformedResponseError for logs of
    others or of another shape, and the transport's errors.
    """
    topics: list[Json] = [f"0x{topic.hex()}" for topic in _BY_TOPIC]
    logs = await read_logs(
        transport, addresses=[keys, stakes], topics=[topics], first=first, last=last
    )
    found = []
    for log in logs:
        event = _BY_TOPIC.get(log.topics[0]) if log.topics else None
        owner = keys if event in _OF_KEYS else stakes
        if event is None or log.address != owner:
            raise MalformedResponseError(
                "log of the registry", expected=f"events of {owner}", actual=f"{log.address}'s"
            )
        found.append((_READERS[event](log.block, *event.decode(log.topics, log.data)), log))
    return [(event, log.block_hash) for event, log in found]
