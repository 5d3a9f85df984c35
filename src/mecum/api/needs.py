"""What a key must be for, by path: ONE table, read before anything of a request is.

Invariant (`tests/api/test_needs.py`): every route that there is has the row that it should have. A path that nobody thought
of is the administrator's: a new route is shut until it is listed here.
"""

from __future__ import annotations

from typing import Final, Literal

from mecum.api.openapi import KEY
from mecum.types import Json, Scope

Need = Literal["nothing", "any key"] | Scope
NOTHING: Final = "nothing"
ANY_KEY: Final = "any key"
_BELOW: Final = "/*"

# The first row that fits holds. What ends in /* stands for all that is below.
TABLE: Final[tuple[tuple[str, Need], ...]] = (
    ("/", NOTHING),
    ("/docs", NOTHING),
    ("/static/*", NOTHING),
    ("/livez", NOTHING),
    ("/readyz", NOTHING),
    ("/api/kernel2/health", NOTHING),  # the state alone
    ("/openapi.json", ANY_KEY),
    ("/v1/*", "chat"),
    ("/api/kernel2/*", "chat"),  # models and roles too: a chat names them
    ("/api/documents", "documents"),
    ("/api/documents/*", "documents"),
    ("/api/memories/*", "documents"),
    ("/api/knowledge/*", "documents"),
)
_ELSE: Final[Need] = "admin"


def need_of(path: str) -> Need:
    """Return what a request for a path needs."""
    for pattern, need in TABLE:
        if path == pattern or (pattern.endswith(_BELOW) and path.startswith(pattern[:-1])):
            return need
    return _ELSE


def described(path: str, *, closed: bool) -> Json:
    """Return what a path needs, as OpenAPI has it: while no key is asked for, it may be left out."""
    need = need_of(path)
    if need == NOTHING:
        return {"security": []}
    key: Json = {KEY: [] if need == ANY_KEY else [need]}
    return {"security": [key] if closed else [key, {}]}
