"""The rollup config: everything about a chain that its blocks are derived by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from coprove.errors import InputError
from coprove.types.config_hash import chain_id_of_name, rollup_config_hash
from coprove.types.fields import UINT64_MAX, Fields, parse_json
from coprove.types.forks import Fork
from coprove.types.hashes import ZERO_ADDRESS, Address, Hash32
from coprove.types.refs import BlockId
from coprove.types.system import SystemConfig

if TYPE_CHECKING:
    from coprove.types.l1_chain import L1ChainConfig

__all__ = ["BaseFeeConfig", "ChainGenesis", "RollupConfig"]

_DEFAULT_GRANITE_CHANNEL_TIMEOUT = 50
_DEFAULT_MESSAGE_EXPIRY = 3_600
# The fork after Karst, under its two names. Blocks past it would be derived wrongly, so that a
# config which schedules it is refused rather than misread.
_UNSUPPORTED_FORKS = ("interop_time", "lagoon_time")
# Alternative data availability moves the batches elsewhere; a chain that sets it is not this one.
_ALT_DA = ("alt_da", "da_challenge_address", "da_challenge_contract_address")
_NO_ALT_DA = "nothing: ranges over alt-DA inputs are not proven"
_ALT_DA_LEGACY = ("da_challenge_window", "da_resolve_window", "use_plasma", "plasma_config")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainGenesis:
    """Where the L2 chain starts."""

    l1: BlockId
    """L1 block that the L2 genesis block refers to."""
    l2: BlockId
    """L2 genesis block."""
    l2_time: int
    """Timestamp of the L2 genesis block, in seconds."""
    system_config: SystemConfig
    """System config at genesis."""
    system_config_given: frozenset[str] = frozenset()
    """Optional keys of the system config that the source gave, even if as zero: the config hash
    tells them from absent ones."""

    @property
    def written_keys(self) -> frozenset[str]:
        """Optional keys of the system config to write: those given, and all that are not zero."""
        system = self.system_config
        values = (
            any(system.eip1559_params),
            any(system.operator_fee_params),
            system.min_base_fee,
            system.da_footprint_gas_scalar,
        )
        keys = zip(SystemConfig.OPTIONAL_KEYS, values, strict=True)
        return self.system_config_given | {key for key, value in keys if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFeeConfig:
    """EIP-1559 constants of the chain, until the system config sets others (Holocene)."""

    elasticity: int = 6
    """Gas limit over gas target."""
    denominator: int = 50
    """Base fee change denominator before Canyon."""
    denominator_canyon: int = 250
    """Base fee change denominator from Canyon on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupConfig:
    """A chain's rollup.json."""

    genesis: ChainGenesis
    """Where the chain starts."""
    block_time: int
    """Seconds between L2 blocks."""
    max_sequencer_drift: int
    """Seconds that L2 may be ahead of its L1 origin before Fjord (1800 from Fjord on)."""
    seq_window_size: int
    """L1 blocks after an epoch within which its batches must be included."""
    channel_timeout: int
    """L1 blocks within which a channel must close, before Granite."""
    l1_chain_id: int
    """Chain id of L1."""
    l2_chain_id: int
    """Chain id of L2."""
    fork_times: tuple[int | None, ...]
    """First timestamp of each fork from Regolith to Karst, None for never (see `fork_time`)."""
    batch_inbox_address: Address
    """L1 address that batcher transactions are sent to."""
    deposit_contract_address: Address
    """OptimismPortal on L1, whose logs are deposits."""
    l1_system_config_address: Address
    """SystemConfig on L1, whose logs change the system config."""
    granite_channel_timeout: int = _DEFAULT_GRANITE_CHANNEL_TIMEOUT
    """L1 blocks within which a channel must close, from Granite on."""
    pectra_blob_schedule_time: int | None = None
    """L1 time until which the chain kept Cancun's blob fee after Prague; None: it did not."""
    keep_karst_upgrade_gas: bool = False
    """True on chains that kept the gas limit which Karst's activation block was given."""
    protocol_versions_address: Address = ZERO_ADDRESS
    """ProtocolVersions on L1; derivation does not read it."""
    superchain_config_address: Address | None = None
    """SuperchainConfig on L1; derivation does not read it."""
    blobs_enabled_l1_timestamp: int | None = None
    """Legacy field `blobs_data`; blobs are read from Ecotone on."""
    interop_message_expiry_window: int = _DEFAULT_MESSAGE_EXPIRY
    """Seconds that a message between chains may be old; not used here."""
    base_fee: BaseFeeConfig = BaseFeeConfig()
    """EIP-1559 constants."""

    @classmethod
    def from_json(cls, source: bytes | str | dict[str, Any]) -> Self:
        """Parse rollup.json; InputError names the field that is missing, unknown or wrong."""
        fields = Fields(parse_json(source, "rollup config"), "rollup_config")
        _refuse_unsupported(fields)
        genesis = _genesis(fields.object("genesis"))
        result = cls(
            genesis=genesis,
            block_time=fields.uint("block_time"),
            max_sequencer_drift=fields.uint("max_sequencer_drift"),
            seq_window_size=fields.uint("seq_window_size"),
            channel_timeout=fields.uint("channel_timeout"),
            l1_chain_id=fields.uint("l1_chain_id"),
            l2_chain_id=_chain_id(fields),
            fork_times=tuple(fields.optional_uint(fork.json_name) for fork in list(Fork)[1:]),
            batch_inbox_address=_address(fields, "batch_inbox_address"),
            deposit_contract_address=_address(fields, "deposit_contract_address"),
            l1_system_config_address=_address(fields, "l1_system_config_address"),
            granite_channel_timeout=_default(
                fields.optional_uint("granite_channel_timeout"), _DEFAULT_GRANITE_CHANNEL_TIMEOUT
            ),
            pectra_blob_schedule_time=fields.optional_uint("pectra_blob_schedule_time"),
            keep_karst_upgrade_gas=_boolean(fields, "keep_karst_upgrade_gas"),
            protocol_versions_address=_optional_address(fields, "protocol_versions_address")
            or ZERO_ADDRESS,
            superchain_config_address=_optional_address(fields, "superchain_config_address"),
            blobs_enabled_l1_timestamp=fields.optional_uint("blobs_data"),
            interop_message_expiry_window=_default(
                fields.optional_uint("interop_message_expiry_window"), _DEFAULT_MESSAGE_EXPIRY
            ),
            base_fee=_base_fee(fields.optional_object("chain_op_config")),
        )
        fields.finish()
        result.check()
        return result

    def check(self) -> None:
        """Raise InputError unless the values make a chain: times in order, sizes above zero."""
        for name in ("block_time", "seq_window_size", "l1_chain_id", "l2_chain_id"):
            if getattr(self, name) == 0:
                raise InputError(f"rollup_config.{name}", expected="above 0", actual=0)
        if len(self.fork_times) != len(Fork) - 1:
            what = "rollup_config.fork_times"
            raise InputError(what, expected=f"{len(Fork) - 1} times", actual=self.fork_times)
        before, before_time = Fork.BEDROCK, 0
        never: Fork | None = None
        for fork, time in zip(list(Fork)[1:], self.fork_times, strict=True):
            if time is None:
                # The superchain registry leaves Regolith out; the next fork implies it.
                if fork is not Fork.REGOLITH:
                    never = never or fork
                continue
            if never is not None:
                expected = f"nothing, as {never.json_name} is not set"
                raise InputError(f"rollup_config.{fork.json_name}", expected=expected, actual=time)
            if time < before_time:
                expected = f"at least {before_time}, the time of {before.name.lower()}"
                raise InputError(f"rollup_config.{fork.json_name}", expected=expected, actual=time)
            before, before_time = fork, time

    def to_json(self) -> dict[str, Any]:
        """Return rollup.json's form; `from_json` gives the same config back."""
        result: dict[str, Any] = {
            "genesis": {
                "l1": {"hash": str(self.genesis.l1.hash), "number": self.genesis.l1.number},
                "l2": {"hash": str(self.genesis.l2.hash), "number": self.genesis.l2.number},
                "l2_time": self.genesis.l2_time,
                "system_config": {
                    key: value
                    for key, value in self.genesis.system_config.to_json().items()
                    if key not in SystemConfig.OPTIONAL_KEYS or key in self.genesis.written_keys
                },
            },
            "block_time": self.block_time,
            "max_sequencer_drift": self.max_sequencer_drift,
            "seq_window_size": self.seq_window_size,
            "channel_timeout": self.channel_timeout,
            "l1_chain_id": self.l1_chain_id,
            "l2_chain_id": self.l2_chain_id,
        }
        for fork, time in zip(list(Fork)[1:], self.fork_times, strict=True):
            _put(result, fork.json_name, time)
        _put(result, "pectra_blob_schedule_time", self.pectra_blob_schedule_time)
        result |= {
            "batch_inbox_address": str(self.batch_inbox_address),
            "deposit_contract_address": str(self.deposit_contract_address),
            "l1_system_config_address": str(self.l1_system_config_address),
        }
        if self.protocol_versions_address != ZERO_ADDRESS:
            result["protocol_versions_address"] = str(self.protocol_versions_address)
        if self.superchain_config_address is not None:
            result["superchain_config_address"] = str(self.superchain_config_address)
        if self.granite_channel_timeout != _DEFAULT_GRANITE_CHANNEL_TIMEOUT:
            result["granite_channel_timeout"] = self.granite_channel_timeout
        if self.interop_message_expiry_window != _DEFAULT_MESSAGE_EXPIRY:
            result["interop_message_expiry_window"] = self.interop_message_expiry_window
        if self.keep_karst_upgrade_gas:
            result["keep_karst_upgrade_gas"] = True
        _put(result, "blobs_data", self.blobs_enabled_l1_timestamp)
        result["chain_op_config"] = {
            "eip1559Elasticity": self.base_fee.elasticity,
            "eip1559Denominator": self.base_fee.denominator,
            "eip1559DenominatorCanyon": self.base_fee.denominator_canyon,
        }
        return result

    def fork_time(self, fork: Fork) -> int | None:
        """Return the first timestamp of `fork` in seconds, None for never; Bedrock has 0.

        Regolith without a time of its own comes with Canyon.
        """
        if fork is Fork.BEDROCK:
            return 0
        time = self.fork_times[fork - 1]
        if time is None and fork is Fork.REGOLITH:
            return self.fork_times[Fork.CANYON - 1]
        return time

    def is_active(self, fork: Fork, timestamp: int) -> bool:
        """Say whether `fork` is active in an L2 block of this time."""
        time = self.fork_time(fork)
        return time is not None and timestamp >= time

    def fork_at(self, timestamp: int) -> Fork:
        """Return the newest fork that is active at `timestamp`."""
        found = Fork.BEDROCK
        for fork in Fork:
            if self.is_active(fork, timestamp):
                found = fork
        return found

    def activates_at(self, fork: Fork, timestamp: int) -> bool:
        """Say whether the L2 block of this time is the first of `fork`.

        The genesis block counts as its own parent: a fork active from genesis has no first block
        after it.
        """
        return self.is_active(fork, timestamp) and not self.is_active(
            fork, timestamp - self.block_time
        )

    def channel_timeout_at(self, timestamp: int) -> int:
        """Return the channel timeout in L1 blocks, by the time of the L1 origin."""
        active = self.is_active(Fork.GRANITE, timestamp)
        return self.granite_channel_timeout if active else self.channel_timeout

    def block_number_at(self, timestamp: int) -> int:
        """Return the number of the L2 block of this time (rounded down; at least genesis)."""
        passed = max(timestamp - self.genesis.l2_time, 0)
        return self.genesis.l2.number + passed // self.block_time

    def config_hash(self, l1_config: L1ChainConfig | None = None) -> Hash32:
        """Return the hash that binds a range proof to this config; see `config_hash.py`."""
        return rollup_config_hash(self, l1_config)


def _default(value: int | None, default: int) -> int:
    return default if value is None else value


def _put(result: dict[str, Any], name: str, value: int | None) -> None:
    if value is not None:
        result[name] = value


def _chain_id(fields: Fields) -> int:
    """Take l2_chain_id: a number, or the name that kona writes for a chain it knows."""
    value = fields.require("l2_chain_id")
    if isinstance(value, str):
        value = chain_id_of_name(value) or value
    if type(value) is not int or not 0 < value <= UINT64_MAX:
        raise InputError(fields.name("l2_chain_id"), expected="a chain id", actual=value)
    return value


def _boolean(fields: Fields, name: str) -> bool:
    value = fields.take(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise InputError(fields.name(name), expected="true or false", actual=value)
    return value


def _address(fields: Fields, name: str) -> Address:
    return Address.from_hex(fields.require(name), fields.name(name))


def _optional_address(fields: Fields, name: str) -> Address | None:
    value = fields.take(name)
    return None if value is None else Address.from_hex(value, fields.name(name))


def _genesis(fields: Fields) -> ChainGenesis:
    system = fields.require("system_config")
    system_config = SystemConfig.from_json(system, fields.name("system_config"))
    result = ChainGenesis(
        l1=_block_id(fields.object("l1")),
        l2=_block_id(fields.object("l2")),
        l2_time=fields.uint("l2_time"),
        system_config=system_config,
        system_config_given=SystemConfig.given_keys(system),
    )
    fields.finish()
    return result


def _block_id(fields: Fields) -> BlockId:
    result = BlockId(
        hash=Hash32.from_hex(fields.require("hash"), fields.name("hash")),
        number=fields.uint("number"),
    )
    fields.finish()
    return result


def _base_fee(fields: Fields | None) -> BaseFeeConfig:
    if fields is None:
        return BaseFeeConfig()
    canyon = fields.optional_uint("eip1559DenominatorCanyon")
    result = BaseFeeConfig(
        elasticity=fields.uint("eip1559Elasticity"),
        denominator=fields.uint("eip1559Denominator"),
        denominator_canyon=_default(canyon, BaseFeeConfig().denominator_canyon),
    )
    fields.finish()
    if 0 in (result.elasticity, result.denominator, result.denominator_canyon):
        raise InputError(fields.name("*"), expected="values above 0", actual=result)
    return result


def _refuse_unsupported(fields: Fields) -> None:
    """Take the fields that mean another protocol; InputError when one is set."""
    for name in _UNSUPPORTED_FORKS:
        time = fields.optional_uint(name)
        if time is not None:
            raise InputError(fields.name(name), expected="no fork after Karst", actual=time)
    for name in _ALT_DA:
        value = fields.take(name)
        if value is not None and value != str(ZERO_ADDRESS):
            raise InputError(fields.name(name), expected=_NO_ALT_DA, actual=value)
    for name in _ALT_DA_LEGACY:
        value = fields.take(name)
        if value not in (None, 0, False):
            raise InputError(fields.name(name), expected=_NO_ALT_DA, actual=value)
