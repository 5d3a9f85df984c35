"""Which JSON schemas llama.cpp enforces. Pure.

It turns a schema into a grammar and passes over, without a word, what it does not know; so what would not be enforced is
refused here (`rulings.md` 7). The lists are what was seen to hold, or not to hold, on the real engine
(`tests/chat/test_schema.py` runs a schema of each kind through it). Source of the keywords' meaning:
https://json-schema.org/draft/2020-12/json-schema-validation; `format` is an annotation there, and here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mecum.errors import UnsupportedParameter
from mecum.types import Json

_ANNOTATIONS = frozenset(
    "title description default examples deprecated readOnly writeOnly format nullable discriminator "
    "contentEncoding contentMediaType $schema $id $comment $anchor $defs definitions".split()
)
_RANGES = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"))
_CHOICES = frozenset(("anyOf", "oneOf", "allOf"))
_ENFORCED = frozenset(
    "type enum const properties required additionalProperties items prefixItems minItems maxItems minLength maxLength "
    "pattern $ref".split()
)
_PATTERN_ESCAPES = r"\\[^\\.+*?()\[\]{}|^$/\-\"nrt]"  # \d, \w, \b … are not known
_UNSUPPORTED_PATTERN = re.compile(rf"{_PATTERN_ESCAPES}|\(\?|[+*?}}]\?")


def check_schema(schema: object, field: str) -> None:
    """Refuse a schema that the engine would not enforce. `field` is where it stands in the request.

    Raises:
        UnsupportedParameter: naming the place and the keyword.
    """
    for place, fault in _faults(schema, field):
        raise UnsupportedParameter(f"{place}: {fault}. The engine cannot enforce it.", param=field)


def _faults(schema: object, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, dict):
        yield place, "a schema must be an object here"
        return
    used = schema.keys() - _ANNOTATIONS
    if unknown := {key for key in used - _ENFORCED - _RANGES - _CHOICES if not key.startswith("x-")}:
        yield place, f"the keyword '{min(unknown)}' is not supported"
    if (alone := used & (_CHOICES | {"$ref"})) and len(used) > 1:
        yield place, f"'{min(alone)}' cannot be combined with other keywords"
    yield from ((place, fault) for fault in _value_faults(schema))
    for name, part in _parts(schema):
        yield from _faults(part, f"{place}.{name}")


def _value_faults(schema: Json) -> Iterator[str]:
    if schema.keys() & _RANGES and schema.get("type") != "integer":
        yield "minimum and maximum are supported for the type integer only"
    missing = set(_strings(schema.get("required"))) - (schema.get("properties") or {}).keys()
    if missing:
        yield f"'{min(missing)}' is required but not among the properties"
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _supported_pattern(pattern):
        yield "a pattern must begin with ^ and end with $, and use no escapes such as \\d, no (?…) and no lazy repetition"
    if pattern is not None and schema.keys() & {"minLength", "maxLength"}:
        yield "a pattern cannot be combined with minLength or maxLength"
    reference = schema.get("$ref")
    if reference is not None and not str(reference).startswith("#"):
        yield "$ref must point into the same schema"


def _parts(schema: Json) -> Iterator[tuple[str, object]]:
    """Yield the schemas inside a schema, with their places."""
    for group in ("properties", "$defs", "definitions"):
        members = schema.get(group)
        yield from ((f"{group}.{name}", part) for name, part in (members.items() if isinstance(members, dict) else ()))
    for group in (*sorted(_CHOICES), "prefixItems"):
        members = schema.get(group)
        yield from ((f"{group}.{index}", part) for index, part in enumerate(members if isinstance(members, list) else ()))
    if "items" in schema:
        yield "items", schema["items"]
    if not isinstance(schema.get("additionalProperties", True), bool):
        yield "additionalProperties", schema["additionalProperties"]


def _supported_pattern(pattern: str) -> bool:
    return pattern.startswith("^") and pattern.endswith("$") and not _UNSUPPORTED_PATTERN.search(pattern)


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
