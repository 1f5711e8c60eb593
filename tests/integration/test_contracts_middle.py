"""Oracles of op-succinct v2 (five-argument proposals) and its games, on a real anvil."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from coprove.contracts import (
    CallRevertedError,
    ContractCall,
    FirstOutputContract,
    Generation,
    MiddleOutputContract,
    UnknownGenerationError,
    deploy_factory,
    deploy_mock_verifier,
    load_artifact,
    load_bedrock_artifact,
    open_output_contract,
)
from coprove.contracts.artifacts import Artifact
from coprove.contracts.errors import UpgradeError
from coprove.contracts.oracle_deployment import create
from coprove.contracts.upgrade import check_upgraded, plan_upgrade, simulate_upgrade
from coprove.errors import InputError
from coprove.types import Hash32
from tests.integration.anvil_l1 import AGGREGATION_VKEY, DEPLOYER, L1, OTHER, PROPOSER, running_l1
from tests.integration.test_contracts_second import PROVER, ROOT, claim, parameters, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.types import Address

pytestmark = pytest.mark.anvil

PROJECT = Path(__file__).resolve().parents[2] / "contracts"
SOURCE = PROJECT / "test" / "support" / "FiveArgumentOracle.sol"


@pytest.fixture
async def l1() -> AsyncIterator[L1]:
    async with running_l1() as running:
        yield running


@pytest.fixture(scope="module")
def artifacts() -> dict[str, Artifact]:
    """The oracle and the game that stand for op-succinct's, compiled from our test sources."""
    sources: dict[str, dict[str, str]] = {}
    waiting = [SOURCE]
    while waiting:
        path = waiting.pop()
        text = path.read_text()
        sources[path.relative_to(PROJECT).as_posix()] = {"content": text}
        imported = re.findall(r'^import .*"(\.[^"]+)";$', text, re.M)
        waiting += [(path.parent / name).resolve() for name in imported]
    given = {
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "evmVersion": "cancun",
            "optimizer": {"enabled": True, "runs": 200},
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    node = shutil.which("node")
    assert node is not None
    answer = subprocess.run(  # noqa: S603 - the compiler of node_modules
        [node, PROJECT / "solc.cjs", "--standard-json"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    compiled: dict[str, Any] = json.loads(answer.stdout)["contracts"]
    contracts = compiled[SOURCE.relative_to(PROJECT).as_posix()]
    return {
        name: Artifact(
            name=name,
            abi=made["abi"],
            bytecode=bytes.fromhex(made["evm"]["bytecode"]["object"]),
        )
        for name, made in contracts.items()
    }


async def deploy(l1: L1, artifacts: dict[str, Artifact]) -> Address:
    """Deploy a mock verifier and the oracle behind its proxy; return the proxy."""
    given = await parameters(l1)
    async with l1.manager() as manager:
        verifier = await deploy_mock_verifier(manager, key="d")
        implementation = await create(manager, "o", artifacts["FiveArgumentOracle"])
        return await create(
            manager,
            "p",
            load_artifact("OracleProxy"),
            bytes(implementation),
            bytes(given.owner),
            # Its initializer has the parameters of the first generation's.
            given.initializer(verifier, Generation.FIRST),
        )


async def deploy_game(l1: L1, artifacts: dict[str, Artifact], oracle: Address) -> Address:
    """Deploy OP Stack's own factory with a game of this oracle; return the factory."""
    async with l1.manager() as manager:
        factory = await deploy_factory(manager, owner=DEPLOYER.address, key="f")
        game = await create(manager, "g", artifacts["FiveArgumentGame"], bytes(oracle))
        register = load_bedrock_artifact("DisputeGameFactory").call(
            "setImplementation", 6, bytes(game)
        )
        await manager.send(key="r", to=factory, data=register)
    return factory


async def test_it_is_opened_as_what_it_is_and_takes_proposals_with_the_provers_address(
    l1: L1, artifacts: dict[str, Artifact]
) -> None:
    """One set of keys like the first generation, 224 bytes of public values like the second."""
    address = await deploy(l1, artifacts)
    contract = await open_output_contract(l1.transport, address)
    assert isinstance(contract, MiddleOutputContract)
    assert (contract.generation, contract.has_prover_address) == (Generation.FIRST, True)
    assert await contract.version() == "v2.0.0"
    assert (await contract.keys()).aggregation_vkey == AGGREGATION_VKEY
    assert (await contract.proposing_right(OTHER.address)).open_after is None
    given = await claim(l1, contract)
    assert given.prover == PROVER
    call = await contract.propose_call(given)
    assert (call.to, call.value) == (address, 0)
    await contract.simulate(call, sender=PROPOSER.address)
    with pytest.raises(CallRevertedError, match="only approved proposers"):
        await contract.simulate(call, sender=OTHER.address)
    # The four arguments of the first generation are no function of this contract.
    four = await FirstOutputContract(l1.transport, address).propose_call(given)
    with pytest.raises(CallRevertedError):
        await contract.simulate(four, sender=PROPOSER.address)
    mined = await send(l1, call)
    found = await contract.find_output(110)
    assert found is not None
    assert (found.tx_hash, found.output_root) == (mined.tx_hash, ROOT)
    assert await contract.next_block_number() == 120


async def test_proposals_go_through_the_factory_that_is_given(
    l1: L1, artifacts: dict[str, Artifact]
) -> None:
    """The contract knows none; op-succinct's DGF_ADDRESS says where its proposer creates games."""
    address = await deploy(l1, artifacts)
    factory = await deploy_game(l1, artifacts, address)
    contract = await open_output_contract(l1.transport, address, factory=factory)
    call = await contract.propose_call(await claim(l1, contract))
    assert call.to == factory
    await contract.simulate(call, sender=PROPOSER.address)
    with pytest.raises(CallRevertedError, match="only approved proposers"):
        await contract.simulate(call, sender=OTHER.address)
    await send(l1, call)
    found = await contract.find_output(110)
    assert found is not None
    assert found.output_root == ROOT
    bond = load_bedrock_artifact("DisputeGameFactory").call("setInitBond", 6, 10**15)
    await send(l1, ContractCall(to=factory, data=bond), DEPLOYER)
    other = await contract.propose_call(await claim(l1, contract, root=Hash32(b"\x03" * 32)))
    assert other.value == 10**15
    await send(l1, other)
    assert await contract.latest_block_number() == 120


async def test_a_factory_without_a_game_of_this_oracle_is_refused(
    l1: L1, artifacts: dict[str, Artifact]
) -> None:
    """Nothing registered, a game of another oracle, an account: each is named."""
    address = await deploy(l1, artifacts)
    async with l1.manager() as manager:
        empty = await deploy_factory(manager, owner=DEPLOYER.address, key="e")
    with pytest.raises(InputError, match="expected a game of type 6, got none"):
        await open_output_contract(l1.transport, address, factory=empty)
    strange = await deploy_game(l1, artifacts, OTHER.address)
    with pytest.raises(InputError, match=f"expected a game of {address}, got one of"):
        await open_output_contract(l1.transport, address, factory=strange)
    with pytest.raises(InputError, match="a contract"):
        await open_output_contract(l1.transport, address, factory=OTHER.address)


async def test_it_becomes_the_second_generation_in_place(
    l1: L1, artifacts: dict[str, Artifact]
) -> None:
    """Outputs and roles stay; back to the first generation there is no way."""
    address = await deploy(l1, artifacts)
    middle = await open_output_contract(l1.transport, address)
    assert isinstance(middle, MiddleOutputContract)
    await send(l1, await middle.propose_call(await claim(l1, middle)))
    verifier = await middle.verifier()
    with pytest.raises(UpgradeError, match="initialized at version 2"):
        await plan_upgrade(
            l1.transport,
            address,
            generation=Generation.FIRST,
            parameters=await parameters(l1),
            verifier=verifier,
        )
    plan = await plan_upgrade(
        l1.transport,
        address,
        generation=Generation.SECOND,
        parameters=await parameters(l1),
        verifier=verifier,
    )
    async with l1.manager() as manager:
        implementation = await create(manager, "i", load_artifact("L2OutputOracleV2"))
    await send(l1, await simulate_upgrade(l1.transport, plan, implementation), DEPLOYER)
    assert (await check_upgraded(l1.transport, plan, implementation)).startswith("v3.0.0")
    second = await open_output_contract(l1.transport, address)
    assert await second.latest_block_number() == 110
    await send(l1, await second.propose_call(await claim(l1, second)))
    assert await second.latest_block_number() == 120


@pytest.mark.parametrize("version", ["v4.0.0", "v22.0.0", "two", "v2.0.0"])
async def test_an_unknown_contract_is_refused_by_its_version(l1: L1, version: str) -> None:
    """An ABI that nobody knows is not guessed at; a v2 that has no keys is none."""
    text = version.encode()
    answer = (32).to_bytes(32) + len(text).to_bytes(32) + text.ljust(32, b"\0")
    await l1.rpc("anvil_setCode", str(OTHER.address), f"0x{only_version_code(answer).hex()}")
    with pytest.raises(UnknownGenerationError, match=version):
        await open_output_contract(l1.transport, OTHER.address)
    with pytest.raises(UnknownGenerationError, match=version):
        await open_output_contract(l1.transport, OTHER.address, factory=DEPLOYER.address)


def only_version_code(answer: bytes) -> bytes:
    """Return the code of a contract that answers version() and reverts on everything else."""
    head = bytes.fromhex("5f3560e01c 6354fd4d50 14 6011 57 5f5ffd 5b")
    stores = b"".join(
        b"\x7f" + answer[at : at + 32] + b"\x60" + bytes([at]) + b"\x52"
        for at in range(0, len(answer), 32)
    )
    return head + stores + bytes.fromhex("60605ff3")
