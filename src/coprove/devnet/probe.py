"""Readiness probes of the devnet's own processes."""

from __future__ import annotations

import aiohttp

__all__ = ["is_healthy"]


async def is_healthy(port: int, path: str = "/healthz") -> bool:
    """Whether the service on this loopback port answers its health check with 200."""
    timeout = aiohttp.ClientTimeout(total=2.0)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
