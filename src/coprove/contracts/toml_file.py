"""Files that say what contracts begin with: TOML, read strictly, errors by field."""

from __future__ import annotations

import tomllib
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from coprove.errors import InputError

__all__ = ["StrictModel", "parse_toml"]


class StrictModel(BaseModel):
    """A table of such a file: unknown names and other types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Model = TypeVar("_Model", bound=StrictModel)


def parse_toml(model: type[_Model], text: str, what: str) -> _Model:
    """Parse TOML; InputError names the field that is wrong, or `what` when it is no TOML."""
    try:
        return model.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        actual = repr(first["input"])[:100]
        raise InputError(where, expected=first["msg"], actual=actual) from None
    # Beside its own error the parser lets those of numbers through that are too long.
    except (ValueError, RecursionError) as error:
        raise InputError(what, expected="TOML", actual=error) from None
