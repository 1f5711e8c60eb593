"""`coprove quote`: what it prints and what it exits with, on real and simulated evidence."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from coprove.attestation.simulation import (
    PlatformSpec,
    QuoteSpec,
    SimulatedIntel,
    sgx_report,
)
from coprove.cli import main
from tests.unit.attestation.arm import devices
from tests.unit.attestation.nitro import enclaves
from tests.unit.attestation.snp import guests
from tests.vectors import vectors_dir

if TYPE_CHECKING:
    from pathlib import Path

AT = guests.AT
DEV_CHAIN = 31337


def run(*arguments: object) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        main(["quote", *(str(argument) for argument in arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def policy(folder: Path, platform: str, measurement: bytes, more: str = "") -> Path:
    """Write a policy that accepts some code."""
    file = folder / "policy.toml"
    file.write_text(
        "version = 1\nallow_simulation = true\n"
        f'[[workload]]\nplatform = "{platform}"\nmeasurement = "0x{measurement.hex()}"\n{more}\n'
    )
    return file


def write(folder: Path, name: str, content: bytes | str) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.fixture
def guest(tmp_path: Path) -> list[object]:
    """Return the arguments that verify a simulated guest."""
    exhibit = guests.Exhibit()
    return [
        write(tmp_path, "report.bin", exhibit.report),
        "--endorsements",
        write(tmp_path, "table.bin", exhibit.endorsements),
        "--policy",
        policy(tmp_path, "amd-sev-snp", guests.GUEST.measurement),
        "--root",
        write(tmp_path, "root.der", guests.AMD.root.der),
        "--chain-id",
        DEV_CHAIN,
        "--at",
        AT,
    ]


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_a_real_sgx_quote_is_accepted_with_what_its_policy_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = vectors_dir("attestation/sgx_v3_hardening")
    quote = folder / "quote.bin"
    rules = policy(
        tmp_path,
        "intel-sgx",
        quote.read_bytes()[112:144],
        "[platform.intel-sgx]\n"
        'accept = [{ status = "configuration-and-sw-hardening-needed" }]\n'
        'advisories = ["INTEL-SA-00289", "INTEL-SA-00615"]\n',
    )
    arguments = (quote, "--endorsements", folder / "collateral.json", "--policy", rules)
    assert run("verify", *arguments, "--at", 1750330571, "--json") == 0
    found = answer(capsys)
    assert found["accepted"] is True
    assert found["simulated"] is False
    assert found["claims"]["tcb_status"] == "configuration-and-sw-hardening-needed"
    assert found["claims"]["advisories"] == ["INTEL-SA-00289", "INTEL-SA-00615"]
    assert found["expires_in"] == found["valid_until"] - 1750330571
    assert "quote-signature" in [check["name"] for check in found["checks"]]
    late = found["valid_until"] - 86_000
    assert run("verify", *arguments, "--at", late, "--json") == 0
    assert "expires in 86000 s" in answer(capsys)["warnings"][0]
    assert run("verify", *arguments, "--at", found["valid_until"] + 1, "--json") == 1
    assert answer(capsys)["reason"] == "validity"


def test_a_real_debug_report_is_shown_and_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = vectors_dir("attestation/snp_milan_debug")
    report = folder / "attestation.bin"
    assert run("inspect", report, "--json") == 0
    found = answer(capsys)
    assert (found["platform"], found["verified"]) == ("amd-sev-snp", False)
    assert found["workload.debug"] is True
    assert (found["version"], found["vmpl"]) == (2, 0)
    rules = policy(tmp_path, "amd-sev-snp", bytes.fromhex(found["workload.measurement"][2:]))
    arguments = (report, "--policy", rules, "--at", "2024-06-01T00:00:00")
    certificates = (folder / "vcek.testcer", "--endorsements", folder / "milan.testcer")
    assert run("verify", *arguments, "--endorsements", *certificates) == 1
    shown = capsys.readouterr().out
    assert "REFUSED  debug: the workload is in debug mode" in shown


def test_people_see_the_verdict_the_warning_the_claims_and_the_checks(
    guest: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", *guest) == 0
    shown = capsys.readouterr().out
    lines = [line.strip() for line in shown.splitlines()]
    assert lines[0].startswith("ACCEPTED  at 2026-09-21")
    assert lines[1].startswith("warning  SIMULATED evidence")
    for title in ("claims", "attributes", "relied on", "checked"):
        assert title in lines
    for words in ("tcb-snp +24", "vmpl +0", "simulated +yes", "debug +no", "revocation +no CRL"):
        assert re.search(words, shown), words


def test_simulated_evidence_is_refused_off_development_chains_and_without_its_root(
    guest: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    place = guest.index("--chain-id")
    assert run("verify", *guest[:place], *guest[place + 2 :], "--json") == 1
    assert answer(capsys)["reason"] == "simulated"
    place = guest.index("--root")
    assert run("verify", *guest[:place], *guest[place + 2 :], "--json") == 1
    assert answer(capsys)["reason"] == "root"


def test_evidence_as_json_needs_no_further_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what it is of; a Nitro document and a DCAP quote with their simulated roots."""
    document = enclaves.Exhibit().document
    text = {"platform": "aws-nitro", "evidence": f"0x{document.hex()}", "endorsements": None}
    file = write(tmp_path, "evidence.json", json.dumps(text))
    root = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(enclaves.AWS.root.der).decode()}"
    pem = write(tmp_path, "root.pem", root + "-----END CERTIFICATE-----\n")
    measurement = b"".join(enclaves.PCRS[index] for index in range(3))
    rules = policy(tmp_path, "aws-nitro", measurement)
    arguments = (file, "--policy", rules, "--root", pem, "--chain-id", DEV_CHAIN, "--json")
    assert run("verify", *arguments, "--at", enclaves.AT) == 0
    assert answer(capsys)["claims"]["attributes"]["module-id"].startswith("i-0simulated")
    assert run("verify", *arguments, "--at", enclaves.AT + 301) == 1
    assert answer(capsys)["reason"] == "validity"
    assert run("inspect", file, "--platform", "intel-sgx") == 2
    assert "--platform" in capsys.readouterr().err
    assert run("verify", file, "--policy", rules, "--endorsements", pem) == 2
    assert "none beside JSON" in capsys.readouterr().err


def test_a_simulated_sgx_quote_is_verified_under_its_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    intel = SimulatedIntel("quote command")
    body = sgx_report()
    quote = write(tmp_path, "quote.bin", intel.quote(QuoteSpec(body=body, platform=PlatformSpec())))
    collateral = write(tmp_path, "collateral.json", intel.collateral().to_json())
    root = write(tmp_path, "root.der", intel.root.der)
    rules = policy(tmp_path, "intel-sgx", body.mr_enclave)
    arguments = (quote, "--endorsements", collateral, "--policy", rules, "--root", root)
    at = intel.start + 86_400
    assert run("verify", *arguments, "--at", at, "--chain-id", DEV_CHAIN, "--json") == 0
    assert answer(capsys)["simulated"] is True


def test_arm_tokens_are_verified_with_the_policys_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = write(tmp_path, "token.cbor", devices.cca())
    key = f'[[key]]\nplatform = "arm-cca"\npublic_key = "0x{devices.ARM.key.public_key.hex()}"'
    rules = policy(tmp_path, "arm-cca", devices.RIM + bytes(128), key)
    arguments = (token, "--policy", rules, "--chain-id", DEV_CHAIN, "--json")
    assert run("verify", *arguments) == 0
    assert answer(capsys)["claims"]["attributes"]["lifecycle"] == "secured"
    assert run("verify", *arguments, "--root", token) == 2
    assert "one certificate" in capsys.readouterr().err


def test_hostile_text_in_evidence_reaches_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither markup nor control characters in a token change what is printed around them."""
    claims = {2399: [{1: "[red]\x1b[2Jx", 2: bytes(32), 5: bytes(32)}]}
    token = write(tmp_path, "token.cbor", devices.psa(claims))
    assert run("inspect", token) == 0
    shown = capsys.readouterr().out
    assert "[red]?[2Jx" in shown
    assert "\x1b" not in shown


def test_malformed_evidence_is_a_refusal_and_malformed_input_is_not(
    guest: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write(tmp_path, "broken.bin", b"\0" * 1184)
    assert run("verify", broken, *guest[1:], "--json") == 1
    assert answer(capsys)["reason"] == "format"
    assert run("verify", write(tmp_path, "short.bin", b"x"), *guest[1:], "--json") == 1
    assert "a quote, report, document or token" in answer(capsys)["detail"]
    assert run("inspect", broken) == 2
    assert "SNP report version" in capsys.readouterr().err
    assert run("inspect", tmp_path / "absent") == 2
    for flag, value in (
        ("--at", "yesterday"),
        ("--at", str(10**30)),
        ("--policy", broken),
        ("--policy", write(tmp_path, "bad.toml", "version = 2\n")),
        ("--root", write(tmp_path, "empty.pem", "")),
        ("--root", write(tmp_path, "cut.der", guests.AMD.root.der[:-1])),
    ):
        changed = list(guest)
        changed[changed.index(flag) + 1] = value
        assert run("verify", *changed) == 2, (flag, value)
    two = ("--endorsements", broken, "--endorsements", broken)
    quote = write(tmp_path, "quote.bin", b"\x03\0" + bytes(60))
    assert run("verify", quote, *two, "--policy", guest[4]) == 2
    assert "one file for intel-sgx" in capsys.readouterr().err
