"""How far a fetching is: bytes done, the rate of the last seconds, the time left. Pure.

Invariant (`tests/models/test_meter.py`): what was there before counts as done and not into the rate.
"""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 10.0  # seconds
_SOON: Final = 1.0  # seconds; a rate before that is none


class Meter:
    """`total` is None where no server told it. `what` is what is done now, in a word or two."""

    def __init__(self) -> None:
        self.what = "asking"
        self.total: int | None = None
        self.done = 0
        self._seen: deque[tuple[float, int]] = deque()
        self._moved = 0  # bytes, never back

    def begin(self, what: str, total: int | None) -> None:
        """Start on something new, of so many bytes."""
        self.what, self.total, self.done = what, total, 0
        self._seen.clear()

    def skip(self, size: int) -> None:
        """Take note of bytes that are there already; of fewer than none where they have to come again."""
        self.done += size

    def add(self, size: int, now: float) -> None:
        """Take note of bytes that came."""
        self.done += size
        self._moved += size
        self._seen.append((now, self._moved))
        while len(self._seen) > 2 and now - self._seen[1][0] > _WINDOW:
            self._seen.popleft()

    def rate(self, now: float) -> float | None:
        """Return bytes a second, None while they cannot be told."""
        if not self._seen or now - self._seen[0][0] < _SOON:
            return None
        first = self._seen[0]
        return (self._moved - first[1]) / (now - first[0])

    def left(self, now: float) -> float | None:
        """Return the seconds that it still takes, None while they cannot be told."""
        rate = self.rate(now)
        return max(0, self.total - self.done) / rate if rate and self.total is not None else None
