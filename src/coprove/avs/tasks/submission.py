"""A signed state as an operator submits it: in the shape that operators of the AVS send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coprove.avs.tasks.fields import decimal_number, hex_bytes, hex_number, number, record
from coprove.contracts.avs.headers import ReducedStateHeader
from coprove.errors import InputError
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_STATE_BYTES", "Submission"]

MAX_STATE_BYTES: Final = 1024
"""A PoE's JSON has 598."""
_MAX_METADATA_BYTES: Final = 128
_MAX_QUORUMS: Final = 192
_PROVER_SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What came; its fields have the right sizes and nothing is verified."""

    header: ReducedStateHeader
    """What the operator says it signed."""
    quorums: tuple[int, ...]
    """Quorums that the operator names; not signed."""
    thresholds: tuple[int, ...]
    """Percentages that it names; not signed."""
    signature: tuple[int, int]
    """X and Y of its BLS signature; whether they are a point, nobody has looked."""
    operator_id: Hash32
    """Who it says it is."""
    prover_signature: bytes
    """r, s, v of its prover over the digest of the state's five roots; 65 bytes."""

    def to_json(self) -> dict[str, object]:
        """Return the argument of `aggregator_submitTask`."""
        x, y = self.signature
        return {
            "Task": {
                "identifier": hex(self.header.committee_id),
                "metadata": f"0x{self.header.metadata.hex()}",
                "state": f"0x{self.header.state.hex()}",
                "quorum_numbers": f"0x{bytes(self.quorums).hex()}",
                "quorum_threshold_percentages": f"0x{bytes(self.thresholds).hex()}",
                "reference_blocknumber": self.header.reference_block,
            },
            "Signature": {"g1_point": {"X": str(x), "Y": str(y)}},
            "OperatorId": list(self.operator_id),
            "ProverSignature": f"0x{self.prover_signature.hex()}",
        }

    @classmethod
    def from_json(cls, value: object) -> Submission:
        """Read the argument of `aggregator_submitTask`; InputError names what is wrong in it."""
        values = record(value, "submission")
        task = record(values.get("Task"), "Task")
        signature = record(values.get("Signature"), "Signature")
        point = record(signature.get("g1_point"), "g1_point")
        quorums = hex_bytes(task, "quorum_numbers", at_most=_MAX_QUORUMS)
        return cls(
            header=ReducedStateHeader(
                committee_id=hex_number(task, "identifier", bits=256),
                metadata=hex_bytes(task, "metadata", at_most=_MAX_METADATA_BYTES),
                state=hex_bytes(task, "state", at_most=MAX_STATE_BYTES),
                reference_block=number(task, "reference_blocknumber", bits=32),
            ),
            quorums=tuple(quorums),
            thresholds=tuple(hex_bytes(task, "quorum_threshold_percentages", exactly=len(quorums))),
            signature=(decimal_number(point, "X"), decimal_number(point, "Y")),
            operator_id=_operator_id(values),
            prover_signature=hex_bytes(values, "ProverSignature", exactly=_PROVER_SIGNATURE_BYTES),
        )


def _operator_id(values: Mapping[str, object]) -> Hash32:
    """Go marshals a [32]byte as a list of numbers; hex is taken as well."""
    found: Any = values.get("OperatorId")
    if isinstance(found, str):
        return Hash32(hex_bytes(values, "OperatorId", exactly=Hash32.SIZE))
    right_size = isinstance(found, list) and len(found) == Hash32.SIZE
    if right_size and all(type(item) is int and 0 <= item < 256 for item in found):
        return Hash32(bytes(found))
    raise InputError("OperatorId", expected="32 numbers below 256", actual=found)
