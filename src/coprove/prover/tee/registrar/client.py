"""A TEE prover over HTTP. What it answers is checked: its host may answer with anything."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp

from coprove.attestation import (
    Platform,
    ProofOfExecution,
    ProverBinding,
    measurement_id,
    prover_address,
)
from coprove.attestation.appraisal import Evidence
from coprove.closing import AsyncClosing
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.primitives.bounded_json import load_json
from coprove.prover.tee.enclave.key import recover_prover
from coprove.prover.tee.registrar.errors import (
    ProverAnswerError,
    ProverRefusedError,
    ProverUnreachableError,
)
from coprove.telemetry import redact_url
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ProvenRange", "ProverIdentity", "TeeProverClient", "TeeProverClientOptions"]

_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_BUSY_CODES: Final = frozenset({14444, -32000})
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TeeProverClientOptions:
    """How a TEE prover is reached. Times are in seconds."""

    url: str = "http://127.0.0.1:18232"
    """Base URL."""
    token: str | None = None
    """Bearer token; None where the prover wants none."""
    timeout: float = 30.0
    """For an answer; a proof is waited for in several."""
    prove_timeout: float = 600.0
    """For a proof, from sending the witness to its signature."""
    max_answer_bytes: int = 8 << 20
    """Longest answer; evidence with its collateral has some ten thousand bytes."""

    def __post_init__(self) -> None:
        """Refuse a URL of no use; InputError without its secrets."""
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise InputError(
                "TEE prover URL", expected="http:// or https://", actual=redact_url(self.url)
            )

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        return f"TeeProverClientOptions({redact_url(self.url)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverIdentity:
    """Who a prover says it is; its evidence has to show that."""

    platform: Platform
    """Kind of environment."""
    public_key: bytes
    """x ‖ y, 64 bytes."""
    measurement: bytes
    """Raw, as `Platform` states."""
    simulated: bool
    """Whether its environment is only played."""
    operator: Address | None
    """The only operator that its evidence may name, if that is settled."""

    @property
    def address(self) -> Address:
        """Address of the key: the prover's name in the registry."""
        return prover_address(self.public_key)

    @property
    def measurement_id(self) -> Hash32:
        """The code's 32-byte name."""
        return measurement_id(self.platform, self.measurement)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenRange:
    """A signed claim whose signature holds; whether the signer counts, the registry says."""

    poe: ProofOfExecution
    """The claim."""
    signature: bytes
    """r, s, v: 65 bytes over the claim's EIP-712 digest."""
    prover: Address
    """Who signed it."""


class TeeProverClient(AsyncClosing):
    """One TEE prover. Its methods raise ProverUnreachableError, -RefusedError, -AnswerError."""

    def __init__(self, options: TeeProverClientOptions) -> None:
        """Nothing is opened yet."""
        self._options = options
        self._url = options.url.rstrip("/")
        self.name = redact_url(options.url)
        """The prover's URL without secrets."""
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def identity(self) -> ProverIdentity:
        """Ask who the prover is."""
        _, answer = await self._ask("GET", "/v1/prover")
        operator = answer.get("operator")
        found = ProverIdentity(
            platform=_platform(answer),
            public_key=_hex(answer, "public_key", 64),
            measurement=_hex(answer, "measurement"),
            simulated=_flag(answer, "simulated"),
            operator=None if operator is None else Address.from_hex(operator, "operator"),
        )
        _same("prover", found.address.hex0x, answer.get("prover"))
        return found

    async def evidence(self, binding: ProverBinding) -> Evidence:
        """Have the environment quoted for a registration or a challenge.

        The answer must be about this very binding; whether the evidence is genuine is for its
        verification to say.
        """
        asked = {
            "chain_id": binding.chain_id,
            "verifier": binding.verifier.hex0x,
            "operator": binding.operator.hex0x,
            "block_number": binding.block_number,
            "block_hash": binding.block_hash.hex0x,
            "nonce": binding.nonce.hex0x,
        }
        _, answer = await self._ask("POST", "/v1/evidence", json=asked)
        _same("binding", asked, answer.get("binding"))
        _same("platform", binding.platform.value, answer.get("platform"))
        _same("public key", binding.public_key, _hex(answer, "public_key", 64))
        _same("report data", binding.report_data(), _hex(answer, "report_data", 64))
        endorsements = answer.get("endorsements")
        return Evidence(
            platform=binding.platform,
            evidence=_hex(answer, "evidence"),
            endorsements=None if endorsements is None else _hex(answer, "endorsements"),
        )

    async def prove(self, witness: bytes) -> ProvenRange:
        """Have a range executed and signed; `witness` is an encoded RangeInput."""
        digest = Hash32(keccak256(witness)).hex0x
        headers = {"Witness-Digest": digest, "Content-Type": "application/octet-stream"}
        wait = {"wait": str(self._options.timeout / 2)}
        end = time.monotonic() + self._options.prove_timeout
        status, answer = await self._ask(
            "POST", "/v1/proofs", data=witness, headers=headers, params=wait
        )
        while status == 202:
            if time.monotonic() > end:
                raise ProverUnreachableError(f"{self.name}: no proof in time")
            status, answer = await self._ask("GET", f"/v1/proofs/{digest}", params=wait)
        _same("witness", digest, answer.get("witness"))
        poe = _poe(answer.get("poe"))
        signature = _hex(answer, "signature", 65)
        key = recover_prover(poe.digest(), signature)
        if key is None:
            raise ProverAnswerError("signature", expected="one over the claim", actual=signature)
        _same("prover", prover_address(key).hex0x, answer.get("prover"))
        return ProvenRange(poe=poe, signature=signature, prover=prover_address(key))

    async def rpc(self, method: str, *params: object) -> Any:
        """Return the result of one of the public prover's JSON-RPC methods.

        What it answers with an error is ProverUnreachableError where it has no room, otherwise
        ProverRefusedError, whose `status` then is JSON-RPC's code.
        """
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        _, answer = await self._ask("POST", "/", json=call)
        error = answer.get("error")
        if error is None:
            if "result" not in answer:
                raise ProverAnswerError(method, expected="a result", actual=sorted(answer))
            return answer["result"]
        code = error.get("code") if isinstance(error, dict) else None
        said = f"{method} at {self.name}: {str(error)[:_SHOWN]}"
        if not isinstance(code, int) or isinstance(code, bool):
            raise ProverAnswerError(method, expected="an error with a code", actual=error)
        if code in _BUSY_CODES:
            raise ProverUnreachableError(said)
        raise ProverRefusedError(said, status=code)

    async def _ask(self, method: str, path: str, **request: Any) -> tuple[int, dict[str, Any]]:
        headers = dict(request.pop("headers", {}))
        if self._options.token is not None:
            headers["Authorization"] = f"Bearer {self._options.token}"
        timeout = aiohttp.ClientTimeout(total=self._options.timeout)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.request(
                method,
                self._url + path,
                headers=headers,
                timeout=timeout,
                # A prover's host could send us, and a witness, to wherever it likes.
                allow_redirects=False,
                **request,
            ) as answer:
                body = await _read(answer, self._options.max_answer_bytes)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ProverUnreachableError(f"{self.name}: {type(error).__name__}") from None
        if answer.status in (200, 202):
            return answer.status, _object(body, f"answer of {self.name}")
        said = (
            f"{path} at {self.name}: HTTP {answer.status}: {body[:_SHOWN].decode(errors='replace')}"
        )
        if answer.status in _BUSY:
            raise ProverUnreachableError(said)
        raise ProverRefusedError(said, status=answer.status)


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts = bytearray()
    async for part in answer.content.iter_any():
        parts += part
        if len(parts) > limit:
            raise ProverAnswerError("answer", expected=f"at most {limit} bytes", actual="more")
    return bytes(parts)


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        found = load_json(body)
    except ValueError as error:
        raise ProverAnswerError(what, expected="JSON", actual=error) from None
    if not isinstance(found, dict):
        raise ProverAnswerError(what, expected="an object", actual=type(found).__name__)
    return found


def _poe(members: object) -> ProofOfExecution:
    if not isinstance(members, dict):
        raise ProverAnswerError("poe", expected="an object", actual=members)
    try:
        return ProofOfExecution(
            l1_chain_id=_number(members, "l1_chain_id"),
            l2_chain_id=_number(members, "l2_chain_id"),
            rollup_config_hash=_hash(members, "rollup_config_hash"),
            l1_head=_hash(members, "l1_head"),
            l2_pre_root=_hash(members, "l2_pre_root"),
            l2_post_root=_hash(members, "l2_post_root"),
            l2_pre_block=_number(members, "l2_pre_block"),
            l2_post_block=_number(members, "l2_post_block"),
            measurement=_hash(members, "measurement"),
        )
    except InputError as error:
        if isinstance(error, ProverAnswerError):
            raise
        raise ProverAnswerError(error.what, expected=error.expected, actual=error.actual) from None


def _platform(members: Mapping[str, Any]) -> Platform:
    try:
        return Platform(str(members.get("platform")))
    except ValueError:
        expected = ", ".join(Platform)
        raise ProverAnswerError(
            "platform", expected=expected, actual=members.get("platform")
        ) from None


def _number(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProverAnswerError(name, expected="a number", actual=value)
    return value


def _flag(members: Mapping[str, Any], name: str) -> bool:
    value = members.get(name)
    if not isinstance(value, bool):
        raise ProverAnswerError(name, expected="true or false", actual=value)
    return value


def _hash(members: Mapping[str, Any], name: str) -> Hash32:
    return Hash32(_hex(members, name, Hash32.SIZE))


def _hex(members: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    value = members.get(name)
    expected = "0x and hex" if size is None else f"0x and {2 * size} hex digits"
    if not isinstance(value, str) or not value.startswith("0x") or not value[2:].isalnum():
        raise ProverAnswerError(name, expected=expected, actual=value)
    try:
        found = bytes.fromhex(value[2:])
    except ValueError:
        raise ProverAnswerError(name, expected=expected, actual=value) from None
    if size is not None and len(found) != size:
        raise ProverAnswerError(name, expected=expected, actual=value)
    return found


def _same(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise ProverAnswerError(what, expected=expected, actual=actual)
