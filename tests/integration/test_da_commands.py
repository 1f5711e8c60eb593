"""`coprove da` against an op-alt-da server, an EigenDA proxy and an L1 that holds commitments."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coprove.cli import main
from coprove.config import all_settings, load_settings
from coprove.da import KeccakCommitment
from coprove.doctor.services import check_da
from coprove.doctor.setup import open_setup
from coprove.primitives import keccak256
from coprove.types import Address, Hash32
from tests.integration.anvil_l1 import DEPLOYER, L1, running_l1
from tests.unit.da.test_inputs import CERTIFICATE, DaServer
from tests.unit.rpc.hostile import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

INBOX = Address(b"\xff" * 20)
INPUT = b"\x00frames"


@dataclass
class Commands:
    """Runs commands beside the servers of a test."""

    capsys: pytest.CaptureFixture[str]
    folder: Path
    server: DaServer
    proxy: DaServer

    async def run(self, *arguments: object, code: int = 0) -> Any:
        def call() -> object:
            with pytest.raises(SystemExit) as left:
                main(["da", *(str(item) for item in arguments), "--json"])
            return left.value.code

        left = await asyncio.to_thread(call)
        shown = self.capsys.readouterr()
        assert left == code, shown.err
        return {"error": shown.err} if code == 2 else json.loads(shown.out)

    def file(self, content: bytes = INPUT) -> Path:
        path = self.folder / "input"
        path.write_bytes(content)
        return path


@pytest.fixture
async def commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Commands]:
    for setting in all_settings():
        for name in setting.names:
            monkeypatch.delenv(name, raising=False)
    server, proxy = DaServer(), DaServer(generic=b"\x01\x00" + CERTIFICATE)

    async def answer(request: web.Request) -> web.Response:
        return web.Response() if request.path == "/health" else await proxy.handle(request)

    async with serving(server.handle) as server_url, serving(answer) as proxy_url:
        monkeypatch.setenv("COPROVE_DA_SERVER", server_url)
        monkeypatch.setenv("EIGENDA_PROXY_ADDRESS", proxy_url)
        yield Commands(capsys, tmp_path, server, proxy)


async def test_an_input_goes_to_the_server_and_comes_back(commands: Commands) -> None:
    """Under its hash, which is checked again when it is fetched."""
    put = await commands.run("put", commands.file())
    expected = KeccakCommitment(keccak256(INPUT)).encode()
    assert put == {
        "commitment": f"0x{expected.hex()}",
        "kind": "keccak",
        "proof": "its hash",
        "bytes": len(INPUT),
    }
    out = commands.folder / "out"
    got = await commands.run("get", put["commitment"], "--out", out)
    assert got == put
    assert out.read_bytes() == INPUT
    commands.server.inputs[put["commitment"]] = b"another"
    assert "WrongDataError" in (await commands.run("get", put["commitment"], code=2))["error"]
    del commands.server.inputs[put["commitment"]]
    assert "not there" in (await commands.run("get", put["commitment"], code=2))["error"]


async def test_each_layer_has_its_server(commands: Commands, tmp_path: Path) -> None:
    """Certificates of EigenDA go to the proxy, everything else to the DA server."""
    eigenda = await commands.run("put", commands.file(), "--layer", "eigenda")
    assert eigenda["kind"] == "generic, layer 0"
    assert eigenda["proof"] == "the server's word"
    other = await commands.run("put", commands.file(b"other"), "--layer", "server")
    assert other["kind"] == "generic, layer 255"
    assert "--l1-block" in (await commands.run("get", eigenda["commitment"], code=2))["error"]
    got = await commands.run("get", eigenda["commitment"], "--l1-block", 77)
    assert got == eigenda
    assert commands.proxy.queries[-1] == {"l1_inclusion_block_number": "77"}
    out = tmp_path / "out"
    await commands.run("get", other["commitment"], "--l1-block", 77, "--out", out)
    assert out.read_bytes() == b"other"


async def test_without_a_server_of_the_layer_it_is_named(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting that is missing, with its variable; nothing of another layer is asked."""
    monkeypatch.delenv("COPROVE_DA_SERVER")
    keccak = f"0x00{'11' * 32}"
    assert "DA server" in (await commands.run("get", keccak, code=2))["error"]
    assert "COPROVE_DA_SERVER" in (await commands.run("put", commands.file(), code=2))["error"]
    assert commands.proxy.queries == []
    monkeypatch.delenv("EIGENDA_PROXY_ADDRESS")
    failed = await commands.run("put", commands.file(), "--layer", "eigenda", code=2)
    assert "EIGENDA_PROXY_ADDRESS" in failed["error"]
    assert "COPROVE_DA_SERVER" in (await commands.run("get", keccak, code=2))["error"]
    assert "type 0 or 1" in (await commands.run("get", "0x05", code=2))["error"]
    assert "expected hex" in (await commands.run("get", "0xzz", code=2))["error"]


async def test_the_doctor_asks_the_servers(commands: Commands) -> None:
    """Both alive; one that is another service; none set."""
    async with open_setup(load_settings(), seconds=10.0) as setup:
        assert (await check_da(setup)).level.value == "ok"
        commands.server.status = 403
        found = await check_da(setup)
        assert (found.level.value, found.detail[-8:]) == ("fail", "HTTP 403")
    async with open_setup(load_settings(environment={}), seconds=10.0) as setup:
        assert (await check_da(setup)).level.value == "skipped"


@pytest.mark.anvil
async def test_what_derivation_reads_for_a_transaction_is_shown(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames in the transaction, inputs of both layers, and what is passed over."""
    put = await commands.run("put", commands.file())
    eigenda = await commands.run("put", commands.file(b"blob"), "--layer", "eigenda")
    out = commands.folder / "out"

    async def sent(l1: L1, key: str, data: bytes) -> Hash32:
        async with l1.manager(DEPLOYER) as manager:
            return (await manager.send(key=key, to=INBOX, data=data)).tx_hash

    async with running_l1() as l1:
        monkeypatch.setenv("L1_RPC", l1.transport._endpoint._url)
        shown = await commands.run("transaction", await sent(l1, "a", INPUT), "--out", out)
        assert (shown["kind"], shown["bytes"]) == ("the data itself", len(INPUT))
        tx = await sent(l1, "b", b"\x01" + bytes.fromhex(put["commitment"][2:]))
        shown = await commands.run("transaction", tx, "--out", out)
        assert shown == put | {"l1_block": shown["l1_block"]}
        assert out.read_bytes() == INPUT
        tx = await sent(l1, "c", b"\x01" + bytes.fromhex(eigenda["commitment"][2:]))
        shown = await commands.run("transaction", tx, "--out", out)
        assert out.read_bytes() == b"blob"
        asked = commands.proxy.queries[-1]["l1_inclusion_block_number"]
        assert asked == str(shown["l1_block"])
        tx = await sent(l1, "d", b"\x01\x07")
        shown = await commands.run("transaction", tx, code=1)
        assert shown["kind"] == "no commitment, passed over"
        commands.proxy.status, commands.proxy.body = 418, b'{"StatusCode":3,"Msg":"x"}'
        tx = await sent(l1, "e", b"\x01" + bytes.fromhex(eigenda["commitment"][2:]))
        shown = await commands.run("transaction", tx, code=1)
        assert shown["bytes"] == "none, passed over"
        unknown = await commands.run("transaction", Hash32(b"\x77" * 32), code=2)
        assert "is not in a block" in unknown["error"]
