"""An oracle's parameters read from a live chain, as op-succinct's fetch-l2oo-config does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.parameters import OracleFile, OracleParameters
from coprove.errors import InputError
from coprove.types import Address, RollupConfig

if TYPE_CHECKING:
    from coprove.rpc import RollupNodeClient
    from coprove.types import Hash32, L1ChainConfig

__all__ = ["PLONK_GATEWAY", "ChainParameters", "fetch_parameters", "live_config_hash"]

PLONK_GATEWAY: Final = Address.from_hex("0x3B6041173B80E77f038f3F2C0f9744f04837185e")
"""Succinct's SP1VerifierGateway for Plonk proofs: the same address on every supported chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainParameters:
    """What the chain cannot tell and an operator chooses."""

    aggregation_vkey: Hash32
    """Verification key of the aggregation program."""
    range_vkey_commitment: Hash32
    """Commitment to the verification key of the range program."""
    owner: Address
    """May change keys, roles and modes."""
    proposer: Address
    """First approved proposer; the zero address lets everyone propose."""
    challenger: Address
    """May delete outputs that are not final."""
    verifier: Address = PLONK_GATEWAY
    """SP1 verifier or gateway."""
    submission_interval: int = 10
    """Least number of L2 blocks from one output to the next."""
    finalization_period: int = 3600
    """Seconds until an output is final."""
    fallback_timeout: int = 14 * 24 * 3600
    """Seconds without an output after which everyone may propose."""
    starting_block: int | None = None
    """L2 block at which the list begins; None: the finalized one, a finalization period back."""


async def live_config_hash(
    node: RollupNodeClient, l1_config: L1ChainConfig | None = None
) -> Hash32:
    """Return the config hash of the chain that a rollup node follows.

    `l1_config` is needed where the L1 is not a public chain.
    """
    config = RollupConfig.from_json(await node.rollup_config())
    return config.config_hash(l1_config)


async def fetch_parameters(
    node: RollupNodeClient, chosen: ChainParameters, l1_config: L1ChainConfig | None = None
) -> OracleFile:
    """Return the parameters for a new oracle of the chain that a rollup node follows.

    Block time, config hash and starting output come from the node; the output's parts must hash to
    its root. InputError where the chain is too young for a starting block to be final.
    """
    config = RollupConfig.from_json(await node.rollup_config())
    start = chosen.starting_block
    if start is None:
        finalized = (await node.sync_status()).finalized_l2.number
        start = finalized - chosen.finalization_period // config.block_time
        if start <= 0:
            raise InputError(
                "finalized L2 block",
                expected=f"more than {finalized - start}, or a starting block that is named",
                actual=finalized,
            )
    output = await node.output_at_block(start)
    return OracleFile(
        parameters=OracleParameters(
            owner=chosen.owner,
            challenger=chosen.challenger,
            proposer=chosen.proposer,
            finalization_period_seconds=chosen.finalization_period,
            l2_block_time=config.block_time,
            submission_interval=chosen.submission_interval,
            aggregation_vkey=chosen.aggregation_vkey,
            range_vkey_commitment=chosen.range_vkey_commitment,
            rollup_config_hash=config.config_hash(l1_config),
            starting_output_root=output.root,
            starting_block_number=start,
            starting_timestamp=output.block.timestamp,
            fallback_timeout=chosen.fallback_timeout,
        ),
        verifier=chosen.verifier,
    )
