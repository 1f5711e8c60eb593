"""Precompiles and opcodes by fork, as the specification has them (also where op-revm or op-geth
differ)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.execution import CallResult, NodeStore, genesis_state, simulate
from coprove.types import Fork
from tests.unit.execution.made import config, genesis_header

GAS = 100_000_000
MODEXP, PAIRING, G1_MSM, G2_MSM, BLS_PAIRING, P256VERIFY = 5, 8, 0x0C, 0x0E, 0x0F, 0x100
INTRINSIC = 21_000
STORE = NodeStore()
ROOT = genesis_state(STORE, {"0x" + "77" * 20: {"balance": 1}})


def run(fork: Fork, address: int | None, data: bytes) -> CallResult:
    to = None if address is None else address.to_bytes(20, "big")
    header = genesis_header(ROOT, fork)
    return simulate(config(fork), header, STORE, to=to, gas=GAS, data=data)


PAIR = 192
"""Bytes of one pair of points of the bn256 pairing."""


@pytest.mark.parametrize(
    ("fork", "most"),
    [
        (Fork.GRANITE, 112_687),
        (Fork.HOLOCENE, 112_687),
        (Fork.ISTHMUS, 112_687),
        (Fork.JOVIAN, 81_984),
        (Fork.KARST, 57_600),
    ],
)
def test_the_pairing_takes_no_more_than_its_fork_allows(fork: Fork, most: int) -> None:
    """Points at infinity, so that the largest input is also a valid one."""
    pairs = most // PAIR
    largest = run(fork, PAIRING, bytes(pairs * PAIR))
    assert largest.success
    assert largest.output == (1).to_bytes(32, "big")
    more = run(fork, PAIRING, bytes((pairs + 1) * PAIR))
    assert not more.success
    assert more.halt is not None


def test_the_pairing_is_not_bounded_before_granite() -> None:
    """The gas alone bounds it."""
    assert run(Fork.FJORD, PAIRING, bytes(1000 * PAIR)).success


@pytest.mark.parametrize(
    ("address", "unit", "isthmus", "jovian"),
    [
        (G1_MSM, 160, 513_760, 288_960),
        (G2_MSM, 288, 488_448, 278_784),
        (BLS_PAIRING, 384, 235_008, 156_672),
    ],
)
@pytest.mark.parametrize("fork", [Fork.ISTHMUS, Fork.JOVIAN, Fork.KARST])
def test_bls_inputs_are_bounded_by_their_fork(
    fork: Fork, address: int, unit: int, isthmus: int, jovian: int
) -> None:
    """EIP-2537 with the limits of Isthmus and Jovian, which Karst leaves; nothing there before."""
    most = isthmus if fork == Fork.ISTHMUS else jovian
    assert most % unit == 0
    largest = run(fork, address, bytes(most))
    assert largest.success
    assert set(largest.output[:-1]) == {0}
    assert largest.output[-1] == (address == BLS_PAIRING)
    assert not run(fork, address, bytes(most + unit)).success
    assert run(Fork.HOLOCENE, address, bytes(most)).output == b""


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_VECTOR = (
    "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d",
    "a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac",
    "36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60",
    "4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3",
    "7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e",
)
"""Hash, r, s and the key's x and y: the example of RIP-7212, from Wycheproof."""


def p256_input(*, flip: bool = False, other_s: bool = False) -> bytes:
    digest, r, s, x, y = (int(part, 16) for part in P256_VECTOR)
    numbers = (digest ^ flip, r, P256_ORDER - s if other_s else s, x, y)
    return b"".join(number.to_bytes(32, "big") for number in numbers)


@pytest.mark.parametrize(
    ("fork", "price"), [(Fork.FJORD, 3_450), (Fork.JOVIAN, 3_450), (Fork.KARST, 6_900)]
)
def test_p256verify_has_its_forks_price(fork: Fork, price: int) -> None:
    """RIP-7212's from Fjord until EIP-7951's comes with Karst; either s is taken."""
    result = run(fork, P256VERIFY, bytes(160))
    assert result.success
    assert result.output == b""
    assert result.gas_used == INTRINSIC + 160 * 4 + price
    for other_s in (False, True):
        valid = run(fork, P256VERIFY, p256_input(other_s=other_s))
        assert valid.output == (1).to_bytes(32, "big")
    assert run(fork, P256VERIFY, p256_input(flip=True)).output == b""
    assert run(fork, P256VERIFY, p256_input() + b"\0").output == b""
    assert run(Fork.ECOTONE, P256VERIFY, p256_input()).output == b""


def modexp_input(base: bytes, exponent: bytes, modulus: bytes) -> bytes:
    lengths = (len(part).to_bytes(32, "big") for part in (base, exponent, modulus))
    return b"".join(lengths) + base + exponent + modulus


def modexp_price(base: bytes, exponent: bytes, modulus: bytes, *, osaka: bool) -> int:
    """EIP-2565, or EIP-7883, which makes it three times as dear and more for what is long."""
    longest = max(len(base), len(modulus))
    words = (longest + 7) // 8
    complexity = words**2 if not osaka else 16 if longest <= 32 else 2 * words**2
    head = int.from_bytes(exponent[:32], "big")
    bits = max(head.bit_length() - 1, 0)
    factor = 16 if osaka else 8
    count = max(bits + factor * max(len(exponent) - 32, 0), 1)
    return max(500, complexity * count) if osaka else max(200, complexity * count // 3)


@pytest.mark.parametrize("fork", [Fork.JOVIAN, Fork.KARST])
@given(base=st.binary(max_size=70), exponent=st.binary(max_size=40), modulus=st.binary(max_size=70))
@settings(max_examples=60, deadline=None)
def test_modexp_has_its_forks_price(
    fork: Fork, base: bytes, exponent: bytes, modulus: bytes
) -> None:
    """EIP-2565's until EIP-7883's comes with Karst; the result is right in both."""
    data = modexp_input(base, exponent, modulus)
    result = run(fork, MODEXP, data)
    b, e, m = (int.from_bytes(part, "big") for part in (base, exponent, modulus))
    expected = pow(b, e, m) if m else 0
    assert result.output == expected.to_bytes(len(modulus), "big")
    zeros = data.count(0)
    tokens = zeros + 4 * (len(data) - zeros)
    price = modexp_price(base, exponent, modulus, osaka=fork == Fork.KARST)
    assert result.gas_used == max(INTRINSIC + 4 * tokens + price, INTRINSIC + 10 * tokens)


@pytest.mark.parametrize("sizes", [(1025, 1, 1), (1, 1025, 1), (1, 1, 1025), (0, 1025, 0)])
def test_modexp_takes_at_most_1024_bytes_each_since_karst(sizes: tuple[int, int, int]) -> None:
    """EIP-7823; without a base and a modulus too, though then there is nothing to do."""
    parts = [b"\x01" * size for size in sizes]
    assert run(Fork.JOVIAN, MODEXP, modexp_input(*parts)).success
    assert not run(Fork.KARST, MODEXP, modexp_input(*parts)).success
    assert run(Fork.KARST, MODEXP, modexp_input(*(part[:1024] for part in parts))).success


@pytest.mark.parametrize("number", [0, 1, 2**200 + 5, 2**256 - 1])
def test_clz_counts_leading_zeros_since_karst(number: int) -> None:
    """EIP-7939; before Karst the opcode is none."""
    # The creation returns the count in a word as its code.
    code = b"\x7f" + number.to_bytes(32, "big") + bytes.fromhex("1e60005260206000f3")
    result = run(Fork.KARST, None, code)
    assert int.from_bytes(result.output, "big") == 256 - number.bit_length()
    before = run(Fork.JOVIAN, None, code)
    assert not before.success
    assert before.halt is not None
