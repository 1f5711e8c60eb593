"""The handshake of operators: one digest for one aggregator, chain, AVS, operator and second."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.avs.tasks import Handshake, SessionScope, audience_of
from coprove.errors import InputError
from coprove.types import Address, Hash32

SCOPE = SessionScope(
    audience="https://avs.example", chain_id=1, service_manager=Address(b"\x01" * 20)
)
WHO = Hash32(b"\x02" * 32)


def test_the_digest_changes_with_each_of_its_parts() -> None:
    """What was signed for one aggregator opens no session elsewhere, and none a second later."""
    others = [
        SCOPE.digest(WHO, 7),
        SCOPE.digest(WHO, 8),
        SCOPE.digest(Hash32(b"\x03" * 32), 7),
    ]
    changes: list[dict[str, Any]] = [
        {"audience": "https://avs.example/x"},
        {"chain_id": 5},
        {"service_manager": Address(b"\x09" * 20)},
    ]
    for change in changes:
        values = {
            "audience": SCOPE.audience,
            "chain_id": SCOPE.chain_id,
            "service_manager": SCOPE.service_manager,
        }
        others.append(SessionScope(**{**values, **change}).digest(WHO, 7))
    assert all(one != other for one, other in itertools.combinations(others, 2))


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("http://AVS.example:80/", "http://avs.example:80"),
        ("https://user:secret@avs.example/Path/?key=1#x", "https://avs.example/Path"),
        ("https://avs.example", "https://avs.example"),
    ],
)
def test_spellings_of_a_url_are_one_audience(url: str, audience: str) -> None:
    """Without what may be secret in it."""
    assert audience_of(url) == audience
    assert audience_of(audience) == audience


@given(text=st.text() | st.from_regex(r"https?://[a-zA-Z/?#@:.]{0,12}", fullmatch=True))
def test_no_other_text_is_an_audience(text: str) -> None:
    """It is an audience that stays as it is, or an InputError."""
    try:
        found = audience_of(text)
    except InputError:
        return
    assert audience_of(found) == found


def test_a_handshake_comes_back_from_its_json() -> None:
    made = Handshake(operator_id=WHO, time=7, audience=SCOPE.audience, signature=(1, 2))
    assert Handshake.from_json(made.to_json()) == made


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


@given(name=st.sampled_from(["operator_id", "time", "audience", "signature"]), value=json_values)
def test_bodies_of_strangers_are_read_or_refused(name: str, value: object) -> None:
    """Nothing but InputError comes out of them."""
    body = Handshake(operator_id=WHO, time=7, audience=SCOPE.audience, signature=(1, 2)).to_json()
    try:
        Handshake.from_json({**body, name: value})
        Handshake.from_json(value)
    except InputError:
        pass
