"""Reads the recording of a streamed answer, after the measurement.

Invariant: every event carries the time of the read that completed it, and nothing of the answer is passed over: what is
not HTTP, a chunk, an event or JSON raises `Broken`.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

Json = dict[str, Any]
Read = tuple[float, bytes]  # time.monotonic() and what came then


class Broken(Exception):
    """An answer that is not a complete stream of chat completion chunks."""


class Token(NamedTuple):
    """A piece of text, and when the read that completed its event came (`time.monotonic()` seconds)."""

    at: float
    text: str


@dataclass(slots=True)
class Reply:
    """What a stream said. `events` counts all `data:` events, `[DONE]` included."""

    tokens: list[Token] = field(default_factory=list)
    events: int = 0
    finish_reason: str | None = None
    usage: Json | None = None
    done: bool = False


def parse(reads: Sequence[Read]) -> Reply:
    """Return what a recorded answer said, which may have been cut off by us.

    Raises:
        Broken: it is an HTTP error, or not a stream of chunks.
    """
    reply = Reply()
    for at, data in _events(reads):
        reply.events += 1
        if data == b"[DONE]":
            reply.done = True
        else:
            _take(reply, at, json.loads(data))
    return reply


def complete(reads: Sequence[Read]) -> Reply:
    """Return what a recorded answer said, to its very end.

    Raises:
        Broken: as `parse`, and without a finish reason or `[DONE]`.
    """
    reply = parse(reads)
    if not reply.done or reply.finish_reason is None:
        raise Broken(f"the stream ended after {reply.events} events without a finish reason or [DONE]")
    return reply


def _take(reply: Reply, at: float, chunk: Json) -> None:
    if "error" in chunk:
        raise Broken(f"an error event: {chunk['error']}")
    reply.usage = chunk.get("usage") or reply.usage
    for choice in chunk["choices"]:
        if text := choice["delta"].get("content"):
            reply.tokens.append(Token(at, text))
        reply.finish_reason = choice.get("finish_reason") or reply.finish_reason


def _events(reads: Sequence[Read]) -> Iterator[tuple[float, bytes]]:
    body, origin = _body(b"".join(data for _, data in reads))
    ends = list(accumulate(len(data) for _, data in reads))
    start = 0
    while (end := body.find(b"\n\n", start)) >= 0:
        block, start = body[start:end], end + 2
        if block.startswith(b"data: "):
            yield reads[bisect_left(ends, origin.locate(end + 2))][0], block[6:]
        elif not block.startswith(b":"):
            raise Broken(f"neither an event nor a comment: {block[:200]!r}")


@dataclass(slots=True)
class _Origin:
    """Where the bytes of a body stand in the answer as it came."""

    in_body: list[int] = field(default_factory=list)  # where each chunk ends in the body
    in_raw: list[int] = field(default_factory=list)  # and in the answer

    def locate(self, end: int) -> int:
        chunk = bisect_left(self.in_body, end)
        return self.in_raw[chunk] - (self.in_body[chunk] - end)


def _body(raw: bytes) -> tuple[bytes, _Origin]:
    head, blank, _ = raw.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"HTTP/1.1 200"):
        raise Broken(f"not an answer of status 200: {raw[:500]!r}")
    start = len(head) + 4
    if b"transfer-encoding: chunked" not in head.lower():
        return raw[start:], _Origin([len(raw) - start], [len(raw)])
    return _dechunked(raw, start)


def _dechunked(raw: bytes, at: int) -> tuple[bytes, _Origin]:
    pieces: list[bytes] = []
    origin, length = _Origin(), 0
    while (line_end := raw.find(b"\r\n", at)) >= 0:
        size = int(raw[at:line_end].split(b";")[0], 16)
        start, at = line_end + 2, line_end + 2 + size + 2
        if size == 0 or at > len(raw):  # the last chunk, or one that we cut off
            break
        pieces.append(raw[start : start + size])
        length += size
        origin.in_body.append(length)
        origin.in_raw.append(start + size)
    return b"".join(pieces), origin
