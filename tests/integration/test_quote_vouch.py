"""Attestors' commands: evidence verified by each, and believed by their contract."""

from __future__ import annotations

import asyncio
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from coprove.attestation import Platform, measurement_id
from coprove.cli import main
from coprove.contracts import CallRevertedError
from tests.integration.attestation_lab import CHAIN_ID, Lab, running_lab
from tests.unit.attestation.snp import guests

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anvil

DIGEST = bytes(range(1, 33))
KEYS = [f"{number:064x}" for number in (501, 502)]


def run(*arguments: object) -> tuple[int, str, str]:
    """Run a command here; return its exit code, what it printed and what it said."""
    out, said = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(said), pytest.raises(SystemExit) as ended:
        main(["quote", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code, out.getvalue(), said.getvalue()


class Desk:
    """The files of two attestors, and a guest's evidence."""

    def __init__(self, folder: Path, lab: Lab, at: int) -> None:
        """Write them."""
        self.folder, self.lab, self.at = folder, lab, at
        state = replace(guests.GUEST, report_data=DIGEST + bytes(32))
        exhibit = guests.Exhibit(body=guests.AMD.unsigned_report(state))
        (folder / "report.bin").write_bytes(exhibit.report)
        (folder / "table.bin").write_bytes(exhibit.endorsements)
        (folder / "root.der").write_bytes(guests.AMD.root.der)
        (folder / "policy.toml").write_text(
            "version = 1\nallow_simulation = true\n[[workload]]\n"
            f'platform = "amd-sev-snp"\nmeasurement = "0x{guests.GUEST.measurement.hex()}"\n'
        )
        for number, key in enumerate(KEYS):
            (folder / f"key{number}").write_text(key)

    def vouch(self, number: int, *more: object, report: str = "report.bin") -> tuple[int, str, str]:
        return run(
            "vouch",
            self.folder / report,
            *("--policy", self.folder / "policy.toml"),
            *("--endorsements", self.folder / "table.bin"),
            *("--root", self.folder / "root.der"),
            *("--attestors", self.lab.attestors.address),
            *("--chain-id", CHAIN_ID, "--signed-at", self.at),
            *("--private-key-file", self.folder / f"key{number}"),
            *more,
        )

    def vouched(self, number: int, *more: object) -> Path:
        code, out, said = self.vouch(number, *more)
        assert code == 0, said
        assert KEYS[number] not in out + said
        file = self.folder / f"vouched{number}.json"
        file.write_text(out)
        return file


async def test_two_attestors_vouch_and_the_contract_believes_them(tmp_path: Path) -> None:
    """One is not enough; a changed word or another moment is not the same statement."""
    async with running_lab() as lab:
        at = await lab.l1.timestamp() - 1
        desk = Desk(tmp_path, lab, at)

        def both() -> tuple[bytes, bytes]:
            files = [desk.vouched(number) for number in (0, 1)]
            evidence = []
            for some in (files, files[:1]):
                code, out, said = run("combine", *some, "--json")
                assert code == 0, said
                evidence.append(bytes.fromhex(json.loads(out)["evidence"][2:]))
            return evidence[0], evidence[1]

        two, one = await asyncio.to_thread(both)
        claims = await lab.attestors.verify(two)
        assert claims.platform is Platform.AMD_SEV_SNP
        assert claims.measurement == measurement_id(claims.platform, guests.GUEST.measurement)
        assert (claims.report_digest, claims.simulated) == (DIGEST, True)
        with pytest.raises(CallRevertedError):
            await lab.attestors.verify(one)
        await asyncio.to_thread(refusals, desk)


def refusals(desk: Desk) -> None:
    """What is not the same statement, no signature, or no genuine evidence."""
    first, second = desk.folder / "vouched0.json", desk.folder / "vouched1.json"
    values: dict[str, Any] = json.loads(second.read_text())
    changed = desk.folder / "changed.json"
    for name, value in (
        ("signed_at", desk.at - 1),
        ("valid_until", values["valid_until"] + 1),
        ("simulated", False),
        ("attestors", "0x" + "11" * 20),
        ("signature", "0x00"),
        ("tcb_status", "FINE"),
        ("platform", "amd"),
        ("chain_id", -1),
    ):
        changed.write_text(json.dumps(values | {name: value}))
        code, out, _ = run("combine", first, changed, "--json")
        assert (code, out) == (2, ""), name
    changed.write_text("[]")
    assert run("combine", changed)[0] == 2
    report = bytearray((desk.folder / "report.bin").read_bytes())
    report[0x90] ^= 1
    (desk.folder / "forged.bin").write_bytes(report)
    code, out, said = desk.vouch(0, report="forged.bin")
    assert (code, out) == (1, "")
    assert "nothing signed" in said
