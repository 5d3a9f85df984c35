"""An OpenAI-compatible server that writes down what it is asked: a real engine elsewhere, as mecum sees it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
MODEL = "recorder"


class Recorder(ThreadingHTTPServer):
    """`asked` holds the bodies of the chats, oldest first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Json] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder in a thread."""
    recorder = Recorder()
    thread = threading.Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorder
    finally:
        recorder.shutdown()
        thread.join()
        recorder.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._send(json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}), "application/json")
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/chat/completions":
            self.send_error(404)
            return
        self.server.asked.append(body)
        chunks = [{"delta": {"role": "assistant", "content": "noted"}}, {"delta": {}, "finish_reason": "stop"}]
        events = [json.dumps({"model": MODEL, "choices": [{"index": 0, **chunk}]}) for chunk in chunks]
        self._send("".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]), "text/event-stream")

    def _send(self, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the tests look at `asked`."""
