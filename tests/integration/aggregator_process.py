"""`coprove aggregator` as a process over the real contracts, and operators as they exist."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from eth_abi.abi import encode

from coprove.attestation.avs_poe import batch_hash
from coprove.primitives import keccak256
from coprove.types import Hash32
from tests.integration.avs_lab import (
    CONFIG_HASH,
    L2_CHAIN_ID,
    AvsLab,
    LabOperator,
    running_avs,
)
from tests.unit.rpc.fake import FakeNode
from tests.unit.rpc.hostile import serving

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

__all__ = [
    "CONFIRMER_KEY",
    "PATIENCE",
    "OlderOperator",
    "Process",
    "Rollup",
    "confirmed",
    "lab_with_rollup",
    "starting",
]

CONFIRMER_KEY = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"
COMMAND = [sys.executable, "-c", "from coprove.cli import main; main()", "aggregator"]
__all__ = [
    "CONFIRMER_KEY",
    "PATIENCE",
    "OlderOperator",
    "Process",
    "Rollup",
    "confirmed",
    "lab_with_rollup",
    "starting",
]

PATIENCE = 120
LISTENING = re.compile(r"(?=.*listening).*?(http://127\.0\.0\.1:\d+)")


class OlderOperator:
    """An operator that knows the AVS' interface alone: names, shapes and hashes, none of ours."""

    def __init__(self, url: str, who: LabOperator, http: aiohttp.ClientSession) -> None:
        """Speak to the aggregator at `url` with somebody's keys."""
        self.url, self.who, self.http = url, who, http

    async def call(self, method: str, argument: dict[str, Any]) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": [argument]}
        async with self.http.post(self.url, json=body) as answer:
            assert answer.status == 200
            found = await answer.json()
        assert (found["jsonrpc"], found["id"]) == ("2.0", 7)
        return dict(found)

    async def poll(self, after: int) -> dict[str, Any]:
        request = {
            "prev_task_id": after, "task_type": 3, "max_wait_secs": 100, "with_context": False,
        }  # fmt: skip
        return await self.call("aggregator_fetchTask", request)

    async def fetch(self, after: int = 0) -> dict[str, Any]:
        """Poll as operators do: a hundred seconds, over and over."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.poll(after)
                if "error" not in answer and answer["result"]["task_id"] != 0:
                    return dict(answer["result"])
                await asyncio.sleep(0.05)

    def signed(self, task: dict[str, Any], root: bytes = b"\x77" * 32) -> dict[str, Any]:
        """Return the argument of aggregator_submitTask."""
        ext = task["ext"]
        start, end = int(ext["start_block"], 16), int(ext["end_block"], 16)
        metadata = f'{{"start_block":{start},"end_block":{end}}}'.encode()
        batch = batch_hash(
            l2_chain_id=L2_CHAIN_ID,
            rollup_config_hash=CONFIG_HASH,
            l1_head=Hash32.from_hex(ext["l1_head"]),
            pre_block=start - 1,
            post_block=end,
        )
        roots = [bytes(batch), b"\x22" * 32, b"\x33" * 32, root, b"\x44" * 32]
        names = ["batch_hash", "state_hash", "prev_state_root", "new_state_root", "withdrawal_root"]
        poe = {name: f"0x{value.hex()}" for name, value in zip(names, roots, strict=True)}
        poe["signature"] = f"0x{bytes(65).hex()}"
        state = json.dumps(poe, separators=(",", ":")).encode()
        reference = ext["reference_block_number"]
        header = (ext["committee_id"], metadata, state, reference)
        digest = Hash32(keccak256(encode(["(uint256,bytes,bytes,uint32)"], [header])))
        x, y = self.who.key.sign(digest).point.coordinates
        by_prover = self.who.prover.signer.sign_digest(Hash32(keccak256(b"".join(roots))))
        return {
            "Task": {
                "identifier": hex(ext["committee_id"]),
                "metadata": f"0x{metadata.hex()}",
                "state": f"0x{state.hex()}",
                "quorum_numbers": "0x00",
                "quorum_threshold_percentages": "0x00",
                "reference_blocknumber": reference,
            },
            "Signature": {"g1_point": {"X": str(x), "Y": str(y)}},
            "OperatorId": list(self.who.operator_id),
            "ProverSignature": f"0x{by_prover.hex()}",
        }

    async def submit(self, argument: dict[str, Any]) -> int:
        """Hand in; return the error's code, 0 when it was taken."""
        answer = await self.call("aggregator_submitTask", argument)
        if "error" in answer:
            return int(answer["error"]["code"])
        assert answer["result"] is None
        return 0


class Rollup(FakeNode):
    """A rollup node whose final block the test sets; it stands on the lab's L1."""

    def __init__(self, final: int, l1_final: dict[str, Any]) -> None:
        """Begin with a final block of L2, and one of L1."""
        super().__init__()
        self.final = final

        def block(number: int, **more: Any) -> dict[str, Any]:
            name = "0x" + number.to_bytes(32, "big").hex()
            zero = "0x" + "00" * 32
            return {"hash": name, "number": number, "parentHash": zero, "timestamp": 0, **more}

        def status() -> dict[str, Any]:
            number = int(l1_final["number"], 16)
            l1 = block(number, hash=l1_final["hash"])
            origin = {"hash": l1["hash"], "number": number}
            l2 = block(self.final, l1origin=origin, sequenceNumber=0)
            heads = dict.fromkeys(("current_l1", "head_l1", "safe_l1", "finalized_l1"), l1)
            return {**heads, **dict.fromkeys(("unsafe_l2", "safe_l2", "finalized_l2"), l2)}

        self.methods["optimism_syncStatus"] = status


class Process:
    """A running `coprove aggregator`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, url: str) -> None:
        """It listens at `url`."""
        self.process, self.log, self.url = process, log, url

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def starting(
    folder: Path, lab: AvsLab, node: str, *, l1: str | None = None, **environment: str
) -> AsyncIterator[Process]:
    """Start one with the AVS' own config file, on the database in `folder`; none is left behind."""
    config = folder / "aggregator.json"
    config.write_text(
        json.dumps(
            {
                "ListenAddr": "127.0.0.1:0",
                "TimeToExpirySecs": 3000,
                "MinWaitSecs": 0,
                "EcdsaPrivateKey": CONFIRMER_KEY,
                "EthHttpEndpoint": l1 or lab.l1.url,
                "EthWsEndpoint": "",
                "MultiProverContractAddress": str(lab.contracts.service_manager),
                "AttestationLayer": [
                    {"Version": 2, "Address": str(lab.liveness), "RpcUrl": l1 or lab.l1.url}
                ],
                "AVSRegistryCoordinatorAddress": str(lab.middleware.registry_coordinator),
                "OperatorStateRetrieverAddress": str(lab.middleware.operator_state_retriever),
                "EigenMetricsIpPortAddress": "",
                "ScanStartBlock": 0,
                "Threshold": 60,
                "Sampling": 0,
            }
        )
    )
    log = folder / f"aggregator-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "--config",
            str(config),
            stderr=out,
            stdout=out,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "COPROVE_RPC_NODE": node,
                "COPROVE_AGGREGATOR_DATA_DIR": str(folder / "data"),
                "COPROVE_AGGREGATOR_POLL_INTERVAL": "0.2",
                "COPROVE_AGGREGATOR_SYNC_INTERVAL": "0.5",
                "COPROVE_AGGREGATOR_LEASE_SECONDS": "3",
                "OP_PROPOSER_NUM_CONFIRMATIONS": "1",
                **environment,
            },
        )
    try:
        async with asyncio.timeout(PATIENCE):
            while not (found := LISTENING.search(log.read_text())):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        yield Process(process, log, found[1])
    except BaseException:
        print(log.read_text()[-20_000:])  # noqa: T201 - why it failed
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def lab_with_rollup(final: int) -> AsyncIterator[tuple[AvsLab, Rollup, str]]:
    async with running_avs() as lab:
        await lab.l1.mine(3)
        l1_final: Any = await lab.l1.rpc("eth_getBlockByNumber", "finalized", *[False])
        rollup = Rollup(final, l1_final)
        async with serving(rollup.handle) as url:
            yield lab, rollup, url


async def confirmed(lab: AvsLab, number: int) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await lab.manager.confirmed_output(1, *lab.policy.range_from(number))
            if found is not None:
                return found
            await asyncio.sleep(0.05)
