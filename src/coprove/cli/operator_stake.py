"""Commands of `coprove operator` that send transactions: registration, stake, quorums."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from cyclopts import Parameter

from coprove.avs.operator.membership import Membership, Sent
from coprove.cli.console import print_result
from coprove.cli.sending import address
from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config import Settings
from coprove.config.operator import (
    OperatorAccount,
    bls_key,
    open_account,
    prover_options,
)
from coprove.contracts import LocalSigner
from coprove.errors import CoproveError, InputError
from coprove.prover.tee.registrar import TeeProverClient
from coprove.telemetry import get_logger

__all__ = ["allocate", "delegate", "deposit", "deregister", "opt_in", "opt_out", "register"]

_DEFAULT = SettingsOptions()
_WAD = 10**18
_log = get_logger(part="operator")


def register(
    *,
    metadata_uri: str = "",
    allocation_delay: int = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Become an operator at EigenLayer (registerAsOperator).

    Parameters
    ----------
    metadata_uri
        Where people find the operator's name and logo.
    allocation_delay
        L1 blocks after which an allocation holds.
    json
        Print one JSON object instead of a table.
    """

    async def steps(membership: Membership, _: OperatorAccount) -> list[Sent]:
        return await membership.register(
            metadata_uri=metadata_uri, allocation_delay=allocation_delay
        )

    return _done(settings_for("operator", settings), steps, as_json=json)


def deregister(
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Leave all quorums of the AVS, and take the prover out. EigenLayer keeps its operators.

    Parameters
    ----------
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("operator", settings)

    async def steps(membership: Membership, _: OperatorAccount) -> list[Sent]:
        sent = await membership.opt_out()
        try:
            async with TeeProverClient(prover_options(loaded)) as client:
                prover = (await client.identity()).address
        except CoproveError as error:
            _log.warning("the prover does not answer: its registration runs out", error=error)
            return sent
        return [*sent, *await membership.retire_prover(prover)]

    return _done(loaded, steps, as_json=json)


def deposit(
    *,
    strategy: str,
    amount: int,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Deposit into a strategy, after allowing the StrategyManager to take so much.

    Parameters
    ----------
    strategy
        The strategy.
    amount
        In the token's smallest unit.
    json
        Print one JSON object instead of a table.
    """
    where = address(strategy, "--strategy")

    async def steps(membership: Membership, _: OperatorAccount) -> list[Sent]:
        return await membership.deposit(where, amount)

    return _done(settings_for("operator", settings), steps, as_json=json)


def allocate(
    *,
    quorum: int,
    magnitude: float,
    strategy: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Let a quorum's operator set slash a part of the stake (modifyAllocations).

    Parameters
    ----------
    quorum
        Number of the quorum, which is that of its operator set.
    magnitude
        The part, from 0 to 1.
    strategy
        In this strategy alone; without it in all of the set.
    json
        Print one JSON object instead of a table.
    """
    if not 0 <= magnitude <= 1:
        raise InputError("--magnitude", expected="from 0 to 1", actual=magnitude)
    only = () if strategy is None else (address(strategy, "--strategy"),)
    # Floats have 53 bits: a part is named to a billionth.
    part = round(magnitude * 10**9) * (_WAD // 10**9)

    async def steps(membership: Membership, _: OperatorAccount) -> list[Sent]:
        return await membership.allocate(quorum, part, only)

    return _done(settings_for("operator", settings), steps, as_json=json)


def opt_in(
    *,
    quorums: str,
    socket: str = "",
    m2: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Enter quorums of the AVS with the BLS key (registerForOperatorSets).

    Parameters
    ----------
    quorums
        Their numbers, with commas.
    socket
        Where the operator can be reached, if at all.
    m2
        Quorums of the time before operator sets, through the AVSDirectory; needs the operator's
        key here.
    json
        Print one JSON object instead of a table.
    """
    loaded, wanted = settings_for("operator", settings), _numbers(quorums)

    async def steps(membership: Membership, account: OperatorAccount) -> list[Sent]:
        key = await asyncio.to_thread(bls_key, loaded)
        if not m2:
            return await membership.opt_in(wanted, key, socket=socket)
        if not isinstance(account.signer, LocalSigner):
            raise InputError(
                "signer", expected="a key or keystore, for --m2", actual="a remote signer"
            )
        return await membership.opt_in_m2(wanted, key, account.signer, socket=socket)

    return _done(loaded, steps, as_json=json)


def opt_out(
    *,
    quorums: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Leave quorums of the AVS. What is allocated can be slashed for a while longer.

    Parameters
    ----------
    quorums
        Their numbers, with commas; without them all.
    json
        Print one JSON object instead of a table.
    """
    wanted = None if quorums is None else _numbers(quorums)

    async def steps(membership: Membership, _: OperatorAccount) -> list[Sent]:
        return await membership.opt_out(wanted)

    return _done(settings_for("operator", settings), steps, as_json=json)


def delegate(
    account: str,
    *,
    revoke: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Let another account attest this operator's provers, so that it pays and the operator's key
    stays away.

    Parameters
    ----------
    account
        The account.
    revoke
        Take the right back.
    json
        Print one JSON object instead of a table.
    """
    who = address(account, "account")

    async def steps(membership: Membership, _: OperatorAccount) -> list[Sent]:
        return await membership.delegate(who, allowed=not revoke)

    return _done(settings_for("operator", settings), steps, as_json=json)


def _done(
    settings: Settings,
    steps: Callable[[Membership, OperatorAccount], Awaitable[Sequence[Sent]]],
    *,
    as_json: bool,
) -> int:
    async def run() -> dict[str, object]:
        async with open_account(settings) as account:
            membership = Membership(account.contracts, account.manager)
            sent = await steps(membership, account)
            values: dict[str, object] = {"operator": str(membership.account)}
            values |= {item.step.replace("-", "_"): item.transaction.hex0x for item in sent}
            return values if sent else {**values, "nothing": "to do"}

    print_result(asyncio.run(run()), as_json=as_json)
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise InputError("--quorums", expected="numbers with commas", actual=text) from None
