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
from mecum.engine.events import EventParser, payload_of, payloads_of
from mecum.engine.repeats import Pattern
from mecum.errors import MecumError
from mecum.types import Delta

TURNS: Final = 6  # runs of like events that are looked for in what one read brought
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
        """Read runs of like events at once, what stands between them one by one, and what is left after some turns."""
        for _ in range(TURNS if self._patience else 0):
            if self._pattern:
                texts, events = self._pattern.read(events)
                deltas += _deltas(texts)
                self._patience = PATIENCE if texts else self._patience
            if not events:
                return
            event, _, events = events.partition(b"\n\n")
            self._one(event, deltas)
            if self._decoder.done:
                return
        deltas += self._decoder.feed(payloads_of(events))

    def _one(self, event: bytes, deltas: list[Delta]) -> None:
        if (payload := payload_of(event)) is None:
            return
        found = self._decoder.feed([payload])
        deltas += found
        if len(found) != 1 or not found[0].content or found[0] != Delta(found[0].content):
            return
        if self._text_before and self._patience:
            self._patience -= 1
            self._pattern = Pattern.of(event)
        self._text_before = True


def _deltas(texts: Iterable[str]) -> Iterator[Delta]:
    """Return the deltas of texts; an empty one says nothing. `Delta(text)` would run Python code for each."""
    return map(_new_delta, zip(filter(None, texts), *_nothing_else, strict=False))
