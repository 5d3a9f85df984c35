"""Bodies that were right once: changed in one to four places, as JSON or as bytes, the same ones for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

from tests.api.uploads import KIND, Part, field, file, form
from tests.security.routes import JSON, Route, Routes

TEXTS: Final = [
    *("", " ", "hi", "\0", "\ud800", "\u2028", "\u202e", "😀" * 50, "x" * 70_000, "..", "{}", "[1]", "null", "-1", "1e999"),
    *(
        "data:image/png;base64,AA",
        "default",
        "user",
        "function",
        "json_schema",
        "hybrid",
        "mk-x",
        "%00",
        "'; --",
        '{"a": 1}',
    ),
]
NUMBERS: Final = [0, -1, 1, 2, 2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, 5e-324, 1e-400]
OTHERS: Final = [None, True, False, [], {}, [[]], [{}], [None] * 300, {"": ""}, {"type": "text"}, {"$ref": "#"}]
BYTES: Final = [
    b"\0",
    b"\xff",
    b'"',
    b"\\",
    b"{",
    b"]",
    b",",
    b":",
    b"\\u0000",
    b"\\ud83d",
    b"9" * 400,
    b"/*",
    b"\xef\xbb\xbf",
]
KINDS: Final = [JSON, f"{JSON}; charset=utf-16", "text/plain", "", KIND, "multipart/form-data; boundary="]
FIELDS: Final = ["path", "title", "collection", "metadata", "date", "modified_ns", "x"]


class Mutants:
    """An endless supply for one server's routes."""

    def __init__(self, routes: Routes, taking: list[Route], seed: int) -> None:
        self._routes = routes
        self._taking = taking
        self._random = random.Random(seed)

    def __iter__(self) -> Iterator[tuple[Route, bytes, dict[str, str]]]:
        while True:
            route = self._random.choice(self._taking)
            kinds = list(route.takes)
            if kinds and self._random.choice(kinds) != JSON:
                body, kind = self._form(), KIND
            else:
                body, kind = self._json(route), JSON
            if self._random.random() < 0.02:
                kind = self._random.choice(KINDS)
            yield route, body, {"Content-Type": kind}

    def _json(self, route: Route) -> bytes:
        value: Any = {}
        if JSON in route.takes:
            value = self._routes.body(route, "hi", optional=self._random.random() < 0.3)
        for _ in range(self._random.randint(0, 4)):
            value = self._changed(value)
        text = json.dumps(value).encode("utf-8", "surrogatepass")
        return text if self._random.random() < 0.85 else self._damaged(text)

    def _form(self) -> bytes:
        parts = [self._part() for _ in range(self._random.randint(1, 5))]
        body = form(*parts)
        return body if self._random.random() < 0.5 else self._damaged(body)

    def _part(self) -> Part:
        if self._random.random() < 0.5:
            return field(self._random.choice(FIELDS), self._plain())
        return file(self._plain(), "words")

    def _plain(self) -> str:
        text = self._random.choice([*TEXTS, "1700000000"])
        return text.encode("utf-8", "replace").decode()[:5000]

    def _damaged(self, data: bytes) -> bytes:
        start = self._random.randint(0, len(data))
        end = min(len(data), start + self._random.choice([0, 1, 5, 50]))
        piece = self._random.choice([*BYTES, b"", data[start:end] * 3, self._random.randbytes(8)])
        return data[:start] + piece + data[end:]

    def _changed(self, value: Any) -> Any:
        """The value with one place in it changed."""
        if isinstance(value, dict) and value and self._random.random() < 0.85:
            name = self._random.choice(list(value))
            if self._random.random() < 0.1:
                return {one: two for one, two in value.items() if one != name}
            return {**value, name: self._changed(value[name])}
        if isinstance(value, list) and value and self._random.random() < 0.8:
            place = self._random.randrange(len(value))
            return [*value[:place], self._changed(value[place]), *value[place + 1 :]]
        return self._odd(value)

    def _odd(self, value: Any) -> Any:
        match self._random.randrange(8):
            case 0:
                return [value] * self._random.choice([2, 200])
            case 1:
                return {"x": value}
            case 2:
                return self._nested(value)
            case 3 | 4:
                return self._random.choice(OTHERS)
            case 5:
                return self._random.choice(NUMBERS)
        return self._random.choice(TEXTS)

    def _nested(self, value: Any) -> Any:
        for number in range(self._random.choice([5, 31, 33, 63, 65, 120])):
            value = [value] if number % 2 else {"type": "object", "properties": {"x": value}}
        return value
