"""The enclave: one key, one measurement, and the two things it lends its name to.

Everything that must be decided with care is decided here. The host hands bytes in and gets
signatures and evidence out; it is never believed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from coprove.attestation import ProofOfExecution, ProverBinding, measurement_id
from coprove.primitives import keccak256
from coprove.program import ClaimMismatchError, RangeInput, run_range_traced
from coprove.program.range import configs
from coprove.prover.tee.enclave.claims import (
    BoundEvidence,
    EnclaveIdentity,
    SignedPoe,
    avs_poe,
)
from coprove.prover.tee.enclave.errors import (
    EvidenceRequestError,
    RunStoppedError,
    SimulatedEnclaveError,
    WitnessDigestError,
)
from coprove.prover.tee.enclave.key import ProverKey
from coprove.prover.tee.enclave.quoting import REPORT_DATA_SIZE, Quote, checked_quote
from coprove.types import ZERO_ADDRESS, ZERO_HASH, Hash32, is_dev_chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.execution import ExecutedBlock
    from coprove.prover.tee.enclave.quoting import QuoteProvider
    from coprove.types import Address

__all__ = ["Enclave"]

_SELF_DOMAIN: Final = keccak256(b"coprove.tee.self")
_TAIL: Final = 32


class Enclave:
    """Proves ranges and gives evidence of itself.

    Report data come in three kinds that no input can turn into one another: a registration's end
    in 32 zero bytes and begin with a hash over the binding, whose members the enclave puts
    together itself; the AVS's begin with 12 zero bytes and this prover's address and have a tail
    that is not zero; the enclave's own begin with a hash of fixed words and have its key's hash as
    tail.
    """

    def __init__(self, provider: QuoteProvider, *, operator: Address | None = None) -> None:
        """Make a new key and ask the platform for the measurement.

        `operator` is the only one that registrations may name; without it the first one asked for
        is. Raises QuoteUnavailableError and QuoteMismatchError.
        """
        if operator == ZERO_ADDRESS:
            raise EvidenceRequestError("operator", expected="an account", actual=operator)
        self._provider = provider
        self._operator = operator
        self._quoting = threading.Lock()
        self._key = ProverKey()
        self._measurement: bytes | None = None
        self._measurement = self._own_quote().measurement
        self.identity = EnclaveIdentity(
            platform=provider.platform,
            simulated=provider.simulated,
            measurement=self._measurement,
            measurement_id=measurement_id(provider.platform, self._measurement),
            public_key=self._key.public_key,
            address=self._key.address,
        )

    @property
    def operator(self) -> Address | None:
        """The only operator that evidence may name, as far as it is known yet."""
        return self._operator

    def check(self) -> None:
        """Have the platform quote once more and look at the quote; raises as the start does."""
        self._own_quote()

    def prove(
        self,
        witness: bytes,
        *,
        digest: Hash32,
        stopped: Callable[[], bool] = lambda: False,
    ) -> SignedPoe:
        """Execute a range and sign what came out of it.

        `witness` is an encoded RangeInput, `digest` its keccak256 as the client has it. `stopped`
        is asked after every block. Raises WitnessDigestError, the program's typed errors,
        ClaimMismatchError when the computed root is not the claimed one, SimulatedEnclaveError,
        RunStoppedError: whatever is raised, nothing was signed.
        """
        found = Hash32(keccak256(witness))
        if found != digest:
            raise WitnessDigestError("witness digest", expected=digest, actual=found)
        given = RangeInput.decode(witness)
        config, _ = configs(given)
        self._check_chain(config.l1_chain_id)

        def look(_block: ExecutedBlock) -> None:
            if stopped():
                raise RunStoppedError("the run was stopped")

        report = run_range_traced(given, look)
        claim = report.boot_info
        if claim.l2_post_root != given.claimed_output_root:
            raise ClaimMismatchError(
                block=given.claimed_block_number,
                expected=given.claimed_output_root,
                actual=claim.l2_post_root,
            )
        poe = ProofOfExecution(
            l1_chain_id=config.l1_chain_id,
            l2_chain_id=config.l2_chain_id,
            rollup_config_hash=claim.rollup_config_hash,
            l1_head=claim.l1_head,
            l2_pre_root=claim.l2_pre_root,
            l2_post_root=claim.l2_post_root,
            l2_pre_block=claim.l2_block_number - report.blocks,
            l2_post_block=claim.l2_block_number,
            measurement=self.identity.measurement_id,
        )
        avs = avs_poe(poe, claim, report.output)
        return SignedPoe(
            poe=poe,
            signature=self._key.sign(poe.digest()),
            avs=avs,
            avs_signature=self._key.sign(avs.digest()),
            witness=digest,
            transactions=report.transactions,
            gas=report.gas,
            seconds=report.seconds,
        )

    def registration_evidence(
        self,
        *,
        chain_id: int,
        verifier: Address,
        operator: Address,
        block_number: int,
        block_hash: Hash32,
        nonce: Hash32,
    ) -> BoundEvidence:
        """Give evidence for one registration or liveness challenge.

        Platform and key are the enclave's own. Raises EvidenceRequestError for values that no
        registry accepts and for another operator, SimulatedEnclaveError, QuoteUnavailableError,
        QuoteMismatchError.
        """
        self._check_chain(chain_id)
        for name, value in (("verifier", verifier), ("operator", operator)):
            if value == ZERO_ADDRESS:
                raise EvidenceRequestError(name, expected="an account", actual=value)
        if block_hash == ZERO_HASH:
            raise EvidenceRequestError("block hash", expected="a known block", actual=block_hash)
        for name, number in (("chain id", chain_id), ("block number", block_number)):
            if not 0 < number < 2**256:
                raise EvidenceRequestError(name, expected="1 to 2^256 - 1", actual=number)
        with self._quoting:
            if self._operator not in (None, operator):
                raise EvidenceRequestError("operator", expected=self._operator, actual=operator)
            self._operator = operator
        binding = ProverBinding(
            chain_id=chain_id,
            verifier=verifier,
            operator=operator,
            platform=self.identity.platform,
            public_key=self._key.public_key,
            block_number=block_number,
            block_hash=block_hash,
            nonce=nonce,
        )
        return BoundEvidence(binding=binding, quote=self._quoted(binding.report_data()))

    def avs_evidence(self, request: bytes) -> Quote:
        """Give evidence as the multi-prover AVS's liveness contract reads it.

        `request` has at most 64 bytes and is padded with zeros in front; whatever its first half
        says, it becomes 12 zero bytes and the prover's address. A second half of zeros is refused:
        report data that end so are a registration's. Errors as in `registration_evidence`.
        """
        if len(request) > REPORT_DATA_SIZE:
            raise EvidenceRequestError(
                "report data", expected="at most 64 bytes", actual=f"{len(request)} bytes"
            )
        tail = request.rjust(REPORT_DATA_SIZE, b"\x00")[_TAIL:]
        if not any(tail):
            raise EvidenceRequestError(
                "report data", expected="a hash in bytes 32 to 63", actual="zeros"
            )
        return self._quoted(bytes(12) + self._key.address + tail)

    def _check_chain(self, chain_id: int) -> None:
        if self._provider.simulated and not is_dev_chain(chain_id):
            raise SimulatedEnclaveError(
                f"chain {chain_id} is no development chain, and this enclave is simulated"
            )

    def _own_quote(self) -> Quote:
        return self._quoted(_SELF_DOMAIN + keccak256(self._key.public_key))

    def _quoted(self, report_data: bytes) -> Quote:
        with self._quoting:
            return checked_quote(self._provider, report_data, self._measurement)
