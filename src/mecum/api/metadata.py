"""`metadata`: the Local Chat API's own parameters, and ours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from mecum.api.fields import TEXT, WHOLE, Body, Flag, Many, Number, names

MAX_COLLECTIONS = 64
MAX_NAME = 128

_Collection = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
_COLLECTIONS: dict[str, Any] = {
    "anyOf": [
        {"type": "array", "maxItems": MAX_COLLECTIONS, "items": {"type": "string", "minLength": 1, "maxLength": MAX_NAME}},
        {"type": "string", "maxLength": MAX_NAME},
    ],
    "x-allowed": f"a list of at most {MAX_COLLECTIONS} names, each of 1 to {MAX_NAME} characters, or a string with commas",
}
_Collections = Annotated[
    Many[_Collection], Field(max_length=MAX_COLLECTIONS), BeforeValidator(names), WithJsonSchema(_COLLECTIONS)
]


_TOP_K: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 50},
        {"type": "string", "pattern": "^([1-9]|[1-4][0-9]|50)$"},
    ],
    "x-allowed": "a whole number from 1 to 50",
}
_MIN_SCORE: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^(0(\.[0-9]{1,15})?|1(\.0{1,15})?)$"},
    ],
    "x-allowed": "a number from 0 to 1",
}
_TopK = Annotated[int, Field(strict=True, ge=1, le=50), WHOLE, TEXT, WithJsonSchema(_TOP_K)]
_MinScore = Annotated[Number, Field(ge=0, le=1), TEXT, WithJsonSchema(_MIN_SCORE)]


class Metadata(Body):
    """The Local Chat API's own parameters. Booleans, numbers and lists may come as strings, booleans as 0 and 1 too."""

    enable_l0_retrieval: Flag | None = Field(None, description="whether to answer from the user's own documents")
    role_id: str | None = Field(None, max_length=128, description="id of the role to speak as; empty means none")
    truncation: Literal["auto", "off"] | None = Field(
        None, description="auto: drop the oldest turns of a chat that is too long"
    )
    collections: _Collections | None = Field(
        None, description='collections to answer from, within what the role allows; also as "a, b"; empty means all'
    )
    top_k: _TopK | None = Field(None, description="most passages that the answer may rest on")
    min_score: _MinScore | None = Field(None, description="least relevance of a passage, in place of the calibrated floor")
    debug: Flag | None = Field(None, description="whether to tell scores, budget and the final prompt")
