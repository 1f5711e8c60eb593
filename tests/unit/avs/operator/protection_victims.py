"""Starts processes that sign what they can, kills each with SIGKILL at a random moment.

Prints, as JSON, what left them: task key, state hash, digest. Arguments: file, rounds, seed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from coprove.avs.operator.errors import AnotherStateError
from coprove.avs.operator.protection import SlashingProtection
from coprove.avs.operator.signing import ProtectedSigner
from coprove.primitives import keccak256
from tests.unit.avs.operator.parts import KEY, SCOPE, poe_of, task_of

TASKS = 40


def main() -> None:
    path, rounds, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    choice = random.Random(seed)
    left: list[str] = []
    for number in range(rounds):
        lines = killed_at_a_random_moment(path, choice, seed * 1000 + number)
        left += lines.split()
    sys.stdout.write(json.dumps([line.split(":") for line in left]))


def killed_at_a_random_moment(path: Path, choice: random.Random, seed: int) -> str:
    reader, writer = os.pipe()
    victim = os.fork()
    if victim == 0:
        os.close(reader)
        sign_for_ever(path, writer, random.Random(seed))
    os.close(writer)
    read = b""
    wanted = choice.randrange(12)
    while read.count(b"\n") < wanted and (part := os.read(reader, 4096)):
        read += part
    time.sleep(choice.random() * 0.004)
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
    while part := os.read(reader, 4096):
        read += part
    os.close(reader)
    # A line that was cut off left the process as well, but says nothing that can be read.
    return read[: read.rfind(b"\n") + 1].decode()


def sign_for_ever(path: Path, writer: int, choice: random.Random) -> NoReturn:
    with SlashingProtection(path, SCOPE) as protection:
        signer = ProtectedSigner(KEY, protection)
        while True:
            task = task_of(choice.randint(1, TASKS), 100, reference_block=choice.randint(1, 9))
            with suppress(AnotherStateError):
                found = signer.sign(task, poe_of(task, choice.randint(1, 4)), bytes(65))
                state, digest = keccak256(found.header.state), found.header.digest()
                os.write(writer, f"{task.key.hex()}:{state.hex()}:{digest.hex()}\n".encode())


if __name__ == "__main__":
    main()
