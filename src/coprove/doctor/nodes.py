"""Checks of the nodes: reachable, the right chain, the methods that a witness takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from coprove.doctor.findings import failed, passed, skipped, warned
from coprove.rpc import MethodNotFoundError, NotYetAvailableError, RpcError
from coprove.types import L1ChainConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.doctor.findings import Finding
    from coprove.doctor.setup import Setup
    from coprove.rpc import Json, RpcTransport

__all__ = [
    "check_beacon",
    "check_clock",
    "check_l1",
    "check_l1_config",
    "check_l1_methods",
    "check_l2",
    "check_l2_methods",
    "check_rollup_node",
    "check_safe_db",
]

_STALE_L1: Final = 180
_SKEW: Final = 15
_BEHIND: Final = 600
_BEACON_BLOCKS_BACK: Final = 5


async def check_l1(setup: Setup) -> Finding:
    """L1 answers and is the chain that the rollup config names."""
    if setup.l1 is None:
        return failed("no L1 endpoint is set", "Set rpc.l1 (L1_RPC).")
    found, rollup = await setup.l1.chain_id(), await setup.rollup()
    head = await setup.l1_head()
    number = "?" if head is None else head.header.number
    if rollup is not None and found != rollup.l1_chain_id:
        return failed(
            f"chain {found}, but the rollup settles on {rollup.l1_chain_id}",
            "Point rpc.l1 to a node of the right L1.",
        )
    return passed(f"chain {found} at block {number}, {setup.l1.transport.name}")


async def check_clock(setup: Setup) -> Finding:
    """This machine's time agrees with L1's newest block."""
    head = await setup.l1_head()
    if head is None:
        return skipped("no L1 endpoint")
    age = time.time() - head.header.timestamp
    if age < -_SKEW:
        return failed(
            f"the newest L1 block is {-age:.0f} s in this machine's future",
            "Set the clock (NTP): deadlines and leases are told by it.",
        )
    if age > _STALE_L1:
        return warned(
            f"the newest L1 block is {age:.0f} s old",
            "The node lags, the chain stands still, or this machine's clock is ahead.",
        )
    return passed(f"the newest L1 block is {max(0.0, age):.0f} s old")


async def check_l1_config(setup: Setup) -> Finding:
    """The L1's own config is known: its blob schedule decides a field of every L2 block."""
    rollup = await setup.rollup()
    if rollup is None:
        return skipped("the rollup config is not known")
    if L1ChainConfig.built_in(rollup.l1_chain_id) is not None:
        return passed(f"L1 chain {rollup.l1_chain_id} is built in")
    found = await setup.l1_config()
    if found is None:
        return failed(
            f"L1 chain {rollup.l1_chain_id} is not built in",
            "Set rpc.l1_config to its chain config (the `config` of its genesis, as JSON).",
        )
    if found.chain_id != rollup.l1_chain_id:
        return failed(
            f"the file is for chain {found.chain_id}, L1 is {rollup.l1_chain_id}",
            "Set rpc.l1_config to the right file.",
        )
    return passed(f"L1 chain {rollup.l1_chain_id} from its file")


async def check_l1_methods(setup: Setup) -> Finding:
    """L1 gives raw blocks and receipts."""
    head = await setup.l1_head()
    if setup.l1 is None or head is None:
        return skipped("no L1 endpoint")
    name = head.hash.hex0x
    missing = [
        method
        for method in ("debug_getRawHeader", "debug_getRawBlock", "debug_getRawReceipts")
        if not await _has(setup.l1.transport, method, [name])
    ]
    if not missing:
        return passed("raw headers, blocks and receipts")
    if await _has(setup.l1.transport, "eth_getBlockReceipts", [name]):
        return warned(
            f"no {', '.join(missing)}: blocks are put together from JSON",
            "Nothing is needed; a node with the debug namespace is quicker.",
        )
    return warned(
        f"no {', '.join(missing)}, no eth_getBlockReceipts: receipts take a call each",
        "Use a node with eth_getBlockReceipts or the debug namespace.",
    )


async def check_l2(setup: Setup) -> Finding:
    """L2 answers and is the chain of the rollup config."""
    if setup.l2 is None:
        return failed("no L2 endpoint is set", "Set rpc.l2 (L2_RPC).")
    found, rollup = await setup.l2.chain_id(), await setup.rollup()
    if rollup is not None and found != rollup.l2_chain_id:
        return failed(
            f"chain {found}, but the rollup config says {rollup.l2_chain_id}",
            "Point rpc.l2 and rpc.node to the same chain.",
        )
    number = await setup.l2.block_number()
    return passed(f"chain {found} at block {number}, {setup.l2.transport.name}")


async def check_l2_methods(setup: Setup) -> Finding:
    """L2 gives what a witness takes: proofs, and best whole witnesses."""
    if setup.l2 is None:
        return skipped("no L2 endpoint")
    transport = setup.l2.transport
    head = await setup.l2.header("latest")
    number = hex(head.header.number)
    account = "0x4200000000000000000000000000000000000016"
    if not await _has(transport, "eth_getProof", [account, [], number]):
        return failed("no eth_getProof", "Use a node that serves state proofs.")
    if await _has(transport, "debug_executionWitness", [number]):
        return passed("execution witnesses and state proofs")
    options: dict[str, Json] = {"tracer": "prestateTracer"}
    if await _has(transport, "debug_traceBlockByHash", [head.hash.hex0x, options]):
        return warned(
            "no debug_executionWitness: inputs are built from traces and proofs",
            "A node with the debug namespace's execution witness takes far fewer calls.",
        )
    return warned(
        "neither debug_executionWitness nor traces: every state node is asked for by proofs",
        "Open the debug namespace of the L2 node to the proposer.",
    )


async def check_rollup_node(setup: Setup) -> Finding:
    """The rollup node answers, and is not far behind."""
    status = await setup.sync_status()
    if status is None:
        return failed("no rollup node is set", "Set rpc.node (L2_NODE_RPC).")
    behind = time.time() - status.unsafe_l2.timestamp
    heads = (
        f"unsafe {status.unsafe_l2.number}, safe {status.safe_l2.number},"
        f" finalized {status.finalized_l2.number}"
    )
    if behind > _BEHIND:
        return warned(f"{heads}; {behind:.0f} s behind", "Wait until the node has caught up.")
    if status.finalized_l2.number == 0:
        return warned(f"{heads}: nothing is finalized", "Nothing can be proven before.")
    return passed(heads)


async def check_safe_db(setup: Setup) -> Finding:
    """The rollup node tells which L1 block made an L2 block safe."""
    status = await setup.sync_status()
    if status is None or setup.node is None:
        return skipped("no rollup node")
    try:
        found = await setup.node.safe_head_at_l1_block(status.current_l1.number)
    except (MethodNotFoundError, RpcError, NotYetAvailableError) as error:
        advice = "Start op-node with --safedb.path to have L1 heads exactly."
        if setup.settings.proposer.safe_db_fallback:
            return warned(f"no safe-head database; L1 heads are estimated ({error})", advice)
        return failed(
            f"no safe-head database, and proposer.safe_db_fallback is off: {error}", advice
        )
    return passed(f"safe head {found.safe_head.number} at L1 block {found.l1_block.number}")


async def check_beacon(setup: Setup) -> Finding:
    """The beacon node answers for a recent block."""
    if setup.beacon is None:
        return warned(
            "no beacon node is set",
            "Set rpc.beacon (L1_BEACON_RPC) unless batches are in calldata or another layer.",
        )
    head = await setup.l1_head()
    if head is None or setup.l1 is None:
        return skipped("no L1 endpoint")
    older = await setup.l1.header(max(0, head.header.number - _BEACON_BLOCKS_BACK))
    client = setup.beacon.clients[0]
    slot = await client.slot_of(number=older.header.number, timestamp=older.header.timestamp)
    await client.blobs(slot, [])
    return passed(f"slot {slot} of L1 block {older.header.number}, {setup.beacon.name}")


async def _has(transport: RpcTransport, method: str, params: Sequence[Json]) -> bool:
    """Whether a method exists; an error about its arguments says that it does."""
    try:
        await transport.call(method, params)
    except MethodNotFoundError:
        return False
    except (RpcError, NotYetAvailableError):
        return True
    return True
