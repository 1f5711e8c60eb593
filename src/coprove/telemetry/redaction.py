"""Keeping secrets out of logs: by the name of a field, by the form of a URL, by known value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit, urlunsplit

__all__ = ["REDACTED", "redact", "redact_url", "register_secret", "url_secrets"]

REDACTED = "[redacted]"
"""What stands in a log line where a secret stood."""

_SECRET_NAME = re.compile(
    r"(private_?key|secret|password|passphrase|mnemonic|authorization|api_?key|access_?token|"
    r"auth_?token|bearer|jwt|credential|webhook)",
    re.IGNORECASE,
)
# A URL in running text ends before the punctuation that follows it.
_URL = re.compile(
    r"\b(?:https?|wss?|postgres(?:ql)?)://[^\s\"'<>]*[^\s\"'<>.,:;!?)]", re.IGNORECASE
)
_SHORTEST_SECRET = 8
_SHORTEST_PATH_SECRET = 16
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - only compared
_secrets: set[str] = set()


def register_secret(value: str) -> None:
    """Replace `value`, with and without a leading 0x, wherever later log lines contain it.

    Values shorter than eight characters are ignored: replacing them would ruin ordinary text.
    """
    bare = value.removeprefix("0x")
    if len(bare) >= _SHORTEST_SECRET:
        _secrets.add(bare)


def redact_url(url: str) -> str:
    """Return `url` with only scheme, host and port left of what may hold a credential.

    A provider's key mostly stands in the path, so path and query go too; local hosts keep the path.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return REDACTED
    netloc = f"[{host}]" if ":" in host else host
    netloc = f"{netloc}:{port}" if port is not None else netloc
    if host in _LOCAL_HOSTS:
        return urlunsplit((parts.scheme, netloc, parts.path, "", ""))
    path = parts.path if parts.path in {"", "/"} else "/…"
    return urlunsplit((parts.scheme, netloc, path, "", ""))


def url_secrets(url: str) -> tuple[str, ...]:
    """Return what of `url` may be a credential: user, password, query values, long path segments.

    Empty for a URL that cannot be read.
    """
    try:
        parts = urlsplit(url)
        given = [parts.username or "", parts.password or ""]
    except ValueError:
        return ()
    given += [value for _, value in parse_qsl(parts.query)]
    given += [part for part in parts.path.split("/") if len(part) >= _SHORTEST_PATH_SECRET]
    return tuple(value for value in given if len(value) >= _SHORTEST_SECRET)


def redact(value: object, name: str = "") -> object:
    """Return `value` for a log: secrets replaced in it and in the mappings and lists below it.

    `name` is the field that holds the value; a telling name hides the whole value.
    """
    if name and _SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, Mapping):
        return {key: redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        value = "0x" + bytes(value).hex()
    elif isinstance(value, BaseException):
        value = f"{type(value).__name__}: {value}"
    return _redact_text(value) if isinstance(value, str) else value


def _redact_text(text: str) -> str:
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, REDACTED)
    return _URL.sub(lambda match: redact_url(match.group()), text) if "://" in text else text
