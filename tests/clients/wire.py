"""The protocol as bytes: a client that accepts exactly what `wire.md` allows, and nothing more lenient.

Every client library forgives something; this one does not, so that what only one of them would trip over is seen here.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

KERNEL2 = "/api/kernel2/chat"
KERNEL2_OPENAI = "/api/kernel2/chat/completions"
V1 = "/v1/chat/completions"
CHAT_ROUTES = (KERNEL2, KERNEL2_OPENAI, V1)
OPENAI_ROUTES = (KERNEL2_OPENAI, V1)

# An event is one line `data: <json>` and an empty line; a comment is `: keep-alive` and an empty line. LF only.
_STREAM = re.compile(rb"(?:data: [^\r\n]+\n\n|: keep-alive\n\n)*")
_CHUNK_KEYS = {"id", "object", "created", "model", "system_fingerprint", "choices"}
_FINISH = {"stop", "length", "tool_calls", "content_filter"}


@dataclass(frozen=True)
class Answer:
    """A response as it came: `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        assert self.headers["content-type"] == "application/json", self.headers
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def comments(self) -> int:
        return self.body.count(b": keep-alive\n\n")

    def events(self) -> list[str]:
        """Return the payloads of a stream, `[DONE]` too, after checking its framing byte for byte."""
        assert self.status == 200, self.body
        assert self.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert _STREAM.fullmatch(self.body), self.body
        lines = self.body.decode("utf-8").split("\n\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    def chunks(self) -> list[Json]:
        """Return the chunks of a stream that ended well, after checking what holds for each and all of them."""
        *events, done = self.events()
        assert done == "[DONE]"
        chunks: list[Json] = [json.loads(event) for event in events]
        _check(chunks)
        return chunks

    def failure(self) -> tuple[list[Json], Json]:
        """Return the chunks and the error event of a stream that broke off, `[DONE]` after it."""
        *events, failed, done = self.events()
        assert done == "[DONE]"
        return [json.loads(event) for event in events], json.loads(failed)

    def text(self, choice: int = 0) -> str:
        """Return the text of one choice, of a stream or of a plain body."""
        if self.headers["content-type"] == "application/json":
            return str(self.json()["choices"][choice]["message"]["content"])
        return "".join(delta.get("content") or "" for delta in deltas(self.chunks(), choice))

    def reasons(self) -> list[str | None]:
        """Return every finish_reason that is not null."""
        if self.headers["content-type"] == "application/json":
            return [choice["finish_reason"] for choice in self.json()["choices"]]
        return [c["finish_reason"] for chunk in self.chunks() for c in chunk["choices"] if c["finish_reason"]]


def post(url: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a body (bytes as they are, anything else as JSON) and read the whole response."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request(url, "POST", path, data, {"Content-Type": "application/json", **(headers or {})})


def request(url: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send exactly these headers (and those that http.client must add) and read the whole response."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=100)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def asks(text: str | Sequence[Json], **fields: Any) -> Json:
    """Return a request with one user message and these fields."""
    return {"messages": [{"role": "user", "content": text}], **fields}


def deltas(chunks: Sequence[Json], choice: int = 0) -> list[Json]:
    """Return the deltas of one choice."""
    return [c["delta"] for chunk in chunks for c in chunk["choices"] if c["index"] == choice]


def has_both_shapes(answer: Answer, status: int) -> Json:
    """Check an error's status and that its body serves both contracts; return the `error` object."""
    assert answer.status == status, (answer.status, answer.body)
    body = answer.json()
    return check_shapes(body, status)


def check_shapes(body: Json, status: int) -> Json:
    """Check an error body, of a response or of an event; return its `error` object."""
    assert body["success"] is False
    assert body["code"] == status
    error: Json = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] == body["message"]
    assert len(error["message"]) > 10, "an error says what was wrong"
    assert isinstance(error["type"], str)
    assert isinstance(error["code"], str)
    assert "detail" not in body
    return error


def _check(chunks: list[Json]) -> None:
    """Check the rules of `wire.md`, "Chunks"."""
    for key in ("id", "object", "created", "model", "system_fingerprint"):
        assert len({json.dumps(chunk[key]) for chunk in chunks}) == 1, f"{key} changes within a response"
    assert chunks[0]["object"] == "chat.completion.chunk"
    assert chunks[0]["id"].startswith("chatcmpl-")
    assert isinstance(chunks[0]["created"], int)
    for chunk in chunks:
        assert set(chunk) >= _CHUNK_KEYS
        for choice in chunk["choices"]:
            assert set(choice) == {"index", "delta", "logprobs", "finish_reason"}, choice
    for index in {choice["index"] for chunk in chunks for choice in chunk["choices"]}:
        _check_choice([c for chunk in chunks for c in chunk["choices"] if c["index"] == index])
    assert sum(chunk.get("usage") is not None for chunk in chunks) == 1, "usage stands in exactly one chunk"


def _check_choice(choices: list[Json]) -> None:
    first, *rest = choices
    assert first["delta"] == {"role": "assistant", "content": ""}
    assert all("role" not in choice["delta"] for choice in rest)
    assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
    assert choices[-1]["finish_reason"] in _FINISH
    assert choices[-1]["delta"].keys() <= {"annotations"}
