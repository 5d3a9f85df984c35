"""Query parameters: each route's are one table, which reads them and describes them in `/openapi.json`.

Invariant (`tests/api/test_query.py`): a parameter that is unknown, given twice or out of its range is a 400 that names it,
never passed over: a misspelt filter must not delete or show more than was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from mecum.api.asked import DATES
from mecum.api.faults import words
from mecum.errors import InvalidRequest
from mecum.types import Json

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `schema` is of a string, an integer, a number, or a list of these, which is sent as several."""

    name: str
    schema: Json
    description: str
    default: Any = None
    required: bool = False

    def read(self, given: Sequence[str]) -> Any:
        """Return what was given, or the default.

        Raises:
            InvalidRequest: it may not be.
        """
        if not given:
            if self.required:
                raise InvalidRequest(f"{self.name} is missing: it must be {words([self.schema])}.", param=self.name)
            return self.default
        if self.schema["type"] == "array":
            if len(given) > self.schema["maxItems"]:
                raise self._wrong()
            return tuple(self._one(text, self.schema["items"]) for text in given)
        if len(given) > 1:
            raise InvalidRequest(f"{self.name} must be given once.", param=self.name)
        return self._one(given[0], self.schema)

    def described(self) -> Json:
        """Return it as OpenAPI has it."""
        schema = self.schema if self.default is None else {**self.schema, "default": self.default}
        return {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "description": self.description,
            "schema": schema,
        }

    def _one(self, text: str, schema: Mapping[str, Any]) -> str | int | float:
        if schema["type"] == "string":
            fits = schema.get("minLength", 0) <= len(text) <= schema["maxLength"] if "enum" not in schema else True
            if not fits or ("enum" in schema and text not in schema["enum"]):
                raise self._wrong()
            return text
        value = _number(text, whole=schema["type"] == "integer")
        if value is None or not schema["minimum"] <= value <= schema["maximum"]:
            raise self._wrong()
        return value

    def _wrong(self) -> InvalidRequest:
        return InvalidRequest(f"{self.name} must be {words([self.schema.get('items', self.schema)])}.", param=self.name)


def read(request: Request, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the value of every parameter by its name.

    Raises:
        InvalidRequest: naming the first that is wrong.
    """
    known = {parameter.name for parameter in parameters}
    if any(name not in known for name in request.query_params):
        names = ", ".join(parameter.name for parameter in parameters)
        raise InvalidRequest(f"The address has a parameter that this route does not know. It knows {names or 'none'}.")
    return {parameter.name: parameter.read(request.query_params.getlist(parameter.name)) for parameter in parameters}


def _number(text: str, *, whole: bool) -> int | float | None:
    if whole:
        return int(text) if _WHOLE.fullmatch(text) else None
    return float(text) if _NUMBER.fullmatch(text) else None


# ---- those that more than one route has

_TIMES: Final[Json] = {"type": "number", "minimum": -DATES, "maximum": DATES}


def text(longest: int, *, shortest: int = 0) -> Json:
    """Return the schema of a text of so many characters."""
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def many(items: Json, most: int = 64) -> Json:
    """Return the schema of a parameter that may be given several times."""
    return {"type": "array", "items": items, "maxItems": most}


def between(low: int, high: int) -> Json:
    """Return the schema of a whole number."""
    return {"type": "integer", "minimum": low, "maximum": high}


SINCE: Final = Parameter("since", _TIMES, "the earliest date, in seconds since 1970")
UNTIL: Final = Parameter("until", _TIMES, "the latest date, in seconds since 1970")
