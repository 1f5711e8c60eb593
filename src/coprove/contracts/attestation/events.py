"""What the registry announced, as typed events in the chain's order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coprove.attestation.claims import TcbStatus
from coprove.attestation.platform import Platform
from coprove.contracts.abi import Event
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.contracts.caller import Block, ContractReader, LogEntry

__all__ = [
    "ChallengeAnswered",
    "ChallengeFailed",
    "ChallengeOpened",
    "ChallengeVoided",
    "EventPlace",
    "ProverAttested",
    "ProverBanned",
    "ProverDeregistered",
    "ProverEvent",
    "ProverRegistered",
    "ProverSuspended",
    "prover_events",
]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EventPlace:
    """Where an event stands in the chain."""

    block_number: int
    """Its block."""
    log_index: int
    """Its place in the block."""
    block_hash: Hash32
    """Hash of that block."""
    tx_hash: Hash32
    """Its transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverEvent:
    """Something that happened to a prover."""

    place: EventPlace
    """Where it stands in the chain."""
    prover: Address
    """The prover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverRegistered(ProverEvent):
    """A key was registered, or came back."""

    operator: Address
    """Who answers for it."""
    platform: Platform
    """Kind of its environment."""
    public_key: bytes
    """The key, x and y, 64 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverAttested(ProverEvent):
    """Evidence was accepted: a registration's, a renewal's or an answer's."""

    operator: Address
    """Who answers for it."""
    platform: Platform
    """Kind of its environment."""
    measurement: Hash32
    """`measurement_id` of its code."""
    tcb_status: TcbStatus
    """Its platform's TCB status."""
    valid_until: int
    """Unix seconds until which the registration lasts."""
    simulated: bool
    """Whether the evidence is a simulation's."""
    attested: bool
    """Whether the claims rest on attestors' word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeOpened(ProverEvent):
    """A prover was challenged."""

    operator: Address
    """Its operator."""
    challenger: Address
    """Who challenged."""
    nonce: Hash32
    """What the answer's evidence must bind."""
    deadline: int
    """Unix seconds until which it can be answered."""
    bond: int
    """Wei that it cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeAnswered(ProverEvent):
    """A challenge was answered in time."""

    operator: Address
    """Its operator, who got the bond."""
    nonce: Hash32
    """The challenge's nonce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeFailed(ProverEvent):
    """A challenge was not answered in time."""

    operator: Address
    """Its operator, who can be slashed for it."""
    challenger: Address
    """Who challenged, and got the bond back."""
    nonce: Hash32
    """The challenge's nonce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeVoided(ProverEvent):
    """A challenge ended without a result."""

    challenger: Address
    """Who challenged, and got the bond back."""
    nonce: Hash32
    """The challenge's nonce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverSuspended(ProverEvent):
    """A prover was suspended: it comes back by registering again."""

    operator: Address
    """Its operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverDeregistered(ProverEvent):
    """A prover was taken out by its operator."""

    operator: Address
    """Its operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverBanned(ProverEvent):
    """A key was banned for ever."""

    operator: Address | None
    """Its operator; None when it never was registered."""


async def prover_events(
    contract: ContractReader, *, first: int, last: Block = "latest", prover: Address | None = None
) -> list[ProverEvent]:
    """Return what happened from one block to another, both included, in the chain's order.

    With `prover` to that one alone.
    """
    topics = () if prover is None else (bytes(12) + prover,)
    found = await asyncio.gather(
        *(contract.logs(event, first=first, last=last, topics=topics) for event in _EVENTS)
    )
    events = [
        read(_place(entry), *entry.values)
        for read, entries in zip(_EVENTS.values(), found, strict=True)
        for entry in entries
    ]
    return sorted(events, key=lambda event: event.place)


def _place(entry: LogEntry) -> EventPlace:
    return EventPlace(
        block_number=entry.block_number,
        log_index=entry.log_index,
        block_hash=entry.block_hash,
        tx_hash=entry.tx_hash,
    )


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))


def _registered(place: EventPlace, prover: str, operator: str, *rest: Any) -> ProverEvent:
    tee, x, y = rest
    return ProverRegistered(
        place=place,
        prover=_address(prover),
        operator=_address(operator),
        platform=Platform.from_number(tee),
        public_key=x + y,
    )


def _attested(place: EventPlace, prover: str, operator: str, *rest: Any) -> ProverEvent:
    tee, measurement, status, valid_until, simulated, attested = rest
    return ProverAttested(
        place=place,
        prover=_address(prover),
        operator=_address(operator),
        platform=Platform.from_number(tee),
        measurement=Hash32(measurement),
        tcb_status=TcbStatus(status),
        valid_until=valid_until,
        simulated=simulated,
        attested=attested,
    )


def _opened(place: EventPlace, prover: str, operator: str, *rest: Any) -> ProverEvent:
    challenger, nonce, deadline, bond = rest
    return ChallengeOpened(
        place=place,
        prover=_address(prover),
        operator=_address(operator),
        challenger=_address(challenger),
        nonce=Hash32(nonce),
        deadline=deadline,
        bond=bond,
    )


def _answered(place: EventPlace, prover: str, operator: str, nonce: bytes) -> ProverEvent:
    return ChallengeAnswered(
        place=place, prover=_address(prover), operator=_address(operator), nonce=Hash32(nonce)
    )


def _failed(place: EventPlace, prover: str, operator: str, *rest: Any) -> ProverEvent:
    challenger, nonce = rest
    return ChallengeFailed(
        place=place,
        prover=_address(prover),
        operator=_address(operator),
        challenger=_address(challenger),
        nonce=Hash32(nonce),
    )


def _voided(place: EventPlace, prover: str, challenger: str, nonce: bytes) -> ProverEvent:
    return ChallengeVoided(
        place=place, prover=_address(prover), challenger=_address(challenger), nonce=Hash32(nonce)
    )


def _suspended(place: EventPlace, prover: str, operator: str) -> ProverEvent:
    return ProverSuspended(place=place, prover=_address(prover), operator=_address(operator))


def _deregistered(place: EventPlace, prover: str, operator: str) -> ProverEvent:
    return ProverDeregistered(place=place, prover=_address(prover), operator=_address(operator))


def _banned(place: EventPlace, prover: str, operator: str) -> ProverEvent:
    known = _address(operator)
    return ProverBanned(
        place=place, prover=_address(prover), operator=known if any(known) else None
    )


_TWO = (True, True)
_THREE = (True, True, True)
_EVENTS: dict[Event, Callable[..., ProverEvent]] = {
    Event(
        "ProverRegistered(address,address,uint8,bytes32,bytes32)", (*_THREE, False, False)
    ): _registered,
    Event(
        "ProverAttested(address,address,uint8,bytes32,uint8,uint64,bool,bool)",
        (*_THREE, False, False, False, False, False),
    ): _attested,
    Event(
        "ChallengeOpened(address,address,address,bytes32,uint64,uint96)",
        (*_THREE, False, False, False),
    ): _opened,
    Event("ChallengeAnswered(address,address,bytes32)", (*_TWO, False)): _answered,
    Event("ChallengeFailed(address,address,address,bytes32)", (*_THREE, False)): _failed,
    Event("ChallengeVoided(address,address,bytes32)", (*_TWO, False)): _voided,
    Event("ProverSuspended(address,address)", _TWO): _suspended,
    Event("ProverDeregistered(address,address)", _TWO): _deregistered,
    Event("ProverBanned(address,address)", _TWO): _banned,
}
