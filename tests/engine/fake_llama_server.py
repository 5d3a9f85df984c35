"""A program that looks like `llama-server` from outside, for tests. The file `mode` beside it changes what it does:

"old": a version without Unix sockets and with fewer options; "mute": it accepts chats and never answers them; "dead": it
ends while it loads. So does one whose model's file is called `dead-…`; one of a `slow-…` is a second late to be ready, of a
`slower-…` six. A chat that ends with "5 0.1" is answered by five words, a tenth of a second apart, each the model's name. It
writes its arguments into `arguments` beside itself.
"""

from __future__ import annotations

import itertools
import json
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODE = (HERE / "mode").read_text() if (HERE / "mode").exists() else ""
OLD = """--model FNAME --host HOST ip address to listen --port PORT --api-key-file FNAME
-lv, --verbosity N set the verbosity threshold --no-webui disable it"""
NEW = """-m, --model FNAME --host HOST ip address to listen, or bind to a UNIX socket if the address ends with .sock
--port PORT --api-key-file FNAME --jinja, --no-jinja --no-ui --no-warmup --cache-ram N
-lv, --verbosity, --log-verbosity N
    - 0: generic output
    - 1: error"""


class Handler(BaseHTTPRequestHandler):
    key = ""
    model = ""
    ready_at = 0.0

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class' name
        pass

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200 if time.monotonic() > self.ready_at else 503, {"status": "ok"})
        elif self.allowed():
            self.answer(200, {"default_generation_settings": {"n_ctx": 1024}, "total_slots": 3})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed():
            return
        if self.path == "/apply-template":
            roles = [message["role"] for message in body["messages"]]
            self.answer(400 if roles[0] == "system" or roles == ["user", "user"] else 200, {"prompt": ""})
        elif MODE == "mute":
            time.sleep(600)
        elif self.path.endswith("/chat/completions"):
            self.chat(*body["messages"][-1]["content"].split()[-2:])
        else:
            self.answer(200, {"input_tokens": 5})

    def chat(self, words: str, pause: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for _ in range(int(words)):
            self.event({"delta": {"content": f"{self.model} "}, "index": 0, "finish_reason": None})
            time.sleep(float(pause))
        self.event({"delta": {}, "index": 0, "finish_reason": "stop"})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, choice: Any) -> None:
        self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")

    def allowed(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {self.key}":
            return True
        self.answer(401, {"error": {"message": "Invalid API Key"}})
        return False

    def answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(arguments: list[str]) -> None:
    if "--version" in arguments:
        sys.stdout.write("version: 4711 (abcdef)\nbuilt with cc\n")
        return
    if "--help" in arguments:
        sys.stdout.write(OLD if MODE == "old" else NEW)
        return
    (HERE / "arguments").write_text("\n".join(arguments))
    options = dict(itertools.pairwise(arguments))
    Handler.model = Path(options["--model"]).stem
    if MODE == "dead" or Handler.model.startswith("dead-"):
        sys.exit("error: this model is made of cheese")
    Handler.ready_at = time.monotonic() + {"slow": 1, "slower": 6}.get(Handler.model.partition("-")[0], 0)
    Handler.key = Path(options["--api-key-file"]).read_text().strip()
    socketserver.TCPServer.request_queue_size = 128
    host = options["--host"]
    server = (
        socketserver.ThreadingUnixStreamServer(host, Handler)
        if host.endswith(".sock")
        else socketserver.ThreadingTCPServer((host, int(options["--port"])), Handler)
    )
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
