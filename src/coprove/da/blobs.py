"""Blobs of EIP-4844 transactions: fetched from a beacon node and opened against their hashes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import CoproveError, InputError, Temporary
from coprove.primitives.kzg import KzgError, blob_commitment, verify_blobs, versioned_hash
from coprove.rpc.errors import (
    NotYetAvailableError,
    RequestRefusedError,
    ResponseTooLargeError,
    WrongDataError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc import BeaconClient, BeaconSource, BlobSidecar
    from coprove.types import Hash32, L1BlockRef

__all__ = ["Blob", "check_blobs", "fetch_blobs"]


_ATTEMPTS = 3
"""Times that all beacon nodes are asked for blobs which turn out wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A blob with its opening."""

    commitment: bytes
    """KZG commitment, 48 bytes; its hash is the versioned hash."""
    proof: bytes
    """KZG blob proof, 48 bytes."""
    data: bytes
    """The blob, 131,072 bytes."""


def check_blobs(blobs: Sequence[Blob], versioned_hashes: Sequence[bytes]) -> None:
    """Check that the blobs open to just these versioned hashes, in order.

    Raises WrongDataError for another hash, KzgError when the batch of proofs fails.
    """
    found = [versioned_hash(blob.commitment) for blob in blobs]
    if found != list(versioned_hashes):
        raise WrongDataError(
            "blobs",
            expected=f"versioned hashes {[item.hex() for item in versioned_hashes]}",
            actual=[item.hex() for item in found],
        )
    verify_blobs(
        [blob.data for blob in blobs],
        [blob.commitment for blob in blobs],
        [blob.proof for blob in blobs],
    )


async def fetch_blobs(
    beacon: BeaconSource, block: L1BlockRef, versioned_hashes: Sequence[Hash32]
) -> list[Blob]:
    """Return the blobs with these hashes, in order, from the slot of `block`; each is verified.

    What one beacon node lacks or gets wrong, the next one is asked for. Raises
    NotYetAvailableError when no node has the slot or all blobs of it, WrongDataError or KzgError
    when a blob is not what its hash commits to.
    """
    if not versioned_hashes:
        return []
    for left in range(_ATTEMPTS - 1, -1, -1):
        failures: list[CoproveError] = []
        for client in beacon.clients:
            try:
                blobs = await _fetch(client, block, versioned_hashes)
            except (Temporary, InputError, RequestRefusedError, ResponseTooLargeError) as failure:
                beacon.judge(client, failure)
                failures.append(failure)
                continue
            beacon.judge(client, None)
            return blobs
        # That a blob is not there is the answer only when every node says so.
        failures.sort(key=lambda failure: isinstance(failure, NotYetAvailableError))
        if not left or not isinstance(failures[0], InputError):
            raise failures[0]
    raise AssertionError("the loop returns or raises")


async def _fetch(
    client: BeaconClient, block: L1BlockRef, versioned_hashes: Sequence[Hash32]
) -> list[Blob]:
    slot = await client.slot_of(number=block.number, timestamp=block.timestamp)
    sidecars = await client.blobs(slot, versioned_hashes)
    return await asyncio.to_thread(_open, sidecars, versioned_hashes, f"slot {slot}, {client.name}")


def _open(
    sidecars: Sequence[BlobSidecar], versioned_hashes: Sequence[Hash32], where: str
) -> list[Blob]:
    """Pick the blobs by their hashes and verify them; compute openings that did not come."""
    wanted = set(versioned_hashes)
    by_hash: dict[bytes, Blob] = {}
    for sidecar in sidecars:
        if sidecar.commitment is None or sidecar.proof is None:
            commitment, proof = blob_commitment(sidecar.blob)
        else:
            commitment, proof = sidecar.commitment, sidecar.proof
        name = versioned_hash(commitment)
        if name in wanted:
            by_hash[name] = Blob(commitment=commitment, proof=proof, data=sidecar.blob)
    missing = [item for item in versioned_hashes if item not in by_hash]
    if missing:
        message = f"blob {missing[0]} of {where}"
        if len(sidecars) >= len(wanted):
            # As many blobs as asked for, yet other ones: the node lies, waiting does not help.
            raise WrongDataError(message, expected=str(missing[0]), actual="other blobs")
        raise NotYetAvailableError(f"{message}: the node does not have it")
    blobs = [by_hash[item] for item in versioned_hashes]
    try:
        check_blobs(blobs, versioned_hashes)
    except KzgError:
        # Nodes that rebuild sidecars from data columns may serve proofs of another kind: a blob
        # whose own commitment is right is right.
        blobs = [_reopen(blob, where) for blob in blobs]
        check_blobs(blobs, versioned_hashes)
    return blobs


def _reopen(blob: Blob, where: str) -> Blob:
    commitment, proof = blob_commitment(blob.data)
    if commitment != blob.commitment:
        raise WrongDataError(
            f"blob of {where}", expected=blob.commitment.hex(), actual=commitment.hex()
        )
    return Blob(commitment=commitment, proof=proof, data=blob.data)
