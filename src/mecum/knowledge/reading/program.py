"""A program: the worker that reads files. `python -m mecum.knowledge.reading.program nice|idle`.

A request is JSON, `{"name", "path", "title"}`, or nothing, which asks for more of the same file; the reply is JSON, a
portion (`portions`) or `{"error": {"code", "message", "kind"}}`.

Invariants (`tests/knowledge/reading/test_extractor.py`): what parses foreign files has 60 s of CPU for each portion and
1 GiB of address space, writes no file, opens no connection and starts no program.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.engine.frames import Handler, be_idle, be_nice, serve
from mecum.types import Json

CPU: Final = 60  # seconds a portion; the first one takes the parsing of the whole file
MEMORY: Final = 1024**3  # bytes of address space
LARGEST: Final = 200 * 1024 * 1024  # bytes of a file (ruling 18)
_FORBIDDEN: Final = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "shutil.",
)
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def main(priority: str) -> None:
    """Serve until stdin ends."""
    if priority == "idle":
        be_idle()
    else:
        be_nice(10)
    serve(_set_up)


def _set_up() -> Handler:
    _leave_the_network()
    from mecum.knowledge.extract.base import ExtractError  # noqa: PLC0415 -- after the above, which allows no threads
    from mecum.knowledge.extract.readers import read  # noqa: PLC0415
    from mecum.knowledge.reading.portions import portions  # noqa: PLC0415
    from mecum.knowledge.tokens import Tokenizer  # noqa: PLC0415

    limit, tokenizer = _confine(), Tokenizer()
    rest: Iterator[Json] = iter(())

    def begin(request: bytes) -> Iterator[Json]:
        asked = orjson.loads(request)
        try:
            content = _content(Path(asked["path"]))
        except OSError as error:
            raise ExtractError("unreadable", f"The file cannot be read: {error.strerror or error}.") from None
        return portions(read(content, asked["name"]), asked["title"], tokenizer)

    def handle(request: bytes) -> bytes:
        nonlocal rest
        limit()
        try:
            if request:
                rest = iter(())  # what is left of another file, which nobody asked for to its end
                rest = begin(request)
            return orjson.dumps(next(rest))
        except ExtractError as error:
            return _failure(error.code, error.message, error.kind)
        except MemoryError:
            rest = iter(())
            return _failure("too_large", "Reading the file takes more than 1 GiB of memory. Split it, and add the parts.")

    return handle


def _failure(code: str, message: str, kind: str = "") -> bytes:
    return orjson.dumps({"error": {"code": code, "message": message, "kind": kind}})


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(LARGEST + 1)


def _leave_the_network() -> None:
    """Go into a network of our own without any way out, where the system lets us. Native code is bound by it too.

    Root needs no namespace of users for it, and would lose its right to read other users' files in one.
    """
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 -- only here

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).unshare(_CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET)


def _confine() -> Callable[[], None]:
    """Set the limits; returns what sets the one for the next file."""
    sys.addaudithook(_refuse)
    try:
        import resource  # noqa: PLC0415 -- not on every platform
    except ImportError:
        return lambda: None
    for kind, value in ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, MEMORY)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))

    def limit() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + CPU + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))

    return limit


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN) or (event == "open" and _writes(arguments)):
        raise PermissionError(f"reading a file needs no {event}")


def _writes(arguments: tuple[Any, ...]) -> bool:
    mode = arguments[1] if len(arguments) > 1 else None
    return isinstance(mode, str) and any(letter in mode for letter in "wax+")


if __name__ == "__main__":
    main(*sys.argv[1:])
