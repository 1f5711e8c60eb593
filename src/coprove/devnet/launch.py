"""Run a command that dies when its parent does: `python launch.py PARENT_PID COMMAND…`.

The supervisor starts every child through this file, so that even its own sudden death leaves no
process behind. On Linux the kernel sends the signal (PR_SET_PDEATHSIG survives exec); elsewhere
a thread watches the parent. Next to nothing is imported: the start must cost nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from coprove.processes import die_with_parent

__all__ = ["main"]


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
