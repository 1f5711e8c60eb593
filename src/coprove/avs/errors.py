"""What can go wrong in the AVS."""

from __future__ import annotations

from coprove.errors import InputError

__all__ = ["KeyMismatchError", "KeystoreError", "WrongPasswordError"]


class KeystoreError(InputError):
    """A keystore or password file is missing, damaged, of another kind, or must not be written.

    Its text shows no part of a key or password.
    """


class WrongPasswordError(KeystoreError):
    """A keystore does not open: another password, or its contents were altered."""


class KeyMismatchError(KeystoreError):
    """A keystore opened, and the key in it is not that of the public key or address beside it."""
