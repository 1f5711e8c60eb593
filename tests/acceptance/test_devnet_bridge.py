"""What a user does on both chains is in a finalised output and provable on L1."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.devnets import RunningDevnet, running_devnet, until
from tests.acceptance.wallet import Wallet, prove_withdrawal_call, withdrawal_of

from coprove.devnet.traffic import kinds
from coprove.types import Address

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

ETHER = 10**18
RECEIVER = Address(b"\x77" * 20)


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevnet]:
    data: Path = tmp_path_factory.mktemp("bridge") / "data"
    with running_devnet(data, traffic=2.0, batch_type="singular") as found:
        yield found


async def test_transfer_deposit_and_withdrawal_are_finalised_and_the_withdrawal_is_proven(
    devnet: RunningDevnet,
) -> None:
    """One script, as a wallet would: send on L2, deposit on L1, withdraw, prove on the portal."""
    l1, l2, node = devnet.l1(), devnet.l2(), devnet.node()
    on_l1, on_l2 = Wallet.of_user(l1), Wallet.of_user(l2)
    try:
        sent = await on_l2.send(kinds.transfer(RECEIVER, ETHER))
        portal = Address.from_hex(devnet.manifest.portal)
        await on_l1.send(kinds.deposit(portal, RECEIVER, 2 * ETHER))
        receipt = await on_l2.send(
            kinds.withdrawal(Address.from_hex(on_l1.account.address.lower()), ETHER // 2)
        )
        withdrawal = withdrawal_of(receipt)

        async def has_both() -> bool:
            return await on_l2.balance(str(RECEIVER)) == 3 * ETHER

        await until("transfer and deposit on L2", has_both)
        deposited_at = await l2.block_number()
        newest = max(deposited_at, int(receipt["blockNumber"], 16), int(sent["blockNumber"], 16))

        output = await devnet.final_output_above(newest)
        at_block = await node.output_at_block(output.l2_block)
        assert at_block.root == output.root
        balance = await l2.transport.call("eth_getBalance", [str(RECEIVER), hex(output.l2_block)])
        assert int(str(balance), 16) == 3 * ETHER

        proof = await l2.transport.call(
            "eth_getProof",
            [str(kinds.MESSAGE_PASSER), [withdrawal.slot], hex(output.l2_block)],
        )
        assert isinstance(proof, dict)
        storage = proof["storageProof"]
        assert isinstance(storage, list)
        (slot,) = storage
        assert isinstance(slot, dict)
        assert int(str(slot["value"]), 16) == 1
        call = prove_withdrawal_call(
            withdrawal,
            output_index=output.index,
            output=at_block.output,
            proof=[str(item) for item in slot["proof"]],  # type: ignore[union-attr]
        )
        proven = await on_l1.send(
            kinds.Payload(kind="proof", to=portal, value=0, data=call, gas=1_000_000)
        )
        assert any(log["address"].lower() == str(portal) for log in proven["logs"])
    finally:
        await devnet.close()
