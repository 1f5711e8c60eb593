"""Calldata for the multi-prover AVS' service manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.avs.headers import STATE_HEADER_TYPE
from coprove.contracts.avs.records import POLICY_TYPE, SIGNED_BY_TYPE
from coprove.contracts.settlement import ContractCall

if TYPE_CHECKING:
    from coprove.contracts.avs.headers import StateHeader
    from coprove.contracts.avs.records import Committee, RollupPolicy, SignedBy
    from coprove.types import Address, Hash32

__all__ = [
    "act_call",
    "add_committee_call",
    "add_tee_quorum_call",
    "confirm_state_call",
    "create_task_call",
    "eject_call",
    "enable_poa_call",
    "fund_reserve_call",
    "list_operator_call",
    "refund_task_call",
    "set_liveness_verifier_call",
    "set_quorum_threshold_call",
    "set_rewards_call",
    "set_rollup_policy_call",
]

_CONFIRM: Final = Function(f"confirmState({STATE_HEADER_TYPE},{SIGNED_BY_TYPE})")
_CREATE: Final = Function("createTask(uint256,uint64,uint64,uint64,uint96)")
_REFUND: Final = Function("refundTask(bytes32)")
_FUND: Final = Function("fundReserve(address,uint256)")
_EJECT: Final = Function("ejectOperator(address,bytes)")
_LIST: Final = Function("whitelistOperator(address)")
_UNLIST: Final = Function("blacklistOperator(address)")
_ENABLE_POA: Final = Function("enablePoA()")
_ADD_COMMITTEE: Final = Function("addCommittee((uint256,string,bytes,bytes))")
_ADD_TEE_QUORUM: Final = Function("addTEEQuorum((uint8,uint8))")
_SET_POLICY: Final = Function(f"setRollupPolicy(uint256,{POLICY_TYPE})")
_SET_THRESHOLD: Final = Function("setQuorumThreshold(uint8,uint8)")
_SET_VERIFIER: Final = Function("setLivenessVerifier(address)")
_SET_REWARDS: Final = Function("setRewards(address)")
_ACT: Final = Function("actAtEigenLayer(address,bytes)")


def confirm_state_call(manager: Address, header: StateHeader, signed_by: SignedBy) -> ContractCall:
    """Confirm a state. For the state confirmer."""
    data = _CONFIRM.encode(header.to_abi(), signed_by.to_abi())
    return ContractCall(to=manager, data=data)


def create_task_call(
    manager: Address,
    *,
    committee_id: int,
    start_block: int,
    end_block: int,
    deadline: int,
    reward: int,
) -> ContractCall:
    """Ask a committee about a range; the manager must be allowed to take the reward."""
    data = _CREATE.encode(committee_id, start_block, end_block, deadline, reward)
    return ContractCall(to=manager, data=data)


def refund_task_call(manager: Address, task_id: Hash32) -> ContractCall:
    """Give the reward of a created task back that is over."""
    return ContractCall(to=manager, data=_REFUND.encode(bytes(task_id)))


def fund_reserve_call(manager: Address, token: Address, amount: int) -> ContractCall:
    """Pay in for tasks by policy; the manager must be allowed to take it."""
    return ContractCall(to=manager, data=_FUND.encode(bytes(token), amount))


def eject_call(manager: Address, operator: Address, quorums: tuple[int, ...]) -> ContractCall:
    """Take an operator out of quorums."""
    return ContractCall(to=manager, data=_EJECT.encode(bytes(operator), bytes(quorums)))


def list_operator_call(manager: Address, operator: Address, *, listed: bool) -> ContractCall:
    """Put an operator on the allow-list or take it off. For the PoA manager."""
    function = _LIST if listed else _UNLIST
    return ContractCall(to=manager, data=function.encode(bytes(operator)))


def enable_poa_call(manager: Address) -> ContractCall:
    """Let only listed operators count. For the PoA manager."""
    return ContractCall(to=manager, data=_ENABLE_POA.encode())


def add_committee_call(manager: Address, committee: Committee) -> ContractCall:
    """Add a committee. For the committee manager."""
    value = (
        committee.committee_id,
        committee.description,
        committee.metadata,
        bytes(committee.quorums),
    )
    return ContractCall(to=manager, data=_ADD_COMMITTEE.encode(value))


def add_tee_quorum_call(manager: Address, *, quorum: int, tee: int) -> ContractCall:
    """Bind a quorum to a kind of environment (`Platform.number`). For the committee manager."""
    return ContractCall(to=manager, data=_ADD_TEE_QUORUM.encode((tee, quorum)))


def set_rollup_policy_call(
    manager: Address, committee_id: int, policy: RollupPolicy
) -> ContractCall:
    """Say which rollup a committee is asked about. For the committee manager."""
    return ContractCall(to=manager, data=_SET_POLICY.encode(committee_id, policy.to_abi()))


def set_quorum_threshold_call(manager: Address, *, quorum: int, percentage: int) -> ContractCall:
    """Set the least percentage of a quorum's stake, 51 to 100. For the owner."""
    return ContractCall(to=manager, data=_SET_THRESHOLD.encode(quorum, percentage))


def set_liveness_verifier_call(manager: Address, verifier: Address) -> ContractCall:
    """Set the contract that knows operators' provers. For the owner."""
    return ContractCall(to=manager, data=_SET_VERIFIER.encode(bytes(verifier)))


def set_rewards_call(manager: Address, module: Address) -> ContractCall:
    """Set the contract that pays rewards. For the owner."""
    return ContractCall(to=manager, data=_SET_REWARDS.encode(bytes(module)))


def act_call(manager: Address, call: ContractCall) -> ContractCall:
    """Make a call to EigenLayer in the AVS' name. For the owner."""
    return ContractCall(to=manager, data=_ACT.encode(bytes(call.to), call.data))
