"""A server elsewhere that writes down whatever it is asked: what a bare engine behind mecum would see."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.clients.server import Server, serving

KEY = "the-upstreams-own-key"
MODEL = "upstream"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Upstream(ThreadingHTTPServer):
    """Lists a model, answers chats with "noted"; `redirect` sends chats elsewhere. `asked` has all requests in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        self.redirect = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def chats(self) -> list[Asked]:
        return [one for one in self.asked if one.method == "POST" and one.path == "/v1/chat/completions"]


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run one in a thread."""
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def relaying(home: Path, there: Upstream) -> Iterator[Server]:
    """Run `mecum serve` in front of one."""
    environ = {"MECUM_LIBRARY_EMBEDDER": "none", "MECUM_ENGINE_API_KEY": KEY}
    with serving(home, "--engine-url", f"{there.url}/v1", env=environ) as server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    server: Upstream

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.command, self.path, headers, body))
        if self.path == "/v1/models":
            self._send(200, json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}), "application/json")
        elif self.path != "/v1/chat/completions":
            self._send(404, '{"detail":"Not Found"}', "application/json")
        elif self.server.redirect:
            self._send(307, "", "text/plain", Location=self.server.redirect)
        else:
            chunks = [{"delta": {"role": "assistant", "content": "noted"}}, {"delta": {}, "finish_reason": "stop"}]
            events = [json.dumps({"model": MODEL, "choices": [{"index": 0, **chunk}]}) for chunk in chunks]
            self._send(200, "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]), "text/event-stream")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815 - the base class's names

    def _send(self, status: int, text: str, kind: str, **headers: str) -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the tests look at `asked`."""
