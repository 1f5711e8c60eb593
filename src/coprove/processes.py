"""Run a command that dies when its parent does: `python processes.py PARENT_PID COMMAND…`.

The devnet's supervisor starts every child through this file, and worker processes call
`die_with_parent` themselves, so that even a sudden death leaves no process behind. On Linux the
kernel sends the signal (PR_SET_PDEATHSIG survives exec); elsewhere a thread watches the parent.
Only the standard library is imported: the file runs without any packages, and at no cost.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

__all__ = ["die_with_parent", "main"]

_PR_SET_PDEATHSIG = 1
_WATCH_SECONDS = 0.5


def die_with_parent(parent: int) -> None:
    """Have this process killed as soon as the process `parent`, which started it, has ended.

    Call it early in a child: when the parent has ended already, the child ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Become the command (Linux), or run it and wait for it; return its exit status."""
    parent, command = int(arguments[0]), arguments[1:]
    die_with_parent(parent)
    if sys.platform == "linux":
        os.execvp(command[0], command)  # noqa: S606 - the supervisor's own command
    with subprocess.Popen(command) as child:  # noqa: S603 - the supervisor's own command
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: child.send_signal(received))
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
