"""Every route that there is, out of `/openapi.json` and the program's own table: a new one is attacked like the rest.

Invariant (`test_routes.py`): what is not in the document stands in HIDDEN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

Json = dict[str, Any]

HIDDEN: Final = (
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/static/app.js"),
    ("GET", "/openapi.json"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/completions"),
)
JSON: Final = "application/json"
ENDLESS: Final = "/api/documents/events"  # whoever may read it reads for ever
SHUTS_OTHERS_OUT: Final = "/api/keys/open"


@dataclass(frozen=True, slots=True)
class Route:
    """A method at a path, which may have names in braces; `takes` are the kinds of bodies with their schemas."""

    method: str
    path: str
    takes: Json = field(default_factory=dict)
    answers: frozenset[str] = frozenset()
    query: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names in braces."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def at(self, ids: Callable[[str], str] = lambda _: "x") -> str:
        """The path with something for each name, percent-encoded."""
        return re.sub(r"{(\w+)}", lambda name: quote(ids(name[1]), safe=""), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Routes:
    """All of a server's, by its document."""

    document: Json

    def all(self) -> list[Route]:
        """Those of the document and those beside it."""
        return [*self.documented(), *(Route(method, path) for method, path in HIDDEN)]

    def documented(self) -> list[Route]:
        """Those that `/openapi.json` tells of."""
        return [
            _route(method, path, operation)
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
        ]

    def taking(self, kind: str = JSON) -> list[Route]:
        """Those that take a body of a kind."""
        return [route for route in self.documented() if kind in route.takes]

    def body(self, route: Route, text: str, *, optional: bool = True) -> Any:
        """A JSON body that fits the route's schema, with this text wherever a text may stand."""
        return self._value(route.takes[JSON], text, optional)

    def _value(self, schema: Json, text: str, optional: bool) -> Any:  # noqa: PLR0911 -- a case for each kind of schema
        if "$ref" in schema:
            return self._value(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], text, optional)
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self._value(_fullest(schema[choice]), text, optional)
        if "const" in schema or "enum" in schema:
            return schema.get("const", (schema.get("enum") or [None])[0])
        kind = schema.get("type")
        if kind == "object":
            wanted = schema.get("properties", {}) if optional else schema.get("required", ())
            known = schema.get("properties", {})
            return {name: self._value(known[name], text, optional) for name in wanted} or {text: text}
        if kind == "array":
            return [self._value(schema["items"], text, optional)]
        if kind == "string":
            return text[: schema.get("maxLength", len(text))] if "pattern" not in schema else _matching(schema["pattern"])
        return {"boolean": True, "null": None}.get(str(kind), schema.get("minimum", 1))


def _route(method: str, path: str, operation: Json) -> Route:
    bodies = operation.get("requestBody", {}).get("content", {})
    answers = {kind for status, one in operation["responses"].items() if status[0] == "2" for kind in one["content"]}
    query = tuple(one["name"] for one in operation.get("parameters", ()) if one["in"] == "query")
    return Route(method.upper(), path, {kind: body["schema"] for kind, body in bodies.items()}, frozenset(answers), query)


def _fullest(options: list[Json]) -> Json:
    """The option that says most: not null, and a list rather than one of it."""
    return max(options, key=lambda one: (one.get("type") != "null", "$ref" in one, one.get("type") == "array"))


def _matching(pattern: str) -> str:
    """A text for each pattern that our schemas have."""
    known = ("data:image/png;base64,AA", "x", "1", "0.5")
    return next(text for text in known if re.search(pattern, text))


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
