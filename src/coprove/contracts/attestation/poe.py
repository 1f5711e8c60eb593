"""Proofs of execution on chain: verify one, record one, list what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.poe import ProofOfExecution
from coprove.contracts.abi import Event, Function
from coprove.contracts.caller import ContractReader
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport

__all__ = ["PoEContract", "PoERecorded", "record_poe_call"]

_POE = "(uint256,bytes32,bytes32,bytes32,bytes32,uint64,uint64,bytes32)"
_VERIFY = Function(f"verify({_POE},bytes)", "(address)")
_RECORD = Function(f"record({_POE},bytes)", "(address)")
_DIGEST = Function(f"digestOf({_POE})", "(bytes32)")
_RECORDED_AT = Function("recordedAt(bytes32,address)", "(uint64)")
_REGISTRY = Function("registry()", "(address)")
_RECORDED = Event(
    f"PoERecorded(bytes32,address,address,{_POE},bool)", (True, True, True, False, False)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoERecorded:
    """A proof of execution that was verified and recorded on chain."""

    digest: Hash32
    """The claim's EIP-712 digest."""
    prover: Address
    """Who signed it."""
    operator: Address
    """Who answers for the prover."""
    poe: ProofOfExecution
    """The claim."""
    simulated: bool
    """Whether the prover's evidence is a simulation's."""
    tx_hash: Hash32
    """L1 transaction."""
    block_number: int
    """L1 block."""


class PoEContract:
    """Reads a PoEVerifier; each method takes a block number or tag to read at."""

    def __init__(self, transport: RpcTransport, address: Address, *, chain_id: int) -> None:
        """`chain_id` is that of the contract's chain, which a claim's domain names."""
        self.contract = ContractReader(transport, address)
        self._chain_id = chain_id

    @property
    def address(self) -> Address:
        """Address of the contract."""
        return self.contract.address

    async def registry(self, *, block: Block = "latest") -> Address:
        """Return the registry whose provers it believes."""
        return Address.from_hex(await self.contract.call(_REGISTRY, block=block), "registry")

    async def verify(
        self, poe: ProofOfExecution, signature: bytes, *, block: Block = "latest"
    ) -> Address:
        """Return the prover of a proof; CallRevertedError names what is wrong with it.

        ProverNotLive: another key or claim, or a prover that is not live. WrongMeasurement: other
        code than it is registered with.
        """
        found = await self.contract.call(_VERIFY, _tuple(poe), signature, block=block)
        return Address.from_hex(found, "prover")

    async def digest(self, poe: ProofOfExecution, *, block: Block = "latest") -> Hash32:
        """Return what the contract says a prover signs for a claim."""
        return Hash32(await self.contract.call(_DIGEST, _tuple(poe), block=block))

    async def recorded_at(
        self, digest: Hash32, prover: Address, *, block: Block = "latest"
    ) -> int | None:
        """Return the Unix seconds at which a prover's claim was recorded; None: it was not."""
        time = await self.contract.call(_RECORDED_AT, bytes(digest), bytes(prover), block=block)
        return int(time) or None

    async def recorded(
        self, *, first: int, last: Block = "latest", prover: Address | None = None
    ) -> list[PoERecorded]:
        """Return what was recorded between two blocks, both included, in the chain's order."""
        topics = () if prover is None else (None, bytes(12) + prover)
        entries = await self.contract.logs(_RECORDED, first=first, last=last, topics=topics)
        return [
            PoERecorded(
                digest=Hash32(entry.values[0]),
                prover=Address.from_hex(entry.values[1], "prover"),
                operator=Address.from_hex(entry.values[2], "operator"),
                poe=self._claim(entry.values[3]),
                simulated=entry.values[4],
                tx_hash=entry.tx_hash,
                block_number=entry.block_number,
            )
            for entry in entries
        ]

    def _claim(
        self, values: tuple[int, bytes, bytes, bytes, bytes, int, int, bytes]
    ) -> ProofOfExecution:
        chain, config, head, pre, post, pre_block, post_block, measurement = values
        return ProofOfExecution(
            l1_chain_id=self._chain_id,
            l2_chain_id=chain,
            rollup_config_hash=Hash32(config),
            l1_head=Hash32(head),
            l2_pre_root=Hash32(pre),
            l2_post_root=Hash32(post),
            l2_pre_block=pre_block,
            l2_post_block=post_block,
            measurement=Hash32(measurement),
        )


def record_poe_call(poe: ProofOfExecution, signature: bytes) -> bytes:
    """Return the calldata that verifies a proof and records it."""
    return _RECORD.encode(_tuple(poe), signature)


def _tuple(poe: ProofOfExecution) -> tuple[int | bytes, ...]:
    return (
        poe.l2_chain_id,
        bytes(poe.rollup_config_hash),
        bytes(poe.l1_head),
        bytes(poe.l2_pre_root),
        bytes(poe.l2_post_root),
        poe.l2_pre_block,
        poe.l2_post_block,
        bytes(poe.measurement),
    )
