"""The bodies of proof requests: what is asked for, on the base network and on the auction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.prover.errors import ProofRefusedError
from coprove.prover.zk.network.options import Strategy
from coprove.prover.zk.proto import network_pb2

if TYPE_CHECKING:
    from coprove.prover.zk.network.channel import NetworkChannel
    from coprove.prover.zk.network.options import NetworkOptions
    from coprove.types import Hash32

__all__ = ["make_body", "proof_mode"]

_STRATEGIES: Final = {
    Strategy.HOSTED: network_pb2.FulfillmentStrategy.HOSTED,
    Strategy.RESERVED: network_pb2.FulfillmentStrategy.RESERVED,
    Strategy.AUCTION: network_pb2.FulfillmentStrategy.AUCTION,
}


def proof_mode(options: NetworkOptions, *, is_range: bool) -> network_pb2.ProofMode:
    """Return the form of a proof: compressed for ranges, wrapped for contracts otherwise."""
    if is_range:
        return network_pb2.ProofMode.COMPRESSED
    return network_pb2.ProofMode.PLONK if options.use_plonk else network_pb2.ProofMode.GROTH16


async def make_body(
    options: NetworkOptions,
    channel: NetworkChannel,
    *,
    nonce: int,
    vkey_hash: Hash32,
    is_range: bool,
    stdin_uri: str,
    now: int,
) -> network_pb2.RequestProofRequestBody:
    """Return a body whose deadline is the proving timeout after `now` (Unix seconds).

    Mode, strategy and limits are those of range proofs, or of aggregation proofs. On the auction
    the network is asked for its parties; what they get per unit is bounded by the options alone.
    Raises ProofRefusedError when the network names no base fee.
    """
    limits = options.range_limits if is_range else options.aggregation_limits
    mode = proof_mode(options, is_range=is_range)
    body = network_pb2.RequestProofRequestBody(
        nonce=nonce,
        vk_hash=vkey_hash,
        version=f"sp1-{options.version}",
        mode=mode,
        strategy=_STRATEGIES[options.strategy_of(is_range=is_range)],
        stdin_uri=stdin_uri,
        deadline=now + options.proving_timeout,
        cycle_limit=limits.cycles,
        gas_limit=limits.gas,
        min_auction_period=options.min_auction_period,
        whitelist=options.whitelist,
    )
    if not options.is_auction:
        return body
    terms = await channel.ask(
        "GetProofRequestParams",
        network_pb2.GetProofRequestParamsRequest(mode=mode),
        network_pb2.GetProofRequestParamsResponse,
    )
    if not terms.base_fee.isdecimal():
        raise ProofRefusedError(f"the network's base fee is no number: {terms.base_fee[:40]!r}")
    if not options.whitelist:
        provers = await channel.ask(
            "GetProversByUptime",
            network_pb2.GetProversByUptimeRequest(),
            network_pb2.GetProversByUptimeResponse,
        )
        body.whitelist.extend(provers.provers)
    body.domain = terms.domain
    body.auctioneer = terms.auctioneer
    body.executor = terms.executor
    body.verifier = terms.verifier
    body.treasury = terms.treasury
    body.base_fee = terms.base_fee
    body.max_price_per_pgu = str(options.max_price_per_pgu)
    return body
