"""The development accounts: public keys of the mnemonic that anvil and every other devnet uses.

Anyone knows these keys. `require_dev_chain` stands before every use of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from eth_account import Account

from coprove.contracts.mock_proof import is_dev_chain
from coprove.devnet.errors import NotADevChainError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

__all__ = ["DEV_MNEMONIC", "DevAccounts", "Role", "require_dev_chain"]

DEV_MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The default mnemonic of anvil and hardhat."""


class Role(IntEnum):
    """Which account of the mnemonic does what; the number is the index of its key."""

    DEPLOYER = 0
    BATCHER = 1
    PROPOSER = 2
    CHALLENGER = 3
    TRAFFIC = 4
    """Account 4 and those behind it send traffic."""
    WALLET = 8
    """Left to the user: no process of the devnet sends from it."""
    FEES = 9
    """Receives the sequencer's fees."""
    OPERATOR = 10
    """Account 10 and those behind it answer for TEE provers and are the AVS' operators; the
    deployment funds them."""
    AGGREGATOR = 30
    """Confirms states; the deployment funds it."""
    CLAIMS = 31
    """Records claims of provers; the deployment funds it."""
    REWARDS = 32
    """Posts roots of rewards, as EigenLayer does; the deployment funds it."""


@dataclass(frozen=True, slots=True)
class DevAccounts:
    """Accounts derived from the mnemonic at the usual path."""

    mnemonic: str = DEV_MNEMONIC
    """BIP-39 words."""

    def account(self, index: int) -> LocalAccount:
        """Return account number `index` (m/44'/60'/0'/0/index)."""
        return _derive(self.mnemonic, index)


@cache
def _derive(mnemonic: str, index: int) -> LocalAccount:
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(mnemonic, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def require_dev_chain(*chain_ids: int) -> None:
    """Raise `NotADevChainError` unless every one of `chain_ids` is a development chain's."""
    for chain_id in chain_ids:
        if not is_dev_chain(chain_id):
            raise NotADevChainError(chain_id)
