"""What an operator does at EigenLayer to be one of the AVS: each step done once, told by name."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.attestation.registry import deregister_call, set_delegate_call
from coprove.contracts.caller import ContractReader
from coprove.contracts.eigenlayer import (
    WAD,
    KeyRegistration,
    M2Consent,
    allocate_call,
    approve_call,
    deposit_call,
    leave_sets_call,
    m2_deregister_call,
    m2_register_call,
    register_as_operator_call,
    register_for_sets_call,
)
from coprove.contracts.settlement import ContractCall
from coprove.errors import InputError
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.bls import SecretKey
    from coprove.avs.operator.discovery import OperatorContracts
    from coprove.contracts import TransactionManager
    from coprove.contracts.attestation import DigestSigner
    from coprove.types import Address

__all__ = ["Membership", "Sent"]

_DIGEST: Final = Function(
    "calculateOperatorAVSRegistrationDigestHash(address,address,bytes32,uint256)", "(bytes32)"
)
_CONSENT_LASTS: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A step that was done."""

    step: str
    """What it was."""
    transaction: Hash32
    """The transaction that did it."""


class Membership:
    """One operator's steps; `manager` signs as the operator. Steps that are done are left out.

    Errors: InputError for what the chain does not have, CallRevertedError with the contract's own
    name for what it refuses, and the transport's.
    """

    def __init__(self, contracts: OperatorContracts, manager: TransactionManager) -> None:
        """Both are the caller's to close."""
        self._contracts, self._manager = contracts, manager
        self._core = contracts.eigenlayer.addresses
        self._avs = contracts.service_manager.address

    @property
    def account(self) -> Address:
        """The operator."""
        return self._manager.address

    async def register(self, *, metadata_uri: str, allocation_delay: int) -> list[Sent]:
        """Become an operator at EigenLayer."""
        if await self._contracts.eigenlayer.is_operator(self.account):
            return []
        call = register_as_operator_call(
            self._core, allocation_delay=allocation_delay, metadata_uri=metadata_uri
        )
        return [await self._send("register", call)]

    async def deposit(self, strategy: Address, amount: int) -> list[Sent]:
        """Deposit so many units of a strategy's token; allow the StrategyManager to take them."""
        core = self._contracts.eigenlayer
        token = await core.token_of(strategy)
        balance = await core.balance(token, self.account)
        if not 0 < amount <= balance:
            raise InputError("amount", expected=f"from 1 to the balance {balance}", actual=amount)
        sent = []
        # A run that was cut off goes on with what it sent: the balance is what it was.
        name = f"{strategy}/{amount}/{balance}"
        if await core.allowance(token, self.account) < amount:
            call = approve_call(token, self._core.strategy_manager, amount)
            sent.append(await self._send(f"approve/{name}", call))
        call = deposit_call(self._core, strategy=strategy, token=token, amount=amount)
        return [*sent, await self._send(f"deposit/{name}", call)]

    async def allocate(
        self, quorum: int, magnitude: int, strategies: Sequence[Address] = ()
    ) -> list[Sent]:
        """Let a quorum's operator set slash so much, of 10^18, in its strategies or in some."""
        if not 0 <= magnitude <= WAD:
            raise InputError("magnitude", expected=f"0 to {WAD}", actual=magnitude)
        core = self._contracts.eigenlayer
        known = await core.strategies(self._avs, quorum)
        unknown = set(strategies) - set(known)
        if not known or unknown:
            raise InputError(
                "strategies", expected=f"some of {list(known)}", actual=sorted(unknown) or "none"
            )
        changed = []
        for strategy in strategies or known:
            there = await core.allocation(self.account, self._avs, quorum, strategy)
            if there.magnitude + there.pending != magnitude:
                changed.append((strategy, magnitude))
        if not changed:
            return []
        call = allocate_call(
            self._core,
            operator=self.account,
            avs=self._avs,
            set_id=quorum,
            magnitudes=changed,
        )
        return [await self._send(f"allocate/{quorum}/{secrets.token_hex(4)}", call)]

    async def opt_in(self, quorums: Sequence[int], key: SecretKey, *, socket: str) -> list[Sent]:
        """Enter operator sets with a BLS key."""
        missing = await self._missing(quorums, key)
        if not missing:
            return []
        call = register_for_sets_call(
            self._core,
            operator=self.account,
            avs=self._avs,
            set_ids=missing,
            socket=socket,
            key=await self._key_registration(key),
        )
        return [await self._send(f"opt-in/{secrets.token_hex(4)}", call)]

    async def opt_in_m2(
        self, quorums: Sequence[int], key: SecretKey, signer: DigestSigner, *, socket: str
    ) -> list[Sent]:
        """Enter quorums of the time before operator sets, with consent for the AVSDirectory."""
        missing = await self._missing(quorums, key)
        if not missing:
            return []
        salt = secrets.token_bytes(32)
        now = await ContractReader(self._contracts.transport, self._avs).block_time()
        expiry = now + _CONSENT_LASTS
        directory = ContractReader(self._contracts.transport, self._core.avs_directory)
        digest = Hash32(
            await directory.call(_DIGEST, bytes(self.account), bytes(self._avs), salt, expiry)
        )
        call = m2_register_call(
            self._contracts.registries.addresses.registry_coordinator,
            quorums=missing,
            socket=socket,
            key=await self._key_registration(key),
            consent=M2Consent(signature=signer.sign_digest(digest), salt=salt, expiry=expiry),
        )
        return [await self._send(f"opt-in/{secrets.token_hex(4)}", call)]

    async def opt_out(self, quorums: Sequence[int] | None = None) -> list[Sent]:
        """Leave quorums, by default all; sets and quorums of the older kind each in their way."""
        registries = self._contracts.registries
        operator_id = await registries.operator_id(self.account)
        there = () if operator_id is None else await registries.quorums_of(operator_id)
        leaving = [number for number in there if quorums is None or number in quorums]
        older = [number for number in leaving if await registries.is_m2_quorum(number)]
        sets = [number for number in leaving if number not in older]
        sent = []
        if older:
            coordinator = registries.addresses.registry_coordinator
            call = m2_deregister_call(coordinator, older)
            sent.append(await self._send(f"opt-out-m2/{secrets.token_hex(4)}", call))
        if sets:
            call = leave_sets_call(self._core, operator=self.account, avs=self._avs, set_ids=sets)
            sent.append(await self._send(f"opt-out/{secrets.token_hex(4)}", call))
        return sent

    async def retire_prover(self, prover: Address) -> list[Sent]:
        """Take a prover out of the registry, if it is this operator's."""
        registry = self._contracts.prover_registry
        record = await registry.prover(prover)
        if record is None or record.operator != self.account:
            return []
        if not await registry.is_live(prover):
            return []
        call = ContractCall(to=registry.address, data=deregister_call(prover))
        return [await self._send(f"retire/{prover}/{record.attested_at}", call)]

    async def delegate(self, delegate: Address, *, allowed: bool) -> list[Sent]:
        """Let another account attest this operator's provers, or no longer."""
        registry = self._contracts.prover_registry
        if await registry.is_delegate(self.account, delegate) == allowed:
            return []
        data = set_delegate_call(delegate, allowed=allowed)
        call = ContractCall(to=registry.address, data=data)
        return [await self._send(f"delegate/{secrets.token_hex(4)}", call)]

    async def _missing(self, quorums: Sequence[int], key: SecretKey) -> list[int]:
        registries = self._contracts.registries
        count = await registries.quorum_count()
        unknown = [number for number in quorums if not 0 <= number < count]
        if unknown or not quorums:
            raise InputError("quorums", expected=f"some of 0 to {count - 1}", actual=list(quorums))
        operator_id = await registries.operator_id(self.account)
        if operator_id not in (None, key.public_key.operator_id):
            raise InputError(
                "BLS key", expected=f"the one registered, {operator_id}", actual=repr(key)
            )
        there = await registries.quorums_of(key.public_key.operator_id)
        return sorted(set(quorums) - set(there))

    async def _key_registration(self, key: SecretKey) -> KeyRegistration:
        digest = await self._contracts.registries.registration_digest(self.account)
        return KeyRegistration(
            signature=key.sign(digest).point.coordinates,
            g1=key.public_key.g1.coordinates,
            g2=key.public_key.g2.coordinates,
        )

    async def _send(self, step: str, call: ContractCall) -> Sent:
        mined = await self._manager.send(
            key=f"operator/{step}", to=call.to, data=call.data, value=call.value
        )
        return Sent(step=step.partition("/")[0], transaction=mined.tx_hash)
