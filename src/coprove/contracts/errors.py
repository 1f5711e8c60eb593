"""What can go wrong when contracts are called and transactions are sent."""

from __future__ import annotations

from coprove.errors import CoproveError, Critical, Reset, Temporary

__all__ = [
    "ArtifactError",
    "CallRevertedError",
    "CheckpointLostError",
    "DeploymentError",
    "FactoryMismatchError",
    "FeeCapError",
    "InsufficientFundsError",
    "IntentConflictError",
    "KeyFormatError",
    "ManagerClosedError",
    "SigningError",
    "StorageMismatchError",
    "StoreMismatchError",
    "TransactionRefusedError",
    "TransactionRevertedError",
    "UnknownConfigError",
    "UnknownGenerationError",
    "UpgradeError",
]


class ArtifactError(Critical):
    """A compiled contract is missing or has another shape."""


class CallRevertedError(Critical):
    """A call, or the estimate of a transaction, reverted.

    `error` is the decoded name or text: a custom error's name ("L1BlockHashNotCheckpointed"), the
    text of a require, or "Panic(0x11)"; `arguments` a custom error's values; `data` the raw bytes.
    """

    def __init__(
        self, what: str, *, error: str, arguments: tuple[object, ...] = (), data: bytes = b""
    ) -> None:
        """Build the text from what was called and why it reverted."""
        shown = f"{error}{arguments!r}" if arguments else error
        super().__init__(f"{what} reverted: {shown}")
        self.what = what
        self.error = error
        self.arguments_of_error = arguments
        self.data = data


class TransactionRevertedError(Critical):
    """A transaction was mined and failed; its effect did not happen.

    `key` is its intent, `tx_hash` its hash (0x-prefixed), `error` the reason as far as known.
    """

    def __init__(self, key: str, *, tx_hash: str, error: str) -> None:
        """Build the text from the intent, the hash and the reason."""
        super().__init__(f"transaction {tx_hash} of {key} failed: {error}")
        self.key = key
        self.tx_hash = tx_hash
        self.error = error


class IntentConflictError(Critical):
    """A key was used before with another recipient, value or data."""

    def __init__(self, key: str, *, differs: str) -> None:
        """`differs` names the fields that are not the same."""
        super().__init__(f"intent {key!r} exists with another {differs}")
        self.key = key
        self.differs = differs


class StoreMismatchError(Critical):
    """The intents in the store belong to another chain."""

    def __init__(self, *, expected: str, actual: str) -> None:
        """`expected` is the chain of the store, `actual` the endpoint's (id and genesis)."""
        super().__init__(f"the stored transactions belong to {expected}, the endpoint is {actual}")
        self.expected = expected
        self.actual = actual


class InsufficientFundsError(Temporary):
    """The account cannot pay for the transaction now."""


class FeeCapError(Temporary):
    """The market's fees are above what the policy allows to pay."""


class TransactionRefusedError(Critical):
    """The node refuses the transaction for good."""


class SigningError(Critical):
    """A signer returned something other than the asked-for transaction, signed by its account."""


class KeyFormatError(Critical):
    """A private key or keystore cannot be read; the message never holds key material."""


class ManagerClosedError(CoproveError):
    """The manager was closed while a call waited; the intent is kept and resumes at a restart."""


class DeploymentError(Critical):
    """A deployment did not leave the contracts that it should have."""


class UnknownGenerationError(Critical):
    """A contract is no output oracle of a generation that this package speaks."""

    def __init__(self, contract: str, *, version: str) -> None:
        """`contract` is its address, `version` what it calls itself."""
        super().__init__(
            f"{contract} (version {version!r:.100}) is not an OPSuccinctL2OutputOracle v1 or v3"
        )
        self.contract = contract
        self.version = version


class UnknownConfigError(Critical):
    """The contract holds no valid config of the name that proofs are made for."""

    def __init__(self, name: str, *, contract: str) -> None:
        """`name` is the config's plain name, `contract` the address that was asked."""
        super().__init__(f"{contract} has no config named {name!r}")
        self.name = name
        self.contract = contract


class FactoryMismatchError(Critical):
    """The oracle sends proposals through another DisputeGameFactory than the expected one."""

    def __init__(self, *, expected: str, actual: str) -> None:
        """Both are addresses, `actual` may be "none"."""
        super().__init__(f"DisputeGameFactory: expected {expected}, the contract has {actual}")
        self.expected = expected
        self.actual = actual


class UpgradeError(Critical):
    """An upgrade is not possible as asked for, or left another contract than it should have."""


class StorageMismatchError(Critical):
    """A new implementation would read a live contract's storage otherwise than the present one."""

    def __init__(self, contract: str, *, mismatches: list[str]) -> None:
        """`mismatches` has a line for each variable: where it lies and what is there."""
        super().__init__(f"storage of {contract}: {'; '.join(mismatches)}")
        self.contract = contract
        self.mismatches = mismatches


class CheckpointLostError(Reset):
    """The L1 block that a checkpoint recorded is no longer the chain's block of that number."""

    def __init__(self, number: int, *, recorded: str, current: str) -> None:
        """`recorded` is the contract's hash of the block, `current` the chain's."""
        super().__init__(f"L1 block {number} is {current}, the contract recorded {recorded}")
        self.number = number
        self.recorded = recorded
        self.current = current
