"""How much a key may ask: so often in a minute, so much at once.

Invariants (`tests/keys/test_limits.py`, by hypothesis): in no 60 seconds, wherever they begin, are more requests let in than
the rate; never more at once than the concurrency; who waits for as long as was said is let in. What was refused counts for
nothing. Times are of the monotonic clock, so that no change of the wall clock gives or takes anything.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final

from mecum.errors import RateLimited

WINDOW: Final = 60.0  # seconds
MOST: Final = 10_000  # requests in a minute, or at once, that a limit may be: each of a minute is remembered
_SOON: Final = 1  # seconds to wait for the end of another request, whenever that is


class Limit:
    """One key's, entered by each of its requests. None: it has no limit of that kind."""

    def __init__(self, rate: int | None, concurrency: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._concurrency = concurrency
        self._clock = clock
        self._times: deque[float] = deque()  # when requests of the last minute were let in
        self._working = 0

    def __enter__(self) -> None:
        """Let a request in, for the block that is its work.

        Raises:
            RateLimited: it is one too many.
        """
        now = self._forget()
        if self._rate is not None and len(self._times) >= self._rate:
            wait = math.ceil(self._times[0] + WINDOW - now)
            raise RateLimited(f"This key may send {_many(self._rate)} a minute. Wait {wait} s.", retry_after=max(1, wait))
        if self._concurrency is not None and self._working >= self._concurrency:
            raise RateLimited(
                f"This key may have {_many(self._concurrency)} at work at once. Wait for one to end.", retry_after=_SOON
            )
        if self._rate is not None:
            self._times.append(now)
        self._working += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._working -= 1

    def headers(self) -> Mapping[str, str]:
        """Return how it stands, with OpenAI's names; nothing without a rate."""
        if self._rate is None:
            return {}
        now = self._forget()
        full_again = self._times[-1] + WINDOW - now if self._times else 0.0
        return {
            "x-ratelimit-limit-requests": str(self._rate),
            "x-ratelimit-remaining-requests": str(self._rate - len(self._times)),
            "x-ratelimit-reset-requests": f"{math.ceil(full_again * 1000) / 1000:g}s",
        }

    def _forget(self) -> float:
        """Forget what is a minute old, and return the time."""
        now = self._clock()
        while self._times and self._times[0] + WINDOW <= now:
            self._times.popleft()
        return now


def _many(number: int) -> str:
    return f"{number} request{'s' * (number != 1)}"
