"""A worker for tests: does what the request says."""

import os
import signal
import sys
import time
from pathlib import Path

from mecum.engine.frames import WorkFailed, be_idle, serve


def handle(request: bytes) -> bytes:
    word, _, rest = request.partition(b" ")
    if word == b"env":
        return "\n".join(f"{name}={value}" for name, value in os.environ.items()).encode()
    if word == b"print":
        sys.stdout.write("this would get between the frames" * 10_000)
        sys.stdout.flush()
        os.write(1, b"as would this")
    if word == b"fail":
        raise WorkFailed("It cannot be done.")
    if word == b"break":
        raise ValueError("a secret text")
    if word == b"die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == b"exit":
        sys.exit(3)
    if word == b"sleep":
        time.sleep(float(rest))
    if word == b"policy":
        group = Path("/proc/self/autogroup")
        return f"{os.sched_getscheduler(0)} {group.read_text().split()[-1] if group.exists() else 19}".encode()
    return rest


def set_up():
    if "refuse" in sys.argv:
        raise WorkFailed("It cannot come up.")
    if "vanish" in sys.argv:
        os._exit(9)
    return handle


if "idle" in sys.argv:
    be_idle()
serve(set_up)
