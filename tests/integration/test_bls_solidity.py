"""BLS on BN254 in three implementations: the contracts' on an EVM, the kernel's, and py_ecc's."""

from __future__ import annotations

import json
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from coprove.avs.bls import SecretKey, Signature, SignedDigest, hash_to_g1, verify_batch
from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.contracts.foundry_tools import find_tool
from coprove.primitives.bn254 import CURVE_ORDER, FIELD_MODULUS
from coprove.types import Hash32
from tests.integration.anvil_l1 import running_l1
from tests.unit.avs import oracle

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anvil

CASES, CHUNK = 1_000, 50
CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
_G1 = "(uint256,uint256)"
_G2 = "(uint256[2],uint256[2])"
PRESENT = Function(f"present((bytes32,uint256,{_G2},{_G1})[])", f"(({_G1},{_G1},{_G1},bool)[])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A key, a digest, and a signature that somebody handed in for them."""

    key: SecretKey
    secret: int
    digest: Hash32
    handed_in: Signature
    kind: str


def cases() -> Iterator[Case]:
    """Random keys and digests with their edges; two in three signatures are wrong in some way."""
    source = random.Random(0xB15)
    edges = [0, 1, FIELD_MODULUS - 1, FIELD_MODULUS, 2**256 - 1]
    secrets = [1, 2, CURVE_ORDER - 1]
    for number in range(CASES):
        digest = edges[number] if number < len(edges) else source.getrandbits(256)
        secret = secrets[number] if number < len(secrets) else source.randrange(1, CURVE_ORDER)
        key = signer = SecretKey(secret.to_bytes(32, "big"))
        signed = digest
        kind = ("right", "another digest", "another key", "opposite", "right", "right")[number % 6]
        if kind == "another digest":
            signed = digest ^ (1 << source.randrange(256))
        elif kind == "another key":
            signer = SecretKey(source.randrange(1, CURVE_ORDER).to_bytes(32, "big"))
        made = signer.sign(Hash32(signed.to_bytes(32, "big")))
        x, y = made.point.coordinates
        if kind == "opposite":
            made = Signature.from_coordinates(x, FIELD_MODULUS - y)
        yield Case(
            key=key,
            secret=secret,
            digest=Hash32(digest.to_bytes(32, "big")),
            handed_in=made,
            kind=kind,
        )


def compiled(folder: Path) -> bytes:
    """Return the creation code of the presenter."""
    command = [str(find_tool("forge")), "build", "--no-cache", "--out", str(folder)]
    presenter = "test/support/Bn254Presenter.sol"
    subprocess.run(  # noqa: S603 - forge of node_modules, fixed arguments
        [*command, presenter], cwd=CONTRACTS, check=True, stdout=subprocess.DEVNULL
    )
    path = folder / "Bn254Presenter.sol" / "Bn254Presenter.json"
    return bytes.fromhex(json.loads(path.read_text())["bytecode"]["object"][2:])


async def presented(creation: bytes, chosen: list[Case]) -> list[Any]:
    """Return what the contract makes of the cases."""
    results: list[Any] = []
    async with running_l1() as l1, l1.manager() as manager:
        mined = await manager.send(key="presenter", to=None, data=creation)
        assert mined.contract_address is not None
        reader = ContractReader(l1.transport, mined.contract_address)
        for start in range(0, len(chosen), CHUNK):
            part = [
                (
                    bytes(one.digest),
                    one.secret,
                    one.key.public_key.g2.coordinates,
                    one.handed_in.point.coordinates,
                )
                for one in chosen[start : start + CHUNK]
            ]
            results += await reader.call(PRESENT, part)
    return results


async def test_a_thousand_cases_are_hashed_signed_and_verified_alike(tmp_path: Path) -> None:
    """Points, keys, signatures and verdicts agree in all three, case by case.

    py_ecc knows the secret: its verdict is whether the signature is the secret's multiple of the
    digest's point, which is what the pairing asks.
    """
    chosen = list(cases())
    verdicts = verify_batch(
        [
            SignedDigest(key=one.key.public_key.g2, digest=one.digest, signature=one.handed_in)
            for one in chosen
        ]
    )
    results = await presented(compiled(tmp_path), chosen)
    assert len(results) == len(verdicts) == CASES
    for one, verdict, (hashed, key, signature, is_signed) in zip(
        chosen, verdicts, results, strict=True
    ):
        assert hash_to_g1(one.digest).coordinates == hashed == oracle.hash_to_g1(one.digest)
        own = oracle.g1_bytes(oracle.curve.multiply(oracle.curve.G1, one.secret))
        assert one.key.public_key.g1.coordinates == key
        assert one.key.public_key.g1.encoded == own
        expected = oracle.g1_bytes(oracle.signature(one.secret, one.digest))
        assert one.key.sign(one.digest).point.coordinates == signature
        assert one.key.sign(one.digest).point.encoded == expected
        right = one.handed_in.point.encoded == expected
        assert (verdict, is_signed) == (right, right), one.kind
        assert one.handed_in.verify(one.key.public_key.g2, one.digest) == right
        assert right == (one.kind == "right")
