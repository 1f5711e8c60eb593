"""The pages on attestation hold: checks, reasons, policy fields, roots and flags are real."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coprove.attestation import Rejection
from coprove.attestation import policy as policies
from coprove.attestation.arm.verify import CCA_CHECKS, PSA_CHECKS
from coprove.attestation.dcap import INTEL_ROOT_SHA256
from coprove.attestation.dcap.chains import CHAIN_RULES, CRL_RULES
from coprove.attestation.dcap.checks import QUOTE_CHECKS
from coprove.attestation.dcap.quote import RULES as QUOTE_RULES
from coprove.attestation.dcap.verified_collateral import COLLATERAL_CHECKS
from coprove.attestation.judgement import DEFAULT_SETTINGS, POLICY_CHECKS
from coprove.attestation.nitro import NITRO_ROOT_SHA256
from coprove.attestation.nitro.document import RULES as DOCUMENT_RULES
from coprove.attestation.nitro.verify import CHECKS as NITRO_CHECKS
from coprove.attestation.platform import Platform
from coprove.attestation.snp import AMD_ROOT_SHA256
from coprove.attestation.snp.report import RULES as REPORT_RULES
from coprove.attestation.snp.verify import CHECKS as SNP_CHECKS
from coprove.cli import main
from tests.unit.attestation.arm import devices
from tests.unit.attestation.nitro import enclaves
from tests.unit.attestation.snp import guests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coprove.attestation import Claims

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = (ROOT / "docs/reference/attestation.md").read_text()
HOW_TO = (ROOT / "docs/how-to/check-a-quote.md").read_text()

SECTIONS: dict[str, list[Iterable[str]]] = {
    "DCAP: SGX and TDX": [QUOTE_RULES, COLLATERAL_CHECKS, CHAIN_RULES, CRL_RULES, QUOTE_CHECKS],
    "SEV-SNP": [REPORT_RULES, SNP_CHECKS],
    "Nitro": [DOCUMENT_RULES, NITRO_CHECKS],
    "ARM": [PSA_CHECKS, CCA_CHECKS],
    "Policy": [POLICY_CHECKS],
    "Reasons": [[reason.value for reason in Rejection]],
    "Evidence": [
        [platform.value for platform in Platform],
        [INTEL_ROOT_SHA256, NITRO_ROOT_SHA256, *AMD_ROOT_SHA256.values()],
    ],
}


def section(title: str) -> str:
    """Return the reference's text under a heading."""
    found = re.search(
        rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL
    )
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize("title", SECTIONS)
def test_every_name_is_in_its_section(title: str) -> None:
    text = section(title)
    for names in SECTIONS[title]:
        for name in names:
            assert f"`{name}`" in text, name


def test_first_columns_of_checks_name_real_ones() -> None:
    """A check that was renamed or dropped does not live on in the page."""
    known = {name for groups in SECTIONS.values() for group in groups for name in group}
    for title in ("DCAP: SGX and TDX", "SEV-SNP", "Nitro", "ARM", "Policy"):
        for table in re.findall(r"\| check \|.*?\n((?:\|.*\n)+)", section(title)):
            for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE):
                for name in re.findall(r"`([^`]+)`", cell):
                    assert name in known, name


def test_every_field_of_a_policy_is_there() -> None:
    text = section("Policy")
    for model in (
        policies.Policy,
        policies.PlatformRules,
        policies.AcceptedStatus,
        policies.AcceptedWorkload,
        policies.AcceptedSigner,
        policies.ImplementerKey,
    ):
        for name, field in model.model_fields.items():
            shown = field.alias or name
            assert re.search(rf"[`\[{{ .]{shown}[`\] .]", text), shown
    for settings in DEFAULT_SETTINGS.values():
        for name, value in settings.items():
            assert f"`{name} = {str(value).lower()}`" in text, name


CLAIMS: dict[str, list[Claims]] = {
    "SEV-SNP": [guests.Exhibit().verify()],
    "ARM": [devices.verify_psa(devices.psa()), devices.verify_cca(devices.cca())],
}


@pytest.mark.parametrize("title", CLAIMS)
def test_every_attribute_is_in_its_section(title: str) -> None:
    text = section(title)
    for claims in CLAIMS[title]:
        for name in claims.attributes:
            assert f"`{name}`" in text, name


def test_attributes_of_nitro_are_in_its_section() -> None:
    text = section("Nitro")
    for name in enclaves.Exhibit().verify().attributes:
        assert f"`{name}`" in text or re.fullmatch(r"pcr[0-9]+", name), name


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_every_flag_is_in_the_reference(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["quote", command, "--help"])
    flags = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert flags
    text = section(f"`coprove quote {command} FILE`")
    for flag in flags:
        assert flag in text, flag


def test_commands_of_the_how_to_have_their_flags(capsys: pytest.CaptureFixture[str]) -> None:
    lines = re.findall(r"^coprove .*$", HOW_TO, re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        words = shlex.split(line.partition(" |")[0])
        assert words[1] == "quote"
        with pytest.raises(SystemExit):
            main([*words[1:3], "--help"])
        known = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
        assert {word for word in words if word.startswith("--")} <= known, line


def test_the_policy_of_the_how_to_is_one() -> None:
    text = re.search(r"```toml\n(.*?)```", HOW_TO, re.DOTALL)
    assert text is not None
    found = policies.parse_policy(text[1])
    rules = found.rules(Platform.AMD_SEV_SNP)
    attributes = guests.Exhibit().verify().attributes
    assert set(rules.minimums) | set(rules.settings) <= set(attributes)
