"""The parameters of an oracle: typed, and as the file that op-succinct's tools write."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from coprove.contracts.artifacts import load_artifact
from coprove.contracts.settlement import Generation, ProgramKeys
from coprove.errors import InputError
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ORACLE_ARTIFACTS", "OracleFile", "OracleParameters"]

ORACLE_ARTIFACTS: Final = {
    Generation.FIRST: "L2OutputOracle",
    Generation.SECOND: "L2OutputOracleV2",
}
"""The compiled contract of each generation."""

_NO_ADDRESS: Final = Address(bytes(20))
_TWO_WEEKS: Final = 14 * 24 * 3600
_MAX_FILE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleParameters:
    """What the oracle is initialized with."""

    owner: Address
    """May change keys, roles and modes, and upgrade the proxy."""
    challenger: Address
    """May delete outputs that are not final."""
    proposer: Address
    """First approved proposer; the zero address lets everyone propose."""
    finalization_period_seconds: int
    """Seconds until an output is final."""
    l2_block_time: int
    """Seconds between two L2 blocks."""
    submission_interval: int
    """Least number of L2 blocks from one output to the next."""
    aggregation_vkey: Hash32
    """Verification key of the aggregation program."""
    range_vkey_commitment: Hash32
    """Commitment to the verification key of the range program."""
    rollup_config_hash: Hash32
    """`RollupConfig.config_hash()` of the chain."""
    starting_output_root: Hash32
    """Output of the starting block."""
    starting_block_number: int
    """L2 block at which the list begins."""
    starting_timestamp: int
    """Time of that block, in seconds; not in the future."""
    fallback_timeout: int = _TWO_WEEKS
    """Seconds without an output after which everyone may propose; second generation only."""

    @property
    def keys(self) -> ProgramKeys:
        """What proofs are bound to."""
        return ProgramKeys(
            aggregation_vkey=self.aggregation_vkey,
            range_vkey_commitment=self.range_vkey_commitment,
            rollup_config_hash=self.rollup_config_hash,
        )

    def initializer(self, verifier: Address, generation: Generation = Generation.FIRST) -> bytes:
        """Return the calldata of `initialize`."""
        values: tuple[object, ...] = (
            bytes(self.challenger),
            bytes(self.proposer),
            bytes(self.owner),
            self.finalization_period_seconds,
            self.l2_block_time,
            bytes(self.aggregation_vkey),
            bytes(self.range_vkey_commitment),
            bytes(self.rollup_config_hash),
            bytes(self.starting_output_root),
            self.starting_block_number,
            self.starting_timestamp,
            self.submission_interval,
            bytes(verifier),
        )
        if generation is Generation.SECOND:
            values += (self.fallback_timeout,)
        return load_artifact(ORACLE_ARTIFACTS[generation]).call("initialize", values)


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleFile:
    """The parameter file: op-succinct's `opsuccinctl2ooconfig.json`, or the same names in TOML."""

    parameters: OracleParameters
    """What the oracle is initialized with."""
    verifier: Address
    """SP1 verifier or gateway; the zero address where a mock one is to be deployed."""
    implementation: Address | None = None
    """An implementation that is there already (opSuccinctL2OutputOracleImpl)."""
    proxy_admin: Address | None = None
    """ProxyAdmin of a proxy that is there already."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file, as TOML when its name ends so; InputError names what is wrong in it."""
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE + 1)
        except OSError as error:
            raise InputError(
                str(path), expected="a readable file", actual=error.strerror
            ) from error
        if len(content) > _MAX_FILE:
            raise InputError(str(path), expected=f"at most {_MAX_FILE} bytes", actual="more")
        try:
            text = content.decode()
            parsed: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        except ValueError as error:
            raise InputError(str(path), expected="JSON or TOML", actual=error) from error
        if not isinstance(parsed, dict):
            raise InputError(str(path), expected="an object", actual=type(parsed).__name__)
        return cls.from_values(parsed)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """Read the fields; InputError for a missing, unknown or malformed one."""
        unknown = sorted(values.keys() - _FIELDS.keys() - _ALIASES.keys())
        if unknown:
            raise InputError("parameter file", expected=sorted(_FIELDS), actual=unknown)
        named = {_ALIASES.get(name, name): value for name, value in values.items()}
        read: dict[str, Any] = {}
        for name, (field, parse) in _FIELDS.items():
            if name in named:
                read[field] = parse(named[name], name)
            elif name not in _OPTIONAL:
                raise InputError("parameter file", expected=f"the field {name}", actual="none")
        verifier = read.pop("verifier")
        implementation = read.pop("implementation", _NO_ADDRESS)
        admin = read.pop("proxy_admin", _NO_ADDRESS)
        return cls(
            parameters=OracleParameters(**read),
            verifier=verifier,
            implementation=None if implementation == _NO_ADDRESS else implementation,
            proxy_admin=None if admin == _NO_ADDRESS else admin,
        )

    def to_json(self) -> str:
        """Return the file's text as op-succinct's tools write it, fields in their order."""
        held: dict[str, object] = {
            "verifier": self.verifier,
            "implementation": self.implementation or _NO_ADDRESS,
            "proxy_admin": self.proxy_admin or _NO_ADDRESS,
        }
        values: dict[str, object] = {}
        for name, (field, _) in _FIELDS.items():
            value = held[field] if field in held else getattr(self.parameters, field)
            values[name] = value if isinstance(value, int) else str(value)
        return json.dumps(values, indent=2) + "\n"


def _address(value: object, name: str) -> Address:
    return Address.from_hex(value, name)


def _hash(value: object, name: str) -> Hash32:
    return Hash32.from_hex(value, name)


def _number(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise InputError(name, expected="a number from 0 to 2^63", actual=value)
    return value


# op-succinct's Solidity decodes the file by position: the order is alphabetical.
_FIELDS: Final[dict[str, tuple[str, Callable[[object, str], object]]]] = {
    "aggregationVkey": ("aggregation_vkey", _hash),
    "challenger": ("challenger", _address),
    "fallbackTimeoutSecs": ("fallback_timeout", _number),
    "finalizationPeriod": ("finalization_period_seconds", _number),
    "l2BlockTime": ("l2_block_time", _number),
    "opSuccinctL2OutputOracleImpl": ("implementation", _address),
    "owner": ("owner", _address),
    "proposer": ("proposer", _address),
    "proxyAdmin": ("proxy_admin", _address),
    "rangeVkeyCommitment": ("range_vkey_commitment", _hash),
    "rollupConfigHash": ("rollup_config_hash", _hash),
    "startingBlockNumber": ("starting_block_number", _number),
    "startingOutputRoot": ("starting_output_root", _hash),
    "startingTimestamp": ("starting_timestamp", _number),
    "submissionInterval": ("submission_interval", _number),
    "verifier": ("verifier", _address),
}
_OPTIONAL: Final = frozenset({"fallbackTimeoutSecs", "opSuccinctL2OutputOracleImpl", "proxyAdmin"})
_ALIASES: Final = {
    "fallbackProposalTimeout": "fallbackTimeoutSecs",
    "verifierGateway": "verifier",
}
