"""The deployed oracle, verifier and portal on a real anvil, through the typed readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.contracts import (
    CallRevertedError,
    OutputOracle,
    Portal,
    checkpoint_call,
    deposit_call,
    load_artifact,
    mock_proof,
    propose_call,
    propose_optimistic_call,
)
from coprove.contracts.abi import Event
from coprove.contracts.caller import ContractReader
from coprove.contracts.oracle import delete_outputs_call, enable_optimistic_mode_call
from coprove.types import AggregationOutputs, Hash32
from tests.integration.anvil_l1 import (
    AGGREGATION_VKEY,
    CHALLENGER,
    CONFIG_HASH,
    DEPLOYER,
    L1,
    OTHER,
    PROPOSER,
    RANGE_VKEY,
    STARTING_ROOT,
    running_l1,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.contracts import L1Deployment

pytestmark = pytest.mark.anvil

ROOT = Hash32(b"\x01" * 32)


@pytest.fixture
async def l1() -> AsyncIterator[L1]:
    async with running_l1() as running:
        yield running


@pytest.fixture
async def deployment(l1: L1) -> L1Deployment:
    return await l1.deploy()


async def checkpoint(l1: L1, deployment: L1Deployment) -> tuple[int, Hash32]:
    """Checkpoint the newest block and return its number and hash."""
    number = await l1.number()
    async with l1.manager(PROPOSER) as manager:
        await manager.send(
            key=f"checkpoint/{number}",
            to=deployment.l2_output_oracle,
            data=checkpoint_call(number),
        )
    return number, await l1.block_hash(number)


def public_values(l1_head: Hash32, *, block: int = 110, root: Hash32 = ROOT) -> bytes:
    return AggregationOutputs(
        l1_head=l1_head,
        l2_pre_root=STARTING_ROOT,
        l2_post_root=root,
        l2_block_number=block,
        rollup_config_hash=CONFIG_HASH,
        range_vkey_commitment=RANGE_VKEY,
    ).abi_encode()


async def test_an_output_with_a_mock_proof_of_its_public_values_is_accepted(
    l1: L1, deployment: L1Deployment
) -> None:
    """Checkpoint, propose, read back: reader, event and calldata agree with the contract, and the
    contract's public values with our own encoding of them.
    """
    oracle = OutputOracle(l1.transport, deployment.l2_output_oracle)
    assert await oracle.next_block_number() == 110
    assert await oracle.historic_block_hash(1) is None
    number, l1_head = await checkpoint(l1, deployment)
    assert await oracle.historic_block_hash(number) == l1_head
    data = propose_call(
        output_root=ROOT,
        l2_block=110,
        l1_block=number,
        proof=mock_proof(AGGREGATION_VKEY, public_values(l1_head)),
    )
    async with l1.manager(PROPOSER) as manager:
        mined = await manager.send(key="propose/110", to=oracle.address, data=data)
    (event,) = [e for e in await oracle.outputs_proposed(first=0) if e.l2_block_number == 110]
    assert (event.output_root, event.l2_output_index) == (ROOT, 1)
    assert (event.tx_hash, event.l1_block_number) == (mined.tx_hash, mined.block_number)
    output = await oracle.get_l2_output(1)
    assert (output.output_root, output.l2_block_number) == (ROOT, 110)
    assert output.timestamp == event.l1_timestamp
    assert await oracle.latest_block_number() == 110
    assert await oracle.get_l2_output_after(105) == output
    assert await oracle.get_l2_output_index_after(100) == 0


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"proof": b""}, "NotAMockProof"),
        ({"proof": b"MOCK" + bytes(32)}, "MockProofMismatch"),
        ({"output_root": Hash32(b"\x02" * 32)}, "MockProofMismatch"),
        ({"l2_block": 111}, "MockProofMismatch"),
        ({"l1_block": 3}, "L1BlockHashNotCheckpointed"),
        (
            {"l2_block": 109},
            "L2OutputOracle: block number must be greater than or equal to next expected"
            " block number",
        ),
        ({"l2_block": 10**6}, "L2OutputOracle: cannot propose L2 output in the future"),
    ],
)
async def test_a_proposal_that_differs_from_its_proof_is_refused(
    l1: L1, deployment: L1Deployment, changed: dict[str, object], error: str
) -> None:
    """The refusal comes as a typed error from the estimate; nothing is sent."""
    number, l1_head = await checkpoint(l1, deployment)
    fields = {
        "output_root": ROOT,
        "l2_block": 110,
        "l1_block": number,
        "proof": mock_proof(AGGREGATION_VKEY, public_values(l1_head)),
    }
    data = propose_call(**{**fields, **changed})  # type: ignore[arg-type]
    nonce = await l1.nonce(PROPOSER.address)
    async with l1.manager(PROPOSER) as manager:
        with pytest.raises(CallRevertedError) as caught:
            await manager.send(key="propose", to=deployment.l2_output_oracle, data=data)
    assert caught.value.error == error
    assert await l1.nonce(PROPOSER.address) == nonce


async def test_only_an_approved_proposer_may_propose(l1: L1, deployment: L1Deployment) -> None:
    """Another account's valid proposal is refused."""
    number, l1_head = await checkpoint(l1, deployment)
    proof = mock_proof(AGGREGATION_VKEY, public_values(l1_head))
    data = propose_call(output_root=ROOT, l2_block=110, l1_block=number, proof=proof)
    contract = ContractReader(l1.transport, deployment.l2_output_oracle)
    with pytest.raises(CallRevertedError, match="only approved proposers"):
        await contract.check(data, sender=OTHER.address, what="propose")
    await contract.check(data, sender=PROPOSER.address, what="propose")


async def test_optimistic_mode_needs_no_proof_and_the_challenger_can_delete(
    l1: L1, deployment: L1Deployment
) -> None:
    """The owner switches the mode, the proposer proposes, the challenger deletes."""
    oracle = OutputOracle(l1.transport, deployment.l2_output_oracle)
    async with l1.manager(DEPLOYER) as owner:
        await owner.send(key="optimistic", to=oracle.address, data=enable_optimistic_mode_call(500))
    assert await oracle.optimistic_mode()
    assert await oracle.finalization_period_seconds() == 500
    async with l1.manager(PROPOSER) as proposer:
        data = propose_optimistic_call(output_root=ROOT, l2_block=110)
        await proposer.send(key="propose", to=oracle.address, data=data)
    assert await oracle.latest_block_number() == 110
    async with l1.manager(CHALLENGER) as challenger:
        await challenger.send(key="delete", to=oracle.address, data=delete_outputs_call(1))
    (deleted,) = await oracle.outputs_deleted(first=0)
    assert (deleted.previous_next_index, deleted.new_next_index) == (2, 1)
    assert await oracle.latest_block_number() == 100


async def test_the_mock_verifier_cannot_be_deployed_on_a_real_chain() -> None:
    """With the chain id of mainnet its constructor reverts."""
    async with running_l1(chain_id=1) as l1, l1.manager() as manager:
        code = load_artifact("MockSP1Verifier").creation_code()
        with pytest.raises(CallRevertedError, match=r"NotADevChain.*1"):
            await manager.send(key="verifier", to=None, data=code)


async def test_a_deposit_emits_the_event_that_derivation_reads(
    l1: L1, deployment: L1Deployment
) -> None:
    """The real portal's TransactionDeposited, version 0, with its packed opaque data."""
    event = Event("TransactionDeposited(address,address,uint256,bytes)", (True, True, True, False))
    data = deposit_call(to=OTHER.address, value=5, gas_limit=100_000, data=b"\x01\x02")
    async with l1.manager(OTHER) as manager:
        mined = await manager.send(key="deposit", to=deployment.optimism_portal, data=data, value=7)
    portal = Portal(l1.transport, deployment.optimism_portal)
    (entry,) = await portal.contract.logs(event, first=mined.block_number)
    sender, to, version, opaque = entry.values
    assert (sender, to, version) == (str(OTHER.address), str(OTHER.address), 0)
    assert opaque == (
        (7).to_bytes(32) + (5).to_bytes(32) + (100_000).to_bytes(8) + b"\x00" + b"\x01\x02"
    )


async def test_the_system_config_announces_old_and_new_parameters(
    l1: L1, deployment: L1Deployment
) -> None:
    """The extension adds the later hardforks' updates; the base contract answers the rest, and the
    owner alone may change either.
    """
    config = ContractReader(l1.transport, deployment.system_config)
    event = Event("ConfigUpdate(uint256,uint8,bytes)", (True, True, False))
    extension = load_artifact("SystemConfigExtension")
    first = await l1.number() + 1
    async with l1.manager(DEPLOYER) as owner:
        for name, arguments in (
            ("setEIP1559Params", (250, 6)),
            ("setOperatorFeeScalars", (3, 4)),
            ("setMinBaseFee", (1000,)),
            ("setDAFootprintGasScalar", (400,)),
        ):
            data = extension.call(name, *arguments)
            await owner.send(key=name, to=config.address, data=data)
        gas_limit = (30_000_000).to_bytes(32)
        data = bytes.fromhex("b40a817c") + gas_limit  # setGasLimit(uint64)
        await owner.send(key="gas limit", to=config.address, data=data)
    logs = await config.logs(event, first=first)
    assert [entry.values[1] for entry in logs] == [4, 5, 6, 7, 2]
    assert logs[0].values[2] == (250 << 32 | 6).to_bytes(32)
    assert logs[1].values[2] == (3 << 64 | 4).to_bytes(32)
    assert logs[4].values[2] == gas_limit
    with pytest.raises(CallRevertedError, match="NotOwner"):
        await config.check(extension.call("setMinBaseFee", 1), sender=OTHER.address, what="set")
    with pytest.raises(CallRevertedError, match="caller is not the owner"):
        await config.check(bytes.fromhex("b40a817c") + gas_limit, sender=OTHER.address, what="set")
