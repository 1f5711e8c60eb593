"""Mutations of evidence: what chance, and a little malice, make of a quote and its collateral."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from coprove.attestation.dcap import DcapCollateral

__all__ = ["KINDS", "Presented", "mutate"]

_TEXTS = ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain")
_DOCUMENTS = ("tcb_info", "qe_identity")
_END = "-----END CERTIFICATE-----\n"
_SIZES = (0, 1, 2, 3, 5, 6, 0x81, 0xFFFF, 0xFFFF_FFFF)


@dataclass(frozen=True, kw_only=True)
class Presented:
    """Evidence as presented at a time."""

    quote: bytes
    collateral: DcapCollateral
    at: int


def mutate(rng: random.Random, presented: Presented) -> tuple[str, Presented]:
    """Return a kind of mutation and what it makes of the evidence."""
    kind = rng.choice(list(KINDS))
    return kind, KINDS[kind](rng, presented)


def _quote(change: Callable[[random.Random, bytes], bytes]) -> Callable[..., Presented]:
    return lambda rng, it: replace(it, quote=change(rng, it.quote))


def _flip(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _overwrite(rng: random.Random, data: bytes) -> bytes:
    size = rng.randint(1, 8)
    at = rng.randrange(len(data) - size)
    return data[:at] + rng.randbytes(size) + data[at + size :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _cut_a_little(rng: random.Random, data: bytes) -> bytes:
    return data[: -rng.randint(1, 80)]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(1, 4)) + data[at:]


def _append(rng: random.Random, data: bytes) -> bytes:
    size = rng.randint(1, 100)
    return data + (bytes(size) if rng.random() < 0.4 else rng.randbytes(size))


def _set_size(rng: random.Random, data: bytes) -> bytes:
    """Another number where a type or size stands, in all versions' layouts."""
    start = 48 + (584 if data[0] == 4 else 384)
    at = rng.choice((0, 2, 4, start, start + 132, start + 134, start + 580, start + 582))
    size = rng.choice((2, 4))
    number = int.from_bytes(data[at : at + size], "little")
    number = rng.choice((*_SIZES, number + 1, number - 1)) % (1 << 8 * size)
    return data[:at] + number.to_bytes(size, "little") + data[at + size :]


def _pem_of_quote(rng: random.Random, data: bytes) -> bytes:
    """A change of the chain's text that leaves its size, so that all lengths still hold."""
    start, end = data.index(b"-----BEGIN"), data.rindex(_END.encode()) + len(_END)
    blocks = [block + _END.encode() for block in data[start:end].split(_END.encode())[:-1]]
    rng.shuffle(blocks)
    text = b"".join(blocks)
    if rng.random() < 0.5:
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice((b"\n", b" ", b"A", b"\r", b"#")) + text[at + 1 :]
    return data[:start] + text + data[end:]


def _collateral_byte(rng: random.Random, it: Presented) -> Presented:
    name = rng.choice([field.name for field in fields(it.collateral)])
    value = getattr(it.collateral, name)
    at = rng.randrange(len(value))
    if isinstance(value, bytes):
        changed: Any = value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :]
    else:
        changed = value[:at] + rng.choice('0Aa +/\n"{}') + value[at + 1 :]
    return replace(it, collateral=replace(it.collateral, **{name: changed}))


def _collateral_swap(rng: random.Random, it: Presented) -> Presented:
    group = rng.choice((_TEXTS, _DOCUMENTS, ("root_ca_crl", "pck_crl")))
    one, other = rng.sample(group, 2)
    values: dict[str, Any] = {
        one: getattr(it.collateral, other),
        other: getattr(it.collateral, one),
    }
    return replace(it, collateral=replace(it.collateral, **values))


def _collateral_chain(rng: random.Random, it: Presented) -> Presented:
    """Certificates in another order, doubled, left out, or with something between them."""
    name = rng.choice(_TEXTS)
    blocks = [block + _END for block in getattr(it.collateral, name).split(_END)[:-1]]
    changes: dict[str, Callable[[], list[str]]] = {
        "reversed": lambda: blocks[::-1],
        "doubled": lambda: [*blocks, rng.choice(blocks)],
        "without": lambda: blocks[: rng.randrange(len(blocks))],
        "comment": lambda: [blocks[0], "# comment\n", *blocks[1:]],
        "blank": lambda: [blocks[0], "\n", *blocks[1:]],
    }
    text = "".join(changes[rng.choice(list(changes))]())
    values: dict[str, Any] = {name: text}
    return replace(it, collateral=replace(it.collateral, **values))


def _collateral_text(rng: random.Random, it: Presented) -> Presented:
    """The same JSON in other words."""
    name = rng.choice(_DOCUMENTS)
    text = getattr(it.collateral, name)
    other = rng.choice((json.dumps(json.loads(text)), text + " ", " " + text, text.upper()))
    values: dict[str, Any] = {name: other}
    return replace(it, collateral=replace(it.collateral, **values))


def _time(rng: random.Random, it: Presented) -> Presented:
    return replace(it, at=it.at + rng.randint(-60 * 86_400, 60 * 86_400))


KINDS: dict[str, Callable[[random.Random, Presented], Presented]] = {
    "flip": _quote(_flip),
    "overwrite": _quote(_overwrite),
    "cut": _quote(_cut),
    "cut-a-little": _quote(_cut_a_little),
    "insert": _quote(_insert),
    "append": _quote(_append),
    "size": _quote(_set_size),
    "pem": _quote(_pem_of_quote),
    "collateral-byte": _collateral_byte,
    "collateral-swap": _collateral_swap,
    "collateral-chain": _collateral_chain,
    "collateral-text": _collateral_text,
    "time": _time,
}
"""Kinds of mutation by name."""
