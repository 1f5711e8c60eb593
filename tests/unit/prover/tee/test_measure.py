"""SGX measurements and SIGSTRUCT, by our own code and without SGX.

The expected measurements of Gramine enclaves were computed by the signing tool of Gramine 1.9 from
the same manifest and loader.
"""

from __future__ import annotations

import hashlib
import json
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.cli import main
from coprove.errors import InputError
from coprove.prover.tee.measure import (
    EnclaveMeasurement,
    GramineManifest,
    PageType,
    check_trusted_files,
    measure_gramine,
    parse_sigstruct,
    verify_sigstruct,
)
from coprove.prover.tee.measure.elf import parse_elf
from coprove.prover.tee.measure.sgx import page_flags

if TYPE_CHECKING:
    from pathlib import Path

PAGE = bytes(range(256)) * 16
RX = page_flags(PageType.REGULAR, read=True, execute=True)
TCS = page_flags(PageType.TCS)


def record(tag: bytes, *numbers: tuple[int, int]) -> bytes:
    """Return a record of 64 bytes: a tag of 8, numbers of a size, zeros."""
    body = tag.ljust(8, b"\x00") + b"".join(
        value.to_bytes(size, "little") for value, size in numbers
    )
    return body.ljust(64, b"\x00")


def test_a_small_enclave_is_measured_as_the_manual_says() -> None:
    """Two pages and heap, the records put together by hand from the SDM's tables."""
    expected = hashlib.sha256()
    expected.update(record(b"ECREATE", (1, 4), (0x8000, 8)))
    expected.update(record(b"EADD", (0x0000, 8), (0x0205, 8)))
    for chunk in range(16):
        expected.update(record(b"EEXTEND", (chunk * 256, 8)))
        expected.update(PAGE[chunk * 256 : chunk * 256 + 256])
    expected.update(record(b"EADD", (0x1000, 8), (0x0100, 8)))
    for chunk in range(16):
        expected.update(record(b"EEXTEND", (0x1000 + chunk * 256, 8)))
        expected.update(bytes(256))
    expected.update(record(b"EADD", (0x2000, 8), (0x0207, 8)))
    expected.update(record(b"EADD", (0x3000, 8), (0x0207, 8)))
    enclave = EnclaveMeasurement(size=0x8000, ssa_frame_pages=1)
    enclave.add_page(0, RX, PAGE)
    enclave.add_page(0x1000, TCS, bytes(4096))
    heap = page_flags(PageType.REGULAR, read=True, write=True, execute=True)
    enclave.add_pages(0x2000, 2, heap)
    assert enclave.value() == expected.digest()
    assert enclave.value().hex() == (
        "0b7b80304f0d7e968bfabcbc30c59a8663f3df7249bf93695475f11b90bcda08"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: EnclaveMeasurement(size=0x1000, ssa_frame_pages=1),
        lambda: EnclaveMeasurement(size=0x3000, ssa_frame_pages=1),
        lambda: EnclaveMeasurement(size=0x4000, ssa_frame_pages=0),
        lambda: small().add_page(0x10, RX, PAGE),
        lambda: small().add_page(0x4000, RX, PAGE),
        lambda: small().add_pages(0x3000, 2, RX),
        lambda: small().add_page(0, RX, PAGE[:-1]),
        lambda: small().add_page(0, TCS | 1, bytes(4096)),
        lambda: small().add_page(0, 0x300, PAGE),
        lambda: small().add_page(0, RX | 8, PAGE),
    ],
)
def test_what_no_processor_builds_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError):
        wrong()


def small() -> EnclaveMeasurement:
    return EnclaveMeasurement(size=0x4000, ssa_frame_pages=1)


@given(st.integers(0, 4095), st.integers(1, 255))
def test_every_byte_of_a_measured_page_counts(position: int, mask: int) -> None:
    changed = bytearray(PAGE)
    changed[position] ^= mask
    values = []
    for page in (PAGE, bytes(changed)):
        enclave = small()
        enclave.add_page(0, RX, page)
        values.append(enclave.value())
    assert values[0] != values[1]


SEGMENTS = (
    (0x0000, 0x0000, bytes(range(200)), 200, 4),
    (0x1000, 0x1000, b"\xc3" * 5000, 5000, 5),
    (0x2EF8, 0x3EF8, b"data" * 100, 11480, 6),
)


def elf(segments: Any = SEGMENTS, *, kind: int = 3, entry: int = 0x1010) -> bytes:
    """Return a shared object of just these segments: offset, address, data, size, flags."""
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\x00") + struct.pack(
        "<HHIQQQIHHHHHH", kind, 62, 1, entry, 64, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    table = b"".join(
        struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, len(data), size, 0x1000)
        for offset, address, data, size, flags in segments
    )
    image = bytearray(max(offset + len(data) for offset, _, data, _, _ in segments))
    for offset, _, data, _, _ in segments:
        image[offset : offset + len(data)] = data
    image[: len(header) + len(table)] = header + table
    return bytes(image)


def manifest(**changes: Any) -> bytes:
    """Return a manifest's text."""
    values = {"enclave_size": '"64M"', "max_threads": "3", "edmm_enable": "false"} | changes
    sgx = "".join(f"{name} = {value}\n" for name, value in values.items())
    return f'[loader]\nargv = ["python3"]\n\n[sgx]\n{sgx}'.encode()


GRAMINE = [
    ({}, "89590b52927ace122ef39cb310a74e2086148a42f4c3e9f988b26f0454ed64a3"),
    (
        {"enclave_size": '"1G"', "max_threads": "16"},
        "43e3c26dfe0fff00905e11411345d90409296d8d157927580adc4b84b6c40c35",
    ),
    ({"edmm_enable": "true"}, "955dc76106b058b075586822e5ffc639d8bb63f94aa81f47a8f0331f6d0de61d"),
    (
        {"enclave_size": '"0x2000000"', "max_threads": "1"},
        "eb657a7d1e7ad39f781a1e4da2eddf9695e9f1198ca6a94d11d8771bf4b51b5e",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), GRAMINE, ids=["64M", "1G", "edmm", "hex"])
def test_gramine_enclaves_have_the_measurement_that_gramine_gives_them(
    changes: dict[str, str], expected: str
) -> None:
    assert measure_gramine(manifest(**changes), elf()).mr_enclave.hex() == expected


def test_every_byte_of_manifest_and_loader_counts() -> None:
    first = measure_gramine(manifest(), elf()).mr_enclave
    assert measure_gramine(manifest() + b"\n", elf()).mr_enclave != first
    other = elf((*SEGMENTS[:2], (0x2EF8, 0x3EF8, b"dat4" * 100, 11480, 6)))
    assert measure_gramine(manifest(), other).mr_enclave != first
    assert measure_gramine(manifest(), elf(entry=0x1011)).mr_enclave != first


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (b"\xff", elf()),
        (b"[loader]", elf()),
        (manifest(max_threads="0"), elf()),
        (manifest(max_threads="true"), elf()),
        (manifest(max_threads="1000"), elf()),
        (manifest(enclave_size='"60M"'), elf()),
        (manifest(enclave_size="64"), elf()),
        (manifest(enclave_size=f'"0x{"8" + "0" * 30}"'), elf()),
        (manifest(enclave_size='"1048576G"'), elf()),
        (manifest(trusted_files='[{uri = "file:/x"}]'), elf()),
        (manifest(trusted_files='["file:/x"]'), elf()),
        (manifest(), b"junk"),
        (manifest(), elf(kind=2)),
        (manifest(), elf(((0x1000, 0x1000, b"\xc3", 1, 5),))),
        (manifest(), elf(((0, 0, bytes(300), 300, 4), (0x1000, 0x2010, b"x", 1, 6)))),
    ],
)
def test_other_files_are_refused(text: bytes, image: bytes) -> None:
    with pytest.raises(InputError):
        measure_gramine(text, image)


def test_versions_whose_layout_is_not_known_are_refused() -> None:
    with pytest.raises(InputError, match=r"1\.9"):
        measure_gramine(manifest(), elf(), version="1.5")


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_elf_files_of_any_bytes_are_read_or_refused(junk: bytes, at: int, patch: bytes) -> None:
    image = elf()
    for data in (junk, image[:at] + patch + image[at + len(patch) :], image[:at]):
        try:
            parse_elf(data)
        except InputError:
            continue


SOUND = """
[loader]
argv = ["python3", "-m", "x"]
entrypoint = { uri = "file:/gramine/libsysdb.so", sha256 = "%s" }
[loader.env]
PYTHONHASHSEED = "0"
[sgx]
enclave_size = "64M"
max_threads = 3
remote_attestation = "dcap"
trusted_files = [{ uri = "file:/app/main.py", sha256 = "%s" }]
"""
ENTRY, PROGRAM = b"entry", b"program"


def sound() -> str:
    return SOUND % (hashlib.sha256(ENTRY).hexdigest(), hashlib.sha256(PROGRAM).hexdigest())


UNSOUND = [
    ('remote_attestation = "dcap"', 'remote_attestation = "none"', "remote_attestation"),
    ("max_threads = 3", "max_threads = 3\ndebug = true", "sgx.debug"),
    ("max_threads = 3", "max_threads = 3\nedmm_enable = true", "edmm"),
    ("max_threads = 3", 'max_threads = 3\nallowed_files = ["file:/x"]', "allowed_files"),
    ("max_threads = 3", 'max_threads = 3\nfile_check_policy = "allow_all_but_log"', "policy"),
    ("max_threads = 3", "max_threads = 3\nuse_exinfo = true", "exinfo"),
    ('argv = ["python3", "-m", "x"]', "insecure__use_cmdline_argv = true", "insecure__use"),
    ('argv = ["python3", "-m", "x"]', "argv = []", "argv is not fixed"),
    ('PYTHONHASHSEED = "0"', 'PYTHONHASHSEED = "0"\nX = { passthrough = true }', "env.X"),
    ('PYTHONHASHSEED = "0"', "", "PYTHONHASHSEED"),
    ("[loader]", '[loader]\nenv_src_file = "file:/env"', "env_src_file"),
    ("[sgx]", "[sys]\ninsecure__allow_eventfd = true\n[sgx]", "sys.insecure__allow_eventfd"),
    ("[sgx]", '[fs.insecure__keys]\ndefault = "00"\n[sgx]', "fs.insecure__keys"),
]


def test_a_sound_manifest_has_no_findings() -> None:
    assert GramineManifest.parse(sound().encode()).findings == ()


@pytest.mark.parametrize(("old", "new", "word"), UNSOUND, ids=[item[2] for item in UNSOUND])
def test_settings_by_which_a_host_gets_in_are_found(old: str, new: str, word: str) -> None:
    changed = sound().replace(old, new)
    assert changed != sound()
    found = GramineManifest.parse(changed.encode()).findings
    assert any(word in line for line in found), found


def test_trusted_files_are_compared_under_a_root(tmp_path: Path) -> None:
    given = GramineManifest.parse(sound().encode())
    assert len(check_trusted_files(given, tmp_path)) == 2
    for path, content in (("gramine/libsysdb.so", ENTRY), ("app/main.py", PROGRAM)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(content)
    assert check_trusted_files(given, tmp_path) == []
    (tmp_path / "app/main.py").write_bytes(b"another")
    (found,) = check_trusted_files(given, tmp_path)
    assert "/app/main.py" in found


@cache
def signer() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=3, key_size=3072)


def sigstruct(enclave_hash: bytes = b"\x5a" * 32, **changes: Any) -> bytes:
    """Return a SIGSTRUCT that holds, with bytes at some offsets changed before it is signed."""
    data = bytearray(1808)

    def put(at: int, value: bytes) -> None:
        data[at : at + len(value)] = value

    put(0, bytes.fromhex("06000000e10000000000010000000000"))
    put(20, bytes.fromhex("24112620"))
    put(24, bytes.fromhex("01010000600000006000000001000000"))
    modulus = signer().public_key().public_numbers().n
    put(128, modulus.to_bytes(384, "little"))
    put(512, (3).to_bytes(4, "little"))
    put(904, b"\xff" * 4)
    put(928, struct.pack("<QQ", 4, 3))
    put(944, struct.pack("<QQ", 2**64 - 1, 0xFFFFFFFFFFF9FF1B))
    put(960, enclave_hash)
    put(1024, struct.pack("<HH", 7, 2))
    for at, value in changes.items():
        put(int(at.removeprefix("at_")), value)
    signed = bytes(data[:128] + data[900:1028])
    value = int.from_bytes(signer().sign(signed, padding.PKCS1v15(), hashes.SHA256()), "big")
    q1, rest = divmod(value * value, modulus)
    put(516, value.to_bytes(384, "little"))
    put(1040, q1.to_bytes(384, "little"))
    put(1424, (rest * value // modulus).to_bytes(384, "little"))
    return bytes(data)


def test_a_sigstruct_says_what_its_signer_signed() -> None:
    data = sigstruct()
    found = verify_sigstruct(data)
    assert found.enclave_hash == b"\x5a" * 32
    assert (found.product_id, found.security_version, found.date) == (7, 2, "2026-11-24")
    assert found.mr_signer == hashlib.sha256(data[128:512]).digest()
    assert not found.allows_debug
    assert verify_sigstruct(sigstruct(at_928=struct.pack("<QQ", 6, 3))).allows_debug
    assert verify_sigstruct(sigstruct(at_944=struct.pack("<Q", 0))).allows_debug


def test_any_changed_byte_of_a_sigstruct_is_refused() -> None:
    """All that is signed, sampled; the quotients and the signature; reserved bytes."""
    data = sigstruct()
    for position in (
        *range(0, 128, 3),
        *range(128, 900, 31),
        *range(900, 1028, 3),
        1040,
        1424,
        1807,
    ):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(InputError):
            verify_sigstruct(bytes(changed))
    for wrong in (data[:-1], data + b"\x00", b""):
        with pytest.raises(InputError):
            parse_sigstruct(wrong)


@given(st.binary(max_size=64), st.integers(0, 1807))
def test_sigstructs_of_any_bytes_are_read_or_refused(junk: bytes, at: int) -> None:
    data = sigstruct_sample()
    with pytest.raises(InputError):
        verify_sigstruct((data[:at] + junk + data[at + len(junk) :])[:1808] + b"\x00")


@cache
def sigstruct_sample() -> bytes:
    return sigstruct()


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_the_command_measures_compares_and_says_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {name: tmp_path / name for name in ("m", "libpal.so", "sig", "root")}
    names["m"].write_bytes(sound().encode())
    names["libpal.so"].write_bytes(elf())
    value = measure_gramine(sound().encode(), elf()).mr_enclave
    names["sig"].write_bytes(sigstruct(value))
    for path, content in (("gramine/libsysdb.so", ENTRY), ("app/main.py", PROGRAM)):
        (names["root"] / path).parent.mkdir(parents=True)
        (names["root"] / path).write_bytes(content)
    command = ["measure", "gramine", "--manifest", str(names["m"])]
    command += ["--libpal", str(names["libpal.so"])]
    code, out, _ = run([*command, "--json"], capsys)
    assert code == 0
    assert json.loads(out)["mr_enclave"] == value.hex0x
    everything = ["--sigstruct", str(names["sig"]), "--root", str(names["root"])]
    code, out, _ = run([*command, *everything, "--json"], capsys)
    assert code == 0
    assert json.loads(out)["differences"] == []
    names["sig"].write_bytes(sigstruct(b"\x01" * 32))
    (names["root"] / "app/main.py").write_bytes(b"another")
    names["m"].write_bytes(sound().replace('"dcap"', '"none"').encode())
    code, out, _ = run([*command, *everything], capsys)
    assert code == 1
    assert "MRENCLAVE" in out
    assert "/app/main.py" in out
    assert "remote_attestation" in out


def test_the_command_shows_a_sigstruct_and_refuses_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sig"
    path.write_bytes(sigstruct())
    code, out, _ = run(["measure", "sigstruct", str(path), "--json"], capsys)
    assert code == 0
    assert json.loads(out)["mr_enclave"] == "0x" + "5a" * 32
    path.write_bytes(sigstruct(at_928=struct.pack("<QQ", 6, 3)))
    code, out, _ = run(["measure", "sigstruct", str(path)], capsys)
    assert code == 1
    assert "debug" in out
    path.write_bytes(bytes(1808))
    code, _, err = run(["measure", "sigstruct", str(path)], capsys)
    assert code == 2
    assert "SIGSTRUCT" in err
