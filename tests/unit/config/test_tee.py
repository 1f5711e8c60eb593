"""From settings to an enclave: each platform by its name, nothing by mistake."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from coprove.attestation import Platform
from coprove.config import load_settings
from coprove.config.errors import SettingError
from coprove.config.tee import open_maker, quote_provider, tee_enclave, tee_prover_options
from coprove.types import Address, BlockRange
from tests.integration.ranges import range_input
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.config import Settings

PLATFORMS = {
    "gramine": Platform.INTEL_SGX,
    "tdx": Platform.INTEL_TDX,
    "snp": Platform.AMD_SEV_SNP,
    "nitro": Platform.AWS_NITRO,
    "cca": Platform.ARM_CCA,
    "simulation": Platform.INTEL_SGX,
}


def settings(*overrides: str, **environment: str) -> Settings:
    """Return settings of just these."""
    return load_settings(overrides=overrides, environment=environment)


@pytest.mark.parametrize("name", list(PLATFORMS))
def test_each_platform_has_its_quotes(name: str) -> None:
    provider = quote_provider(settings(f"tee.platform={name}"))
    assert provider.platform is PLATFORMS[name]
    assert provider.simulated == (name == "simulation")


def test_no_platform_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(SettingError, match="COPROVE_TEE_PLATFORM"):
        quote_provider(settings())


def test_psa_takes_a_device_or_a_command() -> None:
    for given in (["tee.psa_device=/dev/psa"], [f"tee.psa_command={sys.executable} -c pass"]):
        found = quote_provider(settings("tee.platform=psa", *given))
        assert found.platform is Platform.ARM_TRUSTZONE
    wrong: tuple[list[str], ...] = (
        [],
        ["tee.psa_device=/dev/psa", "tee.psa_command=token"],
        ["tee.psa_command='"],
        ["tee.psa_command= "],
    )
    for given in wrong:
        with pytest.raises(SettingError):
            quote_provider(settings("tee.platform=psa", *given))


def test_a_simulation_is_what_settings_say() -> None:
    enclave = tee_enclave(
        settings(
            "tee.platform=simulation",
            "tee.simulation_platform=intel-tdx",
            "tee.simulation_start=1750000000",
            f"tee.simulation_measurement=0x{'5a' * 240}",
            f"tee.operator=0x{'11' * 20}",
        )
    )
    assert enclave.identity.platform is Platform.INTEL_TDX
    assert enclave.identity.simulated
    assert enclave.identity.measurement == b"\x5a" * 240
    assert enclave.operator == Address(b"\x11" * 20)


def test_tokens_come_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("first-token-of-the-file\n\n second-token-of-the-file \n")
    found = tee_prover_options(
        settings(
            f"tee.token_file={tmp_path / 'tokens'}",
            COPROVE_TEE_TOKENS="token-in-the-environment, another-token-there",
        )
    )
    assert found.tokens == (
        "token-in-the-environment",
        "another-token-there",
        "first-token-of-the-file",
        "second-token-of-the-file",
    )


async def test_witnesses_come_from_a_recording_or_from_nowhere() -> None:
    async with open_maker(settings(), None) as maker:
        assert maker is None
    async with open_maker(settings(), recording_dir("calldata")) as maker:
        assert maker is not None
        found = await maker.collect(BlockRange(start=20, end=21))
    assert found == range_input("calldata", 20, 21).encode()


async def test_the_same_range_may_be_collected_twice_at_once() -> None:
    """Neither client gets the other's half-written file, nor none."""
    async with open_maker(settings(), recording_dir("calldata")) as maker:
        assert maker is not None
        blocks = BlockRange(start=20, end=21)
        found = await asyncio.gather(*(maker.collect(blocks) for _ in range(8)))
    assert set(found) == {range_input("calldata", 20, 21).encode()}
