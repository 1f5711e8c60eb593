"""No task gets two states of one operator."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.avs.bls import SecretKey, Signature
from coprove.avs.operator.errors import AnotherStateError, ProtectionError, ProtectionInUseError
from coprove.avs.operator.interchange import FORMAT, read_interchange, write_interchange
from coprove.avs.operator.protection import SignedState, SlashingProtection
from coprove.avs.operator.signing import ProtectedSigner
from coprove.types import Address
from tests.unit.avs.operator.parts import KEY, SCOPE, entry, h, poe_of, task_of, with_reference

if TYPE_CHECKING:
    from coprove.avs.tasks import AvsTask


def test_a_second_state_is_refused_for_ever(tmp_path: Path) -> None:
    """Also after the file was closed and opened again; the error names both states."""
    task = task_of()
    first, second = entry(task, 1), entry(task, 2)
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        protection.record(first)
        with pytest.raises(AnotherStateError) as refused:
            protection.record(second)
        assert (refused.value.signed, refused.value.asked) == (
            first.state_hash,
            second.state_hash,
        )
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        with pytest.raises(AnotherStateError):
            protection.record(second)
        assert protection.signed(task.key) == (first,)


def test_the_same_state_is_signed_again(tmp_path: Path) -> None:
    """As it was, and under another reference block, which the aggregator may choose anew."""
    task = task_of()
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        protection.record(entry(task))
        protection.record(entry(task))
        protection.record(entry(with_reference(task, 130)))
        assert [state.reference_block for state in protection.signed(task.key)] == [120, 130]


def with_state(task: AvsTask, outcome: int = 1) -> SignedState:
    """Return an entry that was signed here, so that its state is known."""
    return replace(entry(task, outcome), state=poe_of(task, outcome).encode())


def outcome_of(state: SignedState) -> int:
    """Return which of the tests' outcomes a state has, by its hash."""
    (found,) = {
        outcome
        for outcome in range(1, 4)
        for start in range(1, 4)
        for head in range(1, 4)
        if entry(task_of(start, l1_head=head), outcome).state_hash == state.state_hash
    }
    return found


def test_another_l1_head_may_follow_with_the_same_outcome(tmp_path: Path) -> None:
    """Another aggregator asks along another head; what it gets says the same of the range."""
    first, later = task_of(l1_head=100), task_of(l1_head=101)
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        protection.record(with_state(first))
        for refused in (with_state(later, 2), entry(later)):
            with pytest.raises(AnotherStateError):
                protection.record(refused)
        protection.record(with_state(later))
        assert [one.l1_head for one in protection.signed(first.key)] == [h(100), h(101)]
        # Each further one has to agree with all of them.
        with pytest.raises(AnotherStateError):
            protection.record(with_state(task_of(l1_head=102), 2))
        with pytest.raises(AnotherStateError):
            protection.record(with_state(later, 2), reorged=(first.draft.l1_head,))


def test_another_l1_head_is_another_state_unless_the_first_was_reorged_away(
    tmp_path: Path,
) -> None:
    """Where the outcomes are not known: stricter than the contract's equal batch hashes."""
    first, later = task_of(l1_head=100), task_of(l1_head=101)
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        protection.record(entry(first))
        for reorged in ((), (later.draft.l1_head,), (h(55),)):
            with pytest.raises(AnotherStateError):
                protection.record(entry(later), reorged=reorged)
        protection.record(entry(later), reorged=(first.draft.l1_head,))
        # The first block came back: there is a state for each, and neither L1 head is gone.
        with pytest.raises(AnotherStateError):
            protection.record(entry(first))


def test_a_reorg_excuses_no_second_state_of_one_l1_head(tmp_path: Path) -> None:
    """Equal L1 heads make it an equivocation whatever became of them."""
    task = task_of()
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        protection.record(entry(task, 1))
        with pytest.raises(AnotherStateError):
            protection.record(entry(task, 2), reorged=(task.draft.l1_head,))
        same_batch = replace(entry(task_of(l1_head=101), 2), batch_hash=entry(task).batch_hash)
        with pytest.raises(AnotherStateError):
            protection.record(same_batch, reorged=(task.draft.l1_head,))


@given(
    st.lists(
        st.tuples(*[st.integers(1, 3)] * 3, st.booleans()),
        max_size=20,
    )
)
def test_whatever_is_asked_one_outcome_a_task(asked: list[tuple[int, int, int, bool]]) -> None:
    """Along any L1 heads, known or imported as hashes; and under one head one state."""
    with (
        TemporaryDirectory() as folder,
        SlashingProtection(Path(folder) / "signed.sqlite", SCOPE) as protection,
    ):
        for start, outcome, head, is_known in asked:
            task = task_of(start, l1_head=head)
            with suppress(AnotherStateError):
                protection.record((with_state if is_known else entry)(task, outcome))
        outcomes: dict[object, set[object]] = {}
        states: dict[object, set[object]] = {}
        for state in protection.every():
            outcomes.setdefault(state.task_key, set()).add(outcome_of(state))
            states.setdefault(state.batch_hash, set()).add(state.state_hash)
        assert set(outcomes) == {task_of(start).key for start, _, _, _ in asked}
        assert all(len(found) == 1 for found in (*outcomes.values(), *states.values()))


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(120, 122)), max_size=20)
)
def test_whatever_is_asked_one_state_a_task(asked: list[tuple[int, int, int]]) -> None:
    """Any order of requests along one L1 head leaves one state for each task."""
    with (
        TemporaryDirectory() as folder,
        SlashingProtection(Path(folder) / "signed.sqlite", SCOPE) as protection,
    ):
        for start, outcome, block in asked:
            with suppress(AnotherStateError):
                protection.record(entry(task_of(start, reference_block=block), outcome))
        states: dict[object, set[object]] = {}
        for state in protection.every():
            states.setdefault(state.task_key, set()).add(state.state_hash)
        assert set(states) == {task_of(start).key for start, _, _ in asked}
        assert all(len(found) == 1 for found in states.values())


def test_two_holders_cannot_share_a_database(tmp_path: Path) -> None:
    """The second is refused while the first is open, and has it afterwards."""
    path = tmp_path / "signed.sqlite"
    with SlashingProtection(path, SCOPE), pytest.raises(ProtectionInUseError):
        SlashingProtection(path, SCOPE)
    with SlashingProtection(path, SCOPE) as protection:
        assert protection.every() == ()


@pytest.mark.parametrize(
    "other",
    [
        replace(SCOPE, chain_id=1),
        replace(SCOPE, service_manager=Address(b"\x01" * 20)),
        replace(SCOPE, operator_id=h(1)),
    ],
    ids=["chain", "service manager", "operator"],
)
def test_a_database_of_another_operator_is_refused(tmp_path: Path, other: object) -> None:
    """It would protect nothing; the file is free for its owner again."""
    path = tmp_path / "signed.sqlite"
    SlashingProtection(path, SCOPE).close()
    with pytest.raises(ProtectionError):
        SlashingProtection(path, other)  # type: ignore[arg-type]  # a scope
    SlashingProtection(path, SCOPE).close()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Rather than begun anew: what it held is unknown."""
    path = tmp_path / "signed.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(ProtectionError):
        SlashingProtection(path, SCOPE)


def test_the_file_is_its_owners_alone_and_syncs_each_commit(tmp_path: Path) -> None:
    """Mode 0600, a rollback journal and synchronous EXTRA."""
    path = tmp_path / "signed.sqlite"
    with SlashingProtection(path, SCOPE) as protection:
        assert path.stat().st_mode & 0o777 == 0o600
        assert protection._db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert protection._db.execute("PRAGMA synchronous").fetchone() == (3,)


def test_what_is_exported_is_read_again(tmp_path: Path) -> None:
    """On another machine the same states are refused; a second import adds nothing."""
    states = [entry(task_of(start), start) for start in (1, 2, 3)]
    with SlashingProtection(tmp_path / "old.sqlite", SCOPE) as old:
        for state in states:
            old.record(state)
        text = write_interchange(SCOPE, old.every()).encode()
    with SlashingProtection(tmp_path / "new.sqlite", SCOPE) as new:
        assert new.merge(read_interchange(text, SCOPE)) == 3
        assert new.merge(read_interchange(text, SCOPE)) == 0
        assert list(new.every()) == states
        with pytest.raises(AnotherStateError):
            new.record(entry(task_of(1), 9))


def test_contradicting_imports_end_a_task(tmp_path: Path) -> None:
    """Where two machines signed two states, neither is signed again."""
    task = task_of()
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        protection.record(entry(task, 1))
        assert protection.merge([entry(task, 2)]) == 1
        for outcome in (1, 2):
            with pytest.raises(AnotherStateError):
                protection.record(entry(task, outcome))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (FORMAT, "another"),
        ('"chain_id": "900"', '"chain_id": "1"'),
        ('"chain_id": "900"', '"chain_id": 900'),
        ('"reference_block": "120"', '"reference_block": "4294967296"'),
        ('"data": [', '"data": {}, "more": ['),
        ("{", "["),
        ('"digest": "0x', '"digest": "0xzz'),
    ],
)
def test_damaged_interchange_is_refused(old: str, new: str) -> None:
    """With a typed error, whatever is wrong."""
    text = write_interchange(SCOPE, [entry(task_of())])
    assert old in text
    with pytest.raises(ProtectionError):
        read_interchange(text.replace(old, new).encode(), SCOPE)


def test_nothing_is_signed_that_is_not_on_disk(tmp_path: Path) -> None:
    """A database that cannot be written to gives no signature."""
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        signer = ProtectedSigner(KEY, protection, now=lambda: 5.0)
        protection._db.execute("PRAGMA query_only = ON")
        with pytest.raises(sqlite3.OperationalError):
            signer.sign(task_of(), poe_of(task_of()), bytes(65))
        assert signer.signed(task_of().key) == ()


def test_a_submission_verifies_and_its_entry_stands(tmp_path: Path) -> None:
    """Signature over the header's digest, by the key of the operator id."""
    task = task_of()
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        signer = ProtectedSigner(KEY, protection, now=lambda: 5.0)
        found = signer.sign(task, poe_of(task), b"\x01" * 65)
        (stored,) = signer.signed(task.key)
        state = poe_of(task).encode()
        known = entry(task, signed_at=5)
        assert stored == replace(known, state=state, prover_signature=b"\x01" * 65)
        # The prover started again: the same state, signed by another key.
        signer.sign(task, poe_of(task), b"\x02" * 65)
        assert [one.prover_signature for one in signer.signed(task.key)] == [b"\x02" * 65]
        assert Signature.from_coordinates(*found.signature).verify(KEY.public_key.g2, stored.digest)
        with pytest.raises(AnotherStateError):
            signer.sign(task, poe_of(task, 2), b"\x01" * 65)


def test_another_keys_database_signs_nothing(tmp_path: Path) -> None:
    """It would not know what the key signed."""
    with (
        SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection,
        pytest.raises(ValueError, match="another key"),
    ):
        ProtectedSigner(SecretKey.generate(), protection)
