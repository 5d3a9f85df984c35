"""Multipart bodies, byte by byte, and what the library's routes answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from tests.api.whole import Whole
from tests.clients.wire import Answer, request

DOCUMENTS = "/api/documents"
BOUNDARY = "----boundary-0123456789"
KIND = f"multipart/form-data; boundary={BOUNDARY}"
Part = tuple[str, bytes]


def field(name: str, value: str | bytes) -> Part:
    """A part without a filename."""
    return f'form-data; name="{name}"', value if isinstance(value, bytes) else value.encode()


def file(label: str, content: str | bytes, *, name: str = "file") -> Part:
    """A part with a filename, sent as a browser sends it."""
    escaped = label.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return f'form-data; name="{name}"; filename="{escaped}"', content if isinstance(content, bytes) else content.encode()


def form(*parts: Part, end: bool = True) -> bytes:
    """The parts as a body."""
    pieces = [
        f"--{BOUNDARY}\r\nContent-Disposition: ".encode() + head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content
        for head, content in parts
    ]
    return b"\r\n".join([*pieces, f"--{BOUNDARY}--\r\n".encode() if end else b""])


def upload(server: Whole, *parts: Part, query: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Send parts."""
    return request(server.url, "POST", DOCUMENTS + query, form(*parts), {"Content-Type": KIND, **(headers or {})})


def call(server: Whole, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Answer:
    """Send a request, its body as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return request(server.url, method, path, data, {} if data is None else {"Content-Type": kind})


def query(**parameters: Any) -> str:
    """Parameters as they stand in an address; a list is sent as several."""
    return f"?{urlencode(parameters, doseq=True, quote_via=quote)}"


def data(answer: Answer, status: int = 200) -> Any:
    """What a management route answers, in its envelope."""
    assert answer.status == status, (answer.status, answer.body)
    body = answer.json()
    assert (body["success"], body["code"], body["message"], len(body)) == (True, 0, "success", 4)
    return body["data"]


def add(server: Whole, *parts: Part, wait: str = "ready") -> list[dict[str, Any]]:
    """Upload, wait, and return the documents."""
    return list(data(upload(server, *parts, query=query(wait=wait)), 202))


def texts(server: Whole, *documents: Mapping[str, Any], wait: str = "ready") -> list[dict[str, Any]]:
    """Send texts as JSON, wait, and return the documents."""
    return list(data(call(server, "POST", DOCUMENTS + query(wait=wait), {"documents": documents}), 202))


def paths(server: Whole, **filters: Any) -> list[str]:
    """The paths of what is listed."""
    return [one["path"] for one in data(call(server, "GET", DOCUMENTS + query(**filters)))["items"]]


def states(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """The states of documents."""
    return [item["state"] for item in items]
