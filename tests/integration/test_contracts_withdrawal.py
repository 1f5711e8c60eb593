"""A withdrawal is proven against an output of our oracle and carried out by the real portal."""

from __future__ import annotations

import pytest

from coprove.contracts import (
    CallRevertedError,
    Portal,
    WithdrawalTransaction,
    deposit_call,
    finalize_withdrawal_call,
    propose_optimistic_call,
    prove_withdrawal_call,
)
from coprove.contracts.oracle import enable_optimistic_mode_call
from coprove.primitives import keccak256, rlp
from coprove.types import Address, Hash32, OutputRoot
from tests.integration.anvil_l1 import DEPLOYER, OTHER, PROPOSER, running_l1

pytestmark = pytest.mark.anvil

TARGET = Address(b"\x77" * 20)
WITHDRAWAL = WithdrawalTransaction(
    nonce=1 << 240, sender=OTHER.address, target=TARGET, value=5, gas_limit=50_000, data=b""
)


def storage_proof(withdrawal: WithdrawalTransaction) -> bytes:
    """Return the only node of a storage trie that holds nothing but this withdrawal."""
    path = keccak256(withdrawal.storage_slot())
    return rlp.encode([b"\x20" + path, rlp.encode(b"\x01")])


async def test_a_withdrawal_is_proven_and_finalized_against_our_oracle() -> None:
    """Deposit funds the portal; an altered withdrawal, an early finalization and a second one are
    refused; the target receives the value.
    """
    node = storage_proof(WITHDRAWAL)
    output = OutputRoot(
        state_root=Hash32(b"\x01" * 32),
        message_passer_storage_root=Hash32(keccak256(node)),
        block_hash=Hash32(b"\x02" * 32),
    )
    async with running_l1() as l1:
        deployment = await l1.deploy()
        oracle, portal = deployment.l2_output_oracle, deployment.optimism_portal
        async with (
            l1.manager(DEPLOYER) as owner,
            l1.manager(PROPOSER) as proposer,
            l1.manager(OTHER) as user,
        ):
            await owner.send(key="mode", to=oracle, data=enable_optimistic_mode_call(60))
            await proposer.send(
                key="propose",
                to=oracle,
                data=propose_optimistic_call(output_root=output.hash(), l2_block=110),
            )
            deposit = deposit_call(to=TARGET, value=0, gas_limit=100_000)
            await user.send(key="deposit", to=portal, data=deposit, value=100)
            altered = WithdrawalTransaction(
                nonce=WITHDRAWAL.nonce,
                sender=WITHDRAWAL.sender,
                target=TARGET,
                value=6,
                gas_limit=WITHDRAWAL.gas_limit,
                data=b"",
            )
            for withdrawal, index, key in ((altered, 1, "altered"), (WITHDRAWAL, 0, "index")):
                data = prove_withdrawal_call(
                    withdrawal, l2_output_index=index, output=output, storage_proof=[node]
                )
                with pytest.raises(CallRevertedError):
                    await user.send(key=key, to=portal, data=data)
            data = prove_withdrawal_call(
                WITHDRAWAL, l2_output_index=1, output=output, storage_proof=[node]
            )
            await user.send(key="prove", to=portal, data=data)
            reader = Portal(l1.transport, portal)
            proven = await reader.proven_withdrawal(WITHDRAWAL.hash())
            assert proven is not None
            assert (proven.output_root, proven.l2_output_index) == (output.hash(), 1)
            finalize = finalize_withdrawal_call(WITHDRAWAL)
            with pytest.raises(CallRevertedError, match="period has not elapsed"):
                await user.send(key="early", to=portal, data=finalize)
            await l1.rpc("evm_increaseTime", 120)
            await l1.mine()
            assert await reader.is_output_finalized(1)
            await user.send(key="finalize", to=portal, data=finalize)
            assert await reader.is_finalized(WITHDRAWAL.hash())
            assert await l1.rpc("eth_getBalance", str(TARGET), "latest") == "0x5"
            with pytest.raises(CallRevertedError, match="already been finalized"):
                await user.send(key="twice", to=portal, data=finalize)
