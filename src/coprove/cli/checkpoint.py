"""`coprove checkpoint`: record the hash of an L1 block in the oracle."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.console import print_result
from coprove.cli.sending import SenderOptions, address, open_sender
from coprove.contracts import open_output_contract
from coprove.contracts.checkpoint import checkpoint_block
from coprove.types import Address

__all__ = ["checkpoint"]

_DEFAULT = SenderOptions()


def checkpoint(
    *,
    l2oo_address: Annotated[str | None, Parameter(env_var="L2OO_ADDRESS")] = None,
    block: int | None = None,
    sender: SenderOptions = _DEFAULT,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Record the hash of an L1 block in the oracle, for proofs to refer to.

    Nothing is sent where the contract holds the hash already.

    Parameters
    ----------
    l2oo_address
        Proxy of the oracle.
    block
        Number of the L1 block, at or behind the safe one and not too far behind the head; the safe
        one by default.
    json
        Print one JSON object instead of a table.
    """
    oracle = address(l2oo_address, "--l2oo-address")
    return asyncio.run(_checkpoint(oracle, block, options=sender, as_json=json))


async def _checkpoint(
    oracle: Address, block: int | None, *, options: SenderOptions, as_json: bool
) -> int:
    async with open_sender(options) as sender:
        contract = await open_output_contract(sender.transport, oracle)
        made = await checkpoint_block(sender.manager, sender.transport, contract, l1_block=block)
    print_result(
        {
            "l1_block": made.l1_block,
            "l1_hash": str(made.l1_hash),
            "transaction": None if made.mined is None else str(made.mined.tx_hash),
        },
        as_json=as_json,
    )
    return 0
