"""What commands that send transactions share: the endpoint, the key, where intents are kept."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from coprove.cli.console import print_result, read_file, required
from coprove.contracts import (
    ContractCall,
    Generation,
    LocalSigner,
    Signer,
    SqliteIntentStore,
    TransactionManager,
    TransactionOptions,
    Web3Signer,
)
from coprove.errors import InputError
from coprove.rpc import JsonRpcTransport
from coprove.telemetry import register_secret
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = [
    "KeyVariable",
    "Sender",
    "SenderOptions",
    "address",
    "generation_of",
    "open_sender",
    "print_calls",
    "signing_account",
    "wants_calldata",
]

_KEYSTORE_PASSWORD = "KEYSTORE_PASSWORD"  # noqa: S105 - the name of a variable
_FALSE = frozenset({"false", "0", "no"})


class KeyVariable(StrEnum):
    """The variables that may hold a private key in hex, by what it is for."""

    PRIVATE_KEY = "PRIVATE_KEY"
    """For everything that has no key of its own."""
    DEPLOY = "DEPLOY_PK"
    """Creates contracts (op-succinct's scripts)."""
    ADMIN = "ADMIN_PK"
    """Upgrades proxies and changes what an owner may change (op-succinct's scripts)."""

    @property
    def is_set(self) -> bool:
        """Whether it holds something; op-succinct's scripts take a zero for nothing."""
        return bool(os.environ.get(self, "").strip().removeprefix("0x").strip("0"))

    def read(self) -> LocalSigner:
        """Return who signs: by this variable, where it is not set by PRIVATE_KEY.

        KeyFormatError, which shows no key, for one that is none, or where neither is set.
        """
        name = self if self.is_set else KeyVariable.PRIVATE_KEY
        register_secret(os.environ.get(name, "").strip())
        return LocalSigner.from_environment(name, os.environ)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """Where transactions go and who signs them. A key itself is never an argument."""

    l1_rpc: Annotated[str | None, Parameter(env_var="L1_RPC")] = None
    """URL of the L1 execution node."""
    private_key_file: Annotated[Path | None, Parameter(env_var="PRIVATE_KEY_FILE")] = None
    """File with the private key in hex; without it the variable PRIVATE_KEY is read, before it
    DEPLOY_PK for what is created and ADMIN_PK for what an owner or admin sends."""
    keystore: Annotated[Path | None, Parameter(env_var="KEYSTORE")] = None
    """JSON keystore, in place of a key; its password is in the variable KEYSTORE_PASSWORD."""
    keystore_password_file: Annotated[Path | None, Parameter(env_var="KEYSTORE_PASSWORD_FILE")] = (
        None
    )
    """File with the keystore's password, in place of the variable."""
    signer_url: Annotated[str | None, Parameter(env_var="SIGNER_URL")] = None
    """URL of a web3signer, in place of a key."""
    signer_address: Annotated[str | None, Parameter(env_var="SIGNER_ADDRESS")] = None
    """Account that the web3signer signs for."""
    transactions: Annotated[Path, Parameter(env_var="COPROVE_TRANSACTIONS")] = Path(
        "coprove-transactions.sqlite"
    )
    """File that keeps what was sent, so that a run that was cut off goes on with it."""
    confirmations: int = 3
    """Blocks until a transaction counts as settled, its own included."""
    poll_interval: float = 1.0
    """Seconds between two looks at the L1 while a transaction is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """An open endpoint and the account that sends."""

    transport: JsonRpcTransport
    """The L1 endpoint."""
    manager: TransactionManager
    """Signs and sends."""

    @property
    def address(self) -> Address:
        """The account."""
        return self.manager.address

    async def send(self, key: str, call: ContractCall) -> str:
        """Send a call and return the hash of its transaction."""
        mined = await self.manager.send(key=key, to=call.to, data=call.data, value=call.value)
        return mined.tx_hash.hex0x


def address(text: str | None, flag: str) -> Address:
    """Return a flag's address; InputError names the flag."""
    return Address.from_hex(required(text, flag, "an address"), flag)


def generation_of(value: int) -> Generation:
    """Return the generation of a flag's number."""
    try:
        return Generation(value)
    except ValueError:
        raise InputError("--generation", expected="1 or 2", actual=value) from None


def print_calls(calls: dict[str, ContractCall], *, as_json: bool) -> None:
    """Print calls for another account, such as a multisig, to send: to, data, value."""
    values: dict[str, object] = {}
    for name, call in calls.items():
        prefix = f"{name}_" if len(calls) > 1 else ""
        values[f"{prefix}to"] = str(call.to)
        values[f"{prefix}data"] = f"0x{call.data.hex()}"
        values[f"{prefix}value"] = call.value
    print_result(values, as_json=as_json)


def wants_calldata(flag: bool) -> bool:
    """Whether a call is to be printed: by its flag, or as EXECUTE_UPGRADE_CALL=false has it."""
    return flag or os.environ.get("EXECUTE_UPGRADE_CALL", "").strip().lower() in _FALSE


@asynccontextmanager
async def open_sender(
    options: SenderOptions, key: KeyVariable = KeyVariable.PRIVATE_KEY
) -> AsyncIterator[Sender]:
    """Connect, open the signer and start the transaction manager; close all at the end.

    `key` is the variable that is read where no signer, keystore or file is named.
    """
    url = required(options.l1_rpc, "--l1-rpc", "the URL of an L1 node")
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(JsonRpcTransport(url))
        signer = await _signer(options, key, stack)
        store = SqliteIntentStore(options.transactions)
        stack.callback(store.close)
        how = TransactionOptions(
            confirmations=options.confirmations, poll_interval=options.poll_interval
        )
        manager = TransactionManager(transport, signer, store, how)
        await stack.enter_async_context(manager)
        yield Sender(transport=transport, manager=manager)


async def signing_account(options: SenderOptions, key: KeyVariable) -> Address:
    """Return the account that `open_sender` would send from."""
    async with AsyncExitStack() as stack:
        return (await _signer(options, key, stack)).address


async def _signer(options: SenderOptions, key: KeyVariable, stack: AsyncExitStack) -> Signer:
    """Return the one signer that is named: a web3signer, a keystore, a file, else by variable."""
    if options.signer_url:
        account = address(options.signer_address, "--signer-address")
        service = await stack.enter_async_context(JsonRpcTransport(options.signer_url))
        return Web3Signer(service, account)
    if options.keystore is not None and options.private_key_file is not None:
        raise InputError("signer", expected="a keystore or a key file", actual="both are given")
    if options.keystore is not None:
        return LocalSigner.from_keystore(options.keystore, _password(options))
    if options.private_key_file is not None:
        return LocalSigner.from_file(options.private_key_file)
    return key.read()


def _password(options: SenderOptions) -> str:
    if options.keystore_password_file is not None:
        return read_file(options.keystore_password_file).decode().rstrip("\r\n")
    return required(os.environ.get(_KEYSTORE_PASSWORD), _KEYSTORE_PASSWORD, "the password")
