"""Jobs of the local backends on disk, so that a restart loses none."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from coprove.errors import InputError
from coprove.program import AggregationInput
from coprove.prover.backend import AggregationJob, Execution, Fulfillment, ProofCost, RangeJob
from coprove.prover.errors import ProofFormatError
from coprove.types import Address, BootInfo, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["JobFolder", "LocalJob", "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJob:
    """What a local backend has to do; either a range or an aggregation."""

    key: str
    """Idempotency key of the job."""
    input_path: Path | None
    """A range's encoded input; None for an aggregation."""
    boot_info: BootInfo | None
    """A range's claim; None for an aggregation."""
    aggregation: AggregationInput | None
    """An aggregation's input; None for a range."""

    @classmethod
    def of(cls, job: RangeJob | AggregationJob) -> Self:
        """Keep of a job what running it takes."""
        if isinstance(job, RangeJob):
            return cls(
                key=job.key, input_path=job.input_path, boot_info=job.boot_info, aggregation=None
            )
        return cls(key=job.key, input_path=None, boot_info=None, aggregation=job.given)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        if self.aggregation is None:
            claim = b"" if self.boot_info is None else self.boot_info.encode()
            return {"key": self.key, "input": str(self.input_path), "boot_info": claim.hex()}
        given = self.aggregation
        prover = given.prover_address
        return {
            "key": self.key,
            "boot_infos": [item.encode().hex() for item in given.boot_infos],
            "l1_headers": [item.hex() for item in given.l1_headers],
            "checkpoint": given.checkpoint_l1_head.hex(),
            "range_vkey_commitment": given.range_vkey_commitment.hex(),
            "prover_address": None if prover is None else prover.hex(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; ProofFormatError for anything else."""
        try:
            if "input" in values:
                return cls(
                    key=values["key"],
                    input_path=Path(values["input"]),
                    boot_info=BootInfo.decode(bytes.fromhex(values["boot_info"])),
                    aggregation=None,
                )
            prover = values["prover_address"]
            aggregation = AggregationInput(
                boot_infos=tuple(
                    BootInfo.decode(bytes.fromhex(item)) for item in values["boot_infos"]
                ),
                l1_headers=tuple(map(bytes.fromhex, values["l1_headers"])),
                checkpoint_l1_head=Hash32(bytes.fromhex(values["checkpoint"])),
                range_vkey_commitment=Hash32(bytes.fromhex(values["range_vkey_commitment"])),
                prover_address=None if prover is None else Address(bytes.fromhex(prover)),
            )
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise ProofFormatError("stored job", expected="its values", actual=error) from error
        return cls(key=values["key"], input_path=None, boot_info=None, aggregation=aggregation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a local job ended."""

    fulfillment: Fulfillment
    """A final state."""
    execution: Execution
    """How the execution ended."""
    cost: ProofCost | None
    """What it took."""
    reason: str | None
    """Why there is no proof."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "fulfillment": int(self.fulfillment),
            "execution": int(self.execution),
            "cost": None if self.cost is None else asdict(self.cost),
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; ProofFormatError for anything else."""
        try:
            cost = values["cost"]
            return cls(
                fulfillment=Fulfillment(values["fulfillment"]),
                execution=Execution(values["execution"]),
                cost=None if cost is None else ProofCost(**cost),
                reason=values["reason"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProofFormatError("stored outcome", expected="its values", actual=error) from error


class JobFolder:
    """A folder of jobs: for each its description, then its proof if there is one, its outcome.

    Every file is complete or absent, and the outcome comes last.
    """

    def __init__(self, path: Path) -> None:
        """Make the folder where there is none."""
        self._path = path
        path.mkdir(parents=True, exist_ok=True)

    def add(self, proof_id: bytes, job: LocalJob) -> None:
        """Store a job; nothing changes when it is there already."""
        if not self._file(proof_id, "job").exists():
            self._write(proof_id, "job", json.dumps(job.to_json()).encode())

    def job(self, proof_id: bytes) -> LocalJob | None:
        """Return a stored job."""
        values = self._json(proof_id, "job")
        return None if values is None else LocalJob.from_json(values)

    def finish(self, proof_id: bytes, outcome: Outcome, proof: bytes | None) -> None:
        """Store how a job ended; the first end of a job stands."""
        if self._file(proof_id, "end").exists():
            return
        if proof is not None:
            self._write(proof_id, "proof", proof)
        self._write(proof_id, "end", json.dumps(outcome.to_json()).encode())

    def outcome(self, proof_id: bytes) -> Outcome | None:
        """Return how a job ended, None as long as it has not."""
        values = self._json(proof_id, "end")
        return None if values is None else Outcome.from_json(values)

    def proof(self, proof_id: bytes) -> bytes | None:
        """Return the bytes of a proof."""
        return self._read(proof_id, "proof")

    def _file(self, proof_id: bytes, kind: str) -> Path:
        return self._path / f"{proof_id.hex()}.{kind}"

    def _read(self, proof_id: bytes, kind: str) -> bytes | None:
        try:
            return self._file(proof_id, kind).read_bytes()
        except FileNotFoundError:
            return None

    def _json(self, proof_id: bytes, kind: str) -> dict[str, Any] | None:
        data = self._read(proof_id, kind)
        if data is None:
            return None
        try:
            values = json.loads(data)
        except ValueError as error:
            raise ProofFormatError(f"stored {kind}", expected="JSON", actual=error) from error
        if not isinstance(values, dict):
            raise ProofFormatError(f"stored {kind}", expected="an object", actual=type(values))
        return values

    def _write(self, proof_id: bytes, kind: str, data: bytes) -> None:
        path = self._file(proof_id, kind)
        part = path.with_suffix(f".{kind}.part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
