"""Operators' keys in the encrypted files of EigenLayer's tools."""

from coprove.avs.keystores.bls import read_bls_keystore, write_bls_keystore
from coprove.avs.keystores.ecdsa import read_ecdsa_keystore, write_ecdsa_keystore
from coprove.avs.keystores.password import Password
from coprove.avs.keystores.secret_storage import LIGHT, STANDARD, ScryptCost

__all__ = [
    "LIGHT",
    "STANDARD",
    "Password",
    "ScryptCost",
    "read_bls_keystore",
    "read_ecdsa_keystore",
    "write_bls_keystore",
    "write_ecdsa_keystore",
]
