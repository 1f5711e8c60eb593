"""Children come back when they die, and none is left when the supervisor ends, however it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coprove.devnet.errors import ChildNotReadyError
from coprove.devnet.supervisor import ChildSpec, Supervisor, backoff_seconds

SLEEPER = "import time\nwhile True: time.sleep(1)"


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def spec(name: str, code: str, tmp_path: Path, **options: object) -> ChildSpec:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    values: dict[str, object] = {"ready": yes, "stop_timeout": 1.0, **options}
    return ChildSpec(
        name=name,
        command=lambda: command,
        log_path=tmp_path / f"{name}.log",
        **values,  # type: ignore[arg-type]
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def until(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "condition not met in time"
        await asyncio.sleep(0.02)


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    """kill -9 gives a new process with a new pid, and the restart is counted."""
    supervisor = Supervisor()
    await supervisor.start(spec("one", SLEEPER, tmp_path))
    state = supervisor.states["one"]
    first = state.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: state.restarts == 1 and state.pid not in (None, first) and state.ready)
    assert state.last_exit == -signal.SIGKILL
    await supervisor.stop_all()
    assert not is_alive(first)


async def test_stop_ends_a_child_that_ignores_the_signal_and_its_grandchildren(
    tmp_path: Path,
) -> None:
    """After the time limit the whole process group is killed."""
    code = f"""
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
        print(child.pid, flush=True)
        while True: time.sleep(1)
    """
    supervisor = Supervisor()
    await supervisor.start(spec("stubborn", code, tmp_path, stop_timeout=0.3))
    log = tmp_path / "stubborn.log"
    await until(lambda: log.read_text().strip().isdigit())
    pids = [int(log.read_text()), supervisor.states["stubborn"].pid or 0]
    await supervisor.stop_all()
    await until(lambda: not any(map(is_alive, pids)))


async def test_a_child_that_never_gets_ready_names_itself_and_its_log(tmp_path: Path) -> None:
    """The error carries the end of the log, where the reason stands."""
    supervisor = Supervisor()
    code = "print('the port is taken', flush=True)\n" + SLEEPER
    with pytest.raises(ChildNotReadyError, match="the port is taken") as error:
        await supervisor.start(spec("mute", code, tmp_path, ready=no, ready_timeout=1.0))
    assert error.value.name == "mute"
    await supervisor.stop_all()


async def test_children_stop_in_the_opposite_order(tmp_path: Path) -> None:
    """What depends on another process ends before it."""
    order = tmp_path / "order"
    supervisor = Supervisor()
    for name in ("first", "second", "third"):
        code = f"""
            import signal, sys, time
            def stop(*_):
                open({str(order)!r}, "a").write("{name}\\n"); sys.exit(0)
            signal.signal(signal.SIGTERM, stop)
            print("ready", flush=True)
            while True: time.sleep(0.05)
        """
        log = tmp_path / f"{name}.log"

        def said_ready(log: Path = log) -> bool:
            return log.exists() and "ready" in log.read_text()

        async def is_ready(said: Callable[[], bool] = said_ready) -> bool:
            return said()

        await supervisor.start(spec(name, code, tmp_path, ready=is_ready))
    await supervisor.stop_all()
    assert order.read_text().split() == ["third", "second", "first"]


def test_a_killed_supervisor_leaves_no_child(tmp_path: Path) -> None:
    """kill -9 of the supervisor itself takes its children with it."""
    code = f"""
        import asyncio, sys
        from pathlib import Path
        from coprove.devnet.supervisor import ChildSpec, Supervisor
        async def yes(): return True
        async def main():
            supervisor = Supervisor()
            await supervisor.start(ChildSpec(name="c", command=lambda: [sys.executable, "-c",
                {SLEEPER!r}], log_path=Path({str(tmp_path)!r}) / "c.log", ready=yes))
            print('pid', supervisor.states["c"].pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    with subprocess.Popen(  # noqa: S603 - the code above
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        lines = iter(parent.stdout.readline, "")
        pid = next(int(line.split()[1]) for line in lines if line.startswith("pid "))
        assert is_alive(pid)
        parent.kill()
    deadline = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_backoff_grows_to_ten_seconds() -> None:
    """0.25 s, doubled each time, never more than ten."""
    assert [backoff_seconds(n) for n in (1, 2, 3, 7, 50)] == [0.25, 0.5, 1.0, 10.0, 10.0]
