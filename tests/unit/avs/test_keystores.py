"""Keystores: other tools' are read, ours are read by other tools, bad ones are told apart."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import stat
from typing import TYPE_CHECKING, Any, Literal

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.avs.bls import SecretKey
from coprove.avs.errors import KeyMismatchError, KeystoreError, WrongPasswordError
from coprove.avs.keystores import (
    LIGHT,
    STANDARD,
    Password,
    ScryptCost,
    read_bls_keystore,
    read_ecdsa_keystore,
    write_bls_keystore,
    write_ecdsa_keystore,
)
from coprove.avs.keystores.secret_storage import seal_secret
from coprove.primitives.bn254 import CURVE_ORDER, FIELD_MODULUS

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ScryptCost(n=2, r=8, p=1)
KEY = SecretKey((5**80 % CURVE_ORDER).to_bytes(32, "big"))
ACCOUNT = Account.from_key("0x" + "46" * 32)
PASSWORD = Password("correct horse")


Kdf = Literal["pbkdf2", "scrypt"]


def foreign_crypto(secret: bytes, password: str, kdf: Kdf = "scrypt") -> dict[str, Any]:
    """Return the crypto object of another implementation."""
    rounds = 2 if kdf == "scrypt" else 1_000
    made = Account.encrypt(secret, password, kdf=kdf, iterations=rounds)
    crypto: dict[str, Any] = dict(made["crypto"])
    return crypto


def point(key: SecretKey) -> str:
    return "E([{},{}])".format(*key.public_key.g1.coordinates)


def saved(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "key.json"


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
@pytest.mark.parametrize("version", [{}, {"version": 3}])
def test_bls_keystores_of_others_open(file: Path, kdf: Kdf, version: dict[str, int]) -> None:
    """With and without a version, by either derivation; unknown fields are let be."""
    crypto = foreign_crypto(KEY.scalar, "pässword", kdf)
    saved(file, {"pubKey": point(KEY), "crypto": crypto, "name": "op", **version})
    assert read_bls_keystore(file, Password("pässword")).scalar == KEY.scalar


@pytest.mark.parametrize("with_version", [False, True])
def test_ours_open_elsewhere_and_here(file: Path, with_version: bool) -> None:
    """Another implementation decrypts what is written, and so do we."""
    write_bls_keystore(file, KEY, PASSWORD, cost=QUICK, with_version=with_version)
    fields = json.loads(file.read_text())
    assert set(fields) == {"pubKey", "crypto"} | ({"version"} if with_version else set())
    assert fields["pubKey"] == point(KEY)
    other = {**fields, "version": 3}
    assert bytes(Account.decrypt(other, PASSWORD.text)) == KEY.scalar
    assert read_bls_keystore(file, PASSWORD).scalar == KEY.scalar


def test_the_standard_cost_is_that_of_the_tools(file: Path) -> None:
    """Files of n = 262,144 are written unless told otherwise, and open."""
    write_bls_keystore(file, KEY, PASSWORD)
    params = json.loads(file.read_text())["crypto"]["kdfparams"]
    assert (params["n"], params["r"], params["p"], params["dklen"]) == (262_144, 8, 1, 32)
    assert (STANDARD.n, LIGHT.n) == (262_144, 4_096)
    assert read_bls_keystore(file, PASSWORD).scalar == KEY.scalar


@settings(max_examples=30, deadline=None)
@given(secret=st.integers(1, 1 << 200), text=st.text(min_size=1, max_size=40))
def test_any_key_and_password_come_back(
    tmp_path_factory: pytest.TempPathFactory, secret: int, text: str
) -> None:
    """Keys with leading zeros, passwords in all scripts; another password does not open."""
    file = tmp_path_factory.mktemp("keys") / "key"
    key = SecretKey(secret.to_bytes(32, "big"))
    write_bls_keystore(file, key, Password(text), cost=QUICK)
    assert read_bls_keystore(file, Password(text)).scalar == key.scalar
    with pytest.raises(WrongPasswordError):
        read_bls_keystore(file, Password(text + "x"))


def test_coordinates_just_below_the_modulus_are_negative_numbers(file: Path) -> None:
    """The tools' library prints p - 2 as -2; both texts are read."""
    key = SecretKey((CURVE_ORDER - 1).to_bytes(32, "big"))
    assert key.public_key.g1.coordinates == (1, FIELD_MODULUS - 2)
    write_bls_keystore(file, key, PASSWORD, cost=QUICK)
    fields = json.loads(file.read_text())
    assert fields["pubKey"] == "E([1,-2])"
    assert read_bls_keystore(file, PASSWORD).scalar == key.scalar
    saved(file, {**fields, "pubKey": point(key)})
    assert read_bls_keystore(file, PASSWORD).scalar == key.scalar


def test_a_file_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask; a second key does not take the first one's place."""
    file = tmp_path / "key.json"
    before = os.umask(0)
    try:
        write_bls_keystore(file, KEY, PASSWORD, cost=QUICK)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    with pytest.raises(KeystoreError, match="no file of that name"):
        write_bls_keystore(file, SecretKey.generate(), PASSWORD, cost=QUICK)
    with pytest.raises(KeystoreError, match="no file of that name"):
        write_ecdsa_keystore(file, ACCOUNT, PASSWORD, cost=QUICK)
    assert file.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["key.json"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails while the key is synced: no file, no remains."""

    def failing(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(KeystoreError, match="No space left"):
        write_bls_keystore(tmp_path / "key.json", KEY, PASSWORD, cost=QUICK)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeystoreError, match="No such file"):
        write_bls_keystore(tmp_path / "none" / "key.json", KEY, PASSWORD, cost=QUICK)


def test_an_empty_password_opens_and_does_not_seal(file: Path) -> None:
    """Tools can be told to use none; we read such files and make none."""
    saved(file, {"pubKey": point(KEY), "crypto": foreign_crypto(KEY.scalar, "")})
    assert read_bls_keystore(file, Password("")).scalar == KEY.scalar
    with pytest.raises(KeystoreError, match="not empty"):
        write_bls_keystore(file.with_name("new"), KEY, Password(""), cost=QUICK)


def bls_fields() -> dict[str, Any]:
    return {"pubKey": point(KEY), "crypto": foreign_crypto(KEY.scalar, PASSWORD.text)}


def altered(path: str, value: object) -> dict[str, Any]:
    """Return a good keystore with one field, by its dotted path, changed (None removes it)."""
    fields = bls_fields()
    *parents, name = path.split(".")
    target = fields
    for parent in parents:
        target = target[parent]
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value
    return fields


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("pubKey", None),
        ("pubKey", ""),
        ("pubKey", 5),
        ("pubKey", "O"),
        ("pubKey", "E([1,2])x"),
        ("pubKey", f"E([{FIELD_MODULUS},2])"),
        ("pubKey", "E([1,-70000])"),
        ("version", 1),
        ("version", "3"),
        ("version", True),
        ("version", 4),
        ("crypto", None),
        ("crypto", []),
        ("crypto.cipher", "aes-256-ctr"),
        ("crypto.cipherparams", None),
        ("crypto.cipherparams.iv", "00" * 15),
        ("crypto.cipherparams.iv", " 0" * 16),
        ("crypto.ciphertext", "00" * 31),
        ("crypto.ciphertext", "0"),
        ("crypto.ciphertext", "zz" * 32),
        ("crypto.mac", None),
        ("crypto.mac", "00" * 20),
        ("crypto.kdf", "argon2"),
        ("crypto.kdf", None),
        ("crypto.kdfparams", "x"),
        ("crypto.kdfparams.dklen", 64),
        ("crypto.kdfparams.dklen", True),
        ("crypto.kdfparams.salt", None),
        ("crypto.kdfparams.salt", "00" * 5_000),
        ("crypto.kdfparams.n", 3),
        ("crypto.kdfparams.n", 0),
        ("crypto.kdfparams.n", -2),
        ("crypto.kdfparams.n", 1 << 40),
        ("crypto.kdfparams.n", 2.0),
        ("crypto.kdfparams.r", 0),
        ("crypto.kdfparams.r", 1 << 30),
        ("crypto.kdfparams", {"dklen": 32, "n": 1 << 17, "r": 1, "p": 1, "salt": "00"}),
        ("crypto.kdfparams.p", 0),
        ("crypto.kdfparams.p", 1 << 30),
    ],
)
def test_a_damaged_keystore_is_a_typed_error(file: Path, path: str, value: object) -> None:
    """Missing, mistyped and oversized fields: the error is about the file, not the password."""
    saved(file, altered(path, value))
    with pytest.raises(KeystoreError) as caught:
        read_bls_keystore(file, PASSWORD)
    assert not isinstance(caught.value, WrongPasswordError | KeyMismatchError)


@pytest.mark.parametrize("c", [0, -1, 10**12, "1000", 1.5])
def test_rounds_are_bounded(file: Path, c: object) -> None:
    """PBKDF2 with rounds that would take hours is refused before it starts."""
    crypto = foreign_crypto(KEY.scalar, PASSWORD.text, "pbkdf2")
    crypto["kdfparams"] = {**crypto["kdfparams"], "c": c}
    saved(file, {"pubKey": point(KEY), "crypto": crypto})
    with pytest.raises(KeystoreError, match=": c:"):
        read_bls_keystore(file, PASSWORD)
    crypto["kdfparams"] = {**crypto["kdfparams"], "c": 1_000, "prf": "hmac-sha1"}
    saved(file, {"pubKey": point(KEY), "crypto": crypto})
    with pytest.raises(KeystoreError, match="hmac-sha256"):
        read_bls_keystore(file, PASSWORD)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "\x00", "[" * 50_000, '"' + "x" * 70_000 + '"', "NaN"]
)
def test_what_is_no_keystore_is_a_typed_error(file: Path, content: str) -> None:
    """Not JSON, not an object, nested without end, too large; and no file at all."""
    saved(file, content)
    with pytest.raises(KeystoreError):
        read_bls_keystore(file, PASSWORD)
    with pytest.raises(KeystoreError):
        read_ecdsa_keystore(file, PASSWORD)
    with pytest.raises(KeystoreError, match="No such file"):
        read_bls_keystore(file.with_name("none"), PASSWORD)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_an_altered_byte_never_gives_another_key(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    """Any byte of the file changed: an error of ours, or the same key."""
    content = bytearray(json.dumps(_FIXED).encode())
    content[at % len(content)] ^= flip
    file = tmp_path_factory.mktemp("keys") / "key"
    file.write_bytes(bytes(content))
    try:
        outcome: bytes | KeystoreError = read_bls_keystore(file, PASSWORD).scalar
    except KeystoreError as error:
        outcome = error
    if isinstance(outcome, bytes):
        assert outcome == KEY.scalar
    else:
        assert PASSWORD.text not in str(outcome)
        assert KEY.scalar.hex() not in str(outcome)


_FIXED = bls_fields()


def test_a_wrong_password_and_an_altered_ciphertext_are_told(file: Path) -> None:
    """Both fail the code over the ciphertext."""
    fields = bls_fields()
    with pytest.raises(WrongPasswordError):
        read_bls_keystore(saved(file, fields), Password("correct horse "))
    fields["crypto"]["ciphertext"] = "00" * 32
    with pytest.raises(WrongPasswordError):
        read_bls_keystore(saved(file, fields), PASSWORD)


def test_the_public_key_in_the_file_must_be_the_secret_s(file: Path) -> None:
    """Another operator's, or the negated point: the key is not handed out."""
    x, y = KEY.public_key.g1.coordinates
    for text in (point(SecretKey.generate()), f"E([{x},{FIELD_MODULUS - y}])", "E([0,0])"):
        saved(file, {**bls_fields(), "pubKey": text})
        with pytest.raises(KeyMismatchError):
            read_bls_keystore(file, PASSWORD)


@pytest.mark.parametrize("secret", [0, CURVE_ORDER, CURVE_ORDER + 5])
def test_a_secret_outside_the_field_is_refused(file: Path, secret: int) -> None:
    """It is not reduced to another key, as some tools do."""
    data = secret.to_bytes(32, "big")
    saved(file, {"pubKey": point(KEY), "crypto": seal_secret(data, PASSWORD, QUICK)})
    with pytest.raises(KeystoreError, match="1 to r - 1") as caught:
        read_bls_keystore(file, PASSWORD)
    assert data.hex() not in str(caught.value)


def version_4(secret: bytes, password: bytes, pubkey: str, **changes: Any) -> dict[str, Any]:
    """Return EIP-2335's form, made from its description."""
    salt, iv = os.urandom(32), os.urandom(16)
    derived = hashlib.scrypt(password, salt=salt, n=1024, r=8, p=1, dklen=32)
    cipher = Cipher(algorithms.AES(derived[:16]), modes.CTR(iv)).encryptor()
    message = cipher.update(secret) + cipher.finalize()
    checksum = hashlib.sha256(derived[16:] + message).hexdigest()
    kdf = {"dklen": 32, "n": 1024, "r": 8, "p": 1, "salt": salt.hex()}
    return {
        "crypto": {
            "kdf": {"function": "scrypt", "params": kdf, "message": ""},
            "checksum": {"function": "sha256", "params": {}, "message": checksum},
            "cipher": {
                "function": "aes-128-ctr",
                "params": {"iv": iv.hex()},
                "message": message.hex(),
            },
        },
        "description": "",
        "pubkey": pubkey,
        "path": "m/254/60/0/0",
        "uuid": "64625def-3331-4eea-ab6f-782f3ed16a83",
        "version": 4,
        "curve": "bn254",
        **changes,
    }


@pytest.mark.parametrize("number", [1, CURVE_ORDER - 1, 12345, CURVE_ORDER - 12345])
def test_bls_keystores_of_version_4_open(file: Path, number: int) -> None:
    """Either y of an x; the password in NFKD, its control characters dropped."""
    key = SecretKey(number.to_bytes(32, "big"))
    x, y = key.public_key.g1.coordinates
    mark = 0xC0 if y > FIELD_MODULUS // 2 else 0x80
    pubkey = bytearray(x.to_bytes(32, "big"))
    pubkey[0] |= mark
    saved(file, version_4(key.scalar, b"testpassword\xf0\x9f\x94\x91", pubkey.hex()))
    fraktur = "".join(chr(0x1D51E + ord(letter) - ord("a")) for letter in "testpassword")
    password = Password(f"{fraktur}\x07🔑")
    assert read_bls_keystore(file, password).scalar == key.scalar
    with pytest.raises(WrongPasswordError):
        read_bls_keystore(file, Password("testpassword"))
    pubkey[0] ^= 0x40
    saved(file, version_4(key.scalar, b"pw", pubkey.hex()))
    with pytest.raises(KeyMismatchError):
        read_bls_keystore(file, Password("pw"))


def test_keys_of_another_curve_are_refused(file: Path) -> None:
    """A validator's keystore has the same form."""
    fields = version_4(KEY.scalar, b"pw", "ab" * 48, curve="bls12-381")
    with pytest.raises(KeystoreError, match="bn254"):
        read_bls_keystore(saved(file, fields), Password("pw"))
    fields = version_4(KEY.scalar, b"pw", "ab" * 32)
    fields["crypto"]["checksum"]["function"] = "md5"
    with pytest.raises(KeystoreError, match="sha256"):
        read_bls_keystore(saved(file, fields), Password("pw"))


def test_ecdsa_keystores_go_both_ways(file: Path) -> None:
    """Ours opens in eth-account, eth-account's opens here."""
    write_ecdsa_keystore(file, ACCOUNT, PASSWORD, cost=QUICK)
    assert bytes(Account.decrypt(file.read_text(), PASSWORD.text)) == bytes(ACCOUNT.key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_ecdsa_keystore(file, PASSWORD).address == ACCOUNT.address
    theirs = Account.encrypt(ACCOUNT.key, PASSWORD.text, kdf="scrypt", iterations=2)
    saved(file, {**theirs, "address": ACCOUNT.address})
    assert read_ecdsa_keystore(file, PASSWORD).key == ACCOUNT.key
    theirs.pop("address")
    assert read_ecdsa_keystore(saved(file, theirs), PASSWORD).key == ACCOUNT.key


def test_ecdsa_keystores_that_lie_or_are_none_are_refused(file: Path) -> None:
    """Another address, no version, a BLS file, a secret that is none of secp256k1."""
    good = Account.encrypt(ACCOUNT.key, PASSWORD.text, kdf="scrypt", iterations=2)
    with pytest.raises(KeyMismatchError):
        read_ecdsa_keystore(saved(file, {**good, "address": "00" * 20}), PASSWORD)
    with pytest.raises(KeystoreError, match="version"):
        read_ecdsa_keystore(saved(file, bls_fields()), PASSWORD)
    with pytest.raises(KeystoreError, match="pubKey"):
        read_bls_keystore(saved(file, good), PASSWORD)
    with pytest.raises(WrongPasswordError):
        read_ecdsa_keystore(saved(file, good), Password("no"))
    crypto = seal_secret(bytes(32), PASSWORD, QUICK)
    with pytest.raises(KeystoreError, match="secp256k1"):
        read_ecdsa_keystore(saved(file, {"crypto": crypto, "version": 3}), PASSWORD)


@pytest.mark.parametrize("content", ["pass word", "pass word\n", "pass word\r\n"])
def test_a_password_file_has_one_line(file: Path, content: str) -> None:
    """Its end is no part of the password; spaces within are."""
    file.write_bytes(content.encode())
    assert Password.from_file(file).text == "pass word"


def test_password_files_that_are_none_are_refused(file: Path) -> None:
    """Several lines, other bytes, no file, an unset variable; the text is never shown."""
    file.write_bytes(b"secret\nmore")
    with pytest.raises(KeystoreError, match="one line") as caught:
        Password.from_file(file)
    assert "secret" not in str(caught.value)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(KeystoreError, match="UTF-8"):
        Password.from_file(file)
    with pytest.raises(KeystoreError, match="No such file"):
        Password.from_file(file.with_name("none"))
    with pytest.raises(KeystoreError, match="BLS_PASSWORD"):
        Password.from_environment("BLS_PASSWORD", {})
    assert Password.from_environment("BLS_PASSWORD", {"BLS_PASSWORD": "x"}).text == "x"
    with pytest.raises(KeystoreError, match="UTF-8"):
        Password.from_environment("BLS_PASSWORD", {"BLS_PASSWORD": os.fsdecode(b"\xff")})


def test_a_password_keeps_to_itself() -> None:
    """It neither prints nor pickles."""
    assert "horse" not in f"{PASSWORD!r} {PASSWORD}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(PASSWORD)
