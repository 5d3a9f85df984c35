"""How the commands speak: answers on stdout, everything else on stderr, and no text from outside can steer the terminal."""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

from mecum.errors import EngineStartError, MecumError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all but tab and line feed; and what is no text
_ORDER = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # turn the direction of what follows, also of what is ours
_BREAK = re.compile(r"[\t\n\u2028\u2029]")


def plain(text: str) -> str:
    """Return the text without control characters: a terminal takes them for commands."""
    return _CONTROL.sub("", text)


def one_line(text: str) -> str:
    """Return a name or a title as one line that shows what it is: a path may hold anything, a line break too."""
    return _BREAK.sub("\N{REPLACEMENT CHARACTER}", _ORDER.sub("", plain(text)))


def say(text: str, stream: TextIO | None = None) -> None:
    """Write a line, at once, to stdout or another stream."""
    out = stream or sys.stdout
    out.write(f"{text}\n")
    out.flush()


def say_if_heard(text: str) -> None:
    """Write a line to stdout; where its reader is gone, go on without one."""
    try:
        say(text)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has to go somewhere


def note(text: str) -> None:
    """Write a line for the person, not for the pipe."""
    say(f"mecum: {plain(text)}", sys.stderr)


def complain(error: MecumError) -> None:
    """Say what went wrong, with the engine's own last words where there are some."""
    note(error.message)
    for line in error.lines if isinstance(error, EngineStartError) else ():
        say(f"  | {plain(line)}", sys.stderr)


def confirmed(question: str) -> bool:
    """Ask on the terminal, and return whether the answer is yes."""
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
