"""One protocol for whatever gives the inputs behind commitments, and what can be put before it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from coprove.da.commitments import (
    MAX_INPUT_SIZE,
    GenericCommitment,
    KeccakCommitment,
    commitment_of,
)
from coprove.da.errors import CommitmentError, InputDroppedError
from coprove.errors import CoproveError, InputError, Temporary
from coprove.rpc.errors import NotYetAvailableError, RequestRefusedError, ResponseTooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.da.commitments import Commitment
    from coprove.rpc import DiskCache
    from coprove.types import L1BlockRef

__all__ = ["CachedInputs", "FailoverInputs", "InputSource", "LayeredInputs", "batch_data"]


class InputSource(Protocol):
    """Gives inputs by their commitments."""

    @property
    def name(self) -> str:
        """The redacted address, or addresses, for messages."""

    async def fetch(self, commitment: Commitment, included_at: L1BlockRef) -> bytes:
        """Return the input, checked as far as the commitment allows.

        `included_at` is the L1 block that holds the commitment: layers refuse certificates that
        were posted too late. Raises NotYetAvailableError when the input is not there,
        InputDroppedError when there will never be one, WrongDataError for another one.
        """

    async def close(self) -> None:
        """Close the connections."""


class FailoverInputs:
    """Several sources of one layer: what one lacks or gets wrong, the next one is asked for."""

    def __init__(self, sources: Sequence[InputSource]) -> None:
        """In order of preference; they are closed with this. InputError for none."""
        if not sources:
            raise InputError("DA servers", expected="at least one", actual="none")
        self._sources = tuple(sources)

    @property
    def name(self) -> str:
        """See InputSource."""
        return ", ".join(source.name for source in self._sources)

    async def fetch(self, commitment: Commitment, included_at: L1BlockRef) -> bytes:
        """See InputSource; that an input is dropped is the answer only when no source has it."""
        failures: list[CoproveError] = []
        for source in self._sources:
            try:
                return await source.fetch(commitment, included_at)
            except (Temporary, InputError, RequestRefusedError, ResponseTooLargeError) as failure:
                failures.append(failure)
        failures.sort(key=_certainty)
        raise failures[0]

    async def close(self) -> None:
        """See InputSource."""
        for source in self._sources:
            await source.close()


class LayeredInputs:
    """A source for each DA layer: a commitment tells which one is asked."""

    def __init__(
        self, by_layer: Mapping[int, InputSource], others: InputSource | None = None
    ) -> None:
        """`by_layer` has sources by the layer byte of generic commitments; `others` serves keccak
        commitments and every other layer. All are closed with this.
        """
        self._by_layer, self._others = dict(by_layer), others

    @property
    def name(self) -> str:
        """See InputSource."""
        return ", ".join(source.name for source in self._sources())

    async def fetch(self, commitment: Commitment, included_at: L1BlockRef) -> bytes:
        """See InputSource; InputError for a layer that has no source."""
        source = self._others
        if isinstance(commitment, GenericCommitment):
            source = self._by_layer.get(commitment.layer, source)
        if source is None:
            raise InputError("DA server", expected="one for this commitment", actual="none")
        return await source.fetch(commitment, included_at)

    async def close(self) -> None:
        """See InputSource."""
        for source in self._sources():
            await source.close()

    def _sources(self) -> list[InputSource]:
        return [*self._by_layer.values(), *([] if self._others is None else [self._others])]


class CachedInputs:
    """A source with the disk before it. Only what its own hash proves is kept there."""

    def __init__(self, source: InputSource, disk: DiskCache) -> None:
        """The source is closed with this."""
        self._source = source
        self._disk = disk

    @property
    def name(self) -> str:
        """See InputSource."""
        return self._source.name

    async def fetch(self, commitment: Commitment, included_at: L1BlockRef) -> bytes:
        """See InputSource."""
        if not isinstance(commitment, KeccakCommitment):
            return await self._source.fetch(commitment, included_at)
        name = commitment.hash.hex()
        found = await asyncio.to_thread(self._load, commitment)
        if found is None:
            async with self._disk.flight([name]):
                found = await asyncio.to_thread(self._load, commitment)
                if found is None:
                    found = await self._source.fetch(commitment, included_at)
                    await asyncio.to_thread(self._disk.store, "input", name, found)
        return found

    async def close(self) -> None:
        """See InputSource."""
        await self._source.close()

    def _load(self, commitment: KeccakCommitment) -> bytes | None:
        def read(content: bytes) -> bytes:
            commitment.check(content, "the cache")
            return content

        return self._disk.load("input", commitment.hash.hex(), read)


async def batch_data(source: InputSource, data: bytes, included_at: L1BlockRef) -> bytes | None:
    """Return what derivation reads for a batcher transaction with this data.

    That is `data` itself, or the input that it commits to; None where derivation passes over it: a
    commitment that is none, leads nowhere for ever, or to an input that is too long to be
    challenged. Other errors are those of `InputSource.fetch`.
    """
    try:
        commitment = commitment_of(data)
        if commitment is None:
            return data
        found = await source.fetch(commitment, included_at)
    except (CommitmentError, InputDroppedError):
        return None
    if isinstance(commitment, KeccakCommitment) and len(found) > MAX_INPUT_SIZE:
        return None
    return found


def _certainty(failure: CoproveError) -> int:
    """Rank failures: one that may pass is told before one that says that nothing is there."""
    if isinstance(failure, InputDroppedError):
        return 2
    return 1 if isinstance(failure, NotYetAvailableError) else 0
