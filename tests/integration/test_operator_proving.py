"""A task proven by a TEE prover over a recorded chain, and what an operator makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coprove.attestation import Platform
from coprove.avs.operator.chain import Committee
from coprove.avs.operator.errors import ProverBindingError, RootAlarmError, TaskMismatchError
from coprove.avs.operator.proving import StateProver
from coprove.avs.operator.witnesses import RecordedWitnesses
from coprove.avs.tasks import AvsTask, RangeMetadata, TaskDraft
from coprove.prover.tee.enclave import Enclave
from coprove.prover.tee.enclave.platforms import SimulatedProvider
from coprove.prover.tee.host import TeeProver, TeeProverOptions
from coprove.prover.tee.registrar import TeeProverClient, TeeProverClientOptions
from coprove.types import Hash32, L1ChainConfig, RollupConfig
from coprove.witness import Recording
from tests.unit.avs.operator.parts import h
from tests.unit.avs.operator.worlds import FakeView

RECORDED = Path(__file__).parents[2] / "examples/calldata"
START, END = 1, 3


class Node:
    """The recording's own outputs, or other ones."""

    def __init__(self, recording: Recording, *, wrong: int | None = None) -> None:
        """Say something else about block `wrong`."""
        self._recording, self._wrong = recording, wrong

    async def output_at_block(self, number: int) -> Any:
        block = self._recording.l2_block(number)
        root = h(0) if number == self._wrong else self._recording.expected_output(number)
        return SimpleNamespace(root=root, output=block.output)


async def test_a_real_prover_gives_the_state_of_a_task() -> None:
    """Up to the task's own L1 head; roots as recorded; the signature is its prover's."""
    recording = Recording(RECORDED)
    head = recording.l1_head_for(END) + 1
    config = RollupConfig.from_json(recording.rollup_config_json)
    l1_config = L1ChainConfig.from_json((RECORDED / "l1_chain_config.json").read_bytes())
    committee = Committee(
        quorums=(0,),
        l2_chain_id=config.l2_chain_id,
        rollup_config_hash=config.config_hash(l1_config),
    )
    task = AvsTask(
        number=1,
        draft=TaskDraft(
            committee_id=1,
            metadata=RangeMetadata(start_block=START, end_block=END),
            l1_head=Hash32.from_hex(recording.l1_row(head).get("hash"), "hash"),
            l1_head_number=head,
        ),
        reference_block=1,
        quorums=(0,),
        thresholds=(67,),
        created_at=0,
        expires_at=2**40,
    )
    view = FakeView()
    enclave = Enclave(SimulatedProvider(Platform.INTEL_SGX, seed="operator", start=1_700_000_000))
    async with (
        TeeProver(TeeProverOptions(port=0), enclave) as prover,
        TeeProverClient(TeeProverClientOptions(url=prover.url)) as client,
    ):
        source = RecordedWitnesses(RECORDED)

        def states(node: Any = None) -> StateProver:
            return StateProver(client, source, view, node, pause=0.01)

        with pytest.raises(ProverBindingError):
            await states().prove(task, committee)
        view.provers = {enclave.identity.address}
        found = await states(Node(recording)).prove(task, committee)
        assert found.prover == enclave.identity.address
        assert found.poe.batch_hash == committee.batch_hash(task)
        assert found.poe.prev_state_root == recording.expected_output(START - 1)
        assert found.poe.new_state_root == recording.expected_output(END)
        for wrong in (START - 1, END):
            with pytest.raises(RootAlarmError) as alarm:
                await states(Node(recording, wrong=wrong)).prove(task, committee)
            assert alarm.value.block == wrong
        other = replace(committee, rollup_config_hash=h(1))
        with pytest.raises(TaskMismatchError):
            await states().prove(task, other)
