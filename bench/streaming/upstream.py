"""A synthetic engine: streams chat completions the way llama.cpp's server does, at a pace that is set.

As seen from llama.cpp b11549: the role chunk and the first text leave in one write, then each event is one HTTP chunk and
one write, the finish chunk and the usage in one, and `[DONE]`. `max_tokens` is how many texts a stream has. The pace is
set for all later streams by `POST /pace` with `{"interval": seconds, "per_write": events}`; 0 means one write at each
turn of the event loop. With a pace, a text is the time of its sending (`time.monotonic_ns()`), so the client sees how
long each event was under way; without, texts repeat `TEXTS`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import cast

import uvloop

from bench.streaming.sse import Json

MODEL = "synthetic"
TEXTS = (" the", " river", " runs", ",", " café", " über", '"', " back\\slash", "\n", " 水", " 🙂", " and", " on", ".")
BATCH = 64  # prompt tokens that the usage speaks of


@dataclass(slots=True)
class Pace:
    """`interval` seconds between two writes of one stream, each of `per_write` events."""

    interval: float = 0.0
    per_write: int = 1


def expected(count: int) -> str:
    """Return the text of an unpaced stream of so many tokens."""
    return "".join(islice(cycle(TEXTS), count))


def _event(choices: list[Json], **more: object) -> bytes:
    """Return one event, its fields in llama.cpp's order."""
    chunk = {
        "choices": choices,
        "created": 1_700_000_000,
        "id": "chatcmpl-0123456789abcdefghijklmnopqrstuv",
        "model": MODEL,
        "system_fingerprint": "b0-unknown",
        "object": "chat.completion.chunk",
        **more,
    }
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _choice(delta: Json, finish_reason: str | None = None) -> list[Json]:
    return [{"finish_reason": finish_reason, "index": 0, "delta": delta}]


def _framed(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


_ROLE = _event(_choice({"role": "assistant", "content": None}))
_PLAIN = tuple(_event(_choice({"content": text})) for text in TEXTS)
_STAMPED = _event(_choice({"content": "@"}))


def _usage(count: int) -> bytes:
    usage = {"completion_tokens": count, "prompt_tokens": BATCH, "total_tokens": BATCH + count}
    return _event([], usage={**usage, "prompt_tokens_details": {"cached_tokens": 0}}, timings={"cache_n": 0})


def _writes(count: int, pace: Pace) -> Iterator[bytes]:
    """Yield what to write, write by write, each made when it is due."""
    texts = cycle(_PLAIN)
    done = 0
    while done < count:
        batch = min(pace.per_write, count - done)
        stamp = b"%d " % time.monotonic_ns()
        events = [_STAMPED.replace(b"@", stamp) if pace.interval else next(texts) for _ in range(batch)]
        if done == 0:
            events[0] = _ROLE + events[0]
        yield b"".join(map(_framed, events))
        done += batch


class _Connection(asyncio.Protocol):
    """One client. Reads requests, answers each before the next; `pace` is shared by all connections."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._buffer = b""
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's own signature
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        length = _content_length(head)
        if not blank or len(rest) < length:
            return
        self._buffer = rest[length:]
        self._answer(head, rest[:length])

    def _answer(self, head: bytes, body: bytes) -> None:
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        route = (method, path.partition(b"?")[0])
        if route == (b"POST", b"/v1/chat/completions"):
            self._task = asyncio.create_task(self._stream(json.loads(body), close=b"connection: close" in head.lower()))
        elif route == (b"POST", b"/pace"):
            wanted = json.loads(body)
            self._pace.interval, self._pace.per_write = float(wanted["interval"]), int(wanted["per_write"])
            self._plain(b"200 OK", wanted)
        elif route == (b"GET", b"/health"):
            self._plain(b"200 OK", {"status": "ok"})
        elif route == (b"GET", b"/v1/models"):
            model = {"id": MODEL, "object": "model", "created": 1_700_000_000, "owned_by": "bench"}
            self._plain(b"200 OK", {"object": "list", "data": [{**model, "meta": {"n_ctx": 131_072}}]})
        else:
            self._plain(b"404 Not Found", {"error": {"code": 404, "message": "no such route", "type": "not_found_error"}})

    def _plain(self, status: bytes, value: Json) -> None:
        body = json.dumps(value).encode()
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)

    async def _stream(self, wanted: Json, *, close: bool) -> None:
        count = int(wanted.get("max_tokens") or wanted.get("max_completion_tokens") or 16)
        pace = Pace(self._pace.interval, self._pace.per_write)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nServer: synthetic\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        due = time.monotonic()
        for data in _writes(count, pace):
            self._transport.write(data)
            due += pace.interval
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._writable.wait()
        self._finish(count, usage=bool((wanted.get("stream_options") or {}).get("include_usage")))
        if close:
            self._transport.close()

    def _finish(self, count: int, *, usage: bool) -> None:
        last = _event(_choice({}, "length")) + (_usage(count) if usage else b"")
        self._transport.write(_framed(last))
        self._transport.write(_framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _serve(port: int) -> None:
    pace = Pace()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(pace), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(_serve(parser.parse_args().port))
