"""How the provers of a running devnet do, gathered from them and from the contracts."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.closing import AsyncClosing
from coprove.contracts.attestation import PoEContract, ProverRegistry
from coprove.devnet.accounts import DevAccounts
from coprove.devnet.l1 import L1_CHAIN_ID
from coprove.errors import CoproveError
from coprove.prover.tee.registrar import TeeProverClient, TeeProverClientOptions
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.attestation import PoERecorded
    from coprove.devnet.manifest import TeeManifest
    from coprove.devnet.tee.processes import ProverProcess
    from coprove.rpc import JsonRpcTransport

__all__ = ["TeeObserver", "TeeProverState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeeProverState:
    """A simulated prover at one moment."""

    name: str
    """Of its process."""
    platform: str
    """What it plays; empty while it does not answer."""
    prover: Address | None
    """Address of its key."""
    liveness: str
    """What the registry says of the key, in lower case; `not answering` when it is not there."""
    claims: int
    """Claims of its operator that are recorded on L1, earlier keys' included."""
    latest: int | None
    """Claimed block of the latest."""


class TeeObserver(AsyncClosing):
    """Looks at provers and contracts; what does not answer is said to be so."""

    def __init__(
        self, transport: JsonRpcTransport, manifest: TeeManifest, provers: Sequence[ProverProcess]
    ) -> None:
        """`transport` is the L1's, and stays the caller's to close."""
        self._registry = ProverRegistry(transport, Address.from_hex(manifest.registry))
        poe_verifier = Address.from_hex(manifest.poe_verifier)
        self._poes = PoEContract(transport, poe_verifier, chain_id=L1_CHAIN_ID)
        self._provers = provers
        self._clients = [
            TeeProverClient(TeeProverClientOptions(url=prover.url, timeout=2.0))
            for prover in provers
        ]
        self._recorded: Sequence[PoERecorded] = ()

    async def close(self) -> None:
        """Close the connections to the provers."""
        for client in self._clients:
            await client.close()

    async def look(self) -> list[TeeProverState]:
        """Return how they do; never raises for a part that does not answer."""
        with suppress(CoproveError):
            self._recorded = await self._poes.recorded(first=0)
        claims: defaultdict[Address, list[int]] = defaultdict(list)
        for item in self._recorded:
            claims[item.operator].append(item.poe.l2_post_block)
        return await asyncio.gather(
            *(
                self._look(prover, client, claims)
                for prover, client in zip(self._provers, self._clients, strict=True)
            )
        )

    async def _look(
        self, prover: ProverProcess, client: TeeProverClient, claims: dict[Address, list[int]]
    ) -> TeeProverState:
        operator = Address.from_hex(DevAccounts().account(prover.account).address.lower())
        blocks = claims.get(operator, [])
        platform, address, liveness = "", None, "not answering"
        with suppress(CoproveError):
            identity = await client.identity()
            platform, address = identity.platform.value, identity.address
            liveness = (await self._registry.liveness(identity.address)).liveness.name.lower()
        return TeeProverState(
            name=prover.name,
            platform=platform,
            prover=address,
            liveness=liveness.replace("_", " "),
            claims=len(blocks),
            latest=max(blocks, default=None),
        )
