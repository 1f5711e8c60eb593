"""What an SGX enclave's code is called: MRENCLAVE from its files, and the signature over it."""

from coprove.prover.tee.measure.gramine import GRAMINE_LAYOUTS, GramineMeasurement, measure_gramine
from coprove.prover.tee.measure.manifest import GramineManifest, TrustedFile, check_trusted_files
from coprove.prover.tee.measure.sgx import EnclaveMeasurement, PageType
from coprove.prover.tee.measure.sigstruct import Sigstruct, parse_sigstruct, verify_sigstruct

__all__ = [
    "GRAMINE_LAYOUTS",
    "EnclaveMeasurement",
    "GramineManifest",
    "GramineMeasurement",
    "PageType",
    "Sigstruct",
    "TrustedFile",
    "check_trusted_files",
    "measure_gramine",
    "parse_sigstruct",
    "verify_sigstruct",
]
