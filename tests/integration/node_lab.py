"""An anvil, nodes as processes of their own, and a small batcher: what the node's tests run on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eth_account import Account

from coprove.contracts.foundry_tools import Anvil, start_anvil
from coprove.derivation.compression import Compression, compress
from coprove.derivation.singular import SingularBatch
from coprove.devnet.batcher.channels import cut_frames
from coprove.devnet.node.genesis import DEV_ACCOUNTS, GenesisSpec, make_genesis
from coprove.primitives import rlp
from coprove.types import Address, BlockId, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PORTAL = "0x55bdfb0bfef1070c457124920546359426153833"
SYSTEM_CONFIG = "0x3649f526889a918af0a5498706db29e81bc91e0c"
INBOX = "0xff00000000000000000000000000000000000901"
# Emit a log with four (three) topics and the data that the call data holds.
EMIT_DEPOSIT = "0x608036036080600037606035604035602035600035608036036000a400"
EMIT_UPDATE = "0x608036036080600037604035602035600035608036036000a300"
DEPOSIT_TOPIC = "b3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32"
KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
)
"""Keys of the first development accounts, which every devnet tool publishes."""
BATCHER = 1


class RpcAnswerError(Exception):
    """A JSON-RPC error."""


def rpc(url: str, method: str, *params: Any, timeout: float = 10) -> Any:
    """One JSON-RPC call."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
        result = json.load(answer)
    if "error" in result:
        raise RpcAnswerError(f"{method}: {result['error']}")
    return result["result"]


def wait_for(what: str, check: Callable[[], Any], timeout: float = 60) -> Any:
    """Poll `check` until it gives something true; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = check()
        except (OSError, RpcAnswerError) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {timeout} s; last: {last}")


@dataclass
class RunningNode:
    """A node process."""

    folder: Path
    process: subprocess.Popen[bytes]
    url: str = ""

    def call(self, method: str, *params: Any) -> Any:
        """Ask the node."""
        return rpc(self.url, method, *params)

    def status(self) -> dict[str, Any]:
        """optimism_syncStatus."""
        found: dict[str, Any] = self.call("optimism_syncStatus")
        return found

    def head(self, name: str) -> int:
        """Number of a head: unsafe, safe, finalized."""
        number: int = self.status()[f"{name}_l2"]["number"]
        return number

    def hash_of(self, number: int) -> str:
        """Hash of a canonical block."""
        block = self.call("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003
        return "" if block is None else str(block["hash"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and wait for it."""
        self.process.send_signal(number)
        return self.process.wait(20)


@dataclass
class Lab:
    """One L1 with an L2 on it."""

    folder: Path
    anvil: Anvil
    nodes: list[RunningNode] = field(default_factory=list)
    _batching: threading.Event | None = None
    _thread: threading.Thread | None = None

    def l1(self, method: str, *params: Any) -> Any:
        """Ask the L1."""
        return rpc(self.anvil.url, method, *params)

    def make_chain(self, **changes: Any) -> None:
        """Put the stand-in contracts on L1 and write the L2's files."""
        for address, code in ((PORTAL, EMIT_DEPOSIT), (SYSTEM_CONFIG, EMIT_UPDATE)):
            self.l1("anvil_setCode", address, code)
        self.l1("anvil_mine", "0x1")
        block = self.l1("eth_getBlockByNumber", "latest", False)  # noqa: FBT003
        spec = GenesisSpec(
            l1_genesis=BlockId(
                hash=Hash32.from_hex(block["hash"]), number=int(block["number"], 16)
            ),
            l1_chain_id=900,
            l2_chain_id=901,
            l2_time=int(block["timestamp"], 16),
            batcher=Address.from_hex(DEV_ACCOUNTS[BATCHER]),
            batch_inbox=Address.from_hex(INBOX),
            portal=Address.from_hex(PORTAL),
            system_config=Address.from_hex(SYSTEM_CONFIG),
            **changes,
        )
        make_genesis(spec).write(self.folder / "chain")

    def start_node(self, name: str, **settings: Any) -> RunningNode:
        """Start a node (again) and wait until it serves."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        config = {
            "data_dir": "data",
            "l2_genesis": str(self.folder / "chain/genesis.json.gz"),
            "rollup_config": str(self.folder / "chain/rollup.json"),
            "l1_chain_config": str(self.folder / "chain/l1_chain_config.json"),
            "l1_rpc_url": self.anvil.url,
            "http_port": 0,
            "l1_poll_interval": 0.2,
            "log_level": "debug",
        } | settings
        (folder / "node.json").write_text(json.dumps(config))
        address = folder / "data" / "node.url"
        address.unlink(missing_ok=True)
        with (folder / "node.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "coprove.devnet.node", "--config", folder / "node.json"],
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONWARNINGS": "default"},
            )
        node = RunningNode(folder=folder, process=process)
        self.nodes.append(node)

        def serving() -> bool:
            if process.poll() is not None:
                tail = (folder / "node.log").read_text()[-3000:]
                raise AssertionError(f"node {name} ended with {process.returncode}: {tail}")
            if not address.exists():
                return False
            node.url = address.read_text().strip()
            return bool(node.call("eth_chainId"))

        wait_for(f"start of node {name}", serving, 30)
        return node

    def send_l1(self, key: int, to: str, data: str, nonce: int | None = None) -> str:
        """Sign and send an L1 transaction."""
        account = Account.from_key(KEYS[key])
        if nonce is None:
            nonce = int(self.l1("eth_getTransactionCount", account.address, "pending"), 16)
        signed = account.sign_transaction(
            {
                "chainId": 900,
                "nonce": nonce,
                "gas": 6_000_000,
                "maxFeePerGas": 100 * 10**9,
                "maxPriorityFeePerGas": 10**9,
                "to": bytes.fromhex(to[2:]),
                "value": 0,
                "data": data,
            }
        )
        return str(self.l1("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex()))

    def deposit(self, sender: str, to: str, mint: int, value: int, gas: int = 100_000) -> str:
        """Emit a TransactionDeposited log."""
        opaque = (
            mint.to_bytes(32, "big") + value.to_bytes(32, "big") + gas.to_bytes(8, "big") + b"\0"
        )
        padded = opaque + bytes(-len(opaque) % 32)
        words = [
            bytes.fromhex(DEPOSIT_TOPIC),
            bytes.fromhex(sender[2:]).rjust(32, b"\0"),
            bytes.fromhex(to[2:]).rjust(32, b"\0"),
            bytes(32),
            (32).to_bytes(32, "big"),
            len(opaque).to_bytes(32, "big"),
            padded,
        ]
        return self.send_l1(0, PORTAL, "0x" + b"".join(words).hex())

    def batch_of(self, node: RunningNode, number: int) -> tuple[SingularBatch, str]:
        """The batch of a block of the node, and the block's hash."""
        ref = node.call("optimism_outputAtBlock", hex(number))["blockRef"]
        parts = rlp.decode_list(
            bytes.fromhex(node.call("debug_getRawBlock", hex(number))[2:]), "block"
        )
        raws = [
            item if isinstance(item, bytes) else rlp.encode(item)
            for item in rlp.expect_list(parts[1], "transactions")
        ]
        batch = SingularBatch(
            parent_hash=Hash32.from_hex(ref["parentHash"]),
            epoch_number=ref["l1origin"]["number"],
            epoch_hash=Hash32.from_hex(ref["l1origin"]["hash"]),
            timestamp=ref["timestamp"],
            transactions=tuple(raw for raw in raws if raw[0] != 0x7E),
        )
        return batch, ref["hash"]

    def post(self, batches: list[SingularBatch]) -> None:
        """Send batches in one channel."""
        data = b"".join(rlp.encode(batch.encode()) for batch in batches)
        channel = compress(data, Compression.ZLIB)
        for frame in cut_frames(channel, channel_id=os.urandom(16), max_size=100_000):
            self.send_l1(BATCHER, INBOX, "0x" + frame.hex())

    def start_batching(self, node: RunningNode) -> None:
        """Post new blocks each second, and again from the safe head when it stays behind."""
        stop = threading.Event()

        def work() -> None:
            posted, tip, stalled = 0, "", 0.0
            while not stop.wait(1.0):
                with contextlib.suppress(OSError, RpcAnswerError):
                    status = node.status()
                    safe, unsafe = status["safe_l2"]["number"], status["unsafe_l2"]["number"]
                    if safe >= posted:
                        stalled = time.monotonic()
                    replaced = posted > 0 and node.hash_of(posted) != tip
                    if posted < safe or replaced or time.monotonic() - stalled > 15:
                        posted, stalled = safe, time.monotonic()
                    if posted >= unsafe:
                        continue
                    last = min(unsafe, posted + 100)
                    found = [self.batch_of(node, n) for n in range(posted + 1, last + 1)]
                    self.post([batch for batch, _ in found])
                    posted, tip = last, found[-1][1]

        self._batching = stop
        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def stop_batching(self) -> None:
        """Stop posting."""
        if self._batching is not None and self._thread is not None:
            self._batching.set()
            self._thread.join(20)
            self._batching = None

    def close(self) -> None:
        """End everything."""
        self.stop_batching()
        for node in self.nodes:
            if node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        self.anvil.stop()


@contextlib.contextmanager
def lab(folder: Path, **changes: Any) -> Iterator[Lab]:
    """An anvil with one-second blocks and a fresh L2's files."""
    anvil = start_anvil(chain_id=900, block_time=1)
    built = Lab(folder=folder, anvil=anvil)
    try:
        built.make_chain(**changes)
        yield built
    finally:
        built.close()


def signed_l2(key: int, nonce: int, **changes: Any) -> str:
    """A signed L2 transfer."""
    fields: dict[str, Any] = {
        "chainId": 901,
        "nonce": nonce,
        "gas": 21_000,
        "maxFeePerGas": 10**9,
        "maxPriorityFeePerGas": 10**6,
        "to": bytes.fromhex("12" * 20),
        "value": 5,
        "data": "0x",
    }
    account = Account.from_key(KEYS[key])
    return "0x" + bytes(account.sign_transaction(fields | changes).raw_transaction).hex()
