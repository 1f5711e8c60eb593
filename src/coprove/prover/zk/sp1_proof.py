"""Proofs as SP1's SDK saves and the prover network gives them, decoded as far as we need them.

`SP1ProofWithPublicValues` is bincode of an enum (core, compressed, plonk, groth16), the public
values, the version of the circuits, and for a proof that was saved one optional attestation more.
Source: sp1, crates/sdk/src/proof.rs and crates/verifier/src/proof.rs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from coprove.prover.errors import ProofFormatError
from coprove.prover.zk.bincode import Reader, pack_bytes, pack_string, pack_u32
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CompressedProof", "OnchainProof"]

_COMPRESSED: Final = 1
_PLONK: Final = 2
_GROTH16: Final = 3
_PUBLIC_INPUTS: Final = (5, 2)
"""Public inputs of a wrapped proof: five from v6 on, two before."""
_LONGEST_VERSION: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedProof:
    """A proof that another program can verify: the form of range proofs."""

    recursion_proof: bytes
    """bincode of `SP1RecursionProof`, not looked into."""
    public_values: bytes
    """What the program committed to."""
    version: str
    """Version of the circuits, "v6.1.0"."""

    def encode(self) -> bytes:
        """Return the form of the prover network, without an attestation."""
        return b"".join(
            (
                pack_u32(_COMPRESSED),
                self.recursion_proof,
                pack_bytes(self.public_values),
                pack_string(self.version),
            )
        )

    @classmethod
    def decode(cls, data: bytes, *, public_values: bytes) -> Self:
        """Read a proof that must make the claim `public_values`; ProofFormatError otherwise.

        The proof itself has no length before it, so what follows it is found by the claim.
        """
        if data[:4] != pack_u32(_COMPRESSED):
            raise ProofFormatError("proof", expected="a compressed one", actual=data[:4].hex())
        for at in _positions(data, pack_bytes(public_values)):
            version = _tail(data[at + 8 + len(public_values) :])
            if version is not None:
                return cls(recursion_proof=data[4:at], public_values=public_values, version=version)
        raise ProofFormatError(
            "public values of a compressed proof",
            expected=f"0x{public_values.hex()}",
            actual=f"others at the end, 0x{data[-min(len(data), 64) :].hex()}",
        )

    @classmethod
    def decode_any(cls, data: bytes, *, size: int) -> Self:
        """Read a proof whose public values have `size` bytes, whatever it claims."""
        for at in _whole_tails(data, size):
            if _tail(data[at + 8 + size :]) is not None:
                return cls.decode(data, public_values=data[at + 8 : at + 8 + size])
        raise ProofFormatError(
            "compressed proof", expected=f"{size} bytes of public values", actual="none"
        )


def _whole_tails(data: bytes, size: int) -> Iterator[int]:
    """Yield where public values of `size` bytes may stand, from the end of the proof back."""
    for attested in (0, 1):
        for version in range(1, _LONGEST_VERSION + 1):
            at = len(data) - attested - version - 16 - size
            if at >= 4 and data[at : at + 8] == pack_bytes(bytes(size))[:8]:
                yield at


def _positions(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.rfind(wanted, 4)
    while at >= 4:
        yield at
        at = data.rfind(wanted, 4, at + len(wanted) - 1)


def _tail(data: bytes) -> str | None:
    """Return the version when `data` is a version and perhaps an attestation, else None."""
    reader = Reader(data)
    try:
        size = reader.u64("version")
        if not 0 < size <= _LONGEST_VERSION:
            return None
        version = reader.take(size, "version")
        if reader.left and reader.take(1, "attestation") == b"\x01":
            reader.vector("attestation")
        reader.finish("proof")
        return version.decode("ascii")
    except (ProofFormatError, UnicodeDecodeError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnchainProof:
    """A proof wrapped for contracts, Groth16 or PLONK: the form of aggregation proofs."""

    is_groth16: bool
    """Groth16, else PLONK."""
    public_inputs: tuple[str, ...]
    """Inputs of the wrapper's circuit, decimal."""
    proof: bytes
    """What the verifier contract checks; empty in the mock proofs of SP1's own SDK."""
    raw_proof: str
    """The same in gnark's form, hex."""
    verifier_hash: Hash32
    """Hash of the wrapper's verification key; its first four bytes choose the contract."""
    public_values: bytes
    """What the program committed to."""
    version: str
    """Version of the circuits."""
    attestation: bytes | None = None
    """Signature of a proving enclave, when it was asked for."""

    def onchain_bytes(self) -> bytes:
        """Return the bytes for SP1's verifier gateway; none for a mock proof of SP1's SDK."""
        if not self.proof:
            return b""
        return (self.attestation or b"") + self.verifier_hash[:4] + self.proof

    def encode(self) -> bytes:
        """Return the form of the prover network, without the attestation."""
        return b"".join(
            (
                pack_u32(_GROTH16 if self.is_groth16 else _PLONK),
                *map(pack_string, self.public_inputs),
                pack_string(self.proof.hex()),
                pack_string(self.raw_proof),
                self.verifier_hash,
                pack_bytes(self.public_values),
                pack_string(self.version),
            )
        )

    @classmethod
    def decode(cls, data: bytes, *, public_values: bytes | None = None) -> Self:
        """Read a proof that must make the claim `public_values`; ProofFormatError otherwise.

        Without `public_values` any claim will do.
        """
        variant = int.from_bytes(data[:4], "little")
        if variant not in (_PLONK, _GROTH16):
            raise ProofFormatError("proof", expected="Groth16 or PLONK", actual=data[:4].hex())
        failure: ProofFormatError | None = None
        for count in _PUBLIC_INPUTS:
            try:
                found = cls._read(data, count, is_groth16=variant == _GROTH16)
            except ProofFormatError as error:
                failure = failure or error
                continue
            if public_values is not None and found.public_values != public_values:
                raise ProofFormatError(
                    "public values of a wrapped proof",
                    expected=f"0x{public_values.hex()}",
                    actual=f"0x{found.public_values.hex()}",
                )
            return found
        raise failure or ProofFormatError("proof", expected="bincode", actual="none")

    @classmethod
    def _read(cls, data: bytes, count: int, *, is_groth16: bool) -> Self:
        reader = Reader(data[4:])
        inputs = tuple(reader.string(f"public input {index}") for index in range(count))
        encoded = reader.string("encoded proof")
        raw = reader.string("raw proof")
        verifier = Hash32(reader.take(32, "verifier hash"))
        values = reader.vector("public values")
        version = reader.string("version")
        attestation = None
        if reader.left and reader.take(1, "attestation") == b"\x01":
            attestation = reader.vector("attestation")
        reader.finish("proof")
        try:
            proof = bytes.fromhex(encoded)
        except ValueError:
            raise ProofFormatError("encoded proof", expected="hex", actual=encoded) from None
        return cls(
            is_groth16=is_groth16,
            public_inputs=inputs,
            proof=proof,
            raw_proof=raw,
            verifier_hash=verifier,
            public_values=values,
            version=version,
            attestation=attestation,
        )
