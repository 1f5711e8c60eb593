"""Checks of the contract and of who proposes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.config.makers import open_signer
from coprove.config.wiring import program_keys
from coprove.contracts import is_dev_chain
from coprove.doctor.findings import failed, passed, skipped, warned
from coprove.rpc import JsonRpcTransport
from coprove.rpc.fields import array, quantity
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.doctor.findings import Finding
    from coprove.doctor.setup import Setup

__all__ = [
    "check_balance",
    "check_contract",
    "check_keys",
    "check_progress",
    "check_right",
    "check_signer",
]

_ETHER: Final = 10**18
_LOW_BALANCE: Final = 5 * 10**16


async def check_contract(setup: Setup) -> Finding:
    """There is an output oracle of a known generation at the address."""
    if setup.settings.contract.address is None:
        return failed("no contract is set", "Set contract.address (L2OO_ADDRESS).")
    contract = await setup.contract()
    if contract is None:
        return skipped("no L1 endpoint")
    version = await contract.version()
    optimistic = ", in optimistic mode" if await contract.optimistic_mode() else ""
    return passed(f"generation {contract.generation.value}, version {version}{optimistic}")


async def check_keys(setup: Setup) -> Finding:
    """The contract takes proofs of these programs for this chain."""
    contract, rollup = await setup.contract(), await setup.rollup()
    if contract is None:
        return skipped("no contract")
    there = await contract.keys()
    commitment, aggregation = program_keys(setup.settings)
    pairs = {
        "aggregation vkey": (there.aggregation_vkey, aggregation),
        "range vkey commitment": (there.range_vkey_commitment, commitment),
    }
    if rollup is not None:
        ours = rollup.config_hash(await setup.l1_config())
        pairs["rollup config hash"] = (there.rollup_config_hash, ours)
    wrong = [
        f"{name}: the contract has {theirs}, this setup {ours}"
        for name, (theirs, ours) in pairs.items()
        if theirs != ours
    ]
    if wrong:
        return failed(
            "; ".join(wrong),
            "Use the programs of the contract, or update it (coprove config). The config's hash"
            " covers which fields there are: a rollup.json (rpc.rollup_config) and the node's own"
            " answer may differ in it.",
        )
    return passed(f"{', '.join(pairs)} agree")


async def check_progress(setup: Setup) -> Finding:
    """The latest output is of this chain, and the next one is in sight."""
    contract, status = await setup.contract(), await setup.sync_status()
    if contract is None or setup.node is None or status is None:
        return skipped("no contract or no rollup node")
    latest = await contract.latest_output()
    following = await contract.next_block_number()
    finalized = status.finalized_l2.number
    shown = f"latest {latest.l2_block_number}, next {following}, finalized {finalized}"
    if latest.l2_block_number > finalized:
        return warned(f"{shown}: the node is behind the contract", "Wait for the rollup node.")
    ours = await setup.node.output_at_block(latest.l2_block_number)
    if ours.root != latest.output_root:
        return failed(
            f"output {latest.l2_block_number}: the contract has {latest.output_root},"
            f" the node {ours.root}",
            "The contract is of another chain, or one of the two is wrong: stop and find out.",
        )
    return passed(shown)


async def check_signer(setup: Setup) -> Finding:
    """Who signs can be opened; a remote signer answers and holds the account."""
    async with open_signer(setup.settings) as signer:
        url = setup.settings.transactions.signer_url
        if url is None:
            return passed(f"account {signer.address}")
        async with JsonRpcTransport(url) as service:
            answer = array(await service.call("eth_accounts"), "eth_accounts")
        held = {Address.from_hex(item, "eth_accounts") for item in answer}
        if signer.address not in held:
            return failed(
                f"the remote signer holds {len(held)} accounts, not {signer.address}",
                "Load the key into the signer, or set transactions.signer_address.",
            )
        return passed(f"account {signer.address}, held by the remote signer")


async def check_right(setup: Setup) -> Finding:
    """The contract lets the account propose."""
    contract = await setup.contract()
    if contract is None:
        return skipped("no contract")
    async with open_signer(setup.settings) as signer:
        account = signer.address
    right = await contract.proposing_right(account)
    if right.allowed:
        return passed(f"{account} may propose")
    later = "" if right.open_after is None else f" before {right.open_after} (L1 time)"
    return failed(
        f"{account} may not propose{later}",
        "Have the contract's owner add it (addProposer), or use the approved account.",
    )


async def check_balance(setup: Setup) -> Finding:
    """The account can pay for its transactions."""
    if setup.l1 is None:
        return skipped("no L1 endpoint")
    async with open_signer(setup.settings) as signer:
        account = signer.address
    answer = await setup.l1.transport.call("eth_getBalance", [account.hex0x, "latest"])
    balance = quantity(answer, "balance", 256)
    shown = f"{balance / _ETHER:.6f} ETH"
    if balance == 0:
        return failed(shown, f"Send some to {account}.")
    if balance < _LOW_BALANCE and not is_dev_chain(await setup.l1.chain_id()):
        return warned(shown, f"Send some to {account}: an output takes two transactions.")
    return passed(shown)
