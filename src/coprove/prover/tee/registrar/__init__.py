"""Keeps TEE provers registered on L1: asks them for evidence, brings it to the registry in time."""

from coprove.prover.tee.registrar.client import (
    ProvenRange,
    ProverIdentity,
    TeeProverClient,
    TeeProverClientOptions,
)
from coprove.prover.tee.registrar.collateral import CollateralSource, DcapSource
from coprove.prover.tee.registrar.decision import Action, Standing, Step, next_action
from coprove.prover.tee.registrar.errors import (
    CollateralUnavailableError,
    ForeignProverError,
    ProverAnswerError,
    ProverRefusedError,
    ProverUnreachableError,
)
from coprove.prover.tee.registrar.pcs import INTEL_PCS, PcsClient, PcsOptions
from coprove.prover.tee.registrar.registrar import Registrar, RegistrarOptions
from coprove.prover.tee.registrar.route import DirectRoute, RegistrationRoute

__all__ = [
    "INTEL_PCS",
    "Action",
    "CollateralSource",
    "CollateralUnavailableError",
    "DcapSource",
    "DirectRoute",
    "ForeignProverError",
    "PcsClient",
    "PcsOptions",
    "ProvenRange",
    "ProverAnswerError",
    "ProverIdentity",
    "ProverRefusedError",
    "ProverUnreachableError",
    "Registrar",
    "RegistrarOptions",
    "RegistrationRoute",
    "Standing",
    "Step",
    "TeeProverClient",
    "TeeProverClientOptions",
    "next_action",
]
