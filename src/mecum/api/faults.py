"""What is wrong with a body, in plain words.

pydantic says "Input should be a valid string", once for each member of a union, and puts the members' names into the
field's path. Here the path and what the field may be are read from the model's JSON schema, the one in `/openapi.json`.

Invariant: a message is made of our own names and limits; nothing that was sent stands in it (`tests/api/test_parse.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mecum.errors import InvalidRequest
from mecum.types import Json

_TAG_FAULTS = frozenset({"union_tag_invalid", "union_tag_not_found"})


def invalid(error: ValidationError, model: type[BaseModel]) -> InvalidRequest:
    """Return the error for the first field that is wrong: `param` is its path, the message says what it must be."""
    found = [_found(fault, model) for fault in error.errors(include_url=False, include_input=False)]
    first = found[0].path
    # A union has a fault for each of its members; the one that went furthest into the value is the one that was meant.
    worst = max((one for one in found if one.path[: len(first)] == first), key=lambda one: len(one.path))
    field = ".".join(worst.path)
    what = f"must be {words(worst.schemas)}"
    return InvalidRequest(f"{field} is missing: it {what}." if worst.missing else f"{field} {what}.", param=field)


class _Found:
    """Where a fault lies: the path through the body, and the schemas of what may stand there."""

    def __init__(self, schemas: list[Json]) -> None:
        self.path: list[str] = []
        self.schemas = schemas
        self.missing = False


def _found(fault: ErrorDetails, model: type[BaseModel]) -> _Found:
    definitions = _schema(model)
    found = _Found(list(_options(definitions, definitions)))
    steps: tuple[int | str, ...] = fault["loc"]
    if fault["type"] in _TAG_FAULTS:
        steps = (*steps, fault["ctx"]["discriminator"].strip("'"))
    for step in steps:
        inner = [option for schema in found.schemas for option in _children(schema, step, definitions)]
        if inner:  # else the step is the name of a union's member, or a key that the client chose
            found.path.append(str(step))
            found.schemas = inner
    found.missing = fault["type"] in ("missing", "union_tag_not_found")
    return found


@cache
def _schema(model: type[BaseModel]) -> Json:
    return model.model_json_schema()


def _children(schema: Json, step: int | str, root: Json) -> Iterable[Json]:
    child = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
    return _options(child, root) if child else ()


def _options(schema: Json, root: Json) -> Iterable[Json]:
    """Return the schemas of which a value must fit one."""
    if "$ref" in schema:
        yield from _options(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    elif inner := (schema.get("anyOf") or schema.get("oneOf")) if "x-allowed" not in schema else None:
        for option in inner:
            yield from _options(option, root)
    else:
        yield schema


def words(schemas: Iterable[Mapping[str, Any]]) -> str:
    """Return what a value may be, in words that follow "must be". Null is left out: it means that nothing was sent."""
    options = [schema for schema in schemas if schema.get("type") != "null"]
    *most, last = dict.fromkeys(word for schema in options for word in _words(schema))
    return f"{', '.join(most)} or {last}" if most else last


def _words(schema: Mapping[str, Any]) -> list[str]:
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        return [str(value).lower() if isinstance(value, bool) else f'"{value}"' for value in values]
    return [str(schema.get("x-allowed") or _word(schema))]


def _word(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind == "string":
        return "a string" + _range(schema.get("minLength"), schema.get("maxLength"), " characters")
    if kind == "array":
        return "a list" + _range(schema.get("minItems"), schema.get("maxItems"), " items")
    if kind in ("integer", "number"):
        low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
        noun = "a whole number" if kind == "integer" else "a number"
        return noun + (f" above {above:g} and at most {high:g}" if above is not None else f" from {low} to {high}")
    return "true or false" if kind == "boolean" else "an object"


def _range(low: int | None, high: int | None, unit: str) -> str:
    if low and high:
        return f" of {low} to {high}{unit}"
    return f" of at most {high}{unit}" if high else ""
