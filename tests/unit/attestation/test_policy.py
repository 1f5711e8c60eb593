"""Policies: what their text must be, and what they accept."""

import pytest

from coprove.attestation import PolicyError, TcbStatus
from coprove.attestation.policy import Policy, parse_policy

MEASUREMENT = "0x" + "ab" * 32

FULL = f"""
version = 1
allow_simulation = true
warn_before = [3600]

[[workload]]
platform = "intel-sgx"
measurement = "{MEASUREMENT}"
minimum_security_version = 2
label = "range program"

[[signer]]
platform = "intel-sgx"
signer = "{MEASUREMENT}"
product_id = 3
minimum_security_version = 1

[[key]]
platform = "arm-cca"
public_key = "0x04{"11" * 64}"

[platform.intel-sgx]
accept = [
  {{ status = "sw-hardening-needed" }},
  {{ status = "out-of-date", until = 2026-03-01T00:00:00Z }},
]
advisories = ["INTEL-SA-00615"]
minimum_evaluation_number = 17
settings = {{ smt = false }}
"""


def test_a_policy_is_read_from_toml() -> None:
    """All that it may say."""
    policy = parse_policy(FULL)
    rules = policy.rules(policy.workloads[0].platform)
    assert policy.workloads[0].measurement == bytes.fromhex(MEASUREMENT[2:])
    assert policy.signers[0].product_id == 3
    assert [entry.status for entry in rules.accept] == [
        TcbStatus.SW_HARDENING_NEEDED,
        TcbStatus.OUT_OF_DATE,
    ]
    assert rules.settings == {"smt": False}
    assert policy.warn_before == (3600,)


def test_a_policy_is_strict_unless_it_says_otherwise() -> None:
    """No simulation, no code, no status but OK, no advisories."""
    policy = parse_policy("version = 1")
    assert policy.allow_simulation is False
    assert (policy.workloads, policy.signers, policy.platforms) == ((), (), {})


def test_a_policys_name_is_what_it_says() -> None:
    """Comments and blanks do not count; values do."""
    assert parse_policy(FULL).sha256 == parse_policy("# comment\n" + FULL).sha256
    changed = FULL.replace("product_id = 3", "product_id = 4")
    assert parse_policy(FULL).sha256 != parse_policy(changed).sha256


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("\nversion = 1\n", "\nversion = 2\n", "version"),
        ("\nversion = 1\n", "\n", "version"),
        ("allow_simulation = true", 'allow_simulation = "yes"', "allow_simulation"),
        ("allow_simulation = true", "allow_debug = true", "allow_debug"),
        ("warn_before = [3600]", "warn_before = [0]", "warn_before"),
        (MEASUREMENT, "0x1234", "workload"),
        (MEASUREMENT, "ab" * 32, "measurement"),
        (MEASUREMENT, "0xzz", "measurement"),
        ('platform = "intel-sgx"', 'platform = "intel"', "platform"),
        ("product_id = 3\n", "", "product_id"),
        ("product_id = 3", "product_id = 65536", "product_id"),
        ("product_id = 3", 'product_id = "3"', "product_id"),
        ("minimum_security_version = 1", "minimum_security_version = -1", "minimum"),
        (", until = 2026-03-01T00:00:00Z", "", "accept"),
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00", "until"),
        ('"sw-hardening-needed"', '"revoked"', "accept"),
        ('"sw-hardening-needed"', '"unrecognized"', "accept"),
        ('"sw-hardening-needed"', '"fine"', "accept"),
        ("minimum_evaluation_number = 17", "minimum_evaluation_number = -1", "minimum"),
        ("smt = false", "smt = 1.5", "settings"),
        ("\nversion = 1\n", "\nversion = = 1\n", "policy"),
        ("\nversion = 1\n", f"\nversion = {'1' * 5_000}\n", "policy"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(old: str, new: str, names: str) -> None:
    """Unknown fields, other types and what must never be accepted."""
    assert old in FULL
    with pytest.raises(PolicyError) as error:
        parse_policy(FULL.replace(old, new))
    assert names in error.value.what


def test_a_huge_policy_is_refused() -> None:
    """Before it is parsed."""
    with pytest.raises(PolicyError):
        parse_policy("#" * (1 << 20) + "\nversion = 1")


def test_a_policy_cannot_be_changed() -> None:
    """It is the same all the time that it is used."""
    policy: Policy = parse_policy("version = 1")
    with pytest.raises(ValueError, match="frozen"):
        policy.allow_simulation = True


def test_nesting_without_end_is_no_policy() -> None:
    """However deep it is."""
    with pytest.raises(PolicyError):
        parse_policy("version = " + "[" * 100_000)
