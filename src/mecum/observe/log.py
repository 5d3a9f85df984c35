"""Logging on stderr: one line for people, or one JSON object a line, of our own and of every library's records.

Invariant: the text of chats never reaches a log. Our own messages and fields hold none by rule; what others might let
through is held back here (`tests/observe/test_log.py`, and a canary through a whole server in `tests/app`):
  - of an exception that is not known to speak of the machine only, the log has the type and the traceback, not the words
    (a validation error quotes its input);
  - libraries speak from `warning` on, at level debug from `info` on: we do not know what their debug lines contain;
  - asyncio's notes about a failed task name the exception through the same formatter (`on_loop_error`).

Usage: `logging.getLogger(__name__).info("the model is ready", extra={"model": name, "seconds": 2.1})`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import traceback
from datetime import datetime
from typing import Any, Literal, TextIO

from mecum.errors import MecumError
from mecum.observe.request import request_id
from mecum.types import Json

# Their words are about the program or the machine. Not so ValueError, KeyError, UnicodeError, TypeError: they quote data.
_SPEAKS_SAFELY = (MecumError, OSError, ImportError, AttributeError, NameError, RuntimeError, MemoryError)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def configure(level: str, form: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Send every log record to `stream` (stderr), from `level` up. Calling it again replaces what it set before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    ours = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=_libraries(ours), force=True)
    logging.getLogger("mecum").setLevel(ours)
    logging.getLogger("uvicorn.error").setLevel(_libraries(ours))  # else it looks at its own level and takes 0 for all
    logging.captureWarnings(capture=True)


def on_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio could tell nobody. Its own handler writes the exception's words out."""
    error = context.get("exception")
    logging.getLogger("mecum.loop").error("%s", context.get("message", "unhandled error"), exc_info=error)


def _libraries(ours: int) -> int:
    return max(logging.INFO if ours <= logging.DEBUG else logging.WARNING, ours)


def _fields(record: logging.LogRecord) -> Json:
    given = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    request = request_id.get()
    return given if request is None else given | {"request": request}


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


def _error(record: logging.LogRecord) -> str | None:
    error = record.exc_info[1] if record.exc_info else None
    return None if error is None else "".join(_told(error, seen=set())).rstrip()


def _told(error: BaseException, seen: set[int]) -> list[str]:
    """Return the traceback and what led to it, each exception by its type, and by its words only where they are safe."""
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [*_told(cause, seen), "  -- led to --\n"] if cause is not None and id(cause) not in seen else []
    lines += traceback.format_tb(error.__traceback__)
    words = f": {error}" if isinstance(error, _SPEAKS_SAFELY) else ""
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}{words}\n")
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        lines += _told(inner, seen)
    return lines


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the record's own fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: Json = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().strip(),
        }
        line |= {key: value for key, value in _fields(record).items() if key not in line}
        if error := _error(record):
            line["error"] = error
        return json.dumps(line, default=str)


class _TextFormatter(logging.Formatter):
    """`time level logger: message key=value`, and the traceback below it. Nothing in a message can begin a new line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={_quoted(str(value))}" for key, value in _fields(record).items())
        head = f"{_when(record)} {record.levelname.lower():<7} {record.name}: {_plain(record.getMessage().strip())}{fields}"
        error = _error(record)
        return f"{head}\n{error}" if error else head


def _quoted(value: str) -> str:
    return _plain(value) if re.fullmatch(r"[^\s\"=]+", value) else _plain(json.dumps(value, ensure_ascii=False))


def _plain(text: str) -> str:
    """Return the text with control characters (a client's line breaks, a terminal's commands) written out."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda found: repr(found[0])[1:-1], text)
