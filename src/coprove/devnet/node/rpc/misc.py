"""net_*, web3_*, txpool_* and the eth_* methods that tell of the node itself."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from coprove.devnet.node.mempool import PoolError
from coprove.devnet.node.rpc.codec import get_address, get_data, hex_data, hex_quantity
from coprove.devnet.node.rpc.encode import pending_transaction_json
from coprove.devnet.node.rpc.errors import SERVER_ERROR, RpcError
from coprove.primitives import keccak256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from coprove.devnet.node.mempool import PoolEntry
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.dispatch import Method

__all__ = ["CLIENT_VERSION", "Misc"]

CLIENT_VERSION = f"coprove-devnet-node/v{version('coprove')}"


class Misc:
    """Methods about the node and its pool."""

    def __init__(self, backend: Backend, on_transaction: Callable[[bytes], None]) -> None:
        """Serve from `backend`; `on_transaction` hears the hash of each one taken in."""
        self._backend = backend
        self._on_transaction = on_transaction

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "net_version": self.net_version,
            "net_listening": self.net_listening,
            "net_peerCount": self.peer_count,
            "web3_clientVersion": self.client_version,
            "web3_sha3": self.sha3,
            "rpc_modules": self.modules,
            "eth_syncing": self.syncing,
            "eth_accounts": self.accounts,
            "eth_mining": self.mining,
            "eth_sendRawTransaction": self.send_raw_transaction,
            "txpool_status": self.pool_status,
            "txpool_content": self.pool_content,
            "txpool_contentFrom": self.pool_content_from,
            "txpool_inspect": self.pool_inspect,
        }

    async def net_version(self) -> str:
        """net_version."""
        return str(self._backend.chain.config.l2_chain_id)

    async def net_listening(self) -> bool:
        """net_listening: the node has no peers and listens for none."""
        return False

    async def peer_count(self) -> str:
        """net_peerCount."""
        return "0x0"

    async def client_version(self) -> str:
        """web3_clientVersion."""
        return CLIENT_VERSION

    async def sha3(self, data: Any) -> str:
        """web3_sha3."""
        return hex_data(keccak256(get_data(data, "data")))

    async def modules(self) -> dict[str, str]:
        """rpc_modules."""
        names = ("debug", "eth", "net", "optimism", "rpc", "txpool", "web3")
        return dict.fromkeys(names, "1.0")

    async def syncing(self) -> bool:
        """eth_syncing: every block that is served has been executed."""
        return False

    async def accounts(self) -> list[str]:
        """eth_accounts: the node holds no keys."""
        return []

    async def mining(self) -> bool:
        """eth_mining."""
        return False

    async def send_raw_transaction(self, raw: Any) -> str:
        """eth_sendRawTransaction: into the pool of a sequencer."""
        if not self._backend.config.sequencer:
            raise RpcError(SERVER_ERROR, "this node does not sequence: send to the sequencer")
        try:
            entry = self._backend.mempool.add(get_data(raw, "transaction"))
        except PoolError as error:
            raise RpcError(SERVER_ERROR, error.message) from error
        self._on_transaction(entry.transaction.hash)
        return hex_data(entry.transaction.hash)

    async def pool_status(self) -> dict[str, str]:
        """txpool_status."""
        pending, queued = self._backend.mempool.content()
        return {"pending": hex_quantity(len(pending)), "queued": hex_quantity(len(queued))}

    async def pool_content(self) -> dict[str, Any]:
        """txpool_content."""
        pending, queued = self._backend.mempool.content()
        return {"pending": _by_sender(pending, _full), "queued": _by_sender(queued, _full)}

    async def pool_content_from(self, address: Any) -> dict[str, Any]:
        """txpool_contentFrom."""
        sender = get_address(address)
        pending, queued = self._backend.mempool.content()
        return {
            name: {
                str(entry.transaction.nonce): _full(entry)
                for entry in entries
                if entry.sender == sender
            }
            for name, entries in (("pending", pending), ("queued", queued))
        }

    async def pool_inspect(self) -> dict[str, Any]:
        """txpool_inspect."""
        pending, queued = self._backend.mempool.content()
        return {"pending": _by_sender(pending, _line), "queued": _by_sender(queued, _line)}


def _full(entry: PoolEntry) -> dict[str, Any]:
    return pending_transaction_json(entry.transaction, entry.sender)


def _line(entry: PoolEntry) -> str:
    transaction = entry.transaction
    to = "contract creation" if transaction.to is None else hex_data(transaction.to)
    return (
        f"{to}: {transaction.value} wei + {transaction.gas_limit} gas x {transaction.max_fee} wei"
    )


def _by_sender(
    entries: Iterable[PoolEntry], show: Callable[[PoolEntry], Any]
) -> dict[str, dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for entry in entries:
        nonces = shown.setdefault(hex_data(entry.sender), {})
        nonces[str(entry.transaction.nonce)] = show(entry)
    return shown
