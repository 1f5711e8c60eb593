"""`coprove measure`: what an SGX enclave's code is called, from its files and without SGX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from coprove.attestation import Platform, measurement_id
from coprove.cli.console import print_result, read_file
from coprove.prover.tee.measure import (
    GramineManifest,
    Sigstruct,
    check_trusted_files,
    measure_gramine,
    verify_sigstruct,
)

__all__ = ["app"]

app = App(name="measure", help="Measure SGX enclaves from their files; exit code 1 if they differ.")


@app.command
def gramine(
    *,
    manifest: Path,
    libpal: Path,
    sigstruct: Path | None = None,
    root: Path | None = None,
    gramine_version: str = "1.9",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Compute the MRENCLAVE of an enclave of Gramine, and look at what it is made of.

    Parameters
    ----------
    manifest
        The manifest with the hashes of all trusted files (`.manifest.sgx`).
    libpal
        Gramine's loader, `sgx/libpal.so` of its installation.
    sigstruct
        SIGSTRUCT (`.sig`) whose signature is checked and whose measurement must be the same.
    root
        Folder with the enclave's file system, whose trusted files must have the manifest's hashes.
    gramine_version
        Version of Gramine, which decides the layout.
    json
        Print one JSON object instead of a table.
    """
    text = read_file(manifest)
    measured = measure_gramine(text, read_file(libpal), version=gramine_version)
    given = GramineManifest.parse(text)
    differences = list(given.findings)
    values: dict[str, object] = {
        "mr_enclave": measured.mr_enclave.hex0x,
        "measurement_id": measurement_id(Platform.INTEL_SGX, measured.mr_enclave).hex0x,
        "enclave_size": given.enclave_size,
        "threads": given.max_threads,
        "measured_pages": measured.measured_pages,
        "heap_pages": measured.heap_pages,
        "trusted_files": len(given.trusted_files),
    }
    if sigstruct is not None:
        signed = verify_sigstruct(read_file(sigstruct))
        values |= {"mr_signer": signed.mr_signer.hex0x, "isv_svn": signed.security_version}
        if signed.enclave_hash != measured.mr_enclave:
            differences.append(
                f"MRENCLAVE: computed {measured.mr_enclave.hex0x}, "
                f"signed {signed.enclave_hash.hex0x}"
            )
        differences += _weaknesses(signed)
    if root is not None:
        differences += check_trusted_files(given, root)
    return _end(values, differences, json=json)


@app.command
def sigstruct(file: Path, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Check a SIGSTRUCT's signature and show what it says.

    Parameters
    ----------
    file
        The file, 1,808 bytes.
    json
        Print one JSON object instead of a table.
    """
    found = verify_sigstruct(read_file(file))
    values: dict[str, object] = {
        "mr_enclave": found.enclave_hash.hex0x,
        "measurement_id": measurement_id(Platform.INTEL_SGX, found.enclave_hash).hex0x,
        "mr_signer": found.mr_signer.hex0x,
        "isv_prod_id": found.product_id,
        "isv_svn": found.security_version,
        "date": found.date,
        "attributes": f"0x{found.attributes.hex()}",
        "attributes_mask": f"0x{found.attributes_mask.hex()}",
    }
    return _end(values, _weaknesses(found), json=json)


def _weaknesses(signed: Sigstruct) -> list[str]:
    return ["the SIGSTRUCT allows debug mode"] if signed.allows_debug else []


def _end(values: dict[str, object], differences: list[str], *, json: bool) -> int:
    shown = differences if json else "\n".join(differences) or "none"
    print_result({**values, "differences": shown}, as_json=json)
    return 1 if differences else 0
