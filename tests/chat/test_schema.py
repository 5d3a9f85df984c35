"""What llama.cpp enforces passes, what it would pass over is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel, Field
from tests.engine.engines import running

from mecum.chat.schema import check_schema
from mecum.errors import UnsupportedParameter
from mecum.settings.schema import EngineSettings
from mecum.types import Message, Prompt, Sampling

ENFORCED: dict[str, dict[str, Any]] = {
    "anything": {},
    "types": {"type": ["string", "null"]},
    "enum": {"enum": ["a", 1, None]},
    "const": {"const": {"a": 1}},
    "object": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
    "tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    "length": {"type": "string", "minLength": 2, "maxLength": 5},
    "pattern": {"type": "string", "pattern": "^[a-z]{2,4}-[0-9]+\\.$"},
    "integer range": {"type": "integer", "minimum": 3, "exclusiveMaximum": 10},
    "choice": {"anyOf": [{"type": "integer"}, {"type": "string"}], "title": "T", "default": 1},
    "reference": {"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}},
    "format": {"type": "string", "format": "date-time"},
    "extension": {"type": "string", "x-order": 1},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "multipleOf": ({"type": "integer", "multipleOf": 5}, "multipleOf"),
    "not": ({"not": {"type": "string"}}, "'not'"),
    "condition": ({"if": {}, "then": {}}, "'if'"),
    "number range": ({"type": "number", "minimum": 3}, "integer only"),
    "look-ahead": ({"type": "string", "pattern": "^(?=a)b$"}, "pattern"),
    "unanchored": ({"type": "string", "pattern": "[a-z]"}, "pattern"),
    "escape": ({"type": "string", "pattern": "^\\d+$"}, "pattern"),
    "lazy": ({"type": "string", "pattern": "^a+?b$"}, "pattern"),
    "pattern with length": ({"type": "string", "pattern": "^a+$", "minLength": 3}, "minLength"),
    "required alone": ({"type": "object", "required": ["z"]}, "'z'"),
    "choice beside properties": ({"properties": {}, "anyOf": [{}]}, "'anyOf'"),
    "remote": ({"$ref": "https://example.com/x"}, "$ref"),
    "boolean schema": ({"type": "object", "properties": {"a": True}}, "properties.a"),
    "deep": ({"type": "array", "items": {"anyOf": [{"uniqueItems": True}]}}, "items.anyOf.0"),
}


class Address(BaseModel):
    street: str = Field(description="with the number")
    zip_code: str | None = None


class Person(BaseModel):
    """What openai-python's parse() sends for a model like this."""

    name: str
    age: int = Field(ge=0, le=150)
    addresses: list[Address] = []


@pytest.mark.parametrize("schema", ENFORCED.values(), ids=ENFORCED.keys())
def test_enforced_schemas_pass(schema: dict[str, Any]) -> None:
    check_schema(schema, "field")


@pytest.mark.parametrize(("schema", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_be_passed_over_is_refused_by_name(schema: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        check_schema(schema, "response_format.json_schema.schema")
    assert named in caught.value.message
    assert caught.value.param == "response_format.json_schema.schema"


def test_a_property_may_have_a_keywords_name() -> None:
    check_schema({"type": "object", "properties": {"multipleOf": {"type": "integer"}, "$ref": {"type": "string"}}}, "field")


def test_pydantics_schemas_pass() -> None:
    check_schema(Person.model_json_schema(), "field")


@pytest.mark.real_model
async def test_llama_cpp_enforces_what_passes(tmp_path: Path) -> None:
    """Hot sampling, so that the grammar and not the model keeps the answer in form; one that was cut off tells nothing."""
    whole = set()
    async with running(tmp_path, EngineSettings(threads=1, context=512, slots=1)) as engine:
        for name, schema in ENFORCED.items():
            response_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
            sampling = Sampling(temperature=1.5, seed=1, max_tokens=40, response_format=response_format)
            question = (Message("user", "Give me some JSON with long words and numbers."),)
            reply = await engine.chat(Prompt(engine.status().models[0].name, question, sampling))
            deltas = [delta async for batch in reply for delta in batch]
            if any(delta.finish_reason == "stop" for delta in deltas):
                text = "".join(delta.content or "" for delta in deltas)
                assert jsonschema_rs.is_valid(schema, json.loads(text)), (name, text)
                whole.add(name)
    assert len(whole) >= len(ENFORCED) // 2
