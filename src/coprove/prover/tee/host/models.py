"""What the TEE prover's own API takes and answers, as its OpenAPI document shows it."""

# No `from __future__ import annotations`: pydantic reads these annotations.

from importlib import metadata
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from coprove.attestation import Platform
from coprove.prover.tee.enclave import BoundEvidence, Enclave, EnclaveIdentity, SignedPoe
from coprove.prover.tee.host.desk import Task, TaskState

__all__ = [
    "EvidenceRequest",
    "EvidenceView",
    "PoeView",
    "ProofView",
    "ProverView",
    "evidence_view",
    "proof_view",
    "prover_view",
]

_Address = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
_Hash = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{64}$")]
_Number = Annotated[int, Field(ge=0, lt=2**256)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class EvidenceRequest(_Model):
    """Ask for evidence for one registration or liveness challenge."""

    chain_id: _Number = Field(description="Of the registry's chain (L1).")
    verifier: _Address = Field(description="The registry.")
    operator: _Address = Field(description="Who registers the prover; one for each key.")
    block_number: _Number = Field(description="A recent block of that chain.")
    block_hash: _Hash = Field(description="Its hash.")
    nonce: _Hash = Field(description="The registry's nonce of the operator, or the challenge's.")


class EvidenceView(_Model):
    """Evidence, and what its report data stand for."""

    platform: Platform = Field(description="Kind of environment.")
    evidence: str = Field(description="Quote, report, document or token, hex.")
    endorsements: str | None = Field(description="What the platform gave with it, hex.")
    report_data: str = Field(description="The 64 bytes in it, hex.")
    public_key: str = Field(description="The prover's key, x and y, hex.")
    prover: str = Field(description="Address of that key.")
    binding: EvidenceRequest = Field(description="What was asked for.")
    simulated: bool = Field(description="Whether it holds on development chains only.")


class ProverView(_Model):
    """Who this prover is until its process ends."""

    version: str = Field(description="Version of coprove.")
    platform: Platform = Field(description="Kind of environment.")
    simulated: bool = Field(description="Whether the environment is only played.")
    prover: str = Field(description="Address of the key, which was born with the process.")
    public_key: str = Field(description="The key, x and y, hex.")
    measurement: str = Field(description="Raw measurement of the code, hex.")
    measurement_id: str = Field(description="The same as contracts and proofs name it.")
    operator: str | None = Field(description="The only operator evidence may name, if known.")


class PoeView(_Model):
    """The members of a proof of execution, in the order of its EIP-712 type."""

    l1_chain_id: int = Field(description="In the EIP-712 domain.")
    l2_chain_id: int = Field(description="EIP-155 id of the rollup.")
    rollup_config_hash: str = Field(description="Hash of the rollup config.")
    l1_head: str = Field(description="L1 block up to which L1 data was read.")
    l2_pre_root: str = Field(description="Output root of the agreed block.")
    l2_post_root: str = Field(description="Output root of the claimed block.")
    l2_pre_block: int = Field(description="The agreed block.")
    l2_post_block: int = Field(description="The claimed block.")
    measurement: str = Field(description="Of the code that executed the range.")


class ProofView(_Model):
    """A task, and once it is proven the signed proof."""

    witness: str = Field(description="keccak256 of the witness.")
    state: TaskState = Field(description="How far it is.")
    poe: PoeView | None = Field(description="The claim.")
    digest: str | None = Field(description="Its EIP-712 digest.")
    signature: str | None = Field(description="Of that digest: r, s, v.")
    prover: str = Field(description="Address that signs.")
    transactions: int | None = Field(description="L2 transactions executed; not signed.")
    gas: int | None = Field(description="Gas that they used; not signed.")
    seconds: float | None = Field(description="Wall time of the run; not signed.")
    simulated: bool = Field(description="Whether it holds on development chains only.")


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def prover_view(enclave: Enclave) -> ProverView:
    """Show who the enclave is."""
    identity = enclave.identity
    return ProverView(
        version=metadata.version("coprove"),
        platform=identity.platform,
        simulated=identity.simulated,
        prover=str(identity.address),
        public_key=_hex(identity.public_key),
        measurement=_hex(identity.measurement),
        measurement_id=identity.measurement_id.hex0x,
        operator=None if enclave.operator is None else str(enclave.operator),
    )


def evidence_view(found: BoundEvidence, identity: EnclaveIdentity) -> EvidenceView:
    """Show evidence."""
    binding, quote = found.binding, found.quote
    endorsements = quote.endorsements
    return EvidenceView(
        platform=quote.platform,
        evidence=_hex(quote.evidence),
        endorsements=None if endorsements is None else _hex(endorsements),
        report_data=_hex(quote.report_data),
        public_key=_hex(binding.public_key),
        prover=str(identity.address),
        binding=EvidenceRequest(
            chain_id=binding.chain_id,
            verifier=_hex(binding.verifier),
            operator=_hex(binding.operator),
            block_number=binding.block_number,
            block_hash=_hex(binding.block_hash),
            nonce=_hex(binding.nonce),
        ),
        simulated=identity.simulated,
    )


def proof_view(task: Task, identity: EnclaveIdentity) -> ProofView:
    """Show a task."""
    proof = task.proof
    return ProofView(
        witness=task.witness.hex0x,
        state=task.state,
        poe=None if proof is None else _poe_view(proof),
        digest=None if proof is None else proof.poe.digest().hex0x,
        signature=None if proof is None else _hex(proof.signature),
        prover=str(identity.address),
        transactions=None if proof is None else proof.transactions,
        gas=None if proof is None else proof.gas,
        seconds=None if proof is None else proof.seconds,
        simulated=identity.simulated,
    )


def _poe_view(proof: SignedPoe) -> PoeView:
    poe = proof.poe
    return PoeView(
        l1_chain_id=poe.l1_chain_id,
        l2_chain_id=poe.l2_chain_id,
        rollup_config_hash=poe.rollup_config_hash.hex0x,
        l1_head=poe.l1_head.hex0x,
        l2_pre_root=poe.l2_pre_root.hex0x,
        l2_post_root=poe.l2_post_root.hex0x,
        l2_pre_block=poe.l2_pre_block,
        l2_post_block=poe.l2_post_block,
        measurement=poe.measurement.hex0x,
    )
