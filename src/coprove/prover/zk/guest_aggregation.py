"""The aggregation guest's input: claims, headers and the range proofs that it verifies.

The first buffer is bincode of `AggregationInputs {boot_infos, latest_l1_checkpoint_head,
multi_block_vkey: [u32; 8], prover_address}`, the second CBOR of the L1 headers. op-succinct 1 had
no prover address. Source: op-succinct, utils/client/src/types.rs and programs/aggregation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.errors import InputError
from coprove.primitives.guest import headers_from_cbor, headers_to_cbor
from coprove.program import AggregationInput
from coprove.prover.errors import GuestInputError, ProofFormatError
from coprove.prover.zk.bincode import Reader, pack_u64
from coprove.prover.zk.sp1_proof import CompressedProof
from coprove.prover.zk.stdin import Stdin
from coprove.types import Address, BootInfo, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["aggregation_stdin", "read_aggregation_stdin"]

_BOOT_INFO_SIZE: Final = 136


def aggregation_stdin(
    given: AggregationInput, subproofs: Sequence[bytes], *, range_vkey: bytes
) -> Stdin:
    """Return the guest's input for compressed range proofs in the network's form.

    `range_vkey` is the range program's verification key in bincode. Raises ProofFormatError when
    a proof makes another claim than its boot info, GuestInputError when their numbers differ.
    """
    if len(subproofs) != len(given.boot_infos):
        raise GuestInputError("proofs", expected=len(given.boot_infos), actual=len(subproofs))
    proofs = tuple(
        (
            CompressedProof.decode(proof, public_values=claim.encode()).recursion_proof,
            range_vkey,
        )
        for claim, proof in zip(given.boot_infos, subproofs, strict=True)
    )
    inputs = b"".join(
        (
            pack_u64(len(given.boot_infos)),
            *(claim.encode() for claim in given.boot_infos),
            given.checkpoint_l1_head,
            _words(given.range_vkey_commitment),
            given.prover_address or b"",
        )
    )
    return Stdin(buffers=(inputs, headers_to_cbor(given.l1_headers)), proofs=proofs)


def read_aggregation_stdin(stdin: Stdin) -> AggregationInput:
    """Return what the guest reads; ProofFormatError names what is wrong."""
    if len(stdin.buffers) != 2:
        raise ProofFormatError("stdin buffers", expected=2, actual=len(stdin.buffers))
    inputs, cbor = stdin.buffers
    reader = Reader(inputs)
    count = reader.u64("boot infos")
    # One more than can be there: the failure then names the first that is lacking.
    claims = tuple(
        BootInfo.decode(reader.take(_BOOT_INFO_SIZE, f"boot info {index}"))
        for index in range(min(count, reader.left // _BOOT_INFO_SIZE + 1))
    )
    checkpoint = Hash32(reader.take(32, "checkpoint"))
    commitment = Hash32(_words(reader.take(32, "range vkey")))
    prover = Address(reader.take(20, "prover address")) if reader.left else None
    reader.finish("aggregation inputs")
    try:
        headers = headers_from_cbor(cbor)
    except InputError as error:
        raise ProofFormatError("L1 headers", expected="CBOR of headers", actual=error) from None
    return AggregationInput(
        boot_infos=claims,
        l1_headers=tuple(headers),
        checkpoint_l1_head=checkpoint,
        range_vkey_commitment=commitment,
        prover_address=prover,
    )


def _words(data: bytes) -> bytes:
    """Turn eight big-endian words into little-endian ones, or back."""
    return b"".join(data[at : at + 4][::-1] for at in range(0, 32, 4))
