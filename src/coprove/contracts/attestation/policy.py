"""What the registry accepts: typed reader of the policy contract and its calldata."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coprove.contracts.abi import Function
from coprove.contracts.attestation.records import MeasurementRules, PlatformRules
from coprove.contracts.caller import ContractReader
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.attestation.claims import TcbStatus
    from coprove.attestation.platform import Platform
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport

__all__ = [
    "PolicyContract",
    "raise_security_version_call",
    "revoke_measurement_call",
    "schedule_measurement_call",
    "set_measurement_expiry_call",
    "set_measurement_notice_call",
    "set_platform_call",
    "set_tcb_acceptance_call",
]

_RULES = "(uint64,uint64,uint32,uint8,bytes32)"
_PLATFORMS = Function("platforms(uint8)", "(address,uint32,bool)")
_MEASUREMENT_OF = Function("measurementOf(bytes32)", f"({_RULES})")
_MEASUREMENT_IDS = Function("measurementIds()", "(bytes32[])")
_IS_ACTIVE = Function("isMeasurementActive(bytes32)", "(bool)")
_NOTICE = Function("measurementNotice()", "(uint32)")
_TCB = Function("tcbAcceptedUntil(uint8,uint8)", "(uint64)")
_SET_PLATFORM = Function("setPlatform(uint8,address,bool)")
_SCHEDULE = Function(f"scheduleMeasurement(bytes32,{_RULES})")
_SET_EXPIRY = Function("setMeasurementExpiry(bytes32,uint64)")
_RAISE = Function("raiseSecurityVersion(bytes32,uint32)")
_REVOKE = Function("revokeMeasurement(bytes32)")
_SET_TCB = Function("setTcbAcceptance(uint8,uint8,uint64)")
_SET_NOTICE = Function("setMeasurementNotice(uint32)")


class PolicyContract:
    """Reads an AttestationPolicy; each method takes a block number or tag to read at."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self.contract = ContractReader(transport, address)

    @property
    def address(self) -> Address:
        """Address of the contract's proxy."""
        return self.contract.address

    async def platform(
        self, platform: Platform, *, block: Block = "latest"
    ) -> PlatformRules | None:
        """Return how evidence of a kind is verified; None when the kind is not accepted."""
        values = await self.contract.call(_PLATFORMS, platform.number, block=block)
        return PlatformRules.from_abi(values)

    async def measurement(
        self, measurement: Hash32, *, block: Block = "latest"
    ) -> MeasurementRules | None:
        """Return the rules of a measurement, ended and future ones too; None when unknown."""
        values = await self.contract.call(_MEASUREMENT_OF, bytes(measurement), block=block)
        return MeasurementRules.from_abi(values)

    async def measurements(self, *, block: Block = "latest") -> dict[Hash32, MeasurementRules]:
        """Return all measurements with their rules; at most 64."""
        ids = [Hash32(i) for i in await self.contract.call(_MEASUREMENT_IDS, block=block)]
        rules = await asyncio.gather(*(self.measurement(i, block=block) for i in ids))
        return {i: known for i, known in zip(ids, rules, strict=True) if known is not None}

    async def is_measurement_active(self, measurement: Hash32, *, block: Block = "latest") -> bool:
        """Whether code is accepted at the block."""
        return bool(await self.contract.call(_IS_ACTIVE, bytes(measurement), block=block))

    async def measurement_notice(self, *, block: Block = "latest") -> int:
        """Return the seconds from announcing a measurement to its activation, at least."""
        return int(await self.contract.call(_NOTICE, block=block))

    async def tcb_accepted_until(
        self, platform: Platform, status: TcbStatus, *, block: Block = "latest"
    ) -> int:
        """Return the Unix seconds until which a TCB status is accepted; 0: never."""
        return int(await self.contract.call(_TCB, platform.number, int(status), block=block))


def set_platform_call(
    platform: Platform, verifier: Address | None, *, keep_registrations: bool
) -> bytes:
    """Return the calldata that sets a kind's verifier; for the policy role.

    `verifier` None accepts the kind no more. Without `keep_registrations` its provers must attest
    again.
    """
    address = bytes(verifier or bytes(20))
    return _SET_PLATFORM.encode(platform.number, address, keep_registrations)


def schedule_measurement_call(measurement: Hash32, rules: MeasurementRules) -> bytes:
    """Return the calldata that announces a measurement; for the policy role."""
    return _SCHEDULE.encode(bytes(measurement), rules.to_abi())


def set_measurement_expiry_call(measurement: Hash32, expires_at: int) -> bytes:
    """Return the calldata that moves the end of a measurement; for the policy role."""
    return _SET_EXPIRY.encode(bytes(measurement), expires_at)


def raise_security_version_call(measurement: Hash32, lowest: int) -> bytes:
    """Return the calldata that raises a measurement's floor; for the policy role."""
    return _RAISE.encode(bytes(measurement), lowest)


def revoke_measurement_call(measurement: Hash32) -> bytes:
    """Return the calldata that withdraws a measurement at once; for the guardian."""
    return _REVOKE.encode(bytes(measurement))


def set_tcb_acceptance_call(platform: Platform, status: TcbStatus, until: int) -> bytes:
    """Return the calldata that sets until when a status is accepted; for the policy role."""
    return _SET_TCB.encode(platform.number, int(status), until)


def set_measurement_notice_call(seconds: int) -> bytes:
    """Return the calldata that sets the notice of new measurements; for the policy role."""
    return _SET_NOTICE.encode(seconds)
