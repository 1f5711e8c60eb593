"""Who requests: EIP-191 signatures over the encoded bodies of messages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from coprove.contracts.errors import KeyFormatError
from coprove.errors import Critical
from coprove.primitives import keccak256
from coprove.prover.errors import ProofFormatError, ProverUnavailableError
from coprove.types import Address

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.rpc import RpcTransport

__all__ = [
    "LocalNetworkSigner",
    "NetworkSigner",
    "RemoteNetworkSigner",
    "personal_digest",
    "recover_signer",
]

_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class NetworkSigner(Protocol):
    """Signs for one account; the key may lie in this process or elsewhere."""

    @property
    def address(self) -> Address:
        """The account."""

    async def sign(self, message: bytes) -> bytes:
        """Return the EIP-191 signature of `message`: r, s and v (27 or 28), 65 bytes."""


class LocalNetworkSigner:
    """Signs with a key in this process."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        """Take a private key of 32 bytes; KeyFormatError when it is none."""
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < _CURVE_ORDER:
            raise KeyFormatError("a private key has 32 bytes and lies below the curve order")
        self._key = PrivateKey(secret)
        self.address = Address(self._key.public_key.to_canonical_address())

    def __repr__(self) -> str:
        """Show the address alone."""
        return f"LocalNetworkSigner({self.address})"

    @classmethod
    def from_key(cls, text: str) -> LocalNetworkSigner:
        """Read a private key in hex; KeyFormatError, which does not show it, otherwise."""
        digits = text.strip().removeprefix("0x")
        if len(digits) != 64 or not digits.isalnum():
            raise KeyFormatError("a private key has 64 hex digits")
        try:
            secret = bytes.fromhex(digits)
        except ValueError:
            raise KeyFormatError("a private key has 64 hex digits") from None
        return cls(secret)

    @classmethod
    def from_file(cls, path: Path) -> LocalNetworkSigner:
        """Read the key from a file that holds its hex digits and nothing else."""
        try:
            return cls.from_key(path.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFormatError(f"key file {path}: {type(error).__name__}") from None

    @classmethod
    def from_environment(cls, name: str = "NETWORK_PRIVATE_KEY") -> LocalNetworkSigner:
        """Read the key from an environment variable."""
        text = os.environ.get(name)
        if text is None:
            raise KeyFormatError(f"environment variable {name} is not set")
        return cls.from_key(text)

    async def sign(self, message: bytes) -> bytes:
        """As in NetworkSigner."""
        signature = self._key.sign_msg_hash(personal_digest(message)).to_bytes()
        return signature[:64] + bytes([signature[64] + 27])


class RemoteNetworkSigner:
    """Has a remote signer (web3signer) sign by eth_sign, and checks what comes back.

    eth_sign puts the prefix of EIP-191 before the message. web3signer's REST endpoint
    /api/v1/eth1/sign does not, and names keys by their public key instead of the address.
    """

    __slots__ = ("_transport", "address")

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """`address` is an account that the service holds; the transport stays its owner's."""
        self._transport = transport
        self.address = address

    def __repr__(self) -> str:
        """Show the address and the redacted endpoint."""
        return f"RemoteNetworkSigner({self.address} at {self._transport.name})"

    async def sign(self, message: bytes) -> bytes:
        """As in NetworkSigner.

        Raises Temporary leaves alone, ProverUnavailableError when the service refuses or signs
        something else: that is no fault of what is signed, and a person may mend it.
        """
        params = [self.address.hex0x, f"0x{message.hex()}"]
        try:
            answer = await self._transport.call("eth_sign", params)
            signature = _signature(answer)
            signed_by = recover_signer(message, signature)
        except Critical as error:
            raise ProverUnavailableError(f"remote signer: {error}") from error
        if signed_by != self.address:
            raise ProverUnavailableError(
                f"remote signer: the signature is not that of {self.address} over the message"
            )
        return signature


def _signature(answer: object) -> bytes:
    """Read r, s and v, the last one as 0 or 1 too, as some services have it."""
    text = answer if isinstance(answer, str) else ""
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 65:
        raise ProofFormatError("eth_sign", expected="65 bytes in hex", actual=text[:40])
    return found[:64] + bytes([found[64] + 27]) if found[64] < 2 else found


def personal_digest(message: bytes) -> bytes:
    """Return what is signed for `message` (EIP-191, version 0x45)."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def recover_signer(message: bytes, signature: bytes) -> Address:
    """Return who signed `message`; ProofFormatError for what is no signature."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise ProofFormatError("signature", expected="65 bytes, v 27 or 28", actual=signature.hex())
    try:
        found = Signature(signature[:64] + bytes([signature[64] - 27]))
        public_key = found.recover_public_key_from_msg_hash(personal_digest(message))
    except (BadSignature, ValidationError) as error:
        raise ProofFormatError("signature", expected="a valid one", actual=error) from None
    return Address(public_key.to_canonical_address())
