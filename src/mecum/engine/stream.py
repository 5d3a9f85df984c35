"""The bytes of a streamed answer to Deltas: `events` cuts them, `codec` reads each event, `repeats` many at once.

Invariant: what comes out depends neither on how the bytes were cut nor on how the events were read, and what came before a
fault is passed on before it is raised (`tests/engine/test_stream.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import Final

from mecum.engine.codec import Decoder
from mecum.engine.events import EventParser, payloads_of
from mecum.engine.repeats import Pattern
from mecum.errors import MecumError
from mecum.types import Delta

TURNS: Final = 6  # runs of like events that are looked for in what one read brought
FEW: Final = 2048  # bytes of events that are not worth looking for a run in
PATIENCE: Final = 8  # patterns made in a row that fitted nothing: then a server's events are taken to differ

_new_delta: Final = partial(tuple.__new__, Delta)
_nothing_else: Final = tuple(map(repeat, Delta()[1:]))


class Stream:
    """Reads one answer of which `choices` were asked for. `ended` says that it was whole."""

    def __init__(self, choices: int = 1) -> None:
        self.ended = False
        self._failure: MecumError | None = None
        self._events = EventParser()
        self._decoder = Decoder(choices)
        self._pattern: Pattern | None = None
        self._patience = PATIENCE if choices == 1 else 0  # the texts of several choices take turns
        self._text_before = False  # an answer of one text needs no pattern

    @property
    def fingerprint(self) -> str | None:
        """What the server called its `system_fingerprint`, once a chunk has come."""
        return self._decoder.fingerprint

    @property
    def failure(self) -> MecumError | None:
        """What is wrong with what comes next, if what came before it, in the same read, has been passed on."""
        return self._failure or self._decoder.failure

    def feed(self, data: bytes) -> list[Delta]:
        """Take the next bytes, none at the body's end, and return the deltas of the events that are whole now.

        Raises:
            EngineBroke: what comes first is no chunk of an answer, or the answer was cut off.
            MecumError: it is an error, mapped as `foreign` does.
        """
        deltas: list[Delta] = []
        try:
            self._take(self._events.whole(data) if data else self._events.rest(), deltas)
            if (not data or self._decoder.done) and not self._decoder.failure:
                deltas += self._decoder.end()
                self.ended = True
        except MecumError as error:
            if not deltas:
                raise
            self._failure = error
        return deltas

    def _take(self, events: bytes, deltas: list[Delta]) -> None:
        """Read runs of like events at once, and what stands between them as it is."""
        for turns_left in reversed(range(TURNS)):
            if self._pattern:
                texts, events = self._pattern.read(events)
                deltas += _deltas(texts)
                self._patience = PATIENCE if texts else self._patience
            if not events:
                return
            some, events = self._some(events) if turns_left and self._patience else (events, b"")
            found = self._decoder.feed(payloads_of(some))
            deltas += found
            if self._decoder.done or self._decoder.failure:
                return
            if self._patience and found and found[-1].content and found[-1] == Delta(found[-1].content):
                self._study(some[:-2].rpartition(b"\n\n")[2])

    def _some(self, events: bytes) -> tuple[bytes, bytes]:
        """Return the first of many events, behind which a run may begin, or all of a few; and the rest."""
        if len(events) <= FEW:
            return events, b""
        event, end, rest = events.partition(b"\n\n")
        return event + end, rest

    def _study(self, event: bytes) -> None:
        if self._text_before:
            self._patience -= 1
            self._pattern = Pattern.of(event)
        self._text_before = True


def _deltas(texts: Iterable[str]) -> Iterator[Delta]:
    """Return the deltas of texts; an empty one says nothing. `Delta(text)` would run Python code for each."""
    return map(_new_delta, zip(filter(None, texts), *_nothing_else, strict=False))
