"""Events that differ in nothing but a piece of text, read all at once: nearly every event of nearly every answer.

Invariant: what comes out is what reading each event by itself would give, or nothing (`tests/engine/test_repeats.py`). A
Pattern is the bytes around the text of an event that was read in full. It fits only events that have exactly these bytes,
with one string of JSON between them, so they can differ in that string alone; that the string is what becomes the text, and
that nothing else of the event does, is tried out with another string when the pattern is made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import orjson

from mecum.engine.codec import Decoder
from mecum.engine.events import payload_of
from mecum.errors import MecumError
from mecum.types import Delta

_CONTENT: Final = re.compile(rb'"content"\s*:\s*("(?:[^"\\]|\\.)*")')
_TRIAL: Final = "another text"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What stands before and behind the text in an event, from its first byte to the empty line."""

    head: bytes
    tail: bytes

    @classmethod
    def of(cls, event: bytes) -> Pattern | None:
        """Return the pattern of an event (without its empty line) that gave a piece of text; None where there is none."""
        found = _CONTENT.search(event)
        if not found or b"\n" in event:
            return None
        head, tail = event[: found.start(1)], event[found.end(1) :]
        payload = payload_of(head + orjson.dumps(_TRIAL) + tail)
        try:
            tried = Decoder().feed([payload] if payload else [])
        except MecumError:
            return None
        return cls(head, tail + b"\n\n") if tried == [Delta(_TRIAL)] else None

    def read(self, events: bytes) -> tuple[list[str], bytes]:
        """Return the texts of all events at the beginning of `events` (whole ones) that fit, and the rest."""
        if not events.startswith(self.head):
            return [], events
        before, behind = len(self.head), -len(self.tail)
        if events.endswith(self.tail) and b"\n" not in events[before:behind]:
            texts = _strings([events[before:behind]])  # it is one event
            return (texts, b"") if texts else ([], events)
        lines = events.split(b"\n")[:-1:2]  # every second one is empty, if all is as it should be
        strings = [line[before : behind + 2] for line in lines]
        run = self._join(strings)
        if run != events:
            strings = [line[before : behind + 2] for line in takewhile(self._fits, lines)]
            run = self._join(strings)
            if not events.startswith(run):
                return [], events
        texts = _strings(strings)
        return (texts, events[len(run) :]) if texts else ([], events)

    def _join(self, strings: list[bytes]) -> bytes:
        return self.head + (self.tail + self.head).join(strings) + self.tail

    def _fits(self, line: bytes) -> bool:
        return (
            line.startswith(self.head) and line.endswith(self.tail[:-2]) and len(line) > len(self.head) + len(self.tail) - 2
        )


def _strings(strings: list[bytes]) -> list[str]:
    """Return what these strings of JSON say; nothing unless each is exactly one.

    They are read as one array. No string of JSON holds a line end, so none can begin in one of them and end in another.
    """
    try:
        texts = orjson.loads(b"[" + b",\n".join(strings) + b"]")
    except orjson.JSONDecodeError:
        return []
    return texts if len(texts) == len(strings) and set(map(type, texts)) == {str} else []
