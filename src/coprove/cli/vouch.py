"""`coprove quote vouch` and `combine`: attestors verify evidence and vouch for it on chain.

For platforms whose signatures no precompile verifies (SEV-SNP, Nitro) or that have no public root
(ARM). Each attestor runs `vouch` on its own machine, for the same moment; whoever has enough of the
results combines them.
"""

from __future__ import annotations

import json as json_module
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from coprove.attestation import Platform, TcbStatus, prover_address
from coprove.attestation.appraisal import appraise
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError
from coprove.attestation.policy import parse_policy
from coprove.cli.console import print_result, read_file
from coprove.cli.quote import evidence_of, moment_of, roots_of, text_of
from coprove.cli.sending import KeyVariable, address
from coprove.contracts import LocalSigner
from coprove.contracts.attestation import AttestorStatement, QuoteClaims
from coprove.contracts.attestation.attestors import vouched_evidence
from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["combine", "vouch"]

_NUMBERS = ("security_version", "valid_until", "signed_at", "chain_id")
_WORDS = ("measurement", "signer", "report_digest", "replay_key", "evidence_hash")


def vouch(
    file: Path,
    /,
    *,
    policy: Path,
    attestors: Annotated[str | None, Parameter(env_var="ATTESTORS_ADDRESS")] = None,
    chain_id: int = 1,
    signed_at: str | None = None,
    endorsements: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    platform: Platform | None = None,
    root: Path | None = None,
    private_key_file: Annotated[Path | None, Parameter(env_var="PRIVATE_KEY_FILE")] = None,
) -> int:
    """Verify evidence as `verify` does, and sign what it says for the attestors' contract.

    Prints the signed statement as one JSON object. Exit 1, and nothing signed, when it is refused.

    Parameters
    ----------
    file
        A quote, report, document or token, or evidence as JSON with its endorsements.
    policy
        What is accepted, in TOML.
    attestors
        The AttestorVerifier contract.
    chain_id
        Its chain. Simulated evidence counts on development chains only.
    signed_at
        When, as Unix seconds or in ISO 8601; now by default. All attestors must name the same.
    endorsements
        As for `verify`.
    platform
        What it is evidence of; by default it is told from the bytes.
    root
        Root certificate of a simulation, PEM or DER, in place of the vendor's.
    private_key_file
        File with the attestor's key in hex; without it the variable PRIVATE_KEY is read.
    """
    contract = address(attestors, "--attestors")
    moment = int(time.time()) if signed_at is None else moment_of(signed_at)
    rules = parse_policy(text_of(policy))
    if private_key_file is None:
        signer = KeyVariable.PRIVATE_KEY.read()
    else:
        signer = LocalSigner.from_file(private_key_file)
    try:
        evidence = evidence_of(file, platform, endorsements)
        roots = None if root is None else roots_of(evidence.platform, read_file(root), root)
        found = appraise(evidence, rules, at=moment, chain_id=chain_id, roots=roots)
    except (EvidenceFormatError, EvidenceRejectedError) as error:
        sys.stderr.write(f"coprove: refused, nothing signed: {error.reason.value}: {error}\n")
        return 1
    claims = QuoteClaims.from_claims(found.claims)
    statement = AttestorStatement.about(evidence.evidence, claims, at=moment)
    signature = signer.sign_digest(statement.digest(chain_id=chain_id, verifier=contract))
    values = {
        "chain_id": chain_id,
        "attestors": str(contract),
        **_plain(statement),
        "attestor": str(signer.address),
        "signature": f"0x{signature.hex()}",
    }
    sys.stdout.write(json_module.dumps(values) + "\n")
    return 0


def combine(
    files: Annotated[tuple[Path, ...], Parameter(negative="")],
    /,
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Put attestors' signed statements together: the evidence that their contract verifies.

    Parameters
    ----------
    files
        What `vouch` printed, a file for each attestor.
    json
        Print one JSON object instead of a table.
    """
    if not files:
        raise InputError("files", expected="one for each attestor", actual="none")
    vouched = [_read(path) for path in files]
    first = vouched[0]
    signatures: dict[Address, bytes] = {}
    for path, item in zip(files, vouched, strict=True):
        if item[:3] != first[:3]:
            raise InputError(str(path), expected="the statement of the others", actual="another")
        signatures[_signer(path, item)] = item[3]
    contract, chain_id, statement, _ = first
    print_result(
        {
            "chain_id": chain_id,
            "attestors": str(contract),
            "signers": ", ".join(str(signer) for signer in sorted(signatures)),
            "evidence": f"0x{vouched_evidence(statement, signatures).hex()}",
        },
        as_json=json,
    )
    return 0


_Vouched = tuple[Address, int, AttestorStatement, bytes]


def _plain(statement: AttestorStatement) -> dict[str, Any]:
    """Return a statement as flat JSON values."""
    values = asdict(statement.claims) | {
        "evidence_hash": statement.evidence_hash,
        "signed_at": statement.signed_at,
    }
    plain = {
        name: f"0x{value.hex()}" if isinstance(value, bytes) else value
        for name, value in values.items()
    }
    plain["platform"] = statement.claims.platform.value
    plain["tcb_status"] = statement.claims.tcb_status.name
    return plain


def _read(path: Path) -> _Vouched:
    try:
        values = load_json(read_file(path))
        if not isinstance(values, dict):
            raise InputError(str(path), expected="an object", actual=type(values).__name__)
        numbers = {name: _number(path, values, name) for name in _NUMBERS}
        words = {name: Hash32.from_hex(values.get(name), name) for name in _WORDS}
        claims = QuoteClaims(
            platform=Platform(str(values.get("platform"))),
            measurement=words["measurement"],
            signer=words["signer"],
            security_version=numbers["security_version"],
            report_digest=words["report_digest"],
            tcb_status=TcbStatus[str(values.get("tcb_status"))],
            valid_until=numbers["valid_until"],
            replay_key=words["replay_key"],
            simulated=values.get("simulated") is True,
        )
        signature = bytes.fromhex(str(values.get("signature")).removeprefix("0x"))
    except (ValueError, KeyError) as error:
        raise InputError(str(path), expected="what vouch prints", actual=error) from None
    statement = AttestorStatement(
        claims=claims, evidence_hash=words["evidence_hash"], signed_at=numbers["signed_at"]
    )
    contract = Address.from_hex(values.get("attestors"), "attestors")
    return contract, numbers["chain_id"], statement, signature


def _number(path: Path, values: dict[str, Any], name: str) -> int:
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise InputError(f"{path}: {name}", expected="a number below 2^64", actual=value)
    return value


def _signer(path: Path, item: Sequence[Any]) -> Address:
    """Return who signed; InputError when the signature is none."""
    contract, chain_id, statement, signature = item
    digest = statement.digest(chain_id=chain_id, verifier=contract)
    try:
        if len(signature) != 65 or signature[64] not in (27, 28):
            raise BadSignature("not r, s, v")
        plain = Signature(signature[:64] + bytes([signature[64] - 27]))
        key = plain.recover_public_key_from_msg_hash(bytes(digest)).to_bytes()
    except (BadSignature, ValidationError) as error:
        raise InputError(f"{path}: signature", expected="65 bytes", actual=error) from None
    return prover_address(key)
