"""The kinds of trusted execution environment, and the identifier of the code inside one."""

from __future__ import annotations

from enum import StrEnum

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

__all__ = ["Platform", "measurement_id"]


class Platform(StrEnum):
    """A kind of environment; `number` is its value in the contracts' `TEE` enum."""

    INTEL_SGX = "intel-sgx"
    """SGX enclave, DCAP quote of version 3, 4 or 5. Measurement: MRENCLAVE (32 bytes)."""
    INTEL_TDX = "intel-tdx"
    """TD 1.0 or 1.5, quote version 4 or 5. Measurement: MRTD, RTMR0..RTMR3 (5 times 48 bytes)."""
    AMD_SEV_SNP = "amd-sev-snp"
    """SNP guest. Measurement: the launch digest (48 bytes)."""
    AWS_NITRO = "aws-nitro"
    """Nitro enclave. Measurement: PCR0, PCR1, PCR2 (3 times 48 bytes)."""
    ARM_TRUSTZONE = "arm-trustzone"
    """PSA attestation token (RFC 9783). Measurement: the components' values in their order."""
    ARM_CCA = "arm-cca"
    """CCA realm token. Measurement: RIM and REM0..REM3, each as long as the realm's hash."""

    @property
    def number(self) -> int:
        """The value of the contracts' `TEE` enum: 1 to 4 as the multi-prover AVS has them."""
        return _NUMBERS[self]

    @classmethod
    def from_number(cls, number: int) -> Platform:
        """Return the platform of a `TEE` enum's value; InputError when there is none."""
        for platform, known in _NUMBERS.items():
            if known == number:
                return platform
        raise InputError("TEE type", expected="1 to 6", actual=number)


_NUMBERS = {
    Platform.INTEL_SGX: 1,
    Platform.AWS_NITRO: 2,
    Platform.AMD_SEV_SNP: 3,
    Platform.ARM_TRUSTZONE: 4,
    Platform.INTEL_TDX: 5,
    Platform.ARM_CCA: 6,
}


def measurement_id(platform: Platform, measurement: bytes) -> Hash32:
    """Return the 32 bytes by which contracts, policies and PoEs name code on a platform.

    keccak256 of one byte, the platform's number, and the raw measurement, whose parts and order
    each member of `Platform` states.
    """
    return Hash32(keccak256(bytes([platform.number]) + measurement))
