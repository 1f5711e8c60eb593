"""A simulated enclave that signs what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web

from coprove.closing import AsyncClosing
from coprove.prover.tee.enclave import Enclave
from coprove.prover.tee.host import TeeProver
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.prover.tee.host import TeeProverOptions

__all__ = ["LyingEnclave", "LyingProver", "LyingSigner"]

_DIGEST_BYTES = 32


class LyingEnclave(Enclave):
    """Attests and proves as any other, and lends its key to its operator."""

    def sign_anything(self, digest: Hash32) -> bytes:
        """Return r, s, v over any digest, as no real enclave would."""
        return self._key.sign(digest)


class LyingProver(AsyncClosing):
    """The prover's service with another beside it that signs digests; both on loopback."""

    def __init__(self, options: TeeProverOptions, enclave: LyingEnclave, *, port: int) -> None:
        """Listen for digests at `port`."""
        self._prover, self._enclave, self._port = TeeProver(options, enclave), enclave, port
        app = web.Application(client_max_size=64)
        app.router.add_post("/", self._sign)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        """Listen at both."""
        await self._prover.__aenter__()
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def close(self) -> None:
        """Stop both."""
        await self._runner.cleanup()
        await self._prover.close()

    async def wait(self) -> None:
        """Return when the prover has ended."""
        await self._prover.wait()

    async def _sign(self, request: web.Request) -> web.Response:
        digest = await request.read()
        if len(digest) != _DIGEST_BYTES:
            raise web.HTTPUnprocessableEntity(text="a digest has 32 bytes")
        return web.Response(body=self._enclave.sign_anything(Hash32(digest)))


class LyingSigner(AsyncClosing):
    """Asks a LyingProver for signatures. Errors: those of aiohttp."""

    def __init__(self, url: str) -> None:
        """Nothing is opened yet."""
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def sign(self, digest: Hash32) -> bytes:
        """Return the prover's r, s, v over a digest."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0))
        async with self._session.post(self._url, data=bytes(digest)) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
