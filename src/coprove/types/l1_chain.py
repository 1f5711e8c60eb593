"""The L1 chain's fork schedule, as far as the blob base fee depends on it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from coprove.errors import InputError
from coprove.types.fields import Fields, parse_json

if TYPE_CHECKING:
    from coprove.types.header import BlockHeader

__all__ = ["BUILT_IN_L1_CHAINS", "BlobParams", "L1ChainConfig", "fake_exponential"]

_MIN_BLOB_BASE_FEE = 1
_MAX_UPDATE_STEPS = 1_000
_SCHEDULED = ("cancun", "prague", "osaka", "bpo1", "bpo2", "bpo3", "bpo4", "bpo5", "amsterdam")
# The fork rules of these do not touch blobs; geth's genesis files name them.
_IGNORED = (
    "homesteadBlock",
    "daoForkBlock",
    "daoForkSupport",
    "eip150Block",
    "eip150Hash",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
    "londonBlock",
    "arrowGlacierBlock",
    "grayGlacierBlock",
    "mergeNetsplitBlock",
    "shanghaiTime",
    "terminalTotalDifficulty",
    "terminalTotalDifficultyPassed",
    "depositContractAddress",
    "ethash",
    "clique",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobParams:
    """Blob parameters from one fork on (EIP-7840)."""

    fork: str
    """Name of the fork in lower case: cancun, prague, osaka, bpo1 …"""
    activation_time: int
    """First timestamp of the fork, in seconds."""
    target: int
    """Blobs per block that leave the fee as it is."""
    max: int
    """Most blobs in a block."""
    base_fee_update_fraction: int
    """Excess blob gas over which the fee grows e-fold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class L1ChainConfig:
    """The blob schedule of an L1 chain, ordered by time."""

    chain_id: int
    """Chain id of the L1."""
    blob_schedule: tuple[BlobParams, ...]
    """Parameters of each fork that changes them, ascending by activation time."""

    @classmethod
    def from_json(cls, source: bytes | str | dict[str, Any]) -> Self:
        """Parse the `config` object of a geth genesis file; InputError names the field."""
        fields = Fields(parse_json(source, "l1 chain config"), "l1_chain_config")
        chain_id = fields.uint("chainId")
        times = {name: fields.optional_uint(f"{name}Time") for name in _SCHEDULED}
        schedule = fields.optional_object("blobSchedule")
        entries: list[BlobParams] = []
        for name in _SCHEDULED:
            entry = schedule.optional_object(name) if schedule else None
            start = times[name]
            if start is None:
                continue
            if entry is None:
                raise InputError(f"blobSchedule.{name}", expected="an entry", actual="nothing")
            entries.append(_blob_params(name, start, entry))
        if schedule:
            schedule.finish()
        fields.ignore(_IGNORED)
        fields.finish()
        for before, after in itertools.pairwise(entries):
            if after.activation_time < before.activation_time:
                what = f"l1_chain_config.{after.fork}Time"
                expected = f"at least {before.activation_time} ({before.fork})"
                raise InputError(what, expected=expected, actual=after.activation_time)
        return cls(chain_id=chain_id, blob_schedule=tuple(entries))

    @classmethod
    def built_in(cls, chain_id: int) -> L1ChainConfig | None:
        """Return the schedule of a public L1 (mainnet, sepolia, holesky, hoodi), else None."""
        return BUILT_IN_L1_CHAINS.get(chain_id)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `from_json` reads, in one fixed order."""
        times = {f"{p.fork}Time": p.activation_time for p in self.blob_schedule}
        schedule = {
            p.fork: {
                "target": p.target,
                "max": p.max,
                "baseFeeUpdateFraction": p.base_fee_update_fraction,
            }
            for p in self.blob_schedule
        }
        return {"chainId": self.chain_id, **times, "blobSchedule": schedule}

    def canonical_json(self) -> bytes:
        """Return `to_json` as compact text: the form that a config hash covers."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode()

    def blob_params(self, timestamp: int) -> BlobParams | None:
        """Return the parameters at an L1 timestamp, None before Cancun."""
        found = None
        for params in self.blob_schedule:
            if params.activation_time <= timestamp:
                found = params
        return found

    def blob_base_fee(self, header: BlockHeader) -> int | None:
        """Return the blob base fee in wei at `header`, None when it has no blob gas (EIP-4844)."""
        if header.excess_blob_gas is None:
            return None
        params = self.blob_params(header.timestamp)
        if params is None:
            raise InputError(
                "l1 chain config", expected="a blob schedule", actual=f"time {header.timestamp}"
            )
        return fake_exponential(
            _MIN_BLOB_BASE_FEE, header.excess_blob_gas, params.base_fee_update_fraction
        )

    def cancun_blob_base_fee(self, header: BlockHeader) -> int | None:
        """Return the blob base fee as computed with Cancun's parameters whatever the fork.

        Chains with a Pectra blob schedule time did so until then.
        """
        if header.excess_blob_gas is None:
            return None
        return fake_exponential(_MIN_BLOB_BASE_FEE, header.excess_blob_gas, _CANCUN_FRACTION)


def fake_exponential(factor: int, numerator: int, denominator: int) -> int:
    """Approximate factor * e ** (numerator / denominator) in integers (EIP-4844).

    InputError when the series does not end within a thousand steps: no real header is so far off.
    """
    step = 1
    output = 0
    accumulator = factor * denominator
    while accumulator > 0:
        if step > _MAX_UPDATE_STEPS:
            raise InputError("excess blob gas", expected="a plausible value", actual=numerator)
        output += accumulator
        accumulator = (accumulator * numerator) // (denominator * step)
        step += 1
    return output // denominator


def _blob_params(name: str, start: int, entry: Fields) -> BlobParams:
    result = BlobParams(
        fork=name,
        activation_time=start,
        target=entry.uint("target"),
        max=entry.uint("max"),
        base_fee_update_fraction=entry.uint("baseFeeUpdateFraction"),
    )
    entry.finish()
    if result.base_fee_update_fraction == 0:
        raise InputError(entry.name("baseFeeUpdateFraction"), expected="above 0", actual=0)
    return result


_CANCUN_FRACTION = 3_338_477
_PRAGUE_FRACTION = 5_007_716
_BPO1_FRACTION = 8_346_193
_BPO2_FRACTION = 11_684_671


def _public_chain(
    chain_id: int, *, cancun: int, prague: int, osaka: int, bpo1: int, bpo2: int
) -> L1ChainConfig:
    """Build the schedule that all public chains share (EIP-4844, 7691, 7892, 8134)."""
    rows = (
        ("cancun", cancun, 3, 6, _CANCUN_FRACTION),
        ("prague", prague, 6, 9, _PRAGUE_FRACTION),
        ("osaka", osaka, 6, 9, _PRAGUE_FRACTION),
        ("bpo1", bpo1, 10, 15, _BPO1_FRACTION),
        ("bpo2", bpo2, 14, 21, _BPO2_FRACTION),
    )
    return L1ChainConfig(
        chain_id=chain_id,
        blob_schedule=tuple(
            BlobParams(
                fork=fork,
                activation_time=start,
                target=target,
                max=most,
                base_fee_update_fraction=fraction,
            )
            for fork, start, target, most, fraction in rows
        ),
    )


BUILT_IN_L1_CHAINS = {
    1: _public_chain(
        1,
        cancun=1_710_338_135,
        prague=1_746_612_311,
        osaka=1_764_798_551,
        bpo1=1_765_290_071,
        bpo2=1_767_747_671,
    ),
    11_155_111: _public_chain(
        11_155_111,
        cancun=1_706_655_072,
        prague=1_741_159_776,
        osaka=1_760_427_360,
        bpo1=1_761_017_184,
        bpo2=1_761_607_008,
    ),
    17_000: _public_chain(
        17_000,
        cancun=1_707_305_664,
        prague=1_740_434_112,
        osaka=1_759_308_480,
        bpo1=1_759_800_000,
        bpo2=1_760_389_824,
    ),
    560_048: _public_chain(
        560_048,
        cancun=0,
        prague=1_742_999_832,
        osaka=1_761_677_592,
        bpo1=1_762_365_720,
        bpo2=1_762_955_544,
    ),
}
"""The public L1 chains by chain id; their schedules come with the program, not with its input."""
