"""A real `mecum serve` to do bad things to, and ways to ask it.

Invariant: leaving `running` leaves no process behind, neither the server nor any child it ever had, however it ended; where
nobody ended it before, it must end with code 0.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import psutil
from tests.clients.server import MECUM, clean_environment
from tests.engine.waiting import gone

from mecum.app.home import running as announced

LOCAL, OPENAI = "/api/kernel2/chat", "/v1/chat/completions"
NO_END = {"0": -100, "2": -100}  # the starter's end tokens: such an answer goes on to max_tokens
PATIENCE = 60.0  # seconds for what has no deadline of its own, on a busy machine
SOAK = "MECUM_SOAK" in os.environ
Event = dict[str, Any] | str


@dataclass
class Server:
    """The process, and how to reach it. `load` is how many seconds it took from its start to ready."""

    process: subprocess.Popen[bytes]
    home: Path
    log: Path
    session: aiohttp.ClientSession
    url: str = ""
    load: float = 0.0
    seen: set[psutil.Process] = field(default_factory=set)

    def engine(self) -> psutil.Process | None:
        """Return the llama.cpp that runs now."""
        found = None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            self.seen.add(child)
            try:
                if any(part.endswith("llama.py") for part in child.cmdline()):
                    found = child
            except psutil.Error:
                continue
        return found

    def kill_engine(self, number: signal.Signals = signal.SIGKILL) -> psutil.Process:
        engine = self.engine()
        assert engine, self.log.read_text()
        engine.send_signal(number)
        return engine

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.url + path) as response:
            return response.status, await response.json()

    async def health(self) -> Any:
        return (await self.get("/api/kernel2/health"))[1]["data"]

    async def ready(self, seconds: float = PATIENCE) -> None:
        """Wait until chats are answered."""
        await self.until_health(lambda health: health["status"] == "ok", seconds)

    async def until_health(self, true: Callable[[Any], object], seconds: float = PATIENCE) -> float:
        """Return when `true` is of what the server says of itself, and how long that took."""
        began = time.monotonic()
        while not true(found := await self.health()):
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {found}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    @asynccontextmanager
    async def ask(self, text: str, *, path: str = LOCAL, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, streaming unless told otherwise; leaving the block leaves the answer."""
        body = {"messages": [{"role": "user", "content": text}], "stream": True, "max_tokens": 4, **more}
        async with self.session.post(self.url + path, json=body) as response:
            yield response

    async def answer(self, text: str = "Hello.", **more: Any) -> str:
        """Return a whole answer's text; an error fails the test."""
        async with self.ask(text, **more) as response:
            assert response.status == 200, await response.text()
            got = [event async for event in events(response)]
        assert got[-1] == "[DONE]", got[-3:]
        assert all(isinstance(event, str) or "error" not in event for event in got), got[-3:]
        return "".join(map(text_of, got))


@asynccontextmanager
async def running(home: Path, *arguments: str, ready: bool = True, **settings: object) -> AsyncIterator[Server]:
    """Run `mecum serve` on a free port, one thread computing: beside busy programs that is quickest.

    `settings` are by dotted name, with `__` for the dot.
    """
    log = home / "stderr.txt"
    given = {f"MECUM_{name.replace('__', '_').upper()}": str(value) for name, value in settings.items()}
    environ = {**clean_environment(), "MECUM_ENGINE_THREADS": "1", "MECUM_HOME": str(home), **given}
    began = time.monotonic()
    process = _started(["--port", "0", *arguments], environ, log)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2 * PATIENCE)) as session:
        server = Server(process, home, log, session)
        try:
            if ready:
                await listening(server)
                await server.ready()
                server.load = time.monotonic() - began
            yield server
        finally:
            await _end(server)


def _started(arguments: list[str], environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as err:
        nowhere = subprocess.DEVNULL
        return subprocess.Popen([MECUM, "serve", *arguments], env=environ, stdin=nowhere, stdout=nowhere, stderr=err)


async def listening(server: Server) -> None:
    """Wait until the server takes requests, which may be before it can answer them."""
    async with asyncio.timeout(PATIENCE):
        while not ((found := announced(server.home)) and found.pid == server.process.pid):
            assert server.process.poll() is None, server.log.read_text()
            await asyncio.sleep(0.01)
    server.url = found.url


async def _end(server: Server) -> None:
    ended = server.process.poll() is not None
    if not ended:
        server.engine()
        server.process.send_signal(signal.SIGTERM)
    try:
        code = await asyncio.to_thread(server.process.wait, PATIENCE)
        assert ended or code == 0, server.log.read_text()
        await until(lambda: all(gone(process.pid) for process in server.seen), 5)
    finally:
        for process in (psutil.Process(server.process.pid), *server.seen) if server.process.poll() is None else server.seen:
            if process.is_running():
                process.kill()
        server.process.wait()


async def until(true: Callable[[], object], seconds: float) -> float:
    """Return when `true()` is, and how long that took; fail after so many seconds."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """Yield the events that are still to come: objects, and [DONE] as it is."""
    async for line in response.content:
        if line.startswith(b"data: "):
            data = line[6:].strip()
            yield "[DONE]" if data == b"[DONE]" else orjson.loads(data)


async def first_text(response: aiohttp.ClientResponse) -> None:
    """Return when the answer's text has begun."""
    async for event in events(response):
        if text_of(event):
            return
    raise AssertionError("the answer ended before it began")


def text_of(event: Event) -> str:
    choices = event.get("choices") if isinstance(event, dict) else None
    return (choices[0]["delta"].get("content") or "") if choices else ""


def check_error(body: Any, path: str, *, streamed: bool) -> None:
    """Check an error's shape: both contracts, and in a stream what the route's clients read of every event."""
    assert body["success"] is False
    assert body["message"] == body["error"]["message"]
    assert {"type", "param", "code"} <= set(body["error"])
    blank = [{"index": 0, "delta": {}, "finish_reason": None}]
    assert body.get("choices") == (blank if streamed and path == LOCAL else None)


def words(count: int) -> str:
    """Return a text of about four tokens a word; no such text is the beginning of another."""
    return " ".join(f"{number * 7919 % 1000}" for number in range(count, 2 * count))
