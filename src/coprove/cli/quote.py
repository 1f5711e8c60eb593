"""`coprove quote`: what evidence of a trusted execution environment says, and whether it holds."""

from __future__ import annotations

import asyncio
import json as json_module
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from coprove.attestation.appraisal import Appraisal, Evidence, TrustRoots, appraise
from coprove.attestation.dcap import RootCertificate
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError
from coprove.attestation.inspection import claims_to_plain, guess_platform, inspect_evidence
from coprove.attestation.platform import Platform
from coprove.attestation.policy import parse_policy
from coprove.attestation.snp import collect_endorsements, read_certificates
from coprove.attestation.x509 import parse_certificate
from coprove.cli.console import read_file
from coprove.errors import InputError
from coprove.prover.tee.registrar import INTEL_PCS, PcsClient, PcsOptions

__all__ = ["app", "evidence_of", "moment_of", "roots_of", "text_of"]

app = App(name="quote", help="Show and check evidence of trusted execution environments.")

app.command("coprove.cli.vouch:vouch", name="vouch")
app.command("coprove.cli.vouch:combine", name="combine")

_JSON_MARK = b"{"


@app.command
def inspect(
    file: Path,
    /,
    *,
    platform: Platform | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Show what evidence says. Nothing is verified: whoever made the file chose every value.

    Parameters
    ----------
    file
        A quote, report, document or token, or evidence as JSON.
    platform
        What it is evidence of; by default it is told from the bytes.
    json
        Print one JSON object instead of a table.
    """
    evidence = evidence_of(file, platform, ())
    found = inspect_evidence(evidence.platform, evidence.evidence)
    values = {"platform": evidence.platform.value, "verified": False, **found}
    if json:
        sys.stdout.write(json_module.dumps(values) + "\n")
        return 0
    console = _console()
    console.print(_table(values))
    console.print("[yellow]not verified[/yellow]: see coprove quote verify")
    return 0


@app.command
def verify(
    file: Path,
    /,
    *,
    policy: Path,
    endorsements: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    platform: Platform | None = None,
    at: str | None = None,
    chain_id: int = 1,
    root: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Verify evidence and judge it by a policy; exit 1 when it is refused.

    Parameters
    ----------
    file
        A quote, report, document or token, or evidence as JSON with its endorsements.
    policy
        What is accepted, in TOML.
    endorsements
        What belongs to the evidence: DCAP collateral (JSON); for SEV-SNP a certificate table, or
        certificates and CRLs in PEM or DER, each in a file of its own or together.
    platform
        What it is evidence of; by default it is told from the bytes.
    at
        When, as Unix seconds or in ISO 8601; now by default.
    chain_id
        The chain that will rely on it. Simulated evidence counts on development chains only.
    root
        Root certificate of a simulation, PEM or DER, in place of the vendor's.
    json
        Print one JSON object instead of tables.
    """
    rules = parse_policy(text_of(policy))
    moment = int(time.time()) if at is None else moment_of(at)
    try:
        evidence = evidence_of(file, platform, endorsements)
    except EvidenceFormatError as error:
        return _refused(error.reason.value, str(error), moment, as_json=json)
    roots = None if root is None else roots_of(evidence.platform, read_file(root), root)
    try:
        found = appraise(evidence, rules, at=moment, chain_id=chain_id, roots=roots)
    except EvidenceFormatError as error:
        return _refused(error.reason.value, str(error), moment, as_json=json)
    except EvidenceRejectedError as error:
        return _refused(error.reason.value, error.detail, moment, as_json=json)
    if json:
        sys.stdout.write(json_module.dumps(_report(found)) + "\n")
    else:
        _print(found)
    return 0


@app.command
def collateral(file: Path, /, *, pcs: str = INTEL_PCS, out: Path | None = None) -> int:
    """Fetch the collateral of an SGX or TDX quote, as `verify` takes it; nothing is verified.

    Parameters
    ----------
    file
        A quote, or evidence as JSON.
    pcs
        Base URL of Intel's service or of a PCCS.
    out
        File to write; standard output by default.
    """
    evidence = evidence_of(file, None, ())
    if evidence.platform not in (Platform.INTEL_SGX, Platform.INTEL_TDX):
        raise InputError("platform", expected="SGX or TDX", actual=evidence.platform.value)

    async def fetch() -> str:
        async with PcsClient(PcsOptions(url=pcs)) as client:
            return (await client.collateral(evidence.evidence)).to_json()

    text = asyncio.run(fetch()) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
    return 0


def _refused(reason: str, detail: str, at: int, *, as_json: bool) -> int:
    if as_json:
        values = {"accepted": False, "reason": reason, "detail": detail, "at": at}
        sys.stdout.write(json_module.dumps(values) + "\n")
    else:
        line = Text.assemble(("REFUSED", "bold red"), "  ", _shown(f"{reason}: {detail}"))
        _console().print(line)
    return 1


def _report(found: Appraisal) -> dict[str, Any]:
    claims = claims_to_plain(found.claims)
    del claims["checks"]
    return {
        "accepted": True,
        "platform": found.claims.platform.value,
        "simulated": found.simulated,
        "at": found.at,
        "valid_until": found.valid_until,
        "expires_in": found.expires_in,
        "policy_sha256": found.policy_sha256,
        "warnings": list(found.warnings),
        "claims": claims,
        "checks": [{"name": check.name, "found": check.found} for check in found.checks],
    }


def _print(found: Appraisal) -> None:
    claims = claims_to_plain(found.claims)
    attributes = claims.pop("attributes")
    collateral = claims.pop("collateral")
    del claims["checks"]
    console = _console()
    console.print(Text.assemble(("ACCEPTED", "bold green"), f"  at {_date(found.at)}"))
    for warning in found.warnings:
        console.print(Text.assemble(("warning", "yellow"), "  ", _shown(warning)))
    claims["valid_from"] = _date(found.claims.valid_from)
    claims["valid_until"] = f"{_date(found.valid_until)}, in {found.expires_in:,} s"
    claims["policy_sha256"] = found.policy_sha256
    for title, values in (
        ("claims", claims),
        ("attributes", attributes),
        ("relied on", dict(entry.rsplit(" ", 1) for entry in collateral)),
        ("checked", {check.name: check.found for check in found.checks}),
    ):
        if values:
            console.print(_table(values, title))


def _table(values: dict[str, Any], title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(_shown(name.replace("_", " ")), _shown(value))
    return table


def _shown(value: object) -> Text:
    """Return a value as text that neither markup nor control characters in it can change."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    text = "-" if value is None or value == "" else str(value)
    return Text("".join(letter if letter.isprintable() else "?" for letter in text))


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def evidence_of(file: Path, platform: Platform | None, endorsements: tuple[Path, ...]) -> Evidence:
    """Return the evidence in a file, with its endorsements; InputError when they do not fit."""
    content = read_file(file)
    if content.lstrip().startswith(_JSON_MARK):
        if endorsements:
            raise InputError("--endorsements", expected="none beside JSON", actual="some")
        evidence = Evidence.from_json(content)
        if platform not in (None, evidence.platform):
            raise InputError("--platform", expected=evidence.platform, actual=platform)
        return evidence
    kind = platform or guess_platform(content)
    files = [read_file(path) for path in endorsements]
    return Evidence(platform=kind, evidence=content, endorsements=_endorsements(kind, files))


def _endorsements(platform: Platform, files: list[bytes]) -> bytes | None:
    if not files:
        return None
    if platform is Platform.AMD_SEV_SNP:
        return collect_endorsements(files)
    if len(files) > 1:
        raise InputError("--endorsements", expected=f"one file for {platform}", actual=len(files))
    return files[0]


def roots_of(platform: Platform, content: bytes, path: Path) -> TrustRoots:
    """Return the roots of a simulation whose certificate is given, for one platform."""
    certificates = read_certificates(content)
    if len(certificates) != 1:
        raise InputError(str(path), expected="one certificate", actual=len(certificates))
    if platform in (Platform.INTEL_SGX, Platform.INTEL_TDX):
        return TrustRoots(intel=RootCertificate.from_der(certificates[0]))
    root = parse_certificate(certificates[0], str(path))
    if platform is Platform.AMD_SEV_SNP:
        return TrustRoots(amd=(root,))
    if platform is Platform.AWS_NITRO:
        return TrustRoots(aws=root)
    raise InputError("--root", expected="none: ARM keys are in the policy", actual=str(path))


def text_of(path: Path) -> str:
    """Return a text file; InputError names it."""
    try:
        return read_file(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(str(path), expected="UTF-8", actual=error) from error


def moment_of(text: str) -> int:
    """Return a flag's moment as Unix seconds."""
    try:
        if text.isascii() and text.isdigit():
            seconds = int(text)
        else:
            moment = datetime.fromisoformat(text)
            seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        expected = "Unix seconds or ISO 8601"
        raise InputError("--at", expected=expected, actual=text) from None
    return seconds


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
