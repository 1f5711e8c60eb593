"""An L1 with EigenLayer's registries on it, as a node of it answers: with forks, and with lies."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode, encode

from coprove.avs.bls import SecretKey
from coprove.contracts.abi import signature_types
from coprove.primitives import keccak256
from coprove.types import Address, Hash32
from tests.unit.rpc.fake import FakeNode, RpcFault
from tests.unit.rpc.test_agreement import header

if TYPE_CHECKING:
    from collections.abc import Callable

COORDINATOR, KEYS, STAKES, RETRIEVER, MANAGER, VERIFIER, PROVERS, POLICY = (
    Address(bytes([number]) * 20) for number in range(0xA1, 0xA9)
)
_G2 = "(uint256[2],uint256[2])"


def operator(number: int) -> tuple[Address, SecretKey]:
    """An account and its BLS key, the same for each number."""
    return Address(bytes([number]) * 20), SecretKey(
        keccak256(bytes([number]))[:31].rjust(32, b"\0")
    )


def key_log(account: Address, key: SecretKey, other: SecretKey | None = None) -> dict[str, Any]:
    """NewPubkeyRegistration; with `other` its G2 point."""
    g1, g2 = key.public_key.g1.coordinates, (other or key).public_key.g2.coordinates
    return log(
        KEYS,
        f"NewPubkeyRegistration(address,(uint256,uint256),{_G2})",
        [bytes(12) + account],
        ["(uint256,uint256)", _G2],
        [g1, g2],
    )


def joined_log(account: Address, key: SecretKey, quorums: list[int]) -> dict[str, Any]:
    return _quorums_log("OperatorAddedToQuorums", account, key, quorums)


def left_log(account: Address, key: SecretKey, quorums: list[int]) -> dict[str, Any]:
    return _quorums_log("OperatorRemovedFromQuorums", account, key, quorums)


def stake_log(key: SecretKey, quorum: int, stake: int) -> dict[str, Any]:
    return log(
        STAKES,
        "OperatorStakeUpdate(bytes32,uint8,uint96)",
        [key.public_key.operator_id],
        ["uint8", "uint96"],
        [quorum, stake],
    )


def _quorums_log(name: str, account: Address, key: SecretKey, quorums: list[int]) -> dict[str, Any]:
    values = [bytes(account), bytes(key.public_key.operator_id), bytes(quorums)]
    kinds = ["address", "bytes32", "bytes"]
    return log(KEYS, f"{name}(address,bytes32,bytes)", [], kinds, values)


def log(
    address: Address, signature: str, topics: list[bytes], kinds: list[str], values: list[Any]
) -> dict[str, Any]:
    """A log that is in no block yet."""
    words = [keccak256(signature.encode()), *topics]
    return {
        "address": address.hex0x,
        "topics": [f"0x{word.hex()}" for word in words],
        "data": f"0x{encode(kinds, values).hex()}",
    }


def entering(number: int, quorums: list[int], stake: int) -> list[dict[str, Any]]:
    """What the contracts write when an operator registers."""
    account, key = operator(number)
    stakes = [stake_log(key, quorum, stake) for quorum in quorums]
    return [key_log(account, key), joined_log(account, key, quorums), *stakes]


def leaving(number: int, quorums: list[int]) -> list[dict[str, Any]]:
    """What they write when it leaves."""
    account, key = operator(number)
    return [left_log(account, key, quorums), *(stake_log(key, quorum, 0) for quorum in quorums)]


@dataclass
class Prover:
    """What the liveness contracts say under an operator's id."""

    account: Address
    address: Address
    since: int = 1
    tee: int = 1
    attested_at: int = field(default_factory=lambda: int(time.time()))
    until: int = field(default_factory=lambda: int(time.time()) + 100_000)
    liveness: int = 1


@dataclass
class Chain:
    """Blocks with their logs. `fork` names those to come; the contracts say what the logs say."""

    blocks: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    fork: str = ""
    provers: dict[Hash32, Prover] = field(default_factory=dict)
    listed: set[Address] = field(default_factory=set)
    poa: bool = False
    hidden_logs: Callable[[dict[str, Any]], bool] = lambda _: False
    """Logs that the node keeps to itself."""
    lie: Callable[[str, tuple[Any, ...], Any], Any] = lambda _name, _args, truth: truth
    """What the node makes of a view's result."""
    when: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Called before a method is answered."""
    calls: dict[str, Callable[..., tuple[list[str], list[Any]]]] = field(default_factory=dict)
    """Further views by signature; each returns the types and the values of its result."""
    served: int | None = None
    """The head that the node has come to; None for all blocks."""
    final: int | None = None
    """The final block; None for the head."""
    viewed: list[str] = field(default_factory=list)
    """Views that were asked for."""
    viewed_at: int = 0
    """Block of the view that is being asked for."""

    @property
    def head(self) -> int:
        newest = len(self.blocks) - 1
        return newest if self.served is None else min(newest, self.served)

    def mine(self, *logs: dict[str, Any]) -> int:
        """Add a block with these logs; return its number. Block 0 is the genesis."""
        if not self.blocks:
            self.blocks.append(("", []))
        self.blocks.append((self.fork, list(logs)))
        return len(self.blocks) - 1

    def reorg(self, number: int, fork: str) -> None:
        """Drop the blocks from `number` on; what comes next is of another fork."""
        del self.blocks[number:]
        self.fork = fork

    def header(self, number: int) -> dict[str, Any]:
        return header(number, self.blocks[number][0])

    def node(self) -> FakeNode:
        """A node of this chain."""

        def before(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
            def answered(*params: Any) -> Any:
                hook = self.when.pop(name, None)
                if hook is not None:
                    hook()
                return method(*params)

            return answered

        methods: dict[str, Callable[..., Any]] = {
            "eth_getBlockByNumber": self._block,
            "eth_blockNumber": lambda: hex(self.head),
            "eth_chainId": lambda: "0x7a69",
            "eth_getLogs": self._logs,
            "eth_call": self._call,
        }
        return FakeNode({name: before(name, method) for name, method in methods.items()})

    def _number(self, tag: str) -> int:
        if tag in ("safe", "finalized"):
            return self.head if self.final is None else self.final
        return self.head if tag == "latest" else int(tag, 16)

    def _block(self, tag: str, _full: bool) -> Any:
        number = self._number(tag)
        return self.header(number) if number <= self.head else None

    def _logs(self, criteria: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = self._number(criteria["fromBlock"]), self._number(criteria["toBlock"])
        wanted = criteria.get("topics") or [None]
        found = []
        for number in range(first, min(last, self.head) + 1):
            place = {"blockNumber": hex(number), "blockHash": self.header(number)["hash"]}
            for index, entry in enumerate(self.blocks[number][1]):
                matches = entry["address"] in criteria["address"] and (
                    wanted[0] is None or entry["topics"][0] in wanted[0]
                )
                if matches and not self.hidden_logs(entry):
                    extra = {"logIndex": hex(index), "transactionHash": "0x" + "ab" * 32}
                    found.append({**entry, **place, **extra})
        return found

    def members(self, quorum: int, block: int) -> dict[Hash32, tuple[Address, int]]:
        """Who is in a quorum at a block, with account and stake."""
        found: dict[Hash32, tuple[Address, int]] = {}
        stakes: dict[Hash32, int] = {}
        for _, logs in self.blocks[: block + 1]:
            for entry in logs:
                data = bytes.fromhex(entry["data"][2:])
                if entry["address"] == STAKES.hex0x:
                    number, stake = decode(["uint8", "uint96"], data)
                    if number == quorum:
                        stakes[Hash32.from_hex(entry["topics"][1])] = stake
                elif entry["address"] == KEYS.hex0x and len(entry["topics"]) == 1:
                    account, identity, quorums = decode(["address", "bytes32", "bytes"], data)
                    added = keccak256(b"OperatorAddedToQuorums(address,bytes32,bytes)").hex()
                    if quorum in quorums and entry["topics"][0] == f"0x{added}":
                        found[Hash32(identity)] = (Address.from_hex(account), 0)
                    elif quorum in quorums:
                        found.pop(Hash32(identity), None)
        return {name: (account, stakes.get(name, 0)) for name, (account, _) in found.items()}

    def _call(self, fields: dict[str, Any], tag: str) -> str:
        number = self._number(tag)
        if number > self.head:
            raise RpcFault(-32000, "header not found")
        data = bytes.fromhex(fields["data"][2:])
        target = Address.from_hex(fields["to"])
        for signature, view in {**self._views(number), **self.calls}.items():
            place, _, name = signature.rpartition("/")
            selector, kinds = signature_types(name)
            if data[:4] == selector and (not place or place == target.hex()):
                arguments = tuple(decode(list(kinds), data[4:]))
                self.viewed.append(name)
                self.viewed_at = number
                types, values = view(*arguments)
                return f"0x{encode(types, self.lie(name, arguments, values)).hex()}"
        raise RpcFault(3, "execution reverted")

    def _views(self, number: int) -> dict[str, Callable[..., tuple[list[str], list[Any]]]]:
        def state(_: str, quorums: bytes, block: int) -> tuple[list[str], list[Any]]:
            assert block == number
            rows = [
                [(account.hex0x, bytes(name), stake) for name, (account, stake) in found.items()]
                for found in (self.members(quorum, block) for quorum in quorums)
            ]
            return ["(address,bytes32,uint96)[][]"], [rows]

        def prover(address: str) -> Prover:
            wanted = Address.from_hex(address)
            return next(item for item in self.provers.values() if item.address == wanted)

        def live_operator(name: bytes) -> tuple[list[str], list[Any]]:
            found = self.provers.get(Hash32(name))
            live = found is not None and found.liveness == 1
            values = [found.account.hex0x, found.tee, found.since] if live and found else None
            return ["address", "uint8", "uint64"], values or ["0x" + "00" * 20, 0, 0]

        def prover_of(address: str) -> tuple[list[str], list[Any]]:
            found = prover(address)
            kind = (
                "(address,uint64,uint8,uint8,uint8,bool,bytes32,uint48,uint48,uint48,"
                "uint32,uint32,bool,bool)"
            )
            record = (
                found.account.hex0x, found.until, found.tee, 0, 1, False, bytes(32),
                found.attested_at, 1, 1, 1, 1, False, False,
            )  # fmt: skip
            return [kind], [record]

        return {
            "blsApkRegistry()": lambda: (["address"], [KEYS.hex0x]),
            "stakeRegistry()": lambda: (["address"], [STAKES.hex0x]),
            "getOperatorState(address,bytes,uint32)": state,
            "getTotalStakeIndicesAtBlockNumber(uint32,bytes)": lambda _, quorums: (
                ["uint32[]"],
                [[0] * len(quorums)],
            ),
            "getTotalStakeAtBlockNumberFromIndex(uint8,uint32,uint256)": lambda quorum, block, _: (
                ["uint96"],
                [sum(stake for _, stake in self.members(quorum, block).values())],
            ),
            "livenessVerifier()": lambda: (["address"], [VERIFIER.hex0x]),
            "attestationVerifier()": lambda: (["address"], [PROVERS.hex0x]),
            "policy()": lambda: (["address"], [POLICY.hex0x]),
            "liveOperator(bytes32)": live_operator,
            "attestedProverAddr(bytes32)": lambda name: (
                ["address"],
                [self.provers[Hash32(name)].address.hex0x],
            ),
            "attestValiditySeconds()": lambda: (["uint256"], [3600]),
            "livenessOf(address)": lambda address: (
                ["uint8", "uint64"],
                [prover(address).liveness, prover(address).until],
            ),
            "proverOf(address)": prover_of,
            "poaEnabled()": lambda: (["bool"], [self.poa]),
            "operatorWhitelist(address)": lambda account: (
                ["bool"],
                [Address.from_hex(account) in self.listed],
            ),
        }
