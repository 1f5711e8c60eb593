"""The guests as the network knows them, and their registration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from coprove.prover.errors import (
    NetworkRefusedError,
    NotOnNetworkError,
    ProofFormatError,
    ProverUnavailableError,
)
from coprove.prover.zk.bincode import pack_u64
from coprove.prover.zk.proto import artifact_pb2, network_pb2
from coprove.prover.zk.stdin import write_artifact
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.prover.zk.network.account import NetworkAccount
    from coprove.prover.zk.network.artifacts import ArtifactStore
    from coprove.prover.zk.network.channel import NetworkChannel
    from coprove.types import Hash32

__all__ = ["GuestProgram", "register"]

_log = get_logger(part="prover network")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestProgram:
    """A program of the proving machine."""

    name: str
    """In logs: "range" or "aggregation"."""
    elf: Path
    """Its executable."""
    vkey: bytes
    """Its verification key in bincode (SP1VerifyingKey)."""
    vkey_hash: Hash32
    """Hash of the key, by which the network knows the program; of the range program it is the
    commitment that contracts hold."""

    @classmethod
    def load(cls, name: str, elf: Path, vkey: Path, vkey_hash: Hash32) -> GuestProgram:
        """Read a program; ProofFormatError when a file is not there."""
        try:
            with elf.open("rb") as file:
                file.read(1)
            return cls(name=name, elf=elf, vkey=vkey.read_bytes(), vkey_hash=vkey_hash)
        except OSError as error:
            raise ProofFormatError(
                f"{name} program", expected="readable files", actual=error
            ) from None


async def register(
    program: GuestProgram,
    *,
    channel: NetworkChannel,
    account: NetworkAccount,
    artifacts: ArtifactStore,
    work_dir: Path,
) -> None:
    """Have the network know a program; nothing happens when it does already.

    Registering costs nothing, so an ambiguous failure is answered by looking again.
    """

    async def attempt() -> None:
        if await _is_known(program, channel):
            return
        elf = program.elf.read_bytes()
        # A folder of its own: another process may register the same program from this one.
        with TemporaryDirectory(prefix=f"{program.name}-", dir=work_dir) as folder:
            path = Path(folder) / "elf.artifact"
            write_artifact(
                path, iter((pack_u64(len(elf)), elf)), zstd=account.options.compress_artifacts
            )
            uri = await artifacts.upload(artifact_pb2.ArtifactType.PROGRAM, path)
        async with account.turn() as nonce:
            body = network_pb2.CreateProgramRequestBody(
                nonce=nonce, vk_hash=program.vkey_hash, vk=program.vkey, program_uri=uri
            )
            request = network_pb2.CreateProgramRequest(
                format=network_pb2.MessageFormat.BINARY,
                signature=await account.signer.sign(body.SerializeToString()),
                body=body,
            )
            try:
                await channel.call("CreateProgram", request, network_pb2.CreateProgramResponse)
            except NetworkRefusedError as error:
                if await _is_known(program, channel):
                    return
                if await account.nonce() != nonce:
                    raise ProverUnavailableError("another call took the nonce") from error
                raise
        _log.info("program registered", program=program.name, vkey_hash=program.vkey_hash)

    await channel.retrying(f"register {program.name} program", attempt)


async def _is_known(program: GuestProgram, channel: NetworkChannel) -> bool:
    try:
        answer = await channel.ask(
            "GetProgram",
            network_pb2.GetProgramRequest(vk_hash=program.vkey_hash),
            network_pb2.GetProgramResponse,
        )
    except NotOnNetworkError:
        return False
    return answer.program.vk_hash == program.vkey_hash
