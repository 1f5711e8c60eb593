"""Every parser of DCAP evidence takes any bytes and gives a value or `EvidenceFormatError`."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.attestation import EvidenceFormatError, PolicyError
from coprove.attestation.appraisal import Evidence
from coprove.attestation.dcap import (
    DcapCollateral,
    QuoteHeader,
    SgxReport,
    TdReport10,
    TdReport15,
    parse_crl,
    parse_pck,
    parse_qe_identity,
    parse_quote,
    parse_tcb_info,
    signed_part,
)
from coprove.attestation.dcap.certificates import (
    is_signed_by,
    parse_certificate,
    parse_pem_chain,
)
from coprove.attestation.dcap.pck import PckExtension
from coprove.attestation.policy import parse_policy
from coprove.attestation.simulation import (
    CollateralSpec,
    PlatformSpec,
    QuoteSpec,
    SimulatedIntel,
    sgx_report,
    td_report,
)
from tests.unit.attestation.test_policy import FULL

VENDOR = SimulatedIntel("parsers")
SGX, TDX = VENDOR.collateral(), VENDOR.collateral(CollateralSpec(tdx=True))
LEAF = VENDOR.pck(PlatformSpec()).certificate.public_bytes(Encoding.DER)
CERTIFICATE = parse_certificate(LEAF, "leaf")
EXTENSION = CERTIFICATE.sgx_extension or b""
CHAIN = VENDOR.pck_chain(PlatformSpec()).encode()
QUOTES = (
    VENDOR.quote(QuoteSpec(body=sgx_report())),
    VENDOR.quote(QuoteSpec(body=td_report(), version=4)),
    VENDOR.quote(QuoteSpec(body=td_report(service_td=bytes(48)), version=5)),
)


def pck_of(extension: bytes) -> PckExtension:
    return parse_pck(replace(CERTIFICATE, sgx_extension=extension))


def text_of(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda data: parse(data.decode("latin-1"))


PARSERS: dict[str, tuple[Callable[[bytes], Any], tuple[bytes, ...]]] = {
    "quote": (parse_quote, QUOTES),
    "certificate": (lambda data: parse_certificate(data, "leaf"), (LEAF,)),
    "chain": (lambda data: parse_pem_chain(data, "chain"), (CHAIN,)),
    "crl": (lambda data: parse_crl(data, "CRL"), (SGX.pck_crl, SGX.root_ca_crl)),
    "pck": (pck_of, (EXTENSION,)),
    "tcb-info": (text_of(parse_tcb_info), (SGX.tcb_info.encode(), TDX.tcb_info.encode())),
    "qe-identity": (text_of(parse_qe_identity), (SGX.qe_identity.encode(),)),
    "collateral": (DcapCollateral.from_json, (SGX.to_json().encode(),)),
    "pcs-response": (
        text_of(lambda text: signed_part(text, "tcbInfo")),
        (f'{{"tcbInfo":{SGX.tcb_info},"signature":"{SGX.tcb_info_signature.hex()}"}}'.encode(),),
    ),
    "evidence": (
        Evidence.from_json,
        (b'{"platform":"intel-sgx","evidence":"0x","endorsements":null}',),
    ),
    "policy": (text_of(parse_policy), (FULL.encode(),)),
}
parsers = pytest.mark.parametrize(("parse", "samples"), PARSERS.values(), ids=list(PARSERS))


@parsers
def test_samples_parse(parse: Callable[[bytes], Any], samples: tuple[bytes, ...]) -> None:
    """What is fuzzed from is in order."""
    for sample in samples:
        parse(sample)


@parsers
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=2_000))
def test_any_bytes_are_answered(
    parse: Callable[[bytes], Any], samples: tuple[bytes, ...], data: bytes
) -> None:
    """With a value or a typed error."""
    try:
        parse(data)
    except (EvidenceFormatError, PolicyError):
        return


@parsers
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_samples_are_answered(
    parse: Callable[[bytes], Any], samples: tuple[bytes, ...], data: st.DataObject
) -> None:
    """Bytes overwritten, left out or put in anywhere."""
    sample = data.draw(st.sampled_from(samples))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(sample)))
        gone = data.draw(st.integers(0, 4))
        sample = sample[:at] + data.draw(st.binary(max_size=4)) + sample[at + gone :]
    try:
        parse(sample)
    except (EvidenceFormatError, PolicyError):
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_tcb_info, SGX.tcb_info),
        (parse_tcb_info, TDX.tcb_info),
        (parse_qe_identity, SGX.qe_identity),
    ],
    ids=["sgx", "tdx", "qe"],
)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_documents_with_any_value_anywhere_are_answered(
    parse: Callable[[str], Any], text: str, data: st.DataObject
) -> None:
    """One member, at any depth, is replaced by any JSON value, or left out."""
    document = json.loads(text)
    where = document
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(where[key], dict | list) and data.draw(st.booleans()):
            where = where[key]
            continue
        if data.draw(st.booleans()):
            del where[key]
        else:
            where[key] = data.draw(JSON)
        break
    try:
        parse(json.dumps(document))
    except EvidenceFormatError:
        return


DOCUMENTS = ((parse_tcb_info, SGX.tcb_info), (parse_qe_identity, SGX.qe_identity))


@pytest.mark.parametrize(
    "more",
    [
        '"more":1,"more":1',
        '"more":1,"mor\\u0065":1',
        '"more":NaN',
        '"more":-Infinity',
        '"more":1.0',
        '"more":1e1',
        f'"more":{"1" * 10_000}',
        f'"more":{"[" * 100_000}{"]" * 100_000}',
    ],
    ids=["twice", "escaped", "nan", "infinity", "fraction", "exponent", "long", "deep"],
)
def test_json_that_others_read_otherwise_is_refused(more: str) -> None:
    """Members that occur twice, fractions, names for numbers, nesting without end.

    In a member that is not known, and which may be there, so that nothing else is wrong.
    """
    for parse, document in DOCUMENTS:
        parse(f'{{"more":[1,"1e1"],{document[1:]}')
        with pytest.raises(EvidenceFormatError, match="expected JSON"):
            parse(f"{{{more},{document[1:]}")


@pytest.mark.parametrize("text", ["", "null", "[]", "1" * 10_000, "[" * 200_000])
def test_what_is_no_object_is_no_document(text: str) -> None:
    """Whatever else it is."""
    for parse, _ in DOCUMENTS:
        with pytest.raises(EvidenceFormatError):
            parse(text)


@pytest.mark.parametrize("kind", [QuoteHeader, SgxReport, TdReport10, TdReport15])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_structures_survive_their_bytes(
    kind: type[QuoteHeader | SgxReport | TdReport10], data: st.DataObject
) -> None:
    """Every byte belongs to one field: parse and encode are inverse; other sizes are refused."""
    size = kind.LAYOUT.size
    raw = data.draw(st.binary(min_size=size, max_size=size))
    parsed = kind.parse(raw)
    assert parsed.encode() == raw
    for other in (raw + b"\x00", raw[:-1]):
        with pytest.raises(EvidenceFormatError):
            kind.parse(other)


OFFSETS = {
    QuoteHeader: {"version": 0, "tee_type": 4, "pce_svn": 10, "qe_vendor_id": 12, "user_data": 28},
    SgxReport: {
        "misc_select": 16,
        "attributes": 48,
        "mr_enclave": 64,
        "mr_signer": 128,
        "isv_prod_id": 256,
        "isv_svn": 258,
        "report_data": 320,
    },
    TdReport10: {
        "mr_seam": 16,
        "mr_signer_seam": 64,
        "seam_attributes": 112,
        "td_attributes": 120,
        "xfam": 128,
        "mr_td": 136,
        "mr_config_id": 184,
        "mr_owner": 232,
        "mr_owner_config": 280,
        "rtmr0": 328,
        "rtmr1": 376,
        "rtmr2": 424,
        "rtmr3": 472,
        "report_data": 520,
    },
    TdReport15: {"tee_tcb_svn2": 584, "mr_service_td": 600},
}


@pytest.mark.parametrize("kind", OFFSETS)
def test_fields_lie_where_the_formats_have_them(
    kind: type[QuoteHeader | SgxReport | TdReport10],
) -> None:
    """One byte set at an offset shows in that field and in no other."""
    size = kind.LAYOUT.size
    empty = kind.parse(bytes(size))
    for name, at in OFFSETS[kind].items():
        found = kind.parse(bytes(at) + b"\x01" + bytes(size - at - 1))
        changed = [
            field.name
            for field in fields(kind)
            if getattr(found, field.name) != getattr(empty, field.name)
        ]
        assert changed == [name]


@pytest.mark.parametrize("platform", [PlatformSpec(), PlatformSpec(settings=None, pce_svn=300)])
def test_a_pck_extension_says_which_platform_it_is(platform: PlatformSpec) -> None:
    """All fields, with and without a configuration."""
    made = VENDOR.pck(platform).certificate.public_bytes(Encoding.DER)
    pck = parse_pck(parse_certificate(made, "leaf"))
    assert (pck.components, pck.pce_svn) == (platform.components, platform.pce_svn)
    assert (pck.fmspc, pck.pce_id) == (platform.fmspc, platform.pce_id)
    assert pck.cpu_svn == bytes(platform.components)
    found = (pck.dynamic_platform, pck.cached_keys, pck.smt)
    assert found == (platform.settings or (None, None, None))


def test_other_pck_chains_beside_the_quotes_are_refused() -> None:
    """dcap-qvl would verify such a chain in place of the one in the quote."""
    members = json.loads(SGX.to_json()) | {"pck_certificate_chain": CHAIN.decode()}
    with pytest.raises(EvidenceFormatError):
        DcapCollateral.from_json(json.dumps(members))


@pytest.mark.parametrize("name", [field.name for field in fields(SGX) if field.type == "str"])
def test_text_that_has_no_bytes_is_refused(name: str) -> None:
    """JSON may escape half a surrogate pair, of which no UTF-8 exists: it cannot be signed."""
    members = json.loads(SGX.to_json())
    text = json.dumps(members | {name: members[name] + "\ud800"})
    with pytest.raises(EvidenceFormatError) as error:
        DcapCollateral.from_json(text)
    assert error.value.what == name


@pytest.mark.parametrize(
    "more", [b"\n", b"-----BEGIN CERTIFICATE-----\nA\n"], ids=["ends", "block"]
)
def test_a_chain_that_is_longer_than_certificates_are_is_not_read(more: bytes) -> None:
    """Megabytes of text cost no more than a few."""
    with pytest.raises(EvidenceFormatError, match="bytes") as error:
        parse_pem_chain(CHAIN + more * 1_000_000, "chain")
    assert error.value.what == "chain"


def test_what_is_remembered_of_signatures_is_small() -> None:
    """However large what they are said to be over, and the signatures themselves."""
    large = 1 << 20
    tracemalloc.start()
    try:
        for number in range(8):
            assert not is_signed_by(b"\x30", bytes([number]) * large, CERTIFICATE)
            assert not is_signed_by(bytes([number]) * large, b"", CERTIFICATE)
        remembered, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert remembered < large
