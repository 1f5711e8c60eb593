"""The range program: from an agreed output root and an L1 head to a claimed output root.

Derivation (Python) runs ahead on L1 data while the kernel executes the block before, so that on
two cores the slower of both sets the pace.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation import DerivedAttributes, Pipeline
from coprove.derivation.l1_info import l2_block_ref
from coprove.execution import BlockExecutor, ExecutedBlock, InvalidPayloadError, NodeStore
from coprove.program.agreed import agreed_chain
from coprove.program.errors import ClaimMismatchError, L1DataExhaustedError, ProgramInputError
from coprove.program.inputs import RangeInput
from coprove.program.l1 import VerifiedL1
from coprove.types import (
    BlockHeader,
    BootInfo,
    Hash32,
    L1ChainConfig,
    L2BlockRef,
    OutputRoot,
    RollupConfig,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RangeReport", "configs", "run_range", "run_range_traced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeReport:
    """What a run did, beside the claim."""

    boot_info: BootInfo
    """The claim that the run supports; its l2_post_root is the computed root."""
    output: OutputRoot
    """Preimage of the computed root."""
    blocks: int
    """L2 blocks executed."""
    transactions: int
    """Transactions in them, deposits included."""
    gas: int
    """Gas used by them."""
    seconds: float
    """Wall time from bytes to claim, seconds."""
    seconds_loading: float
    """Of it: decoding, checking the chains, hashing the witness."""
    seconds_deriving: float
    """Of it: derivation, the check of L1 transactions and receipts included."""
    seconds_waiting: float
    """Of it: waiting for the kernel with no derivation left to run ahead."""
    seconds_executing: float
    """Time in the kernel (it overlaps derivation), seconds."""


def run_range(data: bytes) -> BootInfo:
    """Run an encoded RangeInput and return its claim.

    Raises ProgramInputError and the derivation's, kernel's and KZG's typed errors for a bad
    input, L1DataExhaustedError when l1_head is too early for the claim, ClaimMismatchError when
    the computed root is not the claimed one.
    """
    given = RangeInput.decode(data)
    claim = run_range_traced(given).boot_info
    if claim.l2_post_root != given.claimed_output_root:
        raise ClaimMismatchError(
            block=given.claimed_block_number,
            expected=given.claimed_output_root,
            actual=claim.l2_post_root,
        )
    return claim


def run_range_traced(
    given: RangeInput,
    progress: Callable[[ExecutedBlock], None] | None = None,
    *,
    record: bool = False,
) -> RangeReport:
    """Run a range and return its computed root with figures; the claimed root is not compared.

    `progress` is called after each executed block. With `record` each comes with its witness: all
    that an executor reads which knows the state by its root alone, as op-succinct's guest does.
    Errors are those of `run_range` but the last.
    """
    began = time.perf_counter()
    run = _Run(given, record=record)
    loaded = time.perf_counter()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="execution") as kernel:
        run.to_claim(kernel, progress)
    output = run.executor.output_root()
    return RangeReport(
        boot_info=BootInfo(
            l1_head=given.l1_head,
            l2_pre_root=given.agreed_output_root,
            l2_post_root=output.hash(),
            l2_block_number=run.head.number,
            rollup_config_hash=run.config_hash,
        ),
        output=output,
        blocks=run.blocks,
        transactions=run.transactions,
        gas=run.gas,
        seconds=time.perf_counter() - began,
        seconds_loading=loaded - began,
        seconds_deriving=run.seconds_deriving,
        seconds_waiting=run.seconds_waiting,
        seconds_executing=run.seconds_executing,
    )


class _Run:
    """The state of one run: the L2 head, the pipeline and the executor that follow each other."""

    def __init__(self, given: RangeInput, *, record: bool) -> None:
        self.config, l1_config = configs(given)
        self.config_hash: Hash32 = self.config.config_hash(l1_config)
        self.l1 = VerifiedL1(self.config, given.l1_blocks, given.blobs, given.l1_head)
        agreed = agreed_chain(self.config, given, self.l1)
        store = NodeStore()
        store.add_nodes(given.nodes)
        store.add_codes(given.codes)
        self.executor = BlockExecutor(
            self.config, agreed.header, store, agreed.ancestors, commit=record, record=record
        )
        if (output := self.executor.output_root()) != given.agreed_output:
            raise ProgramInputError(
                "agreed MessagePasser storage root",
                expected=output.message_passer_storage_root,
                actual=given.agreed_output.message_passer_storage_root,
            )
        self.pipeline = Pipeline(self.config, l1_config, self.l1, agreed.start, agreed.history)
        self.head: L2BlockRef = agreed.start.safe_head
        self.claimed_number = given.claimed_block_number
        if self.claimed_number <= self.head.number:
            raise ProgramInputError(
                "claimed block number",
                expected=f"more than the agreed {self.head.number}",
                actual=self.claimed_number,
            )
        self.blocks = self.transactions = self.gas = 0
        self.seconds_deriving = self.seconds_waiting = self.seconds_executing = 0.0

    def to_claim(
        self, kernel: ThreadPoolExecutor, progress: Callable[[ExecutedBlock], None] | None
    ) -> None:
        """Derive and execute blocks until the claimed one."""
        while self.head.number < self.claimed_number:
            began = time.perf_counter()
            derived = self.pipeline.next_attributes(self.head)
            self.seconds_deriving += time.perf_counter() - began
            if derived is None:
                raise L1DataExhaustedError(
                    claimed=self.claimed_number,
                    reached=self.head.number,
                    l1_head=self.l1.head.number,
                )
            block = self._execute(kernel, derived)
            if block is None:
                continue
            header = BlockHeader.decode_rlp(block.header)
            self.head = l2_block_ref(self.config, header, block.transactions[0])
            self.blocks += 1
            self.transactions += len(block.transactions)
            self.gas += block.gas_used
            if progress is not None:
                progress(block)

    def _execute(
        self, kernel: ThreadPoolExecutor, derived: DerivedAttributes
    ) -> ExecutedBlock | None:
        """Execute attributes while derivation runs ahead.

        A payload that breaks a rule is replaced by its deposits alone from Holocene on
        (holocene/derivation.md) and dropped before it; any other failure goes up.
        """
        try:
            return self._overlapped(kernel, derived)
        except InvalidPayloadError:
            only_deposits = derived.deposits_only()
            if only_deposits.attributes.transactions == derived.attributes.transactions:
                raise
            self.pipeline.on_invalid_payload()
            if not derived.is_replaced(self.config):
                return None
            return self._overlapped(kernel, only_deposits)

    def _overlapped(self, kernel: ThreadPoolExecutor, derived: DerivedAttributes) -> ExecutedBlock:
        future: Future[tuple[ExecutedBlock, float]] = kernel.submit(self._timed, derived)
        began = time.perf_counter()
        while not future.done() and self.pipeline.prefetch():
            pass
        waited = time.perf_counter()
        self.seconds_deriving += waited - began
        block, seconds = future.result()
        self.seconds_waiting += time.perf_counter() - waited
        self.seconds_executing += seconds
        return block

    def _timed(self, derived: DerivedAttributes) -> tuple[ExecutedBlock, float]:
        began = time.perf_counter()
        block = self.executor.execute(derived.attributes)
        return block, time.perf_counter() - began


def configs(given: RangeInput) -> tuple[RollupConfig, L1ChainConfig]:
    """Return the configs of a range.

    Where there is a built-in L1 config it is used: a supplied one is never believed then.
    """
    config = RollupConfig.from_json(given.rollup_config)
    built_in = L1ChainConfig.built_in(config.l1_chain_id)
    if built_in is not None:
        return config, built_in
    supplied = L1ChainConfig.from_json(given.l1_config)
    if supplied.chain_id != config.l1_chain_id:
        raise ProgramInputError(
            "L1 config chain id", expected=config.l1_chain_id, actual=supplied.chain_id
        )
    return config, supplied
