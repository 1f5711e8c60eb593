"""Proof of execution: the claim about one range that a registered prover signs with its key.

EIP-712 typed data under a domain that names the settlement chain, so that a signature holds for
one (chain, rollup config, range, roots, code) and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

__all__ = ["POE_DOMAIN_NAME", "POE_DOMAIN_VERSION", "POE_TYPE", "ProofOfExecution"]

POE_DOMAIN_NAME = "coprove proof of execution"
"""`name` of the EIP-712 domain."""
POE_DOMAIN_VERSION = "1"
"""`version` of the EIP-712 domain."""
POE_TYPE = (
    "ProofOfExecution(uint256 l2ChainId,bytes32 rollupConfigHash,bytes32 l1Head,"
    "bytes32 l2PreRoot,bytes32 l2PostRoot,uint64 l2PreBlock,uint64 l2PostBlock,"
    "bytes32 measurement)"
)
"""EIP-712 type string of the struct."""
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOfExecution:
    """What the prover claims: from this output root, by L1 data up to this head, to that one."""

    l1_chain_id: int
    """Chain on which the claim is used: the rollup config's `l1_chain_id`; in the domain."""
    l2_chain_id: int
    """EIP-155 id of the rollup."""
    rollup_config_hash: Hash32
    """`RollupConfig.config_hash()`."""
    l1_head: Hash32
    """Hash of the L1 block up to which L1 data was read."""
    l2_pre_root: Hash32
    """Output root of the agreed block."""
    l2_post_root: Hash32
    """Output root of the claimed block."""
    l2_pre_block: int
    """Number of the agreed block."""
    l2_post_block: int
    """Number of the claimed block; above `l2_pre_block`."""
    measurement: Hash32
    """`measurement_id` of the code that executed the range."""

    def __post_init__(self) -> None:
        """Refuse numbers that no chain has; InputError names the field."""
        for name in ("l1_chain_id", "l2_chain_id"):
            if not 0 < getattr(self, name) < 2**256:
                raise InputError(name, expected="1 to 2^256 - 1", actual=getattr(self, name))
        if not 0 <= self.l2_pre_block < self.l2_post_block < 2**64:
            actual = f"{self.l2_pre_block} to {self.l2_post_block}"
            raise InputError("PoE range", expected="rising block numbers below 2^64", actual=actual)

    def digest(self) -> Hash32:
        """Return the EIP-712 digest that the prover signs."""
        domain = keccak256(
            keccak256(_DOMAIN_TYPE.encode())
            + keccak256(POE_DOMAIN_NAME.encode())
            + keccak256(POE_DOMAIN_VERSION.encode())
            + self.l1_chain_id.to_bytes(32, "big")
        )
        struct = keccak256(
            keccak256(POE_TYPE.encode())
            + self.l2_chain_id.to_bytes(32, "big")
            + self.rollup_config_hash
            + self.l1_head
            + self.l2_pre_root
            + self.l2_post_root
            + self.l2_pre_block.to_bytes(32, "big")
            + self.l2_post_block.to_bytes(32, "big")
            + self.measurement
        )
        return Hash32(keccak256(b"\x19\x01" + domain + struct))

    def typed_data(self) -> dict[str, Any]:
        """Return the claim as EIP-712 JSON, for wallets and other signers' libraries."""
        fields = POE_TYPE.removeprefix("ProofOfExecution(").removesuffix(")").split(",")
        names = [field.split(" ") for field in fields]
        return {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                ],
                "ProofOfExecution": [{"name": name, "type": kind} for kind, name in names],
            },
            "primaryType": "ProofOfExecution",
            "domain": {
                "name": POE_DOMAIN_NAME,
                "version": POE_DOMAIN_VERSION,
                "chainId": self.l1_chain_id,
            },
            "message": {
                "l2ChainId": self.l2_chain_id,
                "rollupConfigHash": self.rollup_config_hash.hex0x,
                "l1Head": self.l1_head.hex0x,
                "l2PreRoot": self.l2_pre_root.hex0x,
                "l2PostRoot": self.l2_post_root.hex0x,
                "l2PreBlock": self.l2_pre_block,
                "l2PostBlock": self.l2_post_block,
                "measurement": self.measurement.hex0x,
            },
        }
