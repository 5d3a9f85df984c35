"""How far an adding is: what of it is stored, searchable, ready; how fast it goes, and how long it still takes. Pure.

The work is counted in passages, because making their vectors is what takes long. How many the files not read yet will have
is judged by those that were. Invariant (`tests/cli/test_tally.py`): what is said to be left never counts a document that is
done, and everything is done at some time, in whatever order the news comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from mecum.types import Json

Goal = Literal["searchable", "ready"]
_UNREAD: Final = frozenset({"queued", "processing"})
_WAITING: Final[dict[Goal, frozenset[str]]] = {"searchable": _UNREAD, "ready": _UNREAD | {"searchable"}}
_SOON: Final = 1.0  # seconds; a rate before that is none


class Tally:
    """The documents of one adding. `files` is how many there will be; `goal` is how far they are to get."""

    def __init__(self, goal: Goal, *, began: float) -> None:
        self.files = 0
        self.goal = goal
        self._size = 0  # of the files, in bytes
        self._began = began
        self._documents: dict[str, Json] = {}  # those of this adding, as they were last heard of
        self._waiting: set[str] = set()  # those of them that are not as far as they can get
        self._heard: dict[str, Json] = {}  # all others; ours may be among them, heard of before they are known as ours
        self._lost = 0  # files that will never be documents
        self._first: tuple[float, int] | None = None  # when vectors were first counted, and how many there were
        self._last: tuple[float, int, int] | None = None  # when they were last, how many there were, and were missing

    def expect(self, files: int, size: int) -> None:
        """Take note that so many files will come, of so many bytes in all."""
        self.files += files
        self._size += size

    def mine(self, document: Json) -> None:
        """Take note of a document of this adding."""
        heard = self._heard.pop(document["id"], None) or self._documents.get(document["id"])
        newer = heard is not None and heard["updated"] >= document["updated"]
        self._keep(heard if heard is not None and newer else document)

    def hear(self, document_id: str, document: Json | None) -> None:
        """Take note of what became of any document; None: it was removed."""
        if document is None:
            self._heard.pop(document_id, None)
            if document_id in self._documents:
                self._keep({**self._documents[document_id], "state": "failed", "error": None})
        elif document_id in self._documents:
            self._keep(document)
        elif not document.get("container_id"):  # those are counted with their container
            self._heard[document_id] = document

    def lose(self, number: int = 1) -> None:
        """Take note of files that did not go in."""
        self._lost += number

    def vectors(self, counts: Json, now: float) -> None:
        """Take note of the library's counts. Without an embedder that works, searchable is as far as it goes."""
        if counts["embedder"]["state"] != "ready":
            self.goal = "searchable"
            for document in self._documents.values():
                self._keep(document)
        made = counts["passages"] - counts["without_vector"]
        self._first = self._first or (now, made)
        self._last = (now, made, counts["without_vector"])

    @property
    def documents(self) -> Iterable[Json]:
        """The documents of this adding, as far as they are known."""
        return self._documents.values()

    @property
    def stored(self) -> int:
        """How many files are in the library, or never will be."""
        return len(self._documents) + self._lost

    @property
    def done(self) -> int:
        """How many files are as far as they can get."""
        return self.stored - len(self._waiting)

    @property
    def unfinished(self) -> frozenset[str]:
        """The states of documents that are not as far as they can get."""
        return _WAITING[self.goal]

    @property
    def waiting(self) -> tuple[str, ...]:
        """The ids of documents that are not as far as they can get."""
        return tuple(self._waiting)

    @property
    def passages(self) -> int:
        """How many passages there are by now."""
        return sum(document["passages"] for document in self._documents.values())

    @property
    def missing(self) -> int:
        """How many vectors are to be made, of all that is read by now."""
        return self._last[2] if self.goal == "ready" and self._last else 0

    def rate(self, now: float) -> float | None:
        """Return passages a second, of the work that the goal asks for; None while it cannot be told."""
        if self.goal == "ready":
            if self._first is None or self._last is None or self._last[0] - self._first[0] < _SOON:
                return None
            return max(0.0, (self._last[1] - self._first[1]) / (self._last[0] - self._first[0]))
        return self.passages / (now - self._began) if now - self._began >= _SOON else None

    def left(self, now: float) -> float | None:
        """Return the seconds that it still takes, None while they cannot be told."""
        rate = self.rate(now)
        if not rate:
            return None
        read = sum(document["size"] for document in self._documents.values() if document["state"] not in _UNREAD)
        unread = max(0, self._size - read)
        if unread and not self.passages:
            return None
        to_come = self.passages * unread / read if read else 0.0
        return (self.missing + to_come) / rate

    def _keep(self, document: Json) -> None:
        self._documents[document["id"]] = document
        waits = document["state"] in self.unfinished
        (self._waiting.add if waits else self._waiting.discard)(document["id"])
