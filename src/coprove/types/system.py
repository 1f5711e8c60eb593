"""The system config: the rollup's parameters that its owner changes on L1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from coprove.errors import InputError
from coprove.types.fields import UINT64_MAX, Fields
from coprove.types.hashes import Address, Hash32

__all__ = ["SystemConfig"]

_UINT16_MAX = 2**16 - 1
_UINT32_MAX = 2**32 - 1
_KONA_KEYS = {"eip1559Params": "eip1559Denominator", "operatorFeeParams": "operatorFeeScalar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemConfig:
    """The values of L1's SystemConfig contract at some L1 block."""

    OPTIONAL_KEYS: ClassVar[tuple[str, ...]] = (
        "eip1559Params",
        "operatorFeeParams",
        "minBaseFee",
        "daFootprintGasScalar",
    )
    """Keys of the JSON form that may be absent."""

    batcher_address: Address
    """The only account whose transactions to the batch inbox count."""
    overhead: Hash32
    """Bedrock's fee overhead as a word; zero from Ecotone on."""
    scalar: Hash32
    """Bedrock's fee scalar, or Ecotone's packed word: version 1, blob and base fee scalars."""
    gas_limit: int
    """Gas limit of L2 blocks."""
    eip1559_denominator: int = 0
    """Base fee change denominator (Holocene); 0 with elasticity 0 means the chain's constants."""
    eip1559_elasticity: int = 0
    """Gas limit over gas target (Holocene)."""
    operator_fee_scalar: int = 0
    """Operator fee per million gas, in wei (Isthmus)."""
    operator_fee_constant: int = 0
    """Operator fee of each transaction, in wei (Isthmus)."""
    min_base_fee: int = 0
    """Least base fee in wei (Jovian)."""
    da_footprint_gas_scalar: int = 0
    """Gas that a byte of estimated batch data counts (Jovian); 0 stands for the default of 400."""

    @classmethod
    def from_json(cls, value: object, path: str = "system_config") -> Self:
        """Parse op-node's or kona's form (in rollup.json's genesis); InputError names the field."""
        fields = Fields(value, path)
        name = "batcherAddr"
        batcher = fields.take(name)
        if batcher is None:
            batcher = fields.require("batcherAddress")
        eip1559 = _word(fields, "eip1559Params", 8)
        operator = _word(fields, "operatorFeeParams", 32)
        # kona gives these four on their own, and two legacy scalars that nothing reads.
        denominator = fields.optional_uint("eip1559Denominator", _UINT32_MAX)
        elasticity = fields.optional_uint("eip1559Elasticity", _UINT32_MAX)
        operator_scalar = fields.optional_uint("operatorFeeScalar", _UINT32_MAX)
        operator_constant = fields.optional_uint("operatorFeeConstant")
        fields.ignore(("baseFeeScalar", "blobBaseFeeScalar"))
        result = cls(
            batcher_address=Address.from_hex(batcher, fields.name(name)),
            overhead=Hash32.from_hex(fields.require("overhead"), fields.name("overhead")),
            scalar=Hash32.from_hex(fields.require("scalar"), fields.name("scalar")),
            gas_limit=fields.uint("gasLimit"),
            eip1559_denominator=denominator or int.from_bytes(eip1559[:4], "big"),
            eip1559_elasticity=elasticity or int.from_bytes(eip1559[4:], "big"),
            operator_fee_scalar=operator_scalar or int.from_bytes(operator[20:24], "big"),
            operator_fee_constant=operator_constant or int.from_bytes(operator[24:], "big"),
            min_base_fee=fields.optional_uint("minBaseFee", UINT64_MAX) or 0,
            da_footprint_gas_scalar=fields.optional_uint("daFootprintGasScalar", _UINT16_MAX) or 0,
        )
        fields.finish()
        return result

    @classmethod
    def given_keys(cls, value: dict[str, Any]) -> frozenset[str]:
        """Return those of OPTIONAL_KEYS that a JSON form gives, in op-node's spelling."""
        given = {key for key, other in value.items() if other is not None}
        return frozenset(
            key for key in cls.OPTIONAL_KEYS if key in given or _KONA_KEYS.get(key) in given
        )

    def to_json(self) -> dict[str, Any]:
        """Return op-node's form, every field given."""
        return {
            "batcherAddr": str(self.batcher_address),
            "overhead": str(self.overhead),
            "scalar": str(self.scalar),
            "gasLimit": self.gas_limit,
            "eip1559Params": f"0x{self.eip1559_params.hex()}",
            "operatorFeeParams": f"0x{self.operator_fee_params.hex()}",
            "minBaseFee": self.min_base_fee,
            "daFootprintGasScalar": self.da_footprint_gas_scalar,
        }

    @property
    def eip1559_params(self) -> bytes:
        """Denominator and elasticity, 4 bytes each, as payload attributes carry them."""
        denominator = self.eip1559_denominator.to_bytes(4, "big")
        return denominator + self.eip1559_elasticity.to_bytes(4, "big")

    @property
    def operator_fee_params(self) -> bytes:
        """The word of the operator fee: 20 zero bytes, the scalar (4), the constant (8)."""
        scalar = self.operator_fee_scalar.to_bytes(4, "big")
        return bytes(20) + scalar + self.operator_fee_constant.to_bytes(8, "big")

    @property
    def ecotone_scalars(self) -> tuple[int, int]:
        """Base fee scalar and blob base fee scalar that `scalar` encodes.

        Version 0 holds a base fee scalar alone (the greatest, if its padding is not zero), version
        1 both. InputError for other versions (specification: System Config, scalar encoding).
        """
        version = self.scalar[0]
        if version == 0:
            fits = not any(self.scalar[1:28])
            return int.from_bytes(self.scalar[28:], "big") if fits else _UINT32_MAX, 0
        if version == 1:
            blob_base_fee_scalar = int.from_bytes(self.scalar[24:28], "big")
            return int.from_bytes(self.scalar[28:], "big"), blob_base_fee_scalar
        raise InputError("system config scalar", expected="version 0 or 1", actual=version)

    @staticmethod
    def encode_ecotone_scalar(base_fee_scalar: int, blob_base_fee_scalar: int) -> Hash32:
        """Return the version 1 word of the two scalars."""
        blob = blob_base_fee_scalar.to_bytes(4, "big")
        return Hash32(b"\x01" + bytes(23) + blob + base_fee_scalar.to_bytes(4, "big"))


def _word(fields: Fields, name: str, size: int) -> bytes:
    """Take an optional hex string of `size` bytes; zeros when it is absent."""
    text = fields.take(name)
    if text is None:
        return bytes(size)
    expected = f"0x and {2 * size} hex digits"
    if not isinstance(text, str) or not text.startswith("0x") or len(text) != 2 + 2 * size:
        raise InputError(fields.name(name), expected=expected, actual=text)
    try:
        raw = bytes.fromhex(text[2:])
    except ValueError as error:
        raise InputError(fields.name(name), expected=expected, actual=text) from error
    if len(raw) != size:
        raise InputError(fields.name(name), expected=expected, actual=text)
    if size == 32 and any(raw[:20]):
        raise InputError(fields.name(name), expected="20 leading zero bytes", actual=text)
    return raw
