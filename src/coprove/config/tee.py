"""The TEE prover's enclave and service, made as the settings say."""

from __future__ import annotations

import itertools
import shlex
import time
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from coprove.attestation import Platform
from coprove.config.errors import SettingError
from coprove.config.wiring import bearer_tokens, live_source, require
from coprove.prover.server import RecordingSource
from coprove.prover.tee.enclave import Enclave
from coprove.prover.tee.enclave.platforms import (
    CcaProvider,
    GramineProvider,
    NitroProvider,
    PsaProvider,
    SimulatedProvider,
    SnpProvider,
    TdxProvider,
    token_by_command,
    token_by_device,
)
from coprove.prover.tee.host import TeeProverOptions
from coprove.types import Address
from coprove.witness import Recording, open_executor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from coprove.config.settings import Settings
    from coprove.config.tee_section import TeeSection
    from coprove.prover.server import WitnessSource
    from coprove.prover.tee.enclave import QuoteProvider
    from coprove.prover.tee.host import WitnessMaker
    from coprove.types import BlockRange

__all__ = ["SourceMaker", "open_maker", "quote_provider", "tee_enclave", "tee_prover_options"]

_MIB = 1 << 20
_DAY = 86_400
_PSA_TIMEOUT = 30.0


def tee_prover_options(settings: Settings) -> TeeProverOptions:
    """Return how the TEE prover's service behaves."""
    given = settings.tee
    return TeeProverOptions(
        host=given.host,
        port=given.port,
        tokens=bearer_tokens(given.tokens, given.token_file, "tee.token_file"),
        max_witness_bytes=given.max_witness_mib * _MIB,
        memory_bytes=given.memory_mib * _MIB,
        max_rpc_bytes=given.max_rpc_mib * _MIB,
        max_runs=given.max_runs,
        max_queue=given.max_queue,
        witness_ttl=given.witness_ttl,
        rpc_wait=given.rpc_wait,
        requests_per_second=given.requests_per_second,
        check_interval=given.check_interval,
    )


def quote_provider(settings: Settings) -> QuoteProvider:
    """Return where quotes come from; SettingError when the platform is not named."""
    given = settings.tee
    makers: dict[str, Callable[[], QuoteProvider]] = {
        "gramine": GramineProvider,
        "tdx": TdxProvider,
        "snp": lambda: SnpProvider(vmpl=given.snp_vmpl),
        "nitro": NitroProvider,
        "cca": CcaProvider,
        "psa": lambda: _psa_provider(given),
        "simulation": lambda: _simulated_provider(given),
    }
    return makers[require("tee.platform", given.platform)]()


def tee_enclave(settings: Settings) -> Enclave:
    """Return an enclave with a new key; errors are those of Enclave and `quote_provider`."""
    operator = settings.tee.operator
    return Enclave(
        quote_provider(settings),
        operator=None if operator is None else Address.from_hex(operator, "tee.operator"),
    )


class SourceMaker:
    """Witnesses of a source of the proof server's kind."""

    def __init__(self, source: WitnessSource, folder: Path) -> None:
        """Collect in `folder`."""
        self._source, self._folder = source, folder
        self._numbers = itertools.count()

    async def collect(self, blocks: BlockRange) -> bytes:
        """See WitnessMaker."""
        # Several clients may ask for the same range at once.
        name = f"{blocks.start}-{blocks.end}-{next(self._numbers)}.input"
        target = self._folder / name
        try:
            await self._source.prepare(blocks, target)
            return target.read_bytes()
        finally:
            target.unlink(missing_ok=True)


@asynccontextmanager
async def open_maker(settings: Settings, chain: Path | None) -> AsyncIterator[WitnessMaker | None]:
    """Open where witnesses come from that clients do not bring; None for nowhere.

    That is the recorded chain in the folder `chain`, or the nodes when settings say `tee.collect`.
    """
    if chain is None and not settings.tee.collect:
        yield None
        return
    executor = None
    with TemporaryDirectory(prefix="coprove-tee-") as folder:
        if chain is not None:
            source: WitnessSource = RecordingSource(Recording(chain))
        else:
            executor = await open_executor(workers=settings.prover.workers)
            source = live_source(settings, executor, None)
        try:
            yield SourceMaker(source, Path(folder))
        finally:
            await source.close()
            if executor is not None:
                executor.close()


def _psa_provider(given: TeeSection) -> PsaProvider:
    if (given.psa_device is None) == (given.psa_command is None):
        raise SettingError(
            "tee.psa_device", expected="either this or tee.psa_command", actual="both or neither"
        )
    if given.psa_device is not None:
        return PsaProvider(token_by_device(given.psa_device))
    try:
        command = shlex.split(given.psa_command or "")
    except ValueError as error:
        raise SettingError("tee.psa_command", expected="a command", actual=error) from None
    if not command:
        raise SettingError("tee.psa_command", expected="a command", actual="nothing")
    return PsaProvider(token_by_command(command, timeout=_PSA_TIMEOUT))


def _simulated_provider(given: TeeSection) -> SimulatedProvider:
    start = given.simulation_start
    measurement = given.simulation_measurement
    return SimulatedProvider(
        Platform(given.simulation_platform),
        seed=given.simulation_seed,
        start=int(time.time()) // _DAY * _DAY if start is None else start,
        issued=given.simulation_issued,
        measurement=None if measurement is None else bytes.fromhex(measurement[2:]),
    )
