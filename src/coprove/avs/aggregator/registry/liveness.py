"""Operators' provers as the contract counts them, asked again when something may have changed."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.attestation import Platform
from coprove.avs.aggregator.protocols import LiveProver
from coprove.avs.aggregator.raw_logs import read_logs
from coprove.contracts.abi import Function
from coprove.contracts.attestation.registry import ProverRegistry
from coprove.contracts.caller import ContractReader
from coprove.primitives import keccak256
from coprove.rpc import EthClient
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.rpc import RpcTransport

__all__ = ["LiveProvers"]

_LIVE_OPERATOR: Final = Function("liveOperator(bytes32)", "(address,uint8,uint64)")
_PROVER_OF_KEY: Final = Function("attestedProverAddr(bytes32)", "(address)")
_VALIDITY: Final = Function("attestValiditySeconds()", "(uint256)")
_PROVER_REGISTRY: Final = Function("attestationVerifier()", "(address)")
_POA_ENABLED: Final = Function("poaEnabled()", "(bool)")
_LISTED: Final = Function("operatorWhitelist(address)", "(bool)")
_VERIFIER: Final = Function("livenessVerifier()", "(address)")
_MOST: Final = 4096
_NOBODY: Final = Address(bytes(20))


def _topics(*signatures: str) -> frozenset[bytes]:
    return frozenset(keccak256(signature.encode()) for signature in signatures)


_OF_ONE_PROVER: Final = _topics(
    "LivenessProofAccepted(bytes32,address,address,bytes32)",
    "ProverRegistered(address,address,uint8,bytes32,bytes32)",
    "ProverAttested(address,address,uint8,bytes32,uint8,uint64,bool,bool)",
    "ChallengeOpened(address,address,address,bytes32,uint64,uint96)",
    "ChallengeAnswered(address,address,bytes32)",
    "ChallengeFailed(address,address,address,bytes32)",
    "ChallengeVoided(address,address,bytes32)",
    "ProverSuspended(address,address)",
    "ProverDeregistered(address,address)",
    "ProverBanned(address,address)",
    "OperatorListed(address,bool)",
)
"""Their indexed parameters name all whom they concern."""
_OF_THE_AVS: Final = _topics(
    "PoAEnabled(bool)", "ModuleSet(bytes32,address)", "OperatorListed(address,bool)"
)
"""What of the service manager's events changes who counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was found of an operator, a prover or that there is none."""

    prover: LiveProver | None
    account: Address
    since: int
    asked_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Contracts whose logs tell of changes."""

    verifier: Address
    registry: Address
    policy: Address


class LiveProvers:
    """Asks the TEELivenessVerifier of operators, and the service manager whether they are listed.

    Belongs to one event loop; of several questions about one operator at once, one is asked.
    """

    def __init__(
        self,
        transport: RpcTransport,
        *,
        service_manager: Address,
        verifier: Address | None = None,
        max_age: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Ask `verifier`, or else the one that the service manager names.

        No answer is kept for longer than `max_age` seconds; `clock` gives Unix seconds.
        """
        self._transport, self._max_age, self._clock = transport, max_age, clock
        self._client = EthClient(transport)
        self._manager = ContractReader(transport, service_manager)
        self._verifier = verifier
        self._places: _Places | None = None
        self._known: OrderedDict[Hash32, _Known] = OrderedDict()
        self._asking: dict[Hash32, asyncio.Task[_Known]] = {}
        self._epoch = 0

    async def close(self) -> None:
        """Ask nothing more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def find(self, operator_id: Hash32, *, reference_block: int) -> LiveProver | None:
        """Return the operator's prover if it counts for that block now."""
        known = self._known.get(operator_id)
        if known is None or not self._is_fresh(known):
            known = await self._ask_once(operator_id)
        if known.prover is None or known.since > reference_block:
            return None
        return known.prover

    async def blocks_added(self, first: int, last: int) -> None:
        """Forget whom logs of these blocks name; everybody when they name nobody."""
        if not self._known and not self._asking:
            return
        places = await self._found_places()
        manager = self._manager.address
        logs = await read_logs(
            self._transport,
            addresses=[manager, places.verifier, places.registry, places.policy],
            topics=[],
            first=first,
            last=last,
        )
        for log in logs:
            topic = log.topics[0] if log.topics else b""
            if log.address == manager and topic not in _OF_THE_AVS:
                continue
            # What is being asked may have been answered before these blocks.
            self._epoch += 1
            if topic in _OF_ONE_PROVER:
                self._forget_named(set(log.topics[1:]))
            else:
                self.forget()
                return

    def forget(self) -> None:
        """Ask again whoever is asked about."""
        self._known.clear()
        self._places = None
        self._epoch += 1

    def _forget_named(self, named: set[bytes]) -> None:
        for operator_id, known in list(self._known.items()):
            addresses = [known.account] + ([known.prover.address] if known.prover else [])
            words = {bytes(operator_id), *(bytes(12) + address for address in addresses)}
            if words & named:
                del self._known[operator_id]

    def _is_fresh(self, known: _Known) -> bool:
        now = self._clock()
        ends = known.prover is not None and now >= known.prover.valid_until
        return not ends and 0 <= now - known.asked_at < self._max_age

    async def _ask_once(self, operator_id: Hash32) -> _Known:
        task = self._asking.get(operator_id)
        if task is None:
            task = asyncio.create_task(self._ask(operator_id))
            self._asking[operator_id] = task
            task.add_done_callback(functools.partial(self._asked, operator_id))
        # Who gives up must not take the answer from others that wait for it.
        return await asyncio.shield(task)

    def _asked(self, operator_id: Hash32, task: asyncio.Task[_Known]) -> None:
        del self._asking[operator_id]
        if not task.cancelled():
            # Those that wait are told; when nobody is left, nobody needs to be.
            task.exception()

    async def _ask(self, operator_id: Hash32) -> _Known:
        epoch, now = self._epoch, self._clock()
        block = await self._client.block_number()
        places = await self._found_places()
        verifier = ContractReader(self._transport, places.verifier)
        account, tee, since = await verifier.call(_LIVE_OPERATOR, bytes(operator_id), block=block)
        operator = Address.from_hex(account, "operator")
        prover = None
        if operator != _NOBODY and await self._is_listed(operator, block):
            prover = await self._prover(operator_id, places, Platform.from_number(tee), block)
        known = _Known(prover=prover, account=operator, since=since, asked_at=now)
        if epoch == self._epoch:
            self._known[operator_id] = known
            self._known.move_to_end(operator_id)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return known

    async def _prover(
        self, operator_id: Hash32, places: _Places, platform: Platform, block: int
    ) -> LiveProver | None:
        verifier = ContractReader(self._transport, places.verifier)
        address = Address.from_hex(
            await verifier.call(_PROVER_OF_KEY, bytes(operator_id), block=block), "prover"
        )
        registry = ProverRegistry(self._transport, places.registry)
        status, record, validity = await asyncio.gather(
            registry.liveness(address, block=block),
            registry.prover(address, block=block),
            verifier.call(_VALIDITY, block=block),
        )
        if record is None or not status.is_live:
            return None
        valid_until = min(status.until, record.attested_at + validity)
        return LiveProver(address=address, valid_until=valid_until, platform=platform)

    async def _is_listed(self, operator: Address, block: int) -> bool:
        if not await self._manager.call(_POA_ENABLED, block=block):
            return True
        return bool(await self._manager.call(_LISTED, bytes(operator), block=block))

    async def _found_places(self) -> _Places:
        if self._places is None:
            verifier = self._verifier
            if verifier is None:
                found = await self._manager.call(_VERIFIER)
                verifier = Address.from_hex(found, "livenessVerifier")
            registry = Address.from_hex(
                await ContractReader(self._transport, verifier).call(_PROVER_REGISTRY),
                "attestationVerifier",
            )
            policy = await ProverRegistry(self._transport, registry).policy()
            self._places = _Places(verifier=verifier, registry=registry, policy=policy)
        return self._places
