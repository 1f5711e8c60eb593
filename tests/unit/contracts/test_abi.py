"""Calldata, results, events and reverts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.contracts import load_artifact
from coprove.contracts.abi import Event, Function, decode_revert, reverted, type_text
from coprove.contracts.known_errors import KNOWN_ERRORS
from coprove.errors import CoproveError, InputError
from coprove.primitives import keccak256
from coprove.rpc import RpcError

TRANSFER = Function("transfer(address,uint256)", "(bool)")
NESTED = Function("f((uint256,bytes)[],bytes32)", "((bytes32,uint128,uint128))")
MIXED = Event("Mixed(address,uint256,bytes)", (True, False, False))


def test_calldata_begins_with_the_selector() -> None:
    """ERC-20's transfer has the selector that every explorer shows."""
    data = TRANSFER.encode(bytes(20), 7)
    assert data[:4].hex() == "a9059cbb"
    assert len(data) == 68


def test_nested_types_are_read_from_the_signature() -> None:
    """Arrays of tuples go in, a struct comes out."""
    assert NESTED.encode([(1, b"x")], bytes(32))[:4] == keccak256(NESTED.signature.encode())[:4]
    words = b"\x07" * 32 + (1).to_bytes(32) + (2).to_bytes(32)
    assert NESTED.decode(words) == ((b"\x07" * 32, 1, 2),)


@given(st.binary(max_size=200))
def test_hostile_results_give_a_typed_error_or_a_value(data: bytes) -> None:
    """Whatever an endpoint answers, nothing but InputError escapes."""
    for function in (TRANSFER, NESTED, Function("f()", "(bytes,string,uint256[])")):
        try:
            function.decode(data)
        except InputError:
            continue


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=5), st.binary(max_size=200))
def test_hostile_logs_give_a_typed_error_or_values(topics: list[bytes], data: bytes) -> None:
    """Also with the right first topic."""
    for first in ([], [MIXED.topic]):
        try:
            MIXED.decode([*first, *topics], data)
        except InputError:
            continue


@given(st.binary(max_size=200))
def test_hostile_revert_data_is_always_described(data: bytes) -> None:
    """Every byte string has a description; known selectors with bad bodies are shown raw."""
    for prefix in (b"", bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")):
        name, _ = decode_revert(prefix + data, KNOWN_ERRORS)
        assert name


def test_reverts_are_named() -> None:
    """A text, a panic, a custom error with values, an unknown one, none at all."""
    text = Function("Error(string)").encode("no")
    assert decode_revert(text) == ("no", ())
    panic = Function("Panic(uint256)").encode(0x11)
    assert decode_revert(panic) == ("Panic(0x11)", ())
    custom = Function("NotADevChain(uint256)").encode(5)
    assert decode_revert(custom, KNOWN_ERRORS) == ("NotADevChain", (5,))
    assert decode_revert(custom) == (f"0x{custom.hex()}", ())
    assert decode_revert(b"") == ("no reason given", ())


def test_only_reverts_become_revert_errors() -> None:
    """An endpoint's other errors stay what they are."""
    data = f"0x{Function('Error(string)').encode('no').hex()}"
    for shape in (data, {"data": data}):
        error = reverted("f", RpcError("x", code=3, message="execution reverted", data=shape))
        assert error is not None
        assert error.error == "no"
    assert reverted("f", RpcError("x", code=-32000, message="header not there")) is None
    bare = reverted("f", RpcError("x", code=-32000, message="execution reverted: why"))
    assert bare is not None
    assert bare.error == "why"


def test_every_custom_error_of_our_contracts_is_known() -> None:
    """A revert of our own contracts never shows as raw bytes."""
    names = ("L2OutputOracle", "OracleProxy", "MockSP1Verifier", "SystemConfigExtension")
    for name in (*names, "DcapCollateral", "DcapVerifier"):
        for entry in load_artifact(name).abi:
            if entry["type"] == "error":
                types = ",".join(i["type"] for i in entry["inputs"])
                assert f"{entry['name']}({types})" in KNOWN_ERRORS


def test_a_missing_artifact_is_a_typed_error() -> None:
    """So is an interface that is asked for its code, and a function that is not there."""
    with pytest.raises(CoproveError, match="Nothing"):
        load_artifact("Nothing")
    with pytest.raises(CoproveError, match="no creation code"):
        load_artifact("ISP1VerifierGateway").creation_code()
    with pytest.raises(CoproveError, match="0 functions"):
        load_artifact("L2OutputOracle").call("nothing")
    with pytest.raises(CoproveError, match="2 functions"):
        load_artifact("L2OutputOracle").call("proposeL2Output")
    with pytest.raises(CoproveError, match="no storage layout"):
        _ = load_artifact("OracleProxy").storage


ORACLE_ABI = """
initialize((address,address,address,uint256,uint256,bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,address))
proposeL2Output(bytes32,uint256,uint256,bytes) proposeL2Output(bytes32,uint256,bytes32,uint256)
checkpointBlockHash(uint256) historicBlockHashes(uint256) deleteL2Outputs(uint256)
getL2Output(uint256) getL2OutputIndexAfter(uint256) getL2OutputAfter(uint256) latestOutputIndex()
nextOutputIndex() latestBlockNumber() nextBlockNumber() computeL2Timestamp(uint256)
updateSubmissionInterval(uint256) updateAggregationVkey(bytes32) updateRangeVkeyCommitment(bytes32)
updateVerifier(address) updateRollupConfigHash(bytes32) transferOwnership(address)
addProposer(address) removeProposer(address) enableOptimisticMode(uint256)
disableOptimisticMode(uint256) approvedProposers(address) optimisticMode() owner() verifier()
challenger() proposer() aggregationVkey() rangeVkeyCommitment() rollupConfigHash()
submissionInterval() l2BlockTime() startingBlockNumber() startingTimestamp()
finalizationPeriodSeconds() SUBMISSION_INTERVAL() L2_BLOCK_TIME() CHALLENGER() PROPOSER()
FINALIZATION_PERIOD_SECONDS() version() initializerVersion()
OutputProposed(bytes32,uint256,uint256,uint256) OutputsDeleted(uint256,uint256)
AggregationVkeyUpdated(bytes32,bytes32) RangeVkeyCommitmentUpdated(bytes32,bytes32)
VerifierUpdated(address,address) RollupConfigHashUpdated(bytes32,bytes32)
OwnershipTransferred(address,address) ProposerUpdated(address,bool)
SubmissionIntervalUpdated(uint256,uint256) OptimisticModeToggled(bool,uint256)
Initialized(uint8) L1BlockHashNotAvailable() L1BlockHashNotCheckpointed()
"""


SECOND_ABI = """
initialize((address,address,address,uint256,uint256,bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,address,uint256))
proposeL2Output(bytes32,bytes32,uint256,uint256,bytes,address)
proposeL2Output(bytes32,uint256,bytes32,uint256)
dgfProposeL2Output(bytes32,bytes32,uint256,uint256,bytes,address)
checkpointBlockHash(uint256) historicBlockHashes(uint256) deleteL2Outputs(uint256)
getL2Output(uint256) getL2OutputIndexAfter(uint256) getL2OutputAfter(uint256) latestOutputIndex()
nextOutputIndex() latestBlockNumber() nextBlockNumber() lastProposalTimestamp()
computeL2Timestamp(uint256) isValidOpSuccinctConfig((bytes32,bytes32,bytes32))
opSuccinctConfigs(bytes32) addOpSuccinctConfig(bytes32,bytes32,bytes32,bytes32)
deleteOpSuccinctConfig(bytes32) GENESIS_CONFIG_NAME() fallbackTimeout() disputeGameFactory()
setDisputeGameFactory(address) updateSubmissionInterval(uint256) updateVerifier(address)
transferOwnership(address) addProposer(address) removeProposer(address)
enableOptimisticMode(uint256) disableOptimisticMode(uint256) approvedProposers(address)
optimisticMode() owner() verifier() challenger() proposer() aggregationVkey()
rangeVkeyCommitment() rollupConfigHash() submissionInterval() l2BlockTime()
startingBlockNumber() startingTimestamp() finalizationPeriodSeconds() version()
initializerVersion() OutputProposed(bytes32,uint256,uint256,uint256)
OutputsDeleted(uint256,uint256) OpSuccinctConfigUpdated(bytes32,bytes32,bytes32,bytes32)
OpSuccinctConfigDeleted(bytes32) VerifierUpdated(address,address)
OwnershipTransferred(address,address) ProposerUpdated(address,bool)
SubmissionIntervalUpdated(uint256,uint256) OptimisticModeToggled(bool,uint256)
DisputeGameFactorySet(address) Initialized(uint8) L1BlockHashNotAvailable()
L1BlockHashNotCheckpointed()
"""

GAME_ABI = """
initialize() gameType() gameCreator() rootClaim() l1Head() l2SequenceNumber() l1BlockNumber()
proverAddress() configName() proof() extraData() resolve() gameData() l2OutputOracle()
anchorStateRegistry() createdAt() resolvedAt() status() wasRespectedGameTypeWhenCreated()
version() Resolved(uint8) GameNotInProgress()
"""


def _abi(name: str) -> set[str]:
    return {
        f"{entry['name']}({','.join(type_text(i) for i in entry['inputs'])})"
        for entry in load_artifact(name).abi
        if entry["type"] != "constructor"
    }


def test_the_first_oracle_has_the_abi_that_op_succinct_users_call() -> None:
    """Every function, event and error of OPSuccinctL2OutputOracle v1.0.0, and no other."""
    assert _abi("L2OutputOracle") == set(ORACLE_ABI.split())


def test_the_second_oracle_has_the_abi_that_op_succinct_users_call() -> None:
    """Every one of OPSuccinctL2OutputOracle v3.0.0, and the portal's older name beside them."""
    assert _abi("L2OutputOracleV2") == {*SECOND_ABI.split(), "FINALIZATION_PERIOD_SECONDS()"}


def test_the_game_has_the_abi_that_portals_call() -> None:
    """Every one of OPSuccinctDisputeGame v4.0.0, the older name of its block and our errors."""
    ours = {"l2BlockNumber()", "AlreadyInitialized()", "BadExtraData()", "IncorrectBondAmount()"}
    assert _abi("ValidityDisputeGame") == set(GAME_ABI.split()) | ours


LAYOUT = """
_initialized 0 0, _initializing 0 1, startingBlockNumber 1 0, startingTimestamp 2 0, l2Outputs 3 0,
submissionInterval 4 0, l2BlockTime 5 0, challenger 6 0, proposer 7 0,
finalizationPeriodSeconds 8 0, aggregationVkey 9 0, rangeVkeyCommitment 10 0, verifier 11 0,
rollupConfigHash 12 0, owner 13 0, approvedProposers 14 0, historicBlockHashes 15 0,
optimisticMode 16 0
"""
SECOND_LAYOUT = """
fallbackTimeout 17 0, opSuccinctConfigs 18 0, disputeGameFactory 19 0, _enteredDGFCreate 19 20
"""


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("L2OutputOracle", f"{LAYOUT}, __gap 17 0"),
        ("L2OutputOracleV2", f"{LAYOUT}, {SECOND_LAYOUT}"),
    ],
)
def test_an_oracle_has_the_storage_layout_of_the_public_contract(name: str, layout: str) -> None:
    """Name, slot and offset of each variable: a live proxy can be upgraded in place."""
    there = [(v.label, v.slot, v.offset) for v in load_artifact(name).storage]
    wanted = [entry.split() for entry in layout.split(",")]
    assert there == [(label, int(slot), int(offset)) for label, slot, offset in wanted]
