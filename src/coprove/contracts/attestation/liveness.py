"""The multi-prover AVS' TEELivenessVerifier: typed reader and calldata.

The ABI is the AVS' own, so the reader serves its deployed contracts as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.errors import InputError

if TYPE_CHECKING:
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport
    from coprove.types import Address, Hash32

__all__ = ["LivenessVerifier", "ReportData", "submit_liveness_proof_call"]

_DATA = "((bytes32,bytes32),uint256,bytes32,bytes32)"
_SUBMIT = Function(f"submitLivenessProofV2({_DATA},bytes)")
_PROOF = Function("verifyLivenessProof(bytes32,bytes32)", "(bool)")
_PROOF_V2 = Function("verifyLivenessProofV2(bytes32,bytes32,address)", "(bool)")
_ATTESTATION = Function("verifyAttestationV2(bytes32,bytes32,bytes)", "(bool)")
_MR_ENCLAVE = Function("verifyMrEnclave(bytes32)", "(bool)")
_MR_SIGNER = Function("verifyMrSigner(bytes32)", "(bool)")
_VALIDITY = Function("attestValiditySeconds()", "(uint256)")
_MAX_BLOCKS = Function("maxBlockNumberDiff()", "(uint256)")
_KEY_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """The AVS' ReportDataV2: what an operator sends along with a report."""

    public_key: bytes
    """The operator's BLS key on G1, or the prover's own: x and y, 64 bytes."""
    block_number: int
    """The block that the report refers to."""
    block_hash: Hash32
    """Its hash."""
    prover_address_hash: Hash32
    """Hash of the prover's endpoint."""


class LivenessVerifier:
    """Reads a TEELivenessVerifier; each method takes a block number or tag to read at."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self.contract = ContractReader(transport, address)

    @property
    def address(self) -> Address:
        """Address of the contract."""
        return self.contract.address

    async def is_live(
        self, public_key: bytes, prover: Address | None = None, *, block: Block = "latest"
    ) -> bool:
        """Whether a key's prover showed itself live recently, and is the given one."""
        x, y = _split(public_key)
        if prover is None:
            return bool(await self.contract.call(_PROOF, x, y, block=block))
        return bool(await self.contract.call(_PROOF_V2, x, y, bytes(prover), block=block))

    async def is_attestation_of(
        self, public_key: bytes, report: bytes, *, block: Block = "latest"
    ) -> bool:
        """Whether a report is of a key's prover; CallRevertedError when it is not good at all."""
        x, y = _split(public_key)
        return bool(await self.contract.call(_ATTESTATION, x, y, report, block=block))

    async def accepts_mrenclave(self, mrenclave: bytes, *, block: Block = "latest") -> bool:
        """Whether SGX code is accepted."""
        return bool(await self.contract.call(_MR_ENCLAVE, mrenclave, block=block))

    async def accepts_mrsigner(self, mrsigner: bytes, *, block: Block = "latest") -> bool:
        """Whether some SGX code of a signer is accepted."""
        return bool(await self.contract.call(_MR_SIGNER, mrsigner, block=block))

    async def validity_seconds(self, *, block: Block = "latest") -> int:
        """Return the seconds that a report counts."""
        return int(await self.contract.call(_VALIDITY, block=block))

    async def max_block_number_diff(self, *, block: Block = "latest") -> int:
        """Return the greatest number of blocks that a report may be old."""
        return int(await self.contract.call(_MAX_BLOCKS, block=block))


def submit_liveness_proof_call(data: ReportData, report: bytes) -> bytes:
    """Return the calldata that shows an operator's prover to be live.

    For our contract `report` is `Registration.encode()`.
    """
    key = _split(data.public_key)
    values = (key, data.block_number, bytes(data.block_hash), bytes(data.prover_address_hash))
    return _SUBMIT.encode(values, report)


def _split(public_key: bytes) -> tuple[bytes, bytes]:
    if len(public_key) != _KEY_SIZE:
        raise InputError("key", expected="64 bytes", actual=f"{len(public_key)} bytes")
    return public_key[:32], public_key[32:]
