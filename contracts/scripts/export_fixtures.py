"""Write the simulated DCAP evidence of forge's tests: contracts/test/fixtures/DcapFixtures.sol.

All of it follows from a seed. `python contracts/scripts/export_fixtures.py` writes the file; with
`--check` it compares it and exits with 1 when it differs.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT.parent / "src"))

from cryptography.hazmat.primitives.serialization import Encoding  # noqa: E402

from coprove.attestation.dcap.quote import parse_quote  # noqa: E402
from coprove.attestation.dcap.stripped import strip_quote  # noqa: E402
from coprove.attestation.simulation import (  # noqa: E402
    CollateralSpec,
    PlatformSpec,
    QuoteSpec,
    SimulatedAuthority,
    SimulatedIntel,
    sgx_report,
    td_report,
)
from coprove.attestation.simulation.pki import issue_crl  # noqa: E402

_OUT = _PROJECT / "test" / "fixtures" / "DcapFixtures.sol"
_DAY = 86_400
_REPORT_DATA = hashlib.sha256(b"coprove fixtures: report data").digest() + bytes(32)
_WIDTH = 90
_HEAD = """\
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Written by scripts/export_fixtures.py.

/// @title DcapFixtures
/// @notice Simulated collateral and stripped quotes. All collateral is issued at START and holds
///         for thirty days; NEWER and LATER ones are issued a day after.
library DcapFixtures {
"""


def fixtures() -> dict[str, bytes | int]:
    """Return the constants by name."""
    vendor = SimulatedIntel("contracts")
    later = SimulatedIntel("contracts", start=vendor.start + _DAY)
    later.lifetime = vendor.lifetime
    period = later.start, later.start + 30 * _DAY
    revoked = vendor.pck(PlatformSpec()).certificate.serial_number
    values: dict[str, bytes | int] = {
        "START": vendor.start,
        "LIFETIME_END": vendor.lifetime[1],
        "ROOT": _der(vendor.root_authority),
        "PLATFORM_CA": _der(vendor.platform_ca),
        "PROCESSOR_CA": _der(vendor.processor_ca),
        "SIGNER": _der(vendor.tcb_signer),
        "PLATFORM": _der(vendor.pck(PlatformSpec())),
        "ROOT_CRL": vendor.collateral().root_ca_crl,
        "PCK_CRL": vendor.collateral().pck_crl,
        "LATER_PCK_CRL": issue_crl(vendor.platform_ca, period),
        "REVOKING_PCK_CRL": issue_crl(vendor.platform_ca, period, (revoked,)),
        "REVOKING_ROOT_CRL": issue_crl(
            vendor.root_authority, period, (vendor.platform_ca.certificate.serial_number,)
        ),
        "REPORT_DIGEST": int.from_bytes(_REPORT_DATA[:32], "big"),
    }
    documents = {
        "SGX": vendor.collateral(),
        "TDX": vendor.collateral(CollateralSpec(tdx=True)),
        "NEWER": later.collateral(CollateralSpec(evaluation_number=18)),
    }
    for name, collateral in documents.items():
        values[f"{name}_TCB_INFO"] = collateral.tcb_info.encode()
        values |= _signature(f"{name}_TCB_INFO", collateral.tcb_info_signature)
        values[f"{name}_QE_IDENTITY"] = collateral.qe_identity.encode()
        values |= _signature(f"{name}_QE_IDENTITY", collateral.qe_identity_signature)
    sgx = sgx_report(report_data=_REPORT_DATA)
    td = td_report(report_data=_REPORT_DATA)
    td15 = td_report(report_data=_REPORT_DATA, service_td=bytes(48))
    quotes = {
        "SGX_V3": QuoteSpec(body=sgx),
        "SGX_V4": QuoteSpec(body=sgx, version=4),
        "TD10_V4": QuoteSpec(body=td, version=4),
        "TD15_V5": QuoteSpec(body=td15, version=5),
        "DEBUG": QuoteSpec(body=sgx_report(report_data=_REPORT_DATA, flags=0x07)),
    }
    for name, spec in quotes.items():
        values[f"QUOTE_{name}"] = strip_quote(parse_quote(vendor.quote(spec)))
    return values


def render() -> str:
    """Return the text of the library."""
    parts = []
    for name, value in fixtures().items():
        if isinstance(value, int):
            number = f"{value:_}" if value < 1 << 64 else f"0x{value:064x}"
            line = f"    uint256 internal constant {name} = {number};"
            if len(line) > _WIDTH + 10:
                line = f"    uint256 internal constant {name} =\n        {number};"
            parts.append(f"{line}\n")
            continue
        text = value.hex()
        lines = [text[at : at + _WIDTH - 6] for at in range(0, len(text), _WIDTH - 6)]
        joined = "\n".join(f'        hex"{line}"' for line in lines)
        parts.append(f"    bytes internal constant {name} = {joined.lstrip()};\n")
    return _HEAD + "".join(parts) + "}\n"


def _der(authority: SimulatedAuthority) -> bytes:
    return authority.certificate.public_bytes(Encoding.DER)


def _signature(name: str, signature: bytes) -> dict[str, bytes | int]:
    r, s = signature[:32], signature[32:]
    return {f"{name}_R": int.from_bytes(r, "big"), f"{name}_S": int.from_bytes(s, "big")}


def main() -> int:
    """Write or compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    text = render()
    if not parser.parse_args().check:
        _OUT.write_text(text)
        return 0
    if not _OUT.exists() or _OUT.read_text() != text:
        print(f"{_OUT.name} differs: run contracts/scripts/export_fixtures.py", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
