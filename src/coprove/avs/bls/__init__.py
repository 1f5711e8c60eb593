"""BLS on BN254 as EigenLayer's middleware has it: points, keys, signatures."""

from coprove.avs.bls.keys import PublicKey, SecretKey
from coprove.avs.bls.points import G1Point, G2Point
from coprove.avs.bls.signatures import (
    Signature,
    SignedDigest,
    hash_to_g1,
    verify_aggregate,
    verify_batch,
)
from coprove.primitives.bn254 import Bn254Error

__all__ = [
    "Bn254Error",
    "G1Point",
    "G2Point",
    "PublicKey",
    "SecretKey",
    "Signature",
    "SignedDigest",
    "hash_to_g1",
    "verify_aggregate",
    "verify_batch",
]
