"""The id of the request at work, and the one line that a finished request leaves.

The line holds a path without its query, a status and a time: nothing that somebody wrote into a chat
(`tests/observe/test_request.py`).
"""

from __future__ import annotations

import logging
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("mecum_request_id", default=None)

_PROBES = frozenset({"/livez", "/readyz"})  # asked every few seconds by whoever watches us
_PATH_LIMIT = 200  # characters; a longer path is nobody's route


def access(*, method: str, path: str, status: int, seconds: float, **fields: object) -> None:
    """Log that a request has ended. `path` comes without its query; `fields` are numbers and ids, never texts."""
    logger = logging.getLogger("mecum.access")
    level = logging.DEBUG if path in _PROBES else logging.INFO
    if logger.isEnabledFor(level):
        timed = {"status": status, "ms": round(seconds * 1000, 1)}
        logger.log(level, "%s %s", method, path[:_PATH_LIMIT], extra=timed | fields)
