"""Numbers, sizes, times and places in words, the same in every command."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mecum.cli.terminal import one_line
from mecum.errors import InvalidRequest
from mecum.types import Json, pages

if TYPE_CHECKING:  # every command imports this file
    from mecum.engine.machine import Machine

_UNITS = ("B", "kB", "MB", "GB", "TB")
_LENGTH = re.compile(r"([0-9]{1,6})([mhdw])", re.ASCII)
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_STATES = ("ready", "searchable", "processing", "queued", "no_text", "failed")


def size(number: float) -> str:
    """Return a size in bytes: "1.2 MB"."""
    unit = 0
    while number >= 999.5 and unit < len(_UNITS) - 1:
        number /= 1000
        unit += 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 or number >= 99.95 else f"{number:.1f} {_UNITS[unit]}"


def span(seconds: float) -> str:
    """Return a length of time by its two largest units: "2 h 5 min"."""
    whole = int(seconds)
    units = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    said = [f"{number} {unit}" for number, unit in units if number]
    return " ".join(said[:2]) or "0 s"


def many(number: int, what: str) -> str:
    """Return a number of things: "1 file", "2,000 files"."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def day(seconds: float | None) -> str:
    """Return the day of a time, in seconds since 1970, where this machine is; "" for none, or one of no calendar."""
    if seconds is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):
        return ""


def moment(text: str, option: str, *, end: bool) -> float:
    """Return a date or a time as seconds since 1970; of a day its first moment, or with `end` its last.

    Raises:
        InvalidRequest: it is neither.
    """
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest(f"{option} is {text!r}, but must be a date such as 2024-05-31, or a date and time.") from None
    if end and len(text.strip()) <= 10:
        when += timedelta(days=1, microseconds=-1)
    try:
        return when.timestamp()  # without a zone it is this machine's
    except (OverflowError, OSError):
        raise InvalidRequest(f"{option} is {text!r}, which is in no calendar of this machine.") from None


def later(text: str, option: str) -> float:
    """Return the time so long from now ("30d"), or of a date, at the day's end, in seconds since 1970.

    Raises:
        InvalidRequest: it is neither.
    """
    length = _length(text)
    return moment(text, option, end=True) if length is None else time.time() + length


def ago(text: str, option: str) -> float:
    """Return the time so long ago ("7d"), or of a date, at the day's beginning; errors as `later`."""
    length = _length(text)
    return moment(text, option, end=False) if length is None else time.time() - length


def _length(text: str) -> float | None:
    found = _LENGTH.fullmatch(text.strip())
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


def place(found: Mapping[str, Any]) -> str:
    """Return where a passage or a source stands: "report.pdf, page 4, § Results"."""
    named = [one_line(str(found.get("title") or found.get("path") or found.get("document_id") or "?"))]
    if at := pages(found.get("page"), found.get("last_page")):
        named.append(at)
    if part := heading(found.get("heading")):
        named.append(f"§ {part}")
    return ", ".join(named)


def heading(found: object) -> str:
    """Return the part of a document that a passage stands in: its heading, or those from the outermost inwards."""
    return one_line(", ".join(map(str, found)) if isinstance(found, list) else str(found or ""))


def states(documents: Mapping[str, int]) -> str:
    """Return documents by state, the best first: "120 ready, 3 failed"."""
    known = [name for name in _STATES if documents.get(name)]
    others = [name for name, number in documents.items() if number and name not in _STATES]
    return ", ".join(f"{documents[name]:,} {name.replace('_', ' ')}" for name in known + others)


def embedder(counts: Json) -> str:
    """Return how the library's embedder does, in one line."""
    one = counts["embedder"]
    if one["state"] != "ready":
        return f"{one['state']}: {one['reason'] or 'no reason given'}"
    if not one["rebuilding"]:
        return f"{one['model']}, ready"
    done = counts["passages"] - counts["without_vector"]
    return f"{one['model']}, {done:,} of {many(counts['passages'], 'passage')} embedded; the former index answers meanwhile"


def library(counts: Json) -> str:
    """Return how far a library is, in one line."""
    number = sum(counts["documents"].values())
    if not number:
        return "no documents yet"
    facts = [f"{many(number, 'document')} ({states(counts['documents'])})", many(counts["passages"], "passage")]
    if counts["without_vector"]:
        facts.append(f"{counts['without_vector']:,} without a vector")
    return ", ".join(facts)


def loading(state: Json) -> str:
    """Return how far a model's loading is, as the server tells it: "loading, 40 %, 3 s"; or what it waits for."""
    share, seconds = state["progress"], state["loading_seconds"]
    facts = [
        "loading",
        "" if share is None else f"{100 * share:.0f} %",
        "" if seconds is None else span(seconds),
    ]
    told = ", ".join(filter(None, facts))
    return f"{told}: {state['reason']}" if state["reason"] else told


def machine_line(machine: Machine) -> str:
    """Return what this machine has for models, in a sentence."""
    gpu = ", a GPU" if machine.gpu else ""
    return f"This machine: {many(machine.cores, 'core')}, {size(machine.memory)} of memory free now{gpu}."
