"""Signed evidence against operators, in the shape of the arguments of `AvsSlasher`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from coprove.contracts.avs import StateHeader
from coprove.contracts.avs.slashing import (
    SignedState,
    SigningKey,
    slash_contradiction_call,
    slash_equivocation_call,
)
from coprove.errors import InputError
from coprove.storage import AvsEvidenceKind, StoredEvidence
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.aggregator.protocols import OperatorRecord
    from coprove.avs.aggregator.rounds import Accepted, Round
    from coprove.avs.bls import PublicKey, Signature
    from coprove.avs.tasks import AvsTask
    from coprove.contracts.settlement import ContractCall
    from coprove.types import Address

__all__ = ["contradictions", "equivocation", "slashing_call"]


def equivocation(
    operator: OperatorRecord,
    *,
    first: tuple[AvsTask, Accepted],
    second: tuple[AvsTask, bytes, Signature],
    now: float,
) -> StoredEvidence:
    """Return the arguments of `slashEquivocation`: two states of one range and L1 head.

    Both signatures were verified: what is not a signature is no evidence, and a stranger could
    make it up. The tasks are the same, or the same range issued again with another reference block.
    """
    first_task, accepted = first
    second_task, state, signature = second
    body: dict[str, object] = {
        "committeeId": str(first_task.draft.committee_id),
        "metadata": _hex(first_task.draft.metadata.encode()),
        "first": _signed_state(accepted.state, first_task.reference_block, accepted.signature),
        "second": _signed_state(state, second_task.reference_block, signature),
        "signer": _signer(operator.key),
    }
    return _stored(first_task.key, operator.operator_id, AvsEvidenceKind.EQUIVOCATION, body, now)


def contradictions(
    found: Round, header: StateHeader, non_signers: Sequence[Hash32], *, now: float
) -> list[StoredEvidence]:
    """Return the arguments of `slashContradiction` for each that signed another state.

    The checks let one batch hash in for a task, so all of its states are of one range and L1 head.
    """
    records = found.operators.operators if found.operators is not None else {}
    shown = {
        "committeeId": str(header.committee_id),
        "metadata": _hex(header.metadata),
        "state": _hex(header.state),
        "quorumNumbers": _hex(bytes(header.quorum_numbers)),
        "quorumThresholdPercentages": _hex(bytes(header.thresholds)),
        "referenceBlockNumber": header.reference_block,
    }
    evidence = []
    for one in found.accepted.values():
        if one.state == header.state or one.operator_id not in records:
            continue
        body: dict[str, object] = {
            "header": shown,
            "nonSigners": [operator_id.hex0x for operator_id in non_signers],
            "other": _signed_state(one.state, header.reference_block, one.signature),
            "signer": _signer(records[one.operator_id].key),
        }
        evidence.append(
            _stored(found.task.key, one.operator_id, AvsEvidenceKind.CONTRADICTS_QUORUM, body, now)
        )
    return evidence


def slashing_call(slasher: Address, evidence: StoredEvidence) -> ContractCall:
    """Return the call that brings evidence to the slasher; InputError when it is damaged."""
    try:
        body = json.loads(evidence.body)
        key = SigningKey(g1=_read_g1(body["signer"]["g1"]), g2=_read_g2(body["signer"]["g2"]))
        if evidence.kind is AvsEvidenceKind.EQUIVOCATION:
            return slash_equivocation_call(
                slasher,
                committee_id=int(body["committeeId"]),
                metadata=_read_hex(body["metadata"]),
                first=_read_state(body["first"]),
                second=_read_state(body["second"]),
                key=key,
            )
        header = body["header"]
        return slash_contradiction_call(
            slasher,
            confirmed=StateHeader(
                committee_id=int(header["committeeId"]),
                metadata=_read_hex(header["metadata"]),
                state=_read_hex(header["state"]),
                quorum_numbers=tuple(_read_hex(header["quorumNumbers"])),
                thresholds=tuple(_read_hex(header["quorumThresholdPercentages"])),
                reference_block=header["referenceBlockNumber"],
            ),
            non_signers=[Hash32(_read_hex(one)) for one in body["nonSigners"]],
            other=_read_state(body["other"]),
            key=key,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("evidence", expected="as it was stored", actual=str(error)) from error


def _read_state(values: Any) -> SignedState:
    return SignedState(
        state=_read_hex(values["state"]),
        reference_block=values["referenceBlockNumber"],
        signature=_read_g1(values["signature"]),
    )


def _read_g1(point: Any) -> tuple[int, int]:
    return int(point["X"]), int(point["Y"])


def _read_g2(point: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    (x_imaginary, x_real), (y_imaginary, y_real) = point["X"], point["Y"]
    return (int(x_imaginary), int(x_real)), (int(y_imaginary), int(y_real))


def _read_hex(text: Any) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _signed_state(state: bytes, reference_block: int, signature: Signature) -> dict[str, object]:
    return {
        "state": _hex(state),
        "referenceBlockNumber": reference_block,
        "signature": _g1(signature.point.coordinates),
    }


def _signer(key: PublicKey) -> dict[str, object]:
    x, y = key.g2.coordinates
    return {
        "g1": _g1(key.g1.coordinates),
        # Imaginary part first, as BN254.G2Point has them.
        "g2": {"X": [str(part) for part in x], "Y": [str(part) for part in y]},
    }


def _g1(point: tuple[int, int]) -> dict[str, str]:
    x, y = point
    return {"X": str(x), "Y": str(y)}


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _stored(
    key: Hash32, operator_id: Hash32, kind: AvsEvidenceKind, body: dict[str, object], now: float
) -> StoredEvidence:
    return StoredEvidence(
        key=key, operator_id=operator_id, kind=kind, body=json.dumps(body), created_at=now
    )
