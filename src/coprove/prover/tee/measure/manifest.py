"""A Gramine manifest as it is measured, with the hashes of its trusted files (`.manifest.sgx`)."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coprove.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["GramineManifest", "TrustedFile", "check_trusted_files"]

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE: Final = re.compile(r"(0x[0-9a-fA-F]+|\d+)([KMG]?)")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FILE: Final = "file:"
_PIECE: Final = 1 << 20
_LARGEST: Final = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedFile:
    """A file that the enclave opens only when it has this content."""

    path: str
    """Path on the host."""
    sha256: str
    """Of the content, hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GramineManifest:
    """What the measurement and its reader need of a manifest."""

    content: bytes
    """The manifest's bytes, all of which are measured."""
    enclave_size: int
    """Bytes."""
    max_threads: int
    """Threads that the enclave has control structures for."""
    edmm: bool
    """Whether the heap is added at run time and not measured."""
    trusted_files: tuple[TrustedFile, ...]
    """Gramine's own entry point, then all others in the manifest's order."""
    findings: tuple[str, ...]
    """Settings by which a host could change what runs, or read it; empty for a sound manifest."""

    @classmethod
    def parse(cls, content: bytes) -> GramineManifest:
        """Read a manifest; InputError when it is none or its trusted files have no hashes."""
        try:
            members: dict[str, Any] = tomllib.loads(content.decode())
        except ValueError as error:
            raise InputError("manifest", expected="TOML in UTF-8", actual=error) from None
        sgx = members.get("sgx")
        if not isinstance(sgx, dict):
            raise InputError("manifest", expected="a section sgx", actual="none")
        threads = sgx.get("max_threads")
        if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
            raise InputError("sgx.max_threads", expected="a number from 1 on", actual=threads)
        files = sgx.get("trusted_files", [])
        if not isinstance(files, list):
            raise InputError("sgx.trusted_files", expected="a list", actual=type(files).__name__)
        return cls(
            content=content,
            enclave_size=_bytes_of(sgx.get("enclave_size")),
            max_threads=threads,
            edmm=sgx.get("edmm_enable", False) is True,
            trusted_files=tuple(_trusted_file(item) for item in (*_entry_point(members), *files)),
            findings=tuple(_findings(members, sgx)),
        )


def check_trusted_files(manifest: GramineManifest, root: Path) -> list[str]:
    """Compare the files under `root` with their hashes; return what differs, empty for nothing."""
    found: list[str] = []
    for file in manifest.trusted_files:
        path = root / file.path.lstrip("/")
        try:
            actual = _sha256_of(path)
        except OSError as error:
            found.append(f"{file.path}: {error.strerror}")
            continue
        if actual != file.sha256:
            found.append(f"{file.path}: expected sha256 {file.sha256}, got {actual}")
    return found


def _findings(members: dict[str, Any], sgx: dict[str, Any]) -> list[str]:
    found = []
    loader = members.get("loader")
    loader = loader if isinstance(loader, dict) else {}
    environment = loader.get("env", {})
    environment = environment if isinstance(environment, dict) else {}
    if sgx.get("debug", False) is not False:
        found.append("sgx.debug is set: the host reads and changes the enclave")
    if sgx.get("remote_attestation") != "dcap":
        found.append('sgx.remote_attestation is not "dcap": there are no quotes')
    if sgx.get("edmm_enable", False) is not False:
        found.append("sgx.edmm_enable is set: heap pages are not measured")
    if sgx.get("allowed_files"):
        found.append("sgx.allowed_files is not empty: the host chooses their content")
    if sgx.get("file_check_policy", "strict") != "strict":
        found.append("sgx.file_check_policy is not strict: unknown files are opened")
    if sgx.get("use_exinfo", False) is not False:
        found.append("sgx.use_exinfo is set: the host learns of faults' addresses")
    if not isinstance(loader.get("argv"), list) or not loader["argv"]:
        found.append("loader.argv is not fixed")
    found += [
        f"loader.{name} is set: the host chooses it"
        for name in sorted(loader)
        if name.startswith("insecure__") and loader.get(name)
    ]
    found += [
        f"loader.{name} is set: it is read from a file"
        for name in ("argv_src_file", "env_src_file")
        if name in loader
    ]
    found += [
        f"loader.env.{name} is passed through from the host"
        for name, value in sorted(environment.items())
        if isinstance(value, dict) and value.get("passthrough")
    ]
    if not isinstance(environment.get("PYTHONHASHSEED"), str):
        found.append("loader.env.PYTHONHASHSEED is not fixed")
    for section in ("fs", "sgx", "sys"):
        settings = members.get(section)
        settings = settings if isinstance(settings, dict) else {}
        found += [
            f"{section}.{name} is set"
            for name in sorted(settings)
            if name.startswith("insecure__") and settings[name]
        ]
    return found


def _entry_point(members: dict[str, Any]) -> list[Any]:
    loader = members.get("loader")
    entry = loader.get("entrypoint") if isinstance(loader, dict) else None
    return [] if entry is None else [entry]


def _trusted_file(item: Any) -> TrustedFile:
    if (
        not isinstance(item, dict)
        or not isinstance(item.get("uri"), str)
        or not item["uri"].startswith(_FILE)
        or not isinstance(item.get("sha256"), str)
        or not _SHA256.fullmatch(item["sha256"])
    ):
        raise InputError(
            "sgx.trusted_files", expected="a file's uri and sha256", actual=str(item)[:100]
        )
    return TrustedFile(path=item["uri"].removeprefix(_FILE), sha256=item["sha256"])


def _bytes_of(value: Any) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InputError("sgx.enclave_size", expected="a size such as 4G", actual=value)
    size = int(found[1], 0) * _UNITS[found[2]]
    if size > _LARGEST:
        raise InputError("sgx.enclave_size", expected=f"at most {_LARGEST} bytes", actual=value)
    return size


def _sha256_of(path: Path) -> str:
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            sha256.update(piece)
    return sha256.hexdigest()
