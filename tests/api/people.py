"""The whole program with API keys: of two owners who know nothing of each other, and some that are good for less."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.api.uploads import call, data
from tests.api.whole import Whole, whole
from tests.clients.wire import Answer, request

from mecum.app.home import running

ANN, EVE = "ann", "eve"
WRONG = "mk-" + "A" * 43  # as a key looks


@dataclass
class People:
    """The server, and what people send: `keys` are texts of keys by who has them."""

    server: Whole
    keys: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)  # of keys

    @property
    def token(self) -> str:
        """What `run.json` tells the commands on this machine."""
        found = running(self.server.home)
        assert found
        return found.token

    def ask(
        self, who: str | None, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request with somebody's key, None: without one. A body that is no bytes goes as JSON."""
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.keys.get(who, who)}"
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        return request(self.server.url, method, path, content, sent)

    def data(self, who: str | None, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Send a request, and return what a management route answers."""
        return data(self.ask(who, method, path, body), status)

    def make(self, who: str, **fields: Any) -> str:
        """Make a key as the owner of this machine, and return its text."""
        made = self.data(self.token, "POST", "/api/keys", {"name": who, **fields})
        self.ids[who] = made["id"]
        self.keys[who] = made["key"]
        return str(made["key"])


@contextmanager
def people(home: Path, **settings: Any) -> Iterator[People]:
    """Run the program, closed: with keys of ann's and eve's, and others."""
    everything = ["chat", "documents", "admin"]
    with whole(home, **settings) as server:
        assert call(server, "GET", "/api/keys").status == 200  # open as yet
        known = People(server)
        known.make(ANN, owner=ANN, scopes=everything)
        known.make(EVE, owner=EVE, scopes=everything)
        for scope in everything:
            known.make(f"only {scope}", owner=ANN, scopes=[scope])
        known.make("revoked", owner=ANN, scopes=everything)
        known.data(known.token, "DELETE", f"/api/keys/{known.ids['revoked']}")
        ends = time.time() + 0.2
        known.make("expired", owner=ANN, scopes=everything, expires=ends)
        time.sleep(max(0.0, ends - time.time()))
        yield known


def settled(known: People, who: str, document_id: str) -> dict[str, Any]:
    """Return a document once it is as far as it gets."""
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, Any] = known.data(who, "GET", f"/api/documents/{document_id}")
        if found["state"] in ("ready", "no_text", "failed"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
