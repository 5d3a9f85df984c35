"""A hub on this machine: the listing, `resolve` with its headers, the redirect to the files; and all that goes wrong.

That it speaks as the hub does, `test_client.py` shows: the hub's own client downloads from it.

Two servers, so that the hub and the files have origins of their own. `seen` is what was asked of each, in order.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.engine.ggufs import LLAMA, Gguf

COMMIT = "c" * 40
REPO = "tiny/Tiny-GGUF"


def model(size: int = 4096, **values: tuple[str, Any]) -> bytes:
    """Return a small right GGUF file; `size` bytes stand for its weights."""
    return Gguf(values={**LLAMA, **values}, data=max(size, 64 * 3 * 4)).build()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_large(path: str) -> bool:
    """Return whether the hub keeps a file outside git, and so knows its SHA-256."""
    return not path.endswith((".json", ".md", ".txt"))


@dataclass
class Asked:
    server: str
    path: str
    headers: dict[str, str]


@dataclass
class FakeHub:
    """What the servers have, and what they do wrong. Each entry of a list is used up by one request for content."""

    files: dict[str, bytes] = field(default_factory=dict)
    licence: Any = "apache-2.0"
    sizes: dict[str, int] = field(default_factory=dict)  # in the listing, where they are not the right ones
    told: dict[str, str] = field(default_factory=dict)  # SHA-256 in the listing, where it is not the right one
    linked: dict[str, str] = field(default_factory=dict)  # the same in X-Linked-Etag
    token: str = ""  # what a request has to bring
    error_code: str = ""  # X-Error-Code of a refusal
    redirect: str = "{cdn}/blob/{path}?X-Signature=a%2Bb%3D"  # where `resolve` leads to; "" answers itself
    cut: list[int] = field(default_factory=list)  # bytes after which the connection is cut
    statuses: list[int] = field(default_factory=list)  # instead of the content
    retry_after: str = ""
    etag: str = '"v1"'
    ranges: str = "right"  # or "ignored", "shifted", "refused"
    length: int | None = None  # what Content-Length claims
    more: bytes = b""  # sent after the end
    chunked: bool = False
    encoding: str = ""
    pause: float = 0.0  # seconds before each piece of content
    listing: bytes | None = None
    listing_headers: dict[str, str] = field(default_factory=dict)
    more_of: dict[str, Any] = field(default_factory=dict)  # what else the listing has
    moved: str = ""  # the repository's name of before
    hang: float = 0.0  # seconds before the listing
    seen: list[Asked] = field(default_factory=list)
    url: str = ""
    cdn: str = ""

    def asked(self, part: str) -> list[Asked]:
        return [one for one in self.seen if part in one.path]

    def siblings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{"rfilename": "README.md", "size": 3, "blobId": "b"}]
        for path, content in self.files.items():
            told = {"rfilename": path, "size": len(content), "blobId": self.told.get(path, git_id(content))}
            if is_large(path):
                size = self.sizes.get(path, len(content))
                lfs = {"sha256": self.told.get(path, sha256(content)), "size": size, "pointerSize": 135}
                told |= {"blobId": "b", "lfs": lfs}
            found.append(told)
        return found

    def tree(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for path, content in self.files.items():
            told: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": git_id(content)}
            if is_large(path):
                told["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 135}
            found.append(told)
        return found


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve it on two ports of the loopback."""
    servers = [_server(hub, name) for name in ("hub", "cdn")]
    hub.url, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _server(hub: FakeHub, name: str) -> ThreadingHTTPServer:
    class Handler(_Handler):
        pass

    Handler.hub, Handler.name = hub, name
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub
    name: str

    def do_GET(self) -> None:
        hub = self.hub
        hub.seen.append(Asked(self.name, self.path, {key.lower(): value for key, value in self.headers.items()}))
        path = unquote(urlsplit(self.path).path)
        if self.name == "hub" and hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._answer(403 if hub.error_code == "GatedRepo" else 401, b"no", {"X-Error-Code": hub.error_code})
        elif hub.moved and f"/{hub.moved}" in path:
            self._answer(307, b"", {"Location": self.path.replace(hub.moved, REPO)})
        elif path in (f"/api/models/{REPO}", *(f"/api/models/{REPO}/revision/{one}" for one in ("main", COMMIT))):
            self._listing()
        elif path.startswith(f"/api/models/{REPO}/revision/"):
            self._answer(404, b"no", {"X-Error-Code": "RevisionNotFound"})
        elif path == f"/api/models/{REPO}/tree/{COMMIT}":
            self._answer(200, json.dumps(hub.tree()).encode(), {})
        elif path.startswith(f"/{REPO}/resolve/"):
            self._resolve(path.split("/", 5)[5])
        elif path.startswith("/blob/"):
            self._content(path.removeprefix("/blob/"))
        elif path == "/loop":
            self._answer(302, b"", {"Location": "/loop"})
        elif path.startswith("/to/"):
            self._answer(302, b"", {"Location": unquote(self.path.removeprefix("/to/"))})
        else:
            self._answer(404, b"nothing", {"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass

    def _listing(self) -> None:
        hub = self.hub
        time.sleep(hub.hang)
        if hub.statuses and hub.statuses[0] < 0:
            self._answer(-hub.statuses.pop(0), b"busy", {})
            return
        told = {"id": REPO, "sha": COMMIT, "cardData": {"license": hub.licence}, "siblings": hub.siblings(), **hub.more_of}
        content = json.dumps(told).encode() if hub.listing is None else hub.listing
        if hub.chunked:
            self._send(200, hub.listing_headers, content)
        else:
            self._answer(200, content, hub.listing_headers)

    def _resolve(self, path: str) -> None:
        hub, content = self.hub, self.hub.files.get(path)
        if content is None:
            self._answer(404, b"no", {"X-Error-Code": "EntryNotFound"})
            return
        if not is_large(path):
            self._content(path, {"X-Repo-Commit": COMMIT, "ETag": f'"{git_id(content)}"'})
            return
        linked = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{hub.linked.get(path, sha256(content))}"',
            "X-Linked-Size": str(len(content)),
        }
        if hub.redirect:
            where = hub.redirect.format(cdn=hub.cdn, hub=hub.url, path=path)
            self._answer(302, b"", {**linked, "Location": where})
        else:
            self._content(path, linked)

    def _content(self, path: str, extra: dict[str, str] | None = None) -> None:
        hub, content = self.hub, self.hub.files.get(path)
        if hub.statuses:
            retry = {"Retry-After": hub.retry_after} if hub.retry_after else {}
            self._answer(hub.statuses.pop(0), b"not now", retry)
            return
        if content is None:
            self._answer(404, b"no", {})
            return
        headers = {"ETag": hub.etag, **(extra or {})}
        start = self._start(headers["ETag"])
        if start is not None and (hub.ranges == "refused" or start >= len(content)):
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}", **headers})
            return
        status, body = 200, content
        if start is not None:
            status, body = 206, content[start:]
            first = start - 1 if hub.ranges == "shifted" else start
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if hub.encoding:
            headers["Content-Encoding"] = hub.encoding
        self._send(status, headers, body + hub.more)

    def _start(self, etag: str) -> int | None:
        asked, guard = self.headers.get("Range"), self.headers.get("If-Range")
        if asked is None or self.hub.ranges == "ignored" or (guard and guard != etag):
            return None
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        hub = self.hub
        cut = hub.cut.pop(0) if hub.cut else None
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if hub.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body) if hub.length is None else hub.length))
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = body if cut is None else body[:cut]
        for at in range(0, len(sent), 65536):
            if hub.pause:
                time.sleep(hub.pause)
            piece = sent[at : at + 65536]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if hub.chunked else piece)
        if cut is not None:
            self.close_connection = True
            return
        if hub.chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = hub.length is not None

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
