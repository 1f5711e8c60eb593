"""Artifacts: uploads to presigned URLs, streamed from disk, and bounded downloads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp

from coprove.prover.errors import (
    NetworkRefusedError,
    ProofFormatError,
    ProverUnavailableError,
)
from coprove.prover.zk.network.options import is_loopback_url
from coprove.prover.zk.proto import artifact_pb2

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.prover.zk.network.channel import NetworkChannel
    from coprove.prover.zk.network.options import NetworkOptions
    from coprove.prover.zk.network.signing import NetworkSigner

__all__ = ["CREATE_ARTIFACT", "ArtifactStore"]

CREATE_ARTIFACT: Final = b"create_artifact"
"""What is signed to create an artifact."""
_CHUNK: Final = 1 << 20


class ArtifactStore:
    """The network's artifacts. Nothing here costs money: everything is repeated when it fails."""

    def __init__(
        self, channel: NetworkChannel, signer: NetworkSigner, options: NetworkOptions
    ) -> None:
        """HTTP connections are opened with the first transfer."""
        self._channel, self._signer, self._options = channel, signer, options
        self._session: aiohttp.ClientSession | None = None

    async def upload(self, kind: artifact_pb2.ArtifactType, path: Path) -> str:
        """Create an artifact with the content of a file; return its URI.

        Raises ProverUnavailableError when it does not succeed in time, NetworkRefusedError when
        the store does not want it.
        """
        created = await self._channel.ask(
            "CreateArtifact",
            artifact_pb2.CreateArtifactRequest(
                signature=await self._signer.sign(CREATE_ARTIFACT), artifact_type=kind
            ),
            artifact_pb2.CreateArtifactResponse,
        )
        url = _checked(created.artifact_presigned_url)
        await self._channel.retrying("upload", lambda: self._put(url, path))
        return created.artifact_uri

    async def download(self, uri: str, *, limit: int) -> bytes:
        """Return an artifact's content; ProofFormatError when it is longer than `limit` bytes."""
        url = _checked(uri)
        return await self._channel.retrying("download", lambda: self._get(url, limit))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _put(self, url: str, path: Path) -> None:
        size = (await asyncio.to_thread(path.stat)).st_size
        # aiohttp streams an open file; the length is known, as presigned URLs want it.
        file = await asyncio.to_thread(path.open, "rb")
        with file:
            try:
                async with self._http().put(
                    url, data=file, headers={"Content-Length": str(size)}
                ) as answer:
                    _check_status("upload", answer.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise ProverUnavailableError(f"upload: {type(error).__name__}") from None

    async def _get(self, url: str, limit: int) -> bytes:
        content = bytearray()
        try:
            async with self._http().get(url) as answer:
                _check_status("download", answer.status)
                async for piece in answer.content.iter_chunked(_CHUNK):
                    content += piece
                    if len(content) > limit:
                        raise ProofFormatError(
                            "artifact", expected=f"at most {limit} bytes", actual="more"
                        )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProverUnavailableError(f"download: {type(error).__name__}") from None
        return bytes(content)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=self._options.transfer_timeout, connect=self._options.call_timeout
            )
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        return self._session


def _checked(url: str) -> str:
    """Return a URL to which content may go; it is a secret of its own, so errors show the host."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback_url(url)):
        return url
    raise ProofFormatError(
        "artifact URL",
        expected="https, or http on loopback",
        actual=f"{parts.scheme}://{parts.hostname}",
    )


def _check_status(what: str, status: int) -> None:
    if status < 300:
        return
    if 400 <= status < 500 and status not in (408, 425, 429):
        raise NetworkRefusedError(f"{what}: HTTP {status}", code=f"HTTP_{status}")
    raise ProverUnavailableError(f"{what}: HTTP {status}")
