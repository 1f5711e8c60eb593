"""Requests to the prover network that a web3signer signs, against a network that checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from coprove.config import SettingError, load_settings
from coprove.config.makers import open_network_signer
from coprove.contracts import LocalSigner
from coprove.doctor.services import check_network
from coprove.doctor.setup import open_setup
from coprove.prover import Fulfillment, ProverUnavailableError
from coprove.prover.pool import RangePool
from coprove.prover.zk.network import LocalNetworkSigner, RemoteNetworkSigner
from coprove.prover.zk.network.signing import recover_signer
from coprove.rpc import EndpointUnavailableError
from tests.integration.prover_lab import ProverLab
from tests.integration.web3signer import holding, serving
from tests.unit.prover.zk.jobs import MemoryIntents, range_job, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEYS = ["21" * 32, "22" * 32]
HELD, OTHER = (LocalSigner.from_key(key) for key in KEYS)


@pytest.fixture(scope="module")
def pool() -> Iterator[RangePool]:
    pool = RangePool(1)
    yield pool
    pool.close()


@pytest.fixture
def lab(tmp_path: Path, pool: RangePool) -> ProverLab:
    return ProverLab(tmp_path, pool)


async def test_a_range_is_proven_for_an_account_whose_key_lies_elsewhere(lab: ProverLab) -> None:
    """Registration, upload and request are all signed by the service; an outage only delays."""
    service = holding(HELD)
    async with lab.network() as network, serving(service) as transport:
        signer = RemoteNetworkSigner(transport, HELD.address)
        backend, intents = lab.backend(network.url, signer=signer), MemoryIntents()
        job = range_job(lab.folder, 0, 2)
        service.down = 5
        proof_id = await backend.submit(job, intents)
        status = await settled(backend, proof_id)
        assert status.fulfillment is Fulfillment.FULFILLED
        assert [record.requester for record in network.core.requests()] == [bytes(HELD.address)]
        await backend.close()
    assert set(service.methods) == {"eth_sign"}
    assert len(service.methods) >= 4


async def test_an_outage_between_noting_and_sending_costs_nothing_twice(lab: ProverLab) -> None:
    """The body is noted, the signer away: once it is back the very same body is sent, once."""
    service = holding(HELD)
    async with lab.network() as network, serving(service) as transport:
        signer = RemoteNetworkSigner(transport, HELD.address)
        backend = lab.backend(network.url, signer=signer)

        class Cutting(MemoryIntents):
            async def note(self, key: str, values: Any) -> None:
                await super().note(key, values)
                service.down = 10 if "body" in values else service.down

        intents, job = Cutting(), range_job(lab.folder, 0, 2)
        with pytest.raises(EndpointUnavailableError):
            await backend.submit(job, intents)
        assert network.core.requests() == []
        noted = (await intents.read(job.key))["body"]
        service.down = 0
        proof_id = await backend.find(job.key, intents)
        assert proof_id is not None
        assert network.core.request(proof_id).body.hex() == noted
        assert await backend.submit(job, intents) == proof_id
        assert len(network.core.requests()) == 1
        await backend.close()


@given(message=st.binary(max_size=400))
def test_both_signers_sign_alike(message: bytes) -> None:
    """What the service signs by eth-account's rules is what the local key signs, to the byte."""
    signed = Account.sign_message(encode_defunct(message), bytes.fromhex(KEYS[0]))
    assert recover_signer(message, bytes(signed.signature)) == HELD.address
    local = LocalNetworkSigner.from_key(KEYS[0])
    assert (
        local._key.sign_msg_hash(bytes(signed.message_hash)).to_bytes()[:64]
        == (bytes(signed.signature)[:64])
    )


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda signature: signature[:-2] + "02", "v 27 or 28"),
        (lambda signature: signature[:-2], "65 bytes"),
        (lambda _: "0x" + "00" * 65, "signature"),
        (lambda _: "0x" + "zz" * 65, "65 bytes"),
        (lambda _: "0x" + "ff" * 64 + "1b", "signature"),
        (lambda signature: signature[:4] + "00" + signature[6:], "signature"),
        (lambda _: None, "65 bytes"),
        (lambda signature: {"signature": signature}, "65 bytes"),
    ],
    ids=["v", "short", "zero", "no hex", "beyond the curve", "altered", "null", "object"],
)
async def test_what_is_no_signature_of_the_account_is_not_passed_on(
    forge: Callable[[str], Any], reason: str
) -> None:
    """A Temporary error: the job is not at fault, and must not count as failed for it."""
    async with serving(holding(HELD, forge=forge)) as transport:
        with pytest.raises(ProverUnavailableError, match=reason):
            await RemoteNetworkSigner(transport, HELD.address).sign(b"body")


async def test_who_signs_as_another_account_or_holds_none_is_found_out() -> None:
    """The reason of the service reaches the log."""
    async with serving(holding(OTHER)) as transport:
        with pytest.raises(ProverUnavailableError, match="not configured"):
            await RemoteNetworkSigner(transport, HELD.address).sign(b"body")
    service = holding(OTHER)
    service.accounts[str(HELD.address)] = OTHER
    async with serving(service) as transport:
        with pytest.raises(ProverUnavailableError, match="is not that of"):
            await RemoteNetworkSigner(transport, HELD.address).sign(b"body")


async def test_v_of_zero_or_one_is_taken_as_well() -> None:
    """Some services leave 27 out."""
    short = holding(HELD, forge=lambda text: f"{text[:-2]}{int(text[-2:], 16) - 27:02x}")
    async with serving(short) as transport:
        signature = await RemoteNetworkSigner(transport, HELD.address).sign(b"body")
    assert recover_signer(b"body", signature) == HELD.address


async def test_settings_choose_the_signer_and_the_doctor_tries_it(
    lab: ProverLab, tmp_path: Path
) -> None:
    """A remote signer comes before a key; without its account it is refused by name."""
    elf = tmp_path / "program"
    elf.write_bytes(b"x")
    async with lab.network() as network, serving(holding(HELD)) as transport:
        environment = {
            "COPROVE_NETWORK_SIGNER_URL": transport._endpoint._url,
            "COPROVE_NETWORK_SIGNER_ADDRESS": str(HELD.address),
            "NETWORK_PRIVATE_KEY": KEYS[1],
            "NETWORK_RPC_URL": network.url,
            **{
                f"COPROVE_NETWORK_{name}": str(elf)
                for name in (
                    "RANGE_ELF",
                    "RANGE_VKEY_FILE",
                    "AGGREGATION_ELF",
                    "AGGREGATION_VKEY_FILE",
                )
            },
        }
        settings = load_settings(environment=environment)
        async with open_network_signer(settings) as signer:
            assert isinstance(signer, RemoteNetworkSigner)
            assert recover_signer(b"body", await signer.sign(b"body")) == HELD.address
        async with open_setup(settings, seconds=10.0) as setup:
            found = await check_network(setup)
        assert found.detail.startswith(f"{HELD.address} at ")
        del environment["COPROVE_NETWORK_SIGNER_ADDRESS"]
        with pytest.raises(SettingError, match=r"network\.signer_address"):
            async with open_network_signer(load_settings(environment=environment)):
                pass
        del environment["COPROVE_NETWORK_SIGNER_URL"]
        async with open_network_signer(load_settings(environment=environment)) as signer:
            assert signer.address == OTHER.address
