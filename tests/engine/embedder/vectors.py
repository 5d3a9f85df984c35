"""A small embedding server for tests: it answers as a test tells it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.engine.servers import Exchange, Server, serving

from mecum.types import Json

Vector = Callable[[str], Any]


def letters(text: str) -> list[float]:
    """Texts of the same letters are near each other."""
    return [float(text.lower().count(letter)) + 0.1 for letter in "abcdefghijklmnop"]


@dataclass
class Embedding:
    """What the server does: its models, the vector of a text, and what is refused."""

    models: list[str] = field(default_factory=lambda: ["letters"])
    vector: Vector = letters
    key: str = ""
    longest: int = 100_000  # characters
    status: int = 200
    body: bytes | None = None
    texts: list[str] = field(default_factory=list)  # that were embedded
    too_long: Json = field(
        default_factory=lambda: {"error": {"code": 500, "message": "input (9 tokens) is too large to process.", "type": "x"}}
    )

    async def answer(self, exchange: Exchange) -> None:
        if self.key and exchange.headers.get("authorization") != f"Bearer {self.key}":
            await _send(exchange, 401, {"error": {"message": "bad key", "type": "x"}})
        elif self.status != 200 or self.body is not None:
            await exchange.answer(self.status, self.body or b"{}")
        elif exchange.path == "/v1/models":
            await _send(exchange, 200, {"data": [{"id": name} for name in self.models]})
        elif exchange.path == "/v1/embeddings":
            await self._embed(exchange)
        else:
            await exchange.answer(404, b'{"detail": "Not Found"}')

    async def _embed(self, exchange: Exchange) -> None:
        asked = exchange.json
        texts = asked["input"]
        if asked["model"] not in self.models:
            await _send(exchange, 404, {"error": {"message": f"model {asked['model']} not found", "type": "x"}})
        elif any(len(text) > self.longest for text in texts):
            await _send(exchange, self.too_long["error"]["code"], self.too_long)
        else:
            self.texts += texts
            rows = [{"index": n, "embedding": self.vector(text)} for n, text in enumerate(texts)]
            usage = {"prompt_tokens": sum(len(text.split()) for text in texts)}
            await _send(exchange, 200, {"data": rows[::-1], "usage": usage})


@contextlib.asynccontextmanager
async def embedding(port: int = 0, **how: Any) -> AsyncIterator[tuple[Server, Embedding]]:
    """Run one."""
    server = Embedding(**how)
    async with serving(server.answer, port=port) as where:
        yield where, server


async def _send(exchange: Exchange, status: int, body: Json) -> None:
    await exchange.answer(status, json.dumps(body).encode(), Content_Type="application/json")
