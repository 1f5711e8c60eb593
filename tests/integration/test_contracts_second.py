"""The second generation, the dispute-game route and upgrades on a real anvil."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from coprove.contracts import (
    CallRevertedError,
    ContractCall,
    FactoryMismatchError,
    FirstOutputContract,
    Generation,
    OracleParameters,
    OutputClaim,
    OutputContract,
    ProgramKeys,
    SecondOutputContract,
    UnknownConfigError,
    UnknownGenerationError,
    deploy_factory,
    deploy_game,
    deploy_mock_verifier,
    deploy_oracle,
    load_artifact,
    load_bedrock_artifact,
    mock_proof,
    open_output_contract,
)
from coprove.contracts.errors import StorageMismatchError, UpgradeError
from coprove.contracts.generations import add_config_call, delete_config_call
from coprove.contracts.oracle import (
    delete_outputs_call,
    enable_optimistic_mode_call,
    remove_proposer_call,
)
from coprove.contracts.storage_check import compare_storage
from coprove.contracts.upgrade import (
    check_implementation,
    check_upgraded,
    plan_upgrade,
    read_proxy,
    simulate_upgrade,
)
from coprove.errors import InputError
from coprove.types import ZERO_HASH, Address, AggregationOutputs, Hash32
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

    from coprove.contracts import LocalSigner, Mined

pytestmark = pytest.mark.anvil

ROOT = Hash32(b"\x01" * 32)
PROVER = Address(b"\x99" * 20)
GENERATIONS = pytest.mark.parametrize("generation", list(Generation))
FALLBACK = 5_000


@pytest.fixture
async def l1() -> AsyncIterator[L1]:
    async with running_l1() as running:
        yield running


async def parameters(l1: L1) -> OracleParameters:
    """Parameters whose starting output is younger than the fallback timeout is long."""
    return OracleParameters(
        owner=DEPLOYER.address,
        challenger=CHALLENGER.address,
        proposer=PROPOSER.address,
        finalization_period_seconds=1000,
        l2_block_time=2,
        submission_interval=10,
        aggregation_vkey=AGGREGATION_VKEY,
        range_vkey_commitment=RANGE_VKEY,
        rollup_config_hash=CONFIG_HASH,
        starting_output_root=STARTING_ROOT,
        starting_block_number=100,
        starting_timestamp=await l1.timestamp() - 1_000,
        fallback_timeout=FALLBACK,
    )


async def deploy(l1: L1, generation: Generation) -> OutputContract:
    """Deploy a mock verifier and an oracle of a generation, and open it."""
    async with l1.manager() as manager:
        verifier = await deploy_mock_verifier(manager, key="d")
        address = await deploy_oracle(
            manager,
            verifier=verifier,
            parameters=await parameters(l1),
            key="d",
            generation=generation,
        )
    return await open_output_contract(l1.transport, address)


async def route_through_games(l1: L1, contract: OutputContract) -> Address:
    """Deploy OP Stack's factory and our game and put them into use; return the factory."""
    async with l1.manager() as manager:
        factory = await deploy_factory(manager, owner=DEPLOYER.address, key="f")
        made = await deploy_game(manager, oracle=contract.address, factory=factory, key="g")
        for key, call in (("register", made.register), ("route", made.route)):
            await manager.send(key=key, to=call.to, data=call.data)
    return factory


async def send(l1: L1, call: ContractCall, signer: LocalSigner = PROPOSER) -> Mined:
    async with l1.manager(signer) as manager:
        return await manager.send(key="call", to=call.to, data=call.data, value=call.value)


async def checkpoint(l1: L1, contract: OutputContract) -> int:
    """Checkpoint the newest block."""
    number = await l1.number()
    await send(l1, contract.checkpoint_call(number))
    assert await contract.historic_block_hash(number) == await l1.block_hash(number)
    return number


async def claim(
    l1: L1, contract: OutputContract, *, root: Hash32 = ROOT, keys: ProgramKeys | None = None
) -> OutputClaim:
    """Return the next output with a mock proof of its public values."""
    keys = keys or await contract.keys()
    l1_block = await checkpoint(l1, contract)
    l1_hash = await contract.historic_block_hash(l1_block)
    assert l1_hash is not None
    l2_block = await contract.next_block_number()
    values = AggregationOutputs(
        l1_head=l1_hash,
        l2_pre_root=(await contract.latest_output()).output_root,
        l2_post_root=root,
        l2_block_number=l2_block,
        rollup_config_hash=keys.rollup_config_hash,
        range_vkey_commitment=keys.range_vkey_commitment,
        prover_address=PROVER if contract.has_prover_address else None,
    ).abi_encode()
    return OutputClaim(
        output_root=root,
        l2_block=l2_block,
        l1_block=l1_block,
        proof=mock_proof(keys.aggregation_vkey, values),
        prover=PROVER,
    )


@GENERATIONS
async def test_an_oracle_is_opened_as_what_it_is_and_takes_its_own_proposals(
    l1: L1, generation: Generation
) -> None:
    """The same steps through one protocol: keys, checkpoint, simulate, propose, find."""
    contract = await deploy(l1, generation)
    assert contract.generation is generation
    assert contract.has_prover_address == (generation is Generation.SECOND)
    assert await contract.keys() == (await parameters(l1)).keys
    assert await contract.latest_block_number() == 100
    assert await contract.next_block_number() == 110
    assert await contract.submission_interval() == 10
    assert await contract.starting_block_number() == 100
    assert await contract.finalization_period_seconds() == 1000
    given = await claim(l1, contract)
    call = await contract.propose_call(given)
    assert (call.to, call.value) == (contract.address, 0)
    assert await contract.find_output(110) is None
    await contract.simulate(call, sender=PROPOSER.address)
    with pytest.raises(CallRevertedError, match="only approved proposers"):
        await contract.simulate(call, sender=OTHER.address)
    mined = await send(l1, call)
    found = await contract.find_output(110)
    assert found is not None
    assert (found.tx_hash, found.output_root, found.l2_output_index) == (mined.tx_hash, ROOT, 1)
    assert (await contract.latest_output()).output_root == ROOT
    assert (await contract.get_l2_output_after(105)).l2_block_number == 110


@GENERATIONS
async def test_a_proof_of_other_values_is_refused_with_the_verifiers_reason(
    l1: L1, generation: Generation
) -> None:
    """The decoded custom error reaches the caller."""
    contract = await deploy(l1, generation)
    given = await claim(l1, contract)
    call = await contract.propose_call(replace(given, output_root=Hash32(b"\x02" * 32)))
    with pytest.raises(CallRevertedError, match="MockProofMismatch"):
        await contract.simulate(call, sender=PROPOSER.address)
    call = await contract.propose_call(replace(given, l1_block=given.l1_block - 1))
    with pytest.raises(CallRevertedError, match="L1BlockHashNotCheckpointed"):
        await contract.simulate(call, sender=PROPOSER.address)


@GENERATIONS
async def test_a_deleted_output_is_not_found(l1: L1, generation: Generation) -> None:
    """Its event stays in the chain; another output at its block is found in its place."""
    contract = await deploy(l1, generation)
    await send(l1, await contract.propose_call(await claim(l1, contract)))
    await send(l1, ContractCall(to=contract.address, data=delete_outputs_call(1)), CHALLENGER)
    assert await contract.find_output(110) is None
    other = Hash32(b"\x03" * 32)
    await send(l1, await contract.propose_call(await claim(l1, contract, root=other)))
    found = await contract.find_output(110)
    assert found is not None
    assert found.output_root == other


async def test_everyone_may_propose_after_the_fallback_timeout(l1: L1) -> None:
    """The right tells from when on; one second before it is not there."""
    contract = await deploy(l1, Generation.SECOND)
    right = await contract.proposing_right(OTHER.address)
    assert (right.is_approved, right.allowed) == (False, False)
    assert (await contract.proposing_right(PROPOSER.address)).allowed
    given = await claim(l1, contract)
    call = await contract.propose_call(given)
    assert right.open_after is not None
    await l1.rpc("evm_setNextBlockTimestamp", right.open_after)
    await l1.mine()
    right = await contract.proposing_right(OTHER.address)
    assert not right.allowed
    await l1.rpc("evm_setNextBlockTimestamp", right.l1_time + 1)
    await l1.mine()
    right = await contract.proposing_right(OTHER.address)
    assert (right.is_approved, right.allowed) == (False, True)
    await contract.simulate(call, sender=OTHER.address)
    await send(l1, call, OTHER)
    assert not (await contract.proposing_right(OTHER.address)).allowed


@GENERATIONS
async def test_optimistic_mode_is_told_and_served(l1: L1, generation: Generation) -> None:
    """No fallback in it; a call without a proof is accepted from an approved proposer."""
    contract = await deploy(l1, generation)
    assert not await contract.optimistic_mode()
    on = ContractCall(to=contract.address, data=enable_optimistic_mode_call(60))
    await send(l1, on, DEPLOYER)
    assert await contract.optimistic_mode()
    assert (await contract.proposing_right(OTHER.address)).open_after is None
    call = contract.propose_optimistic_call(
        output_root=ROOT, l2_block=110, l1_hash=ZERO_HASH, l1_block=0
    )
    await contract.simulate(call, sender=PROPOSER.address)
    await send(l1, call)
    assert await contract.latest_block_number() == 110


async def test_a_named_config_is_added_used_and_deleted(l1: L1) -> None:
    """Proofs are made for the config that the contract was opened with."""
    genesis = await deploy(l1, Generation.SECOND)
    named = await open_output_contract(l1.transport, genesis.address, config_name="next")
    with pytest.raises(UnknownConfigError, match="next"):
        await named.keys()
    keys = ProgramKeys(
        aggregation_vkey=Hash32(b"A" * 32),
        range_vkey_commitment=Hash32(b"R" * 32),
        rollup_config_hash=CONFIG_HASH,
    )
    add = ContractCall(to=genesis.address, data=add_config_call("next", keys))
    await send(l1, add, DEPLOYER)
    assert await named.keys() == keys
    given = await claim(l1, named)
    with pytest.raises(CallRevertedError, match="MockProofMismatch"):
        await genesis.simulate(await genesis.propose_call(given), sender=PROPOSER.address)
    await send(l1, await named.propose_call(given))
    await send(l1, ContractCall(to=genesis.address, data=delete_config_call("next")), DEPLOYER)
    with pytest.raises(UnknownConfigError):
        await named.keys()
    assert await genesis.latest_block_number() == 110


async def test_proposals_go_through_op_stacks_own_factory_where_one_is_set(l1: L1) -> None:
    """The real DisputeGameFactory creates the game, the game brings the output."""
    contract = await deploy(l1, Generation.SECOND)
    assert isinstance(contract, SecondOutputContract)
    direct = await contract.propose_call(await claim(l1, contract))
    factory = await route_through_games(l1, contract)
    assert await contract.dispute_game_factory() == factory
    game = await contract.game_implementation()
    assert game is not None
    with pytest.raises(CallRevertedError, match="outside DisputeGameFactory"):
        await contract.simulate(direct, sender=PROPOSER.address)
    call = await contract.propose_call(await claim(l1, contract))
    assert call.data[:4] != direct.data[:4]
    await contract.simulate(call, sender=PROPOSER.address)
    with pytest.raises(CallRevertedError, match="only approved proposers"):
        await contract.simulate(call, sender=OTHER.address)
    mined = await send(l1, call)
    found = await contract.find_output(110)
    assert found is not None
    assert found.tx_hash == mined.tx_hash
    count = load_bedrock_artifact("DisputeGameFactory").call("gameCount")
    answer = await l1.rpc("eth_call", {"to": str(factory), "data": f"0x{count.hex()}"}, "latest")
    assert int(str(answer), 16) == 1
    opened = await open_output_contract(l1.transport, contract.address, factory=factory)
    assert opened.generation is Generation.SECOND
    with pytest.raises(FactoryMismatchError):
        await open_output_contract(l1.transport, contract.address, factory=OTHER.address)


async def test_the_bond_of_a_game_goes_with_the_proposal(l1: L1) -> None:
    """The factory's price is read; our own game refuses it, since nobody could get it back."""
    contract = await deploy(l1, Generation.SECOND)
    factory = await route_through_games(l1, contract)
    bond = load_bedrock_artifact("DisputeGameFactory").call("setInitBond", 6, 10**15)
    await send(l1, ContractCall(to=factory, data=bond), DEPLOYER)
    call = await contract.propose_call(await claim(l1, contract))
    assert call.value == 10**15
    with pytest.raises(CallRevertedError, match="IncorrectBondAmount"):
        await contract.simulate(call, sender=PROPOSER.address)


async def test_another_contract_is_no_oracle(l1: L1) -> None:
    """One with another version, and an address without a contract."""
    contract = await deploy(l1, Generation.SECOND)
    await route_through_games(l1, contract)
    assert isinstance(contract, SecondOutputContract)
    factory = await contract.dispute_game_factory()
    assert factory is not None
    with pytest.raises(UnknownGenerationError, match=r"1\.0\.0"):
        await open_output_contract(l1.transport, factory)
    with pytest.raises(InputError, match="a contract"):
        await open_output_contract(l1.transport, Address(b"\x12" * 20))


async def test_a_live_proxy_becomes_the_second_generation_in_place(l1: L1) -> None:
    """Outputs and roles stay; the plan's call is the one that the ProxyAdmin's owner sends."""
    first = await deploy(l1, Generation.FIRST)
    assert isinstance(first, FirstOutputContract)
    await send(l1, await first.propose_call(await claim(l1, first)))
    plan = await plan_upgrade(
        l1.transport,
        first.address,
        generation=Generation.SECOND,
        parameters=await parameters(l1),
        verifier=await first.verifier(),
    )
    assert plan.proxy.sender == DEPLOYER.address
    async with l1.manager() as manager:
        mined = await manager.send(
            key="i", to=None, data=load_artifact("L2OutputOracleV2").creation_code()
        )
    assert mined.contract_address is not None
    await check_implementation(l1.transport, mined.contract_address, Generation.SECOND)
    with pytest.raises(UpgradeError, match="no L2OutputOracle "):
        await check_implementation(l1.transport, mined.contract_address, Generation.FIRST)
    call = await simulate_upgrade(l1.transport, plan, mined.contract_address)
    with pytest.raises(UpgradeError, match="points to"):
        await check_upgraded(l1.transport, plan, mined.contract_address)
    await send(l1, call, DEPLOYER)
    assert (await check_upgraded(l1.transport, plan, mined.contract_address)).startswith("v3.0.0")
    second = await open_output_contract(l1.transport, first.address)
    assert await second.latest_block_number() == 110
    await send(l1, await second.propose_call(await claim(l1, second)))
    assert await second.latest_block_number() == 120
    # Up to date: nothing to initialize any more, and no way back.
    again = await plan_upgrade(
        l1.transport,
        first.address,
        generation=Generation.SECOND,
        parameters=None,
        verifier=None,
    )
    assert again.initializer == b""
    await simulate_upgrade(l1.transport, again, mined.contract_address)
    with pytest.raises(UpgradeError, match="of generation 2"):
        await plan_upgrade(
            l1.transport,
            first.address,
            generation=Generation.FIRST,
            parameters=None,
            verifier=None,
        )


async def test_an_upgrade_is_refused_where_it_would_read_other_storage(l1: L1) -> None:
    """Every variable that lies elsewhere or holds something unexpected is named."""
    first = await deploy(l1, Generation.FIRST)
    for slot, value in ((16, 1 << 8), (17, 5), (19, 1 << 160)):
        await l1.rpc("anvil_setStorageAt", str(first.address), hex(slot), f"0x{value:064x}")
    with pytest.raises(StorageMismatchError) as caught:
        await plan_upgrade(
            l1.transport,
            first.address,
            generation=Generation.SECOND,
            parameters=await parameters(l1),
            verifier=OTHER.address,
        )
    named = [line.split(" ")[0] for line in caught.value.mismatches]
    assert named == ["fallbackTimeout", "_enteredDGFCreate"]


async def test_a_moved_variable_is_noticed(l1: L1) -> None:
    """A layout that expects two variables in each other's place is told both; the rest is right."""
    first = await deploy(l1, Generation.FIRST)
    layout = load_artifact("L2OutputOracleV2").storage
    assert await compare_storage(l1.transport, first.address, layout) == []
    swap = {"submissionInterval": 5, "l2BlockTime": 4}
    moved = [replace(v, slot=swap.get(v.label, v.slot)) for v in layout]
    lines = await compare_storage(l1.transport, first.address, moved)
    assert [line.split(" ")[0] for line in lines] == ["submissionInterval", "l2BlockTime"]
    assert "holds 0x2, the contract tells 0xa" in lines[0]


async def test_an_upgrade_does_not_open_proposing_by_the_way(l1: L1) -> None:
    """A zero proposer in the parameters would; so would no parameters at all."""
    first = await deploy(l1, Generation.FIRST)
    given = await parameters(l1)
    for wrong in (replace(given, proposer=Address(bytes(20))), None):
        with pytest.raises(UpgradeError):
            await plan_upgrade(
                l1.transport,
                first.address,
                generation=Generation.SECOND,
                parameters=wrong,
                verifier=OTHER.address,
            )


async def test_a_proxy_of_op_stack_is_upgraded_by_its_own_admin(l1: L1) -> None:
    """OP Stack's Proxy under an account: as op-succinct's deployer leaves it."""
    proxy = load_bedrock_artifact("Proxy")
    async with l1.manager() as manager:
        verifier = await deploy_mock_verifier(manager, key="v")
        codes = [
            (await manager.send(key=f"i{g}", to=None, data=load_artifact(g).creation_code()))
            for g in ("L2OutputOracle", "L2OutputOracleV2")
        ]
        made = await manager.send(
            key="p", to=None, data=proxy.creation_code(bytes(DEPLOYER.address))
        )
        first, second = (mined.contract_address for mined in codes)
        address = made.contract_address
        assert first is not None
        assert second is not None
        assert address is not None
        data = (await parameters(l1)).initializer(verifier)
        await manager.send(
            key="u", to=address, data=proxy.call("upgradeToAndCall", bytes(first), data)
        )
    plan = await plan_upgrade(
        l1.transport,
        address,
        generation=Generation.SECOND,
        parameters=await parameters(l1),
        verifier=verifier,
    )
    assert (plan.proxy.admin, plan.proxy.sender) == (DEPLOYER.address, DEPLOYER.address)
    assert not plan.proxy.has_admin_contract
    call = await simulate_upgrade(l1.transport, plan, second)
    assert call.to == address
    await send(l1, call, DEPLOYER)
    await check_upgraded(l1.transport, plan, second)
    with pytest.raises(InputError, match="ERC-1967"):
        await read_proxy(l1.transport, second)


async def test_a_removed_proposer_has_no_right_any_more(l1: L1) -> None:
    """The list is read at the asked-for block, so the past can be looked at."""
    contract = await deploy(l1, Generation.SECOND)
    before = await l1.number()
    remove = ContractCall(to=contract.address, data=remove_proposer_call(PROPOSER.address))
    await send(l1, remove, DEPLOYER)
    assert not (await contract.proposing_right(PROPOSER.address)).allowed
    assert (await contract.proposing_right(PROPOSER.address, block=before)).allowed
