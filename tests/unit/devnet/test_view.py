"""What a person and a program get to see of a devnet."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from coprove.devnet.accounts import DevAccounts, Role, require_dev_chain
from coprove.devnet.avs.byzantine import ByzantineKind
from coprove.devnet.avs.observer import AvsOperatorState, AvsState
from coprove.devnet.batcher.config import BatcherConfig
from coprove.devnet.errors import DataDirInUseError, NotADevChainError
from coprove.devnet.manifest import DataDir, Manifest
from coprove.devnet.observer import LogTail, Snapshot
from coprove.devnet.options import DevnetOptions
from coprove.devnet.outputs import ProposedOutput, final_outputs
from coprove.devnet.settings import load_settings
from coprove.devnet.supervisor import ChildState
from coprove.devnet.tee.observer import TeeProverState
from coprove.devnet.view import draw
from coprove.errors import InputError
from coprove.rpc import SyncStatus
from coprove.storage import ProofRequest, RequestKind, RequestStatus
from coprove.types import Address, BlockId, BlockRange, Hash32, L1BlockRef, L2BlockRef

ADDRESS = "0x" + "ab" * 20


def h(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


def output(index: int, l1_block: int) -> ProposedOutput:
    return ProposedOutput(
        index=index, l2_block=index * 10, root=h(index), tx_hash=h(99), l1_block=l1_block
    )


def snapshot(status: SyncStatus | None) -> Snapshot:
    running = ProofRequest(
        id=3,
        kind=RequestKind.RANGE,
        status=RequestStatus.PROVING,
        backend="mock",
        blocks=BlockRange(start=20, end=30),
        attempts=1,
        created_at=0,
        updated_at=0,
    )
    return Snapshot(
        seconds=12,
        urls={"L1": "http://127.0.0.1:1", "L2": "http://127.0.0.1:2"},
        status=status,
        blocks_per_second=1.0,
        children={"l1": ChildState(pid=7, ready=True, restarts=3)},
        ranges=[running],
        outputs=[output(1, 5), output(2, 50)],
        tee=[
            TeeProverState(
                name="tee_prover_1",
                platform="intel-tdx",
                prover=Address(b"\x0a" * 20),
                liveness="challenge failed",
                claims=1234,
                latest=40,
            ),
            TeeProverState(
                name="tee_prover_2",
                platform="",
                prover=None,
                liveness="not answering",
                claims=0,
                latest=None,
            ),
        ],
        avs=AvsState(
            operators=(
                AvsOperatorState(
                    name="operator_1",
                    account=Address(b"\x0b" * 20),
                    quorum=0,
                    counts=True,
                    signed=4321,
                ),
                AvsOperatorState(
                    name="operator_2",
                    account=Address(b"\x0c" * 20),
                    quorum=1,
                    counts=False,
                    signed=0,
                    slashed=7654,
                    shares=75 * 10**18,
                    byzantine=ByzantineKind.EQUIVOCATE,
                ),
            ),
            confirmed=5678,
            latest=40,
            latest_root=Hash32(b"\x0d" * 32),
        ),
        problems=["proposer: range failed"],
    )


def heads() -> SyncStatus:
    def l1(number: int) -> L1BlockRef:
        return L1BlockRef(hash=h(number), number=number, parent_hash=h(0), timestamp=0)

    def l2(number: int) -> L2BlockRef:
        return L2BlockRef(
            hash=h(number),
            number=number,
            parent_hash=h(0),
            timestamp=0,
            l1_origin=BlockId(hash=h(0), number=0),
            sequence_number=0,
        )

    return SyncStatus(
        current_l1=l1(60),
        head_l1=l1(1061),
        safe_l1=l1(57),
        finalized_l1=l1(53),
        unsafe_l2=l2(131),
        safe_l2=l2(129),
        finalized_l2=l2(121),
    )


def drawn(status: SyncStatus | None) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(draw(snapshot(status)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_view_shows_heads_work_and_outputs_and_says_that_proofs_are_mock() -> None:
    """Everything a user looks for is there, simulated proofs marked as such."""
    text = drawn(heads())
    for part in ("1,061", "131", "20..30", "3 restarts", "MOCK PROOFS", "range failed", "final: 2"):
        assert part in text
    assert "0x000000000000…00000002" in text


def test_the_view_shows_the_tee_lane_and_says_that_it_is_simulated() -> None:
    """A prover that is challenged and one that is away; a devnet without the lane shows none."""
    text = drawn(heads())
    for part in ("SIMULATED enclaves", "intel-tdx", "0x0a0a0a0a0a0a…", "challenge failed", "1,234"):
        assert part in text
    assert "not answering" in text
    console = Console(file=io.StringIO(), width=160)
    console.print(draw(replace(snapshot(heads()), tee=[])))
    assert isinstance(console.file, io.StringIO)
    assert "TEE" not in console.file.getvalue()


def test_the_view_shows_the_avs() -> None:
    """An operator that counts and one that does wrong; without an AVS there is no panel."""
    text = drawn(heads())
    for part in (
        "5,678 ranges confirmed",
        "operator_1",
        "4,321",
        "yes",
        "no",
        "operator_2 equivocate",
        "75.00",
        "7,654",
    ):
        assert part in text
    console = Console(file=io.StringIO(), width=160)
    console.print(draw(replace(snapshot(heads()), avs=None)))
    assert isinstance(console.file, io.StringIO)
    assert "AVS" not in console.file.getvalue()


def test_the_view_stands_without_an_answer_of_the_node() -> None:
    """While the node restarts there are no heads, and nothing counts as final."""
    assert "not answering" in drawn(None)
    assert snapshot(None).final() == []


def test_final_means_the_l1_block_is_final() -> None:
    """At the finalized block is final, above it is not."""
    outputs = [output(1, 5), output(2, 50)]
    assert final_outputs(outputs, 49) == outputs[:1]
    assert final_outputs(outputs, 50) == outputs


def test_the_log_tail_gives_new_warnings_only(tmp_path: Path) -> None:
    """Older lines, information, text that is no JSON and half a line are left out."""
    path = tmp_path / "proposer.log"
    path.write_text(json.dumps({"level": "error", "event": "old"}) + "\n")
    tail = LogTail("proposer", path)
    with path.open("a") as log:
        log.write(json.dumps({"level": "info", "event": "fine"}) + "\nno json\n")
        log.write(json.dumps({"level": "warning", "event": "slow", "error": "E: why"}) + "\n")
        log.write('{"level": "error", "event": "ha')
    assert tail.new_problems() == ["proposer: slow E: why"]
    with path.open("a") as log:
        log.write('lf"}\n')
    assert tail.new_problems() == ["proposer: half"]
    assert LogTail("gone", tmp_path / "gone.log").new_problems() == []


def test_a_data_directory_has_one_devnet_at_a_time(tmp_path: Path) -> None:
    """The lock goes with its holder."""
    with DataDir(tmp_path), pytest.raises(DataDirInUseError), DataDir(tmp_path):
        pass
    with DataDir(tmp_path):
        pass


def test_the_manifest_is_read_back_and_a_broken_one_refused(tmp_path: Path) -> None:
    """None before the deployment is complete."""
    directory = DataDir(tmp_path)
    assert directory.read_manifest() is None
    manifest = Manifest(
        oracle=ADDRESS,
        portal=ADDRESS,
        system_config=ADDRESS,
        block_time=1,
        submission_interval=10,
    )
    directory.write_manifest(manifest)
    assert directory.read_manifest() == manifest
    directory.manifest_file.write_text("{}")
    with pytest.raises(InputError):
        directory.read_manifest()


@pytest.mark.parametrize(
    "wrong",
    [
        {"block_time": 0},
        {"traffic": -1.0},
        {"exit_after_outputs": 0},
        {"l1_port": 70_000},
        {"byzantine": 5},
        {"byzantine": 1, "operators": 0},
    ],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    """The error names the option."""
    with pytest.raises(InputError, match=next(iter(wrong))):
        DevnetOptions(**wrong)  # type: ignore[arg-type]


def test_settings_name_the_wrong_field_and_resolve_paths(tmp_path: Path) -> None:
    """Paths are relative to the file; an unknown field is an error."""
    path = tmp_path / "batcher.json"
    values = {
        "l1_rpc_url": "http://127.0.0.1:1",
        "l2_rpc_url": "http://127.0.0.1:2",
        "data_dir": "batcher",
        "rollup_config": "rollup.json",
        "l1_chain_config": "l1.json",
    }
    path.write_text(json.dumps(values))
    assert load_settings(BatcherConfig, path).data_dir == tmp_path / "batcher"
    path.write_text(json.dumps(values | {"max_frame_size": 1}))
    with pytest.raises(InputError, match="max_frame_size"):
        load_settings(BatcherConfig, path)
    path.write_text("[")
    with pytest.raises(InputError):
        load_settings(BatcherConfig, path)
    with pytest.raises(InputError):
        load_settings(BatcherConfig, tmp_path / "absent.json")


def test_development_keys_are_the_well_known_ones_and_stay_on_development_chains() -> None:
    """anvil's first account; any other chain id is refused."""
    account = DevAccounts().account(Role.DEPLOYER)
    assert account.address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    require_dev_chain(900, 901, 31337)
    with pytest.raises(NotADevChainError):
        require_dev_chain(900, 10)
