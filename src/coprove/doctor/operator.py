"""The preflight of an AVS operator: every check, and what to do about what it finds."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import aiohttp

from coprove.avs.operator.discovery import discover
from coprove.config.makers import open_signer
from coprove.config.operator import bls_key, given_addresses, prover_options
from coprove.contracts import is_dev_chain
from coprove.contracts.eigenlayer import OperatorStatus
from coprove.doctor.examine import guarded
from coprove.doctor.findings import failed, passed, skipped, warned
from coprove.doctor.operator_setup import open_operator_setup
from coprove.prover.tee.registrar import TeeProverClient
from coprove.rpc import Call, MethodNotFoundError
from coprove.telemetry import redact_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coprove.config import Settings
    from coprove.doctor.findings import Finding
    from coprove.doctor.operator_setup import OperatorSetup

__all__ = ["OPERATOR_CHECKS", "examine_operator"]

_ETHER: Final = 10**18
_LOW_BALANCE: Final = 5 * 10**16
_STALE_L1: Final = 180
_SKEW: Final = 15
_METHODS: Final = (
    Call("eth_chainId"),
    Call("eth_getBlockByNumber", ["finalized", False]),
    Call("eth_feeHistory", ["0x1", "latest", []]),
    Call("eth_maxPriorityFeePerGas"),
)


async def check_l1(setup: OperatorSetup) -> Finding:
    """L1 answers and has a finalized block."""
    if setup.l1 is None:
        return failed("no L1 endpoint is set", "Set rpc.l1 (L1_RPC, EthRpcUrl).")
    head = await setup.l1.block_ref("latest")
    finalized = await setup.l1.block_ref("finalized")
    chain = await setup.l1.chain_id()
    return passed(f"chain {chain} at block {head.number}, finalized {finalized.number}")


async def check_methods(setup: OperatorSetup) -> Finding:
    """The node has what an operator calls."""
    if setup.l1 is None:
        return skipped("no L1 endpoint")
    missing = []
    for call in _METHODS:
        try:
            await setup.l1.transport.call(call.method, call.params)
        except MethodNotFoundError:
            missing.append(call.method)
    if missing:
        return failed(f"no {', '.join(missing)}", "Use a node that offers them.")
    return passed(f"{len(_METHODS)} methods")


async def check_clock(setup: OperatorSetup) -> Finding:
    """This machine's time agrees with L1's newest block."""
    if setup.l1 is None:
        return skipped("no L1 endpoint")
    head = await setup.l1.block_ref("latest")
    age = time.time() - head.timestamp
    if age < -_SKEW:
        return failed(
            f"the newest L1 block is {-age:.0f} s in this machine's future",
            "Set the clock (NTP): tasks and handshakes are judged by it.",
        )
    if age > _STALE_L1 and not is_dev_chain(await setup.l1.chain_id()):
        return warned(
            f"the newest L1 block is {age:.0f} s old",
            "Look whether the node follows the chain, and at this machine's clock.",
        )
    return passed(f"the newest L1 block is {age:.0f} s old")


async def check_bls_key(setup: OperatorSetup) -> Finding:
    """The BLS key opens and is the one that the account registered."""
    key = await asyncio.to_thread(bls_key, setup.settings)
    found = setup.report
    if found is None or found.operator_id is None:
        owner = None
        if setup.contracts is not None:
            operator_id = key.public_key.operator_id
            owner = await setup.contracts.registries.operator_from_id(operator_id)
        if owner is not None:
            return passed(f"operator {key.public_key.operator_id}, registered by {owner}")
        return warned(
            f"operator {key.public_key.operator_id}, not registered",
            "Enter a quorum: coprove operator opt-in --quorums 0.",
        )
    if found.operator_id != key.public_key.operator_id:
        return failed(
            f"the account registered {found.operator_id}, the keystore has"
            f" {key.public_key.operator_id}",
            "Name the keystore that was registered (operator.bls_keystore).",
        )
    return passed(f"operator {found.operator_id}")


async def check_account(setup: OperatorSetup) -> Finding:
    """The account that sends can be opened and is the operator or its delegate."""
    async with open_signer(setup.settings) as signer:
        account = signer.address
    if setup.contracts is None or setup.key is None:
        return passed(f"account {account}")
    operator = await setup.contracts.registries.operator_from_id(setup.key.public_key.operator_id)
    if operator in (None, account):
        return passed(f"account {account}")
    if await setup.contracts.prover_registry.is_delegate(operator, account):
        return passed(f"account {account}, delegate of {operator}")
    return failed(
        f"account {account} is neither the operator {operator} nor its delegate",
        f"With the operator's account: coprove operator delegate {account}.",
    )


async def check_balance(setup: OperatorSetup) -> Finding:
    """The account can pay for attestations."""
    found = setup.report
    if found is None or setup.l1 is None:
        return skipped("no account, or no contracts")
    shown = f"{found.balance / _ETHER:.6f} ETH"
    if found.balance == 0:
        return failed(shown, f"Send some to {found.account}.")
    if found.balance < _LOW_BALANCE and not is_dev_chain(await setup.l1.chain_id()):
        return warned(shown, f"Send some to {found.account}: an attestation is due every hour.")
    return passed(shown)


async def check_contracts(setup: OperatorSetup) -> Finding:
    """The AVS is where the settings say, and names contracts that are there."""
    if setup.l1 is None:
        return skipped("no L1 endpoint")
    contracts = setup.contracts or await discover(
        setup.l1.transport, given_addresses(setup.settings)
    )
    core, middleware = contracts.eigenlayer.addresses, contracts.registries.addresses
    for name, address in {
        "service manager": contracts.service_manager.address,
        "registry coordinator": middleware.registry_coordinator,
        "stake registry": middleware.stake_registry,
        "BLS key registry": middleware.bls_apk_registry,
        "liveness verifier": contracts.verifier.address,
        "prover registry": contracts.prover_registry.address,
        "delegation manager": core.delegation_manager,
        "allocation manager": core.allocation_manager,
    }.items():
        code = await setup.l1.transport.call("eth_getCode", [address.hex0x, "latest"])
        if code in ("0x", None):
            return failed(f"{name}: nothing at {address}", "Look at chain and addresses.")
    return passed(f"service manager {contracts.service_manager.address}")


async def check_eigenlayer(setup: OperatorSetup) -> Finding:
    """The account is an operator at EigenLayer whose allocations can hold."""
    found = setup.report
    if found is None:
        return skipped("no account, or no contracts")
    if not found.is_operator:
        return failed(f"{found.account} is no operator", "Run: coprove operator register.")
    if found.allocation_delay is None:
        return warned(
            "the allocation delay is not in force yet",
            "Wait for it (17.5 days on mainnet), then allocate.",
        )
    return passed(f"operator; allocations hold after {found.allocation_delay} blocks")


async def check_stake(setup: OperatorSetup) -> Finding:
    """There is stake in some quorum, allocated to it and not slashed."""
    found = setup.report
    if found is None:
        return skipped("no account, or no contracts")
    members = [item for item in found.quorums if item.is_member]
    if found.status is not OperatorStatus.REGISTERED or not members:
        return failed("in no quorum", "Run: coprove operator opt-in --quorums 0.")
    poor = [item.quorum for item in members if item.stake == 0]
    if poor:
        return failed(
            f"no stake in quorum {poor}",
            "Run coprove operator deposit and allocate; stakes are brought up to date by"
            " updateOperators, which anybody may call.",
        )
    slashed = [
        item.quorum for item in members if any(part.left < _ETHER for part in item.strategies)
    ]
    shown = ", ".join(f"quorum {item.quorum}: {item.stake} of {item.total}" for item in members)
    if slashed:
        return warned(f"{shown}; slashed in quorum {slashed}", "Find out why before going on.")
    free = [
        item.quorum
        for item in members
        if item.strategies and not any(part.allocated for part in item.strategies)
    ]
    if free:
        return warned(
            f"{shown}; nothing allocated to quorum {free}",
            "Run: coprove operator allocate --quorum … --magnitude ….",
        )
    return passed(shown)


async def check_allow_list(setup: OperatorSetup) -> Finding:
    """The AVS' allow-list lets the operator count."""
    found = setup.report
    if found is None:
        return skipped("no account, or no contracts")
    if not found.is_listed:
        return failed(
            f"{found.account} is not listed", "Ask the AVS' PoA manager for whitelistOperator."
        )
    return passed("listed, or there is no list")


async def check_prover(setup: OperatorSetup) -> Finding:
    """The prover answers and runs in the kind of environment that a quorum asks for."""
    async with TeeProverClient(prover_options(setup.settings)) as client:
        identity = await client.identity()
    shown = f"{identity.address} on {identity.platform.value}, {identity.measurement_id.hex0x}"
    if setup.contracts is None or setup.report is None:
        return passed(shown)
    manager = setup.contracts.service_manager
    for item in setup.report.quorums:
        if item.is_member and await manager.tee_of(item.quorum) == identity.platform.number:
            return passed(f"{shown}, as quorum {item.quorum} asks for")
    if not any(item.is_member for item in setup.report.quorums):
        return passed(shown)
    return failed(
        f"{shown}: no quorum of this operator is of that kind",
        "Enter a quorum of the prover's kind, or run the prover where the quorum asks for.",
    )


async def check_attestation(setup: OperatorSetup) -> Finding:
    """The prover is registered, live and attached to the BLS key, for a while still."""
    found = setup.report
    if found is None or found.liveness is None or setup.l1 is None:
        return skipped("no prover, or no contracts")
    if not found.liveness.is_live:
        return warned(
            f"{found.prover} is {found.liveness.liveness.name.lower()}",
            "coprove operator run attests it; watch it do so.",
        )
    if not found.is_attached:
        return warned(
            f"{found.prover} is live and not attached to the BLS key",
            "coprove operator run attaches it; watch it do so.",
        )
    left = found.liveness.until - (await setup.l1.block_ref("latest")).timestamp
    margin = setup.settings.operator.margin
    if left < margin // 2:
        return warned(f"live for {left} s", "coprove operator run should have renewed it by now.")
    return passed(f"live and attached for {left} s")


async def check_aggregator(setup: OperatorSetup) -> Finding:
    """The aggregator answers JSON-RPC, and its clock agrees with this machine's."""
    url = setup.settings.operator.aggregator_url
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "aggregator_fetchTask",
        "params": [{"prev_task_id": 0, "task_type": 3, "max_wait_secs": 0, "with_context": False}],
    }
    try:
        async with setup.http.post(url, json=call, allow_redirects=False) as answer:
            said = await answer.content.read(1 << 16)
            date = answer.headers.get("Date")
    except (aiohttp.ClientError, OSError) as error:
        return failed(
            f"{redact_url(url)}: {type(error).__name__}",
            "Look at operator.aggregator_url, and whether the aggregator runs.",
        )
    if b'"jsonrpc"' not in said:
        return failed(
            f"{redact_url(url)}: HTTP {answer.status}, no JSON-RPC",
            "Set operator.aggregator_url to the aggregator's own address.",
        )
    drift = _drift(date)
    if drift is not None and abs(drift) > _SKEW:
        return warned(
            f"answers; its clock is {drift:+.0f} s from this machine's",
            "Set the clock (NTP): handshakes are refused beyond a minute.",
        )
    return passed(redact_url(url))


async def check_counts(setup: OperatorSetup) -> Finding:
    """A signature of this operator would count now."""
    found = setup.report
    if found is None:
        return skipped("no account, or no contracts")
    counting = [item.quorum for item in found.quorums if item.counts]
    members = [item.quorum for item in found.quorums if item.is_member]
    if members and not counting:
        return warned(
            f"counts in none of quorums {members}", "See what the checks above have found."
        )
    return passed(f"counts in quorums {counting}") if members else skipped("in no quorum")


def _drift(date: str | None) -> float | None:
    """Return how far an HTTP date is from now; it has whole seconds."""
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return None


OPERATOR_CHECKS: Final[tuple[tuple[str, Callable[[OperatorSetup], Awaitable[Finding]]], ...]] = (
    ("L1", check_l1),
    ("L1 methods", check_methods),
    ("clock", check_clock),
    ("contracts", check_contracts),
    ("BLS key", check_bls_key),
    ("account", check_account),
    ("balance", check_balance),
    ("EigenLayer", check_eigenlayer),
    ("stake", check_stake),
    ("allow-list", check_allow_list),
    ("prover", check_prover),
    ("attestation", check_attestation),
    ("aggregator", check_aggregator),
    ("counts", check_counts),
)
"""Every check and its name, in the order in which they are shown."""


async def examine_operator(settings: Settings, *, seconds: float = 15.0) -> list[Finding]:
    """Make all checks of an operator's setup; nothing is changed."""
    async with open_operator_setup(settings, seconds) as setup:
        return list(
            await asyncio.gather(
                *(guarded(name, check, setup, 4 * seconds) for name, check in OPERATOR_CHECKS)
            )
        )
