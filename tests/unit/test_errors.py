"""Errors between processes."""

from __future__ import annotations

import pickle
import threading

import pytest

from coprove.errors import CoproveError, InputError
from coprove.execution import MissingStateError
from coprove.rpc import EndpointsDisagreeError, RateLimitedError, RpcError
from coprove.types import Hash32

ERRORS: list[CoproveError] = [
    InputError("field", expected=Hash32(b"\x07" * 32), actual=threading.Lock()),
    RateLimitedError("slow", retry_after=1.5),
    RpcError("call at here", code=-32000, message="no", data=[1, {"a": 2}]),
    EndpointsDisagreeError("head", first="a", says=1, second="b", but=2),
    MissingStateError("node", kind="account", address=b"\x01" * 20, node_hash=b"\x02" * 32),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_pickle_with_type_text_and_attributes(error: CoproveError) -> None:
    """Values that no other process could read come as text."""
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 - just made
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert set(vars(found)) == set(vars(error))
    for name, value in vars(error).items():
        assert vars(found)[name] in (value, str(value))
    if isinstance(error, InputError):
        assert isinstance(found, InputError)
        assert found.expected == error.expected
