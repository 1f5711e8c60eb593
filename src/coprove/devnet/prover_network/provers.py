"""Running a request's program natively: what takes a proving machine's place here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coprove.devnet.prover_network.guest_reader import read_range_input
from coprove.program import ProgramInputError, run_aggregation
from coprove.program.range import run_range_traced
from coprove.prover.errors import ProofFormatError
from coprove.prover.zk.cycles import estimate_cycles
from coprove.prover.zk.guest_aggregation import read_aggregation_stdin
from coprove.prover.zk.simulated import (
    SIMULATED_SIZE,
    simulated_aggregation,
    simulated_range,
    simulated_recursion_proof,
)
from coprove.prover.zk.stdin import Stdin, decompress
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.types import AggregationOutputs

__all__ = ["Proved", "prove_aggregation", "prove_range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What came of a run."""

    proof: bytes
    """The proof as the network gives it."""
    public_values: bytes
    """What the program committed to."""
    cycles: int
    """Estimate of the cycles."""
    gas: int
    """Prover gas units, here the cycles."""


def prove_range(artifact: str, limit: int, range_vkey: bytes) -> Proved:
    """Run the range program on what the guest of an artifact file reads.

    Errors are those of the program: the input does not prove its claim then.
    """
    stdin = Stdin.decode(decompress(Path(artifact).read_bytes(), limit=limit))
    if len(stdin.buffers) != 1:
        raise ProofFormatError("range stdin", expected="1 buffer", actual=len(stdin.buffers))
    given = read_range_input(stdin.buffers[0])
    report = run_range_traced(given)
    if report.boot_info.l2_post_root != given.claimed_output_root:
        raise ProgramInputError(
            "claimed output root",
            expected=given.claimed_output_root,
            actual=report.boot_info.l2_post_root,
        )
    proof = simulated_range(report.boot_info, range_vkey=Hash32(range_vkey))
    cycles = estimate_cycles(report.transactions)
    return Proved(
        proof=proof.encode(), public_values=proof.public_values, cycles=cycles, gas=cycles
    )


def prove_aggregation(
    artifact: str,
    limit: int,
    *,
    range_vkey_hash: bytes,
    range_vkey: bytes,
    aggregation_vkey: bytes,
    is_groth16: bool,
) -> Proved:
    """Run the aggregation program on an artifact file, its proofs checked."""
    data = decompress(Path(artifact).read_bytes(), limit=limit)
    stdin = Stdin.decode(data, proof_size=SIMULATED_SIZE, vkey=range_vkey)
    given = read_aggregation_stdin(stdin)
    if given.range_vkey_commitment != range_vkey_hash:
        raise ProgramInputError(
            "range vkey", expected=range_vkey_hash.hex(), actual=given.range_vkey_commitment
        )
    if len(stdin.proofs) != len(given.boot_infos):
        raise ProgramInputError(
            "range proofs", expected=len(given.boot_infos), actual=len(stdin.proofs)
        )
    for index, claim in enumerate(given.boot_infos):
        expected = simulated_recursion_proof(Hash32(range_vkey_hash), claim.encode())
        if stdin.proofs[index][0] != expected:
            raise ProgramInputError(f"range proof {index}", expected=claim, actual="another's")
    outputs: AggregationOutputs = run_aggregation(given)
    proof = simulated_aggregation(
        outputs, aggregation_vkey=Hash32(aggregation_vkey), is_groth16=is_groth16
    )
    cycles = estimate_cycles(len(given.boot_infos))
    return Proved(
        proof=proof.encode(), public_values=proof.public_values, cycles=cycles, gas=cycles
    )
