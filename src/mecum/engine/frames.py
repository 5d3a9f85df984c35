"""What a worker process of ours and its parent say to each other: frames of bytes over the worker's stdin and stdout.

A frame is its length (uint32, little-endian) and so many bytes. A reply's first byte tells what follows: `DONE` and the
result, or `FAILED` and a sentence. The worker sends one reply when it is set up, then one for each request, in order.

Invariants (`tests/engine/test_worker.py`): whatever a library prints cannot get between the frames, for the worker's
stdout leads nowhere while it works; the worker ends when its stdin does, which it does with its parent.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

LENGTH: Final = struct.Struct("<I")
LARGEST: Final = 1 << 30  # bytes of one frame
DONE: Final = b"\0"
FAILED: Final = b"\1"

Handler = Callable[[bytes], bytes]


class WorkFailed(Exception):
    """A request cannot be done; the text says why, without anything of what was to be worked on."""


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame, or None at the end of the stream, also where it ends inside a frame."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    data = stream.read(size)
    return data if len(data) == size else None


def frame(*parts: bytes) -> bytes:
    """Return the parts as one frame."""
    return LENGTH.pack(sum(map(len, parts))) + b"".join(parts)


def serve(set_up: Callable[[], Handler]) -> None:
    """Be a worker: set up, say so, then answer request by request until stdin ends. Call it from the main thread."""
    requests, replies = _private_ends()
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more
        try:
            handle = set_up()
        except Exception as error:  # noqa: BLE001 -- a worker's loop: the parent is told, whatever it was
            _send(replies, FAILED, _sentence(error))
            return
        _send(replies, DONE, b"")
        while (request := read_frame(requests)) is not None:
            _send(replies, *_answer(handle, request))


def be_idle() -> None:
    """Work only when nothing else wants to: at idle priority where the system has it, else at the lowest there is.

    Threads inherit it, so call it before any is made.
    """
    _yield_as_a_group(19)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
    be_nice(19)


def be_nice(level: int) -> None:
    """Leave the way to others: `level` 1 is a little, 19 most."""
    _yield_as_a_group(level)
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(level)


def _yield_as_a_group(level: int) -> None:
    """Let our whole session count for little.

    Linux shares out time among sessions first and looks at the processes' own priorities only inside each ("autogroup"): an
    idle process in a session of its own takes as much time from a chat as any other (sched(7); measured: half of a core).
    """
    if sys.platform == "linux" and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(level))


def _answer(handle: Handler, request: bytes) -> tuple[bytes, bytes]:
    try:
        return DONE, handle(request)
    except Exception as error:  # noqa: BLE001 -- a worker's loop: one bad request must not end it
        return FAILED, _sentence(error)


def _sentence(error: Exception) -> bytes:
    # What another exception says may quote the text that was worked on, which must reach no log: its kind is enough.
    told = str(error) if isinstance(error, WorkFailed) else f"{type(error).__name__} in the worker."
    return told.encode("utf-8", "replace")


def _send(replies: BinaryIO, kind: bytes, body: bytes) -> None:
    replies.write(frame(kind, body))
    replies.flush()


def _private_ends() -> tuple[BinaryIO, BinaryIO]:
    """Return stdin and stdout under other numbers, and let 0 and 1 lead nowhere."""
    sys.stdout.flush()
    ours = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(ours[0], "rb"), os.fdopen(ours[1], "wb")
