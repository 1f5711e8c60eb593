"""Where batch data comes from beside calldata: blobs of L1, and inputs that L1 only commits to."""

from coprove.da.alt_da import AltDaClient
from coprove.da.blobs import Blob, check_blobs, fetch_blobs
from coprove.da.commitments import (
    Commitment,
    GenericCommitment,
    KeccakCommitment,
    commitment_of,
    read_commitment,
)
from coprove.da.eigenda import EIGENDA_LAYER, EigenDaClient
from coprove.da.errors import CommitmentError, DaFailoverError, InputDroppedError
from coprove.da.inputs import (
    CachedInputs,
    FailoverInputs,
    InputSource,
    LayeredInputs,
    batch_data,
)

__all__ = [
    "EIGENDA_LAYER",
    "AltDaClient",
    "Blob",
    "CachedInputs",
    "Commitment",
    "CommitmentError",
    "DaFailoverError",
    "EigenDaClient",
    "FailoverInputs",
    "GenericCommitment",
    "InputDroppedError",
    "InputSource",
    "KeccakCommitment",
    "LayeredInputs",
    "batch_data",
    "check_blobs",
    "commitment_of",
    "fetch_blobs",
    "read_commitment",
]
