"""Each platform's quotes, by kernels and devices that a test plays."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cbor2
import pytest

from coprove.attestation import Platform
from coprove.attestation.dcap import DcapCollateral, verify_quote
from coprove.attestation.simulation.intel import QuoteSpec, SimulatedIntel, sgx_report, td_report
from coprove.errors import InputError
from coprove.prover.tee.enclave import Enclave, QuoteMismatchError, QuoteUnavailableError
from coprove.prover.tee.enclave.platforms import (
    CcaProvider,
    GramineProvider,
    KernelFiles,
    NitroProvider,
    NsmDevice,
    PsaProvider,
    SimulatedProvider,
    SnpProvider,
    TdxProvider,
    simulated_measurement,
    token_by_command,
    token_by_device,
)
from coprove.prover.tee.enclave.platforms.nitro import NSM_RAW
from tests.vectors import vectors_dir

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_750_000_000
VENDOR = SimulatedIntel("platforms", start=START)
DATA = bytes(range(64))
ENCLAVE = b"\xe1" * 32


def sgx_quote(report_data: bytes, mr_enclave: bytes = ENCLAVE) -> bytes:
    return VENDOR.quote(QuoteSpec(body=sgx_report(mr_enclave=mr_enclave, report_data=report_data)))


@dataclass
class GramineFiles:
    """/dev/attestation of an enclave whose host has a quoting service."""

    kind: bytes = b"dcap"
    target: bytes = ENCLAVE + bytes(480)
    service: Callable[[bytes], bytes] = sgx_quote
    user_data: bytes | None = None
    missing: set[str] = field(default_factory=set)

    def read(self, path: Path) -> bytes:
        assert path.parent == Path("/dev/attestation")
        if path.name in self.missing:
            raise OSError(errno.ENOENT, "no such file", str(path))
        if path.name == "quote":
            assert self.user_data is not None
            return self.service(self.user_data)
        return {"attestation_type": self.kind, "my_target_info": self.target}[path.name]

    def write(self, path: Path, data: bytes) -> None:
        assert path == Path("/dev/attestation/user_report_data")
        self.user_data = data

    def make_folder(self, path: Path) -> None:
        raise AssertionError(path)

    def remove_folder(self, path: Path) -> None:
        raise AssertionError(path)


def test_gramine_quotes_what_was_written_and_is_measured_by_the_cpu() -> None:
    quote = GramineProvider(files=GramineFiles()).quote(DATA)
    assert (quote.report_data, quote.measurement) == (DATA, ENCLAVE)
    assert quote.evidence == sgx_quote(DATA)
    assert Enclave(GramineProvider(files=GramineFiles())).identity.measurement == ENCLAVE


@pytest.mark.parametrize(
    "files",
    [
        GramineFiles(kind=b"none"),
        GramineFiles(missing={"attestation_type"}),
        GramineFiles(missing={"quote"}),
    ],
    ids=["no attestation", "no gramine", "no quoting service"],
)
def test_gramine_without_quotes_is_unavailable(files: GramineFiles) -> None:
    with pytest.raises(QuoteUnavailableError):
        GramineProvider(files=files).quote(DATA)


@pytest.mark.parametrize(
    "files",
    [
        GramineFiles(service=lambda data: sgx_quote(data, b"\x02" * 32)),
        GramineFiles(service=lambda _data: b"junk"),
        GramineFiles(
            service=lambda data: VENDOR.quote(
                QuoteSpec(body=td_report(report_data=data), version=4)
            )
        ),
        GramineFiles(target=bytes(31)),
    ],
    ids=["another enclave", "junk", "a trust domain", "target info"],
)
def test_gramine_refuses_what_the_host_made_up(files: GramineFiles) -> None:
    with pytest.raises(QuoteMismatchError):
        GramineProvider(files=files).quote(DATA)


@dataclass
class TsmFiles:
    """A kernel with configfs-tsm: objects, generations, reports."""

    provider: str
    report: Callable[[bytes], bytes]
    auxiliary: bytes | None = None
    interfere: int = 0
    """So many times another process writes between our write and our read."""
    busy: int = 0
    """So many times a read ends with EWOULDBLOCK."""
    objects: dict[Path, dict[str, Any]] = field(default_factory=dict)
    levels: list[bytes] = field(default_factory=list)

    def make_folder(self, path: Path) -> None:
        if path in self.objects:
            raise OSError(errno.EEXIST, "exists")
        self.objects[path] = {"generation": 0, "inblob": None}

    def remove_folder(self, path: Path) -> None:
        del self.objects[path]

    def write(self, path: Path, data: bytes) -> None:
        entry = self.objects[path.parent]
        entry["generation"] += 1
        if path.name == "privlevel":
            self.levels.append(data)
        else:
            assert path.name == "inblob"
            entry["inblob"] = data

    def read(self, path: Path) -> bytes:
        entry = self.objects[path.parent]
        if path.name == "provider":
            return self.provider.encode() + b"\n"
        if path.name == "generation":
            return f"{entry['generation']}\n".encode()
        if path.name == "auxblob":
            if self.auxiliary is None:
                raise OSError(errno.ENOENT, "no such file")
            return self.auxiliary
        assert path.name == "outblob"
        if self.busy:
            self.busy -= 1
            raise OSError(errno.EWOULDBLOCK, "again")
        if self.interfere:
            self.interfere -= 1
            self.write(path.parent / "inblob", b"\x66" * 64)
        return self.report(entry["inblob"])


class LeavingFiles(TsmFiles):
    """Used by a process that is killed before it removes its object."""

    def remove_folder(self, path: Path) -> None:
        assert path in self.objects


def always(answer: bytes) -> Callable[[bytes], bytes]:
    """Return a kernel's way to answer everything alike."""
    return lambda _data: answer


def td_quote(report_data: bytes) -> bytes:
    return VENDOR.quote(QuoteSpec(body=td_report(report_data=report_data), version=4))


def snp_report(report_data: bytes) -> bytes:
    """A real report with other report data; its signature does not matter here."""
    real = (vectors_dir("attestation/snp_milan_debug") / "attestation.bin").read_bytes()
    return real[:0x50] + report_data + real[0x90:]


def realm_token(report_data: bytes) -> bytes:
    claims = {10: report_data, 44238: b"\x01" * 32, 44239: [b"\x02" * 32] * 4}
    sign1 = cbor2.CBORTag(18, [b"", {}, cbor2.dumps(claims), bytes(96)])
    members = {44234: b"platform token", 44241: cbor2.dumps(sign1)}
    return cbor2.dumps(cbor2.CBORTag(399, members))


TSM: dict[str, Any] = {
    "tdx_guest": (TdxProvider, td_quote, Platform.INTEL_TDX, 240),
    "sev_guest": (SnpProvider, snp_report, Platform.AMD_SEV_SNP, 48),
    "arm_cca_guest": (CcaProvider, realm_token, Platform.ARM_CCA, 160),
}


@pytest.mark.parametrize("name", list(TSM))
def test_configfs_tsm_gives_each_platforms_report(name: str) -> None:
    kind, report, platform, size = TSM[name]
    files = TsmFiles(name, report)
    quote = kind(files=files).quote(DATA)
    assert quote.platform is platform
    assert quote.report_data == DATA
    assert len(quote.measurement) == size
    assert quote.evidence == report(DATA)
    assert quote.endorsements is None
    assert not files.objects, "objects in configfs are removed"


@pytest.mark.parametrize("name", list(TSM))
def test_a_report_with_anothers_input_is_made_again(name: str) -> None:
    kind, report, _, _ = TSM[name]
    files = TsmFiles(name, report, interfere=2)
    assert kind(files=files).quote(DATA).report_data == DATA
    files = TsmFiles(name, report, busy=2)
    assert kind(files=files).quote(DATA).report_data == DATA


@pytest.mark.parametrize("name", list(TSM))
def test_a_report_that_others_disturb_for_ever_is_unavailable(name: str) -> None:
    kind, report, _, _ = TSM[name]
    for files in (TsmFiles(name, report, interfere=99), TsmFiles(name, report, busy=99)):
        with pytest.raises(QuoteUnavailableError):
            kind(files=files).quote(DATA)
        assert not files.objects


@pytest.mark.parametrize("name", list(TSM))
def test_objects_that_a_killed_process_left_are_in_nobodys_way(name: str) -> None:
    """In a container the next process has the same number, and begins to count anew."""
    kind, report, _, _ = TSM[name]
    files = LeavingFiles(name, report)
    for number in (1, 2):
        assert kind(files=files).quote(DATA).report_data == DATA
        assert len(files.objects) == number


@pytest.mark.parametrize("name", list(TSM))
def test_another_tsm_and_junk_are_refused(name: str) -> None:
    kind, report, _, _ = TSM[name]
    with pytest.raises(QuoteUnavailableError):
        kind(files=TsmFiles("another_guest", report)).quote(DATA)
    for junk in (b"", b"junk", cbor2.dumps(1), cbor2.dumps(cbor2.CBORTag(399, 1)), bytes(1184)):
        with pytest.raises(QuoteMismatchError):
            kind(files=TsmFiles(name, always(junk))).quote(DATA)


def test_a_kernel_without_configfs_tsm_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(QuoteUnavailableError):
        TdxProvider(tmp_path / "report").quote(DATA)


def test_snp_passes_on_certificates_and_asks_for_its_level() -> None:
    files = TsmFiles("sev_guest", snp_report, auxiliary=b"certificates")
    quote = SnpProvider(files=files, vmpl=1).quote(DATA)
    assert quote.endorsements == b"certificates"
    assert files.levels == [b"1"]


PCRS = {index: bytes([index + 1]) * 48 for index in range(16)}


@dataclass
class FakeModule:
    """A Nitro Security Module."""

    registers: dict[int, bytes] = field(default_factory=lambda: dict(PCRS))
    documented: dict[int, bytes] = field(default_factory=lambda: dict(PCRS))
    answer: Callable[[Any], Any] = lambda asked: asked
    seen: list[Any] = field(default_factory=list)

    def exchange(self, request: bytes) -> bytes:
        asked = cbor2.loads(request)
        self.seen.append(asked)
        if "DescribePCR" in asked:
            data = self.registers[asked["DescribePCR"]["index"]]
            return cbor2.dumps(self.answer({"DescribePCR": {"lock": True, "data": data}}))
        given = asked["Attestation"]
        payload = {"pcrs": self.documented, "user_data": given["user_data"], "nonce": None}
        document = cbor2.dumps([b"\xa1\x01\x38\x22", {}, cbor2.dumps(payload), bytes(96)])
        return cbor2.dumps(self.answer({"Attestation": {"document": document}}))


def test_nitro_documents_carry_report_data_as_user_data() -> None:
    module = FakeModule()
    quote = NitroProvider(module).quote(DATA)
    assert quote.report_data == DATA
    assert quote.measurement == PCRS[0] + PCRS[1] + PCRS[2]
    asked = module.seen[-1]["Attestation"]
    assert asked == {"user_data": DATA, "nonce": None, "public_key": None}


@pytest.mark.parametrize(
    ("module", "error"),
    [
        (FakeModule(documented={**PCRS, 2: bytes(48)}), QuoteMismatchError),
        (FakeModule(answer=lambda _: {"Error": "InvalidOperation"}), QuoteUnavailableError),
        (FakeModule(answer=lambda _: {"Attestation": {}}), QuoteMismatchError),
        (FakeModule(answer=lambda _: [1]), QuoteMismatchError),
        (FakeModule(documented={}), QuoteMismatchError),
    ],
    ids=["other PCRs", "error", "empty", "list", "no PCRs"],
)
def test_nitro_refuses_other_answers(module: FakeModule, error: type[Exception]) -> None:
    with pytest.raises(error):
        NitroProvider(module).quote(DATA)


def test_the_nitro_device_speaks_by_one_ioctl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses and lengths of both buffers, as linux/nsm.h has them; the answer's length back."""
    device = tmp_path / "nsm"
    device.touch()
    seen: list[bytes] = []

    def ioctl(descriptor: int, request: int, message: Any) -> int:
        assert stat.S_ISREG(os.fstat(descriptor).st_mode)
        assert request == NSM_RAW == (3 << 30) | (32 << 16) | (0x0A << 8)
        assert ctypes.sizeof(message) == 32
        seen.append(ctypes.string_at(message.request.address, message.request.length))
        assert message.answer.length == 0x3000
        ctypes.memmove(message.answer.address, b"answer", 6)
        message.answer.length = 6
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert NsmDevice(device).exchange(b"request") == b"answer"
    assert seen == [b"request"]
    with pytest.raises(OSError, match="4096"):
        NsmDevice(device).exchange(bytes(5000))


def test_a_machine_without_the_nitro_device_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(QuoteUnavailableError):
        NitroProvider(NsmDevice(tmp_path / "nsm")).quote(DATA)


def psa_token(nonce: bytes, **changes: Any) -> bytes:
    components = [{2: b"\x0a" * 32, 5: b"\x0b" * 32}, {2: b"\x0c" * 32}]
    claims = {10: nonce, 2399: components, 2396: bytes(32)} | changes.get("claims", {})
    return cbor2.dumps(cbor2.CBORTag(18, [b"", {}, cbor2.dumps(claims), bytes(64)]))


def test_psa_tokens_carry_report_data_as_nonce() -> None:
    quote = PsaProvider(psa_token).quote(DATA)
    assert quote.report_data == DATA
    assert quote.measurement == b"\x0a" * 32 + b"\x0c" * 32


@pytest.mark.parametrize("components", [None, [], [1], [{}], [{2: "text"}], 7], ids=str)
def test_psa_tokens_without_measured_components_are_refused(components: Any) -> None:
    with pytest.raises(QuoteMismatchError):
        PsaProvider(lambda nonce: psa_token(nonce, claims={2399: components})).quote(DATA)


def test_psa_tokens_come_from_a_device(tmp_path: Path) -> None:
    device = tmp_path / "attestation"
    device.touch()

    class Firmware(KernelFiles):
        def read(self, path: Path) -> bytes:
            return psa_token(super().read(path))

    assert PsaProvider(token_by_device(device, Firmware())).quote(DATA).report_data == DATA
    with pytest.raises(QuoteUnavailableError):
        PsaProvider(token_by_device(tmp_path / "none")).quote(DATA)


PROGRAM = """
import os, sys
import cbor2
if sys.argv[1:] == ["fail"]:
    sys.exit(3)
if os.environ.get("HOME"):
    sys.exit(4)
nonce = sys.stdin.buffer.read()
claims = {10: nonce, 2399: [{2: b"\\x0a" * 32}]}
sign1 = cbor2.CBORTag(18, [b"", {}, cbor2.dumps(claims), bytes(64)])
sys.stdout.buffer.write(cbor2.dumps(sign1) if sys.argv[1:] != ["much"] else bytes(1 << 17))
"""


def test_psa_tokens_come_from_a_program(tmp_path: Path) -> None:
    script = tmp_path / "token.py"
    script.write_text(PROGRAM)
    command = [sys.executable, str(script)]
    assert PsaProvider(token_by_command(command, timeout=60)).quote(DATA).report_data == DATA
    for wrong in ([*command, "fail"], [*command, "much"], [str(tmp_path / "none")]):
        with pytest.raises(QuoteUnavailableError):
            PsaProvider(token_by_command(wrong, timeout=60)).quote(DATA)
    waits = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(QuoteUnavailableError):
        PsaProvider(token_by_command(waits, timeout=0.1)).quote(DATA)


@pytest.mark.parametrize("platform", [Platform.INTEL_SGX, Platform.INTEL_TDX])
def test_simulated_quotes_hold_under_their_own_root_and_say_so(platform: Platform) -> None:
    measurement = simulated_measurement(platform, "range program")
    provider = SimulatedProvider(platform, seed="lab", start=START, measurement=measurement)
    quote = provider.quote(DATA)
    assert quote.endorsements is not None
    claims = verify_quote(
        quote.evidence,
        DcapCollateral.from_json(quote.endorsements),
        at=START + 60,
        root=provider.vendor.root,
    )
    assert claims.simulated
    assert claims.platform is platform
    assert claims.report_data == quote.report_data == DATA
    assert claims.measurement == quote.measurement == measurement


def test_only_intels_platforms_are_played_and_measurements_have_their_size() -> None:
    with pytest.raises(InputError):
        SimulatedProvider(Platform.AWS_NITRO, seed="lab", start=START)
    with pytest.raises(InputError):
        SimulatedProvider(seed="lab", start=START, measurement=bytes(31))


def test_kernel_files_make_no_files_and_read_a_megabyte_at_most(tmp_path: Path) -> None:
    files = KernelFiles()
    with pytest.raises(FileNotFoundError):
        files.write(tmp_path / "none", b"x")
    (tmp_path / "large").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(OSError, match="more than"):
        files.read(tmp_path / "large")
    files.make_folder(tmp_path / "entry")
    files.remove_folder(tmp_path / "entry")
    assert not (tmp_path / "entry").exists()
