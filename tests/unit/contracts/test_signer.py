"""Signers: what they sign, what they refuse, and that no key shows in any text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from eth_account import Account

from coprove.contracts import KeyFormatError, LocalSigner, Web3Signer
from coprove.contracts.errors import SigningError
from coprove.contracts.transactions import Fees, UnsignedTransaction
from coprove.primitives import recover_sender
from coprove.rpc import JsonRpcTransport
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from coprove.rpc import Json

KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
TRANSACTION = UnsignedTransaction(
    chain_id=900,
    nonce=0,
    fees=Fees(max_fee=2 * 10**9, priority_fee=10**9),
    gas_limit=21_000,
    to=Address(b"\x11" * 20),
    value=5,
    data=b"\x00\x01",
)


@pytest.mark.parametrize(
    "transaction",
    [TRANSACTION, replace(TRANSACTION, to=None, nonce=300, value=0, data=b"")],
)
async def test_a_local_signer_signs_exactly_the_transaction(
    transaction: UnsignedTransaction,
) -> None:
    """The bytes recover to the account and hold the fields, and no others."""
    signer = LocalSigner.from_key(KEY)
    raw = await signer.sign(transaction)
    assert recover_sender(raw) == signer.address
    assert transaction.matches(raw)
    for field in ("chain_id", "nonce", "gas_limit", "value"):
        other = replace(transaction, **{field: getattr(transaction, field) + 1})
        assert not other.matches(raw)
    assert not replace(transaction, data=b"\x02").matches(raw)
    assert not replace(transaction, to=Address(b"\x12" * 20)).matches(raw)
    assert not transaction.matches(raw[1:])
    assert not transaction.matches(b"\x02")


def test_keys_come_from_file_environment_and_keystore(tmp_path: Path) -> None:
    """All three give the same account."""
    address = LocalSigner.from_key(f"0x{KEY}").address
    file = tmp_path / "key"
    file.write_text(f"0x{KEY}\n")
    assert LocalSigner.from_file(file).address == address
    assert LocalSigner.from_environment("K", {"K": KEY}).address == address
    keystore = tmp_path / "keystore.json"
    keystore.write_text(json.dumps(Account.encrypt(bytes.fromhex(KEY), "secret", iterations=2)))
    assert LocalSigner.from_keystore(keystore, "secret").address == address
    with pytest.raises(KeyFormatError) as caught:
        LocalSigner.from_keystore(keystore, "hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "0x", KEY[:-1], KEY + "0", "zz" * 32, "00" * 32, "ff" * 32])
def test_a_bad_key_is_refused_without_showing_it(text: str) -> None:
    """Neither the message nor the cause holds the key."""
    with pytest.raises(KeyFormatError) as caught:
        LocalSigner.from_key(text)
    assert not text or text not in str(caught.value)
    assert caught.value.__cause__ is None


def test_missing_keys_are_typed_errors(tmp_path: Path) -> None:
    """A file or variable that is not there."""
    with pytest.raises(KeyFormatError):
        LocalSigner.from_file(tmp_path / "none")
    with pytest.raises(KeyFormatError, match="NAME"):
        LocalSigner.from_environment("NAME", {})


def test_no_text_of_a_signer_shows_its_key() -> None:
    """Neither repr nor str."""
    signer = LocalSigner.from_key(KEY)
    assert KEY not in repr(signer) + str(signer)
    assert str(signer.address) in repr(signer)


class FakeSigner(JsonRpcTransport):
    """A remote signer with a set answer."""

    def __init__(self, answer: Json) -> None:
        """Answer every call with `answer`."""
        super().__init__("http://signer.invalid")
        self._answer = answer
        self.seen: list[object] = []

    async def call(
        self,
        method: str,
        params: Sequence[Json] = (),
        *,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
    ) -> Json:
        self.seen.append((method, params))
        return self._answer


async def test_a_remote_signature_is_checked() -> None:
    """The asked-for transaction by the right account passes, in web3signer's and geth's form."""
    local = LocalSigner.from_key(KEY)
    good = f"0x{(await local.sign(TRANSACTION)).hex()}"
    answers: tuple[Json, ...] = (good, {"raw": good, "tx": {}})
    for answer in answers:
        fake = FakeSigner(answer)
        raw = await Web3Signer(fake, local.address).sign(TRANSACTION)
        assert TRANSACTION.matches(raw)
        ((method, params),) = fake.seen  # type: ignore[misc]
        assert method == "eth_signTransaction"  # type: ignore[has-type]
        assert params[0]["from"] == str(local.address)  # type: ignore[has-type]


async def test_a_remote_signer_cannot_slip_in_something_else() -> None:
    """Another transaction, another account, or no transaction is refused."""
    local = LocalSigner.from_key(KEY)
    other = await local.sign(replace(TRANSACTION, value=6))
    good = await local.sign(TRANSACTION)
    bad: tuple[Json, ...] = (f"0x{other.hex()}", "0x", "0xzz", None, {}, f"0x{good[:-1].hex()}")
    for answer in bad:
        with pytest.raises(SigningError):
            await Web3Signer(FakeSigner(answer), local.address).sign(TRANSACTION)
    stranger = Web3Signer(FakeSigner(f"0x{good.hex()}"), Address(b"\x01" * 20))
    with pytest.raises(SigningError, match="signed as"):
        await stranger.sign(TRANSACTION)
