"""Where the program begins: `mecum serve` is told how to end before anything large is imported.

A signal in the first half second would else end it as the system does (code 143), and whoever supervises it would take an
ordinary stop for a crash. `mecum.app.server` has handlers of its own from where there is something to close.
"""

from __future__ import annotations

import os
import signal
import sys


def run() -> None:
    """Run `mecum`: the console script."""
    if sys.argv[1:2] == ["serve"]:
        _may_be_ended()
    from mecum.cli.main import run as command_line  # noqa: PLC0415 # see the module's docstring

    command_line()


def _may_be_ended() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else ())):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, lambda *_: os._exit(0))  # nothing is open yet
