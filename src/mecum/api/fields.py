"""The kinds of fields that bodies have: what is taken for a number, a flag, a list, and what is said where one is wrong."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_ENTRIES = 1024  # of an object

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15}")
_FLAG: dict[str, Any] = {
    "anyOf": [{"type": "boolean"}, {"enum": ["true", "false", "1", "0", 1, 0]}],
    "x-allowed": "true or false",
}


def _boolean(value: object) -> object:
    """Return what a client means that can send strings only, or numbers."""
    meanings = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, str):
        return meanings.get(value.strip().lower(), value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value in (0, 1):
        return bool(value)
    return value


def _whole(value: object) -> object:
    """Return 5 for 5.0: to JSON they are one number, and some clients know only one kind. Beyond 2**53 it is a guess."""
    return int(value) if isinstance(value, float) and abs(value) <= 2**53 and value.is_integer() else value


def _number(value: object) -> object:
    """Return the number that a text is, where a client can send strings only."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return value
    return float(value)


def names(value: object) -> object:
    """Return the names of a list that came as one text, `"a, b"`."""
    return [name for part in value.split(",") if (name := part.strip())] if isinstance(value, str) else value


TEXT = BeforeValidator(_number)  # stands behind WHOLE, so that it comes before
WHOLE = BeforeValidator(_whole)  # stands last, or pydantic leaves the range out of the JSON schema


def one_or_many(value: object) -> object:
    """Return a list of one where a single text came."""
    return [value] if isinstance(value, str) else value


def few(value: object) -> object:
    """Refuse an object of very many entries before each of them is looked at."""
    if isinstance(value, dict) and len(value) > MAX_ENTRIES:
        raise PydanticCustomError("too_long", "too many entries")
    return value


def words(allowed: str) -> dict[str, Any]:
    """Return what `faults` says of a field, where its JSON schema cannot tell it in words."""
    return {"x-allowed": allowed}


T = TypeVar("T")
Many = Annotated[list[T], Field(fail_fast=True)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        json_schema_extra=words("a name of 1 to 64 letters, digits, '_', '.' or '-'"),
    ),
]
Flag = Annotated[bool, BeforeValidator(_boolean), Field(strict=True), WithJsonSchema(_FLAG)]
Number = Annotated[float, Field(strict=True)]


class Body(BaseModel):
    """A body, or a part of one: unknown fields are tolerated."""

    model_config = ConfigDict(extra="ignore", frozen=True)
