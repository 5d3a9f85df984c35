"""A program: runs another one so that it dies with the process that asked for it, however that one ends.

    python -I -S launcher.py exec|watch PARENT_PID PROGRAM [ARGUMENT …]

Invariant: when PARENT_PID is gone, so is PROGRAM (`tests/engine/test_process.py` kills the parent with -9). On Linux
("exec") the kernel sees to it: PR_SET_PDEATHSIG is set, then the parent is checked, for it may have died before that, then
PROGRAM takes this process' place and keeps the setting. The signal is bound to the parent's *thread*: whoever starts this
program must do so from its main thread. Elsewhere ("watch") this process stays in between and ends PROGRAM when its own
stdin ends, which it does with the parent. Only the standard library's quickest parts are imported: this is start-up time.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PARENT_GONE = 70  # exit status


def run_bound(parent: int, command: list[str]) -> None:
    """Become `command`, to be killed by the kernel when the parent's thread ends. Linux only."""
    import ctypes  # noqa: PLC0415 -- start-up time: only this way needs it

    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(PARENT_GONE)
    os.execv(command[0], command)  # noqa: S606 -- the command is our own


def run_watched(command: list[str]) -> None:
    """Run `command` as a child: hand our stdin on to it, end it when that ends, and end with its status."""
    import subprocess  # noqa: PLC0415 -- start-up time: only this way needs them
    import threading  # noqa: PLC0415

    child = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)  # noqa: S603 -- the command is our own

    def leave(number: int, _: FrameType | None) -> None:
        child.kill()
        os._exit(128 + number)

    def follow() -> None:
        status = child.wait()
        os._exit(status if status >= 0 else 128 - status)

    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=follow, daemon=True).start()
    while data := os.read(0, 65536):
        try:
            os.write(child.stdin.fileno(), data)  # type: ignore[union-attr] # it is a pipe
        except BrokenPipeError:
            break  # it is ending; `follow` has the last word
    child.kill()
    child.wait()
    os._exit(PARENT_GONE)


if __name__ == "__main__":
    if sys.argv[1] == "exec":
        run_bound(int(sys.argv[2]), sys.argv[3:])
    else:
        run_watched(sys.argv[3:])
