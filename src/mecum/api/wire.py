"""The bodies that clients send, as OpenAI's protocol and the Local Chat API have them.

Unknown fields are tolerated; known ones are checked strictly and then honoured, or listed here as accepted and ignored.
Ranges are OpenAI's: https://platform.openai.com/docs/api-reference/chat/create. These models are also what `/openapi.json`
documents and what the messages of `faults` are made from; `x-allowed` says what JSON Schema cannot say in words.
A list ends at its first fault and an object's size is checked first: a body of a million faults costs no more than one.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

MAX_MESSAGES = 4096
MAX_PARTS = 4096
MAX_STOPS = 16
MAX_TOOLS = 128
MAX_BIASES = 1024
MAX_COLLECTIONS = 64
MAX_NAME = 128
MAX_KWARGS = 16

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


def _names(value: object) -> object:
    """Return the names of a list that came as one text, `"a, b"`."""
    return [name for part in value.split(",") if (name := part.strip())] if isinstance(value, str) else value


_WHOLE = BeforeValidator(_whole)  # stands last, or pydantic leaves the range out of the JSON schema


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _few(value: object) -> object:
    if isinstance(value, dict) and len(value) > MAX_BIASES:
        raise PydanticCustomError("too_long", "too many entries")
    return value


def _words(allowed: str) -> dict[str, Any]:
    return {"x-allowed": allowed}


T = TypeVar("T")
Many = Annotated[list[T], Field(fail_fast=True)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        json_schema_extra=_words("a name of 1 to 64 letters, digits, '_', '.' or '-'"),
    ),
]
Flag = Annotated[bool, BeforeValidator(_boolean), Field(strict=True), WithJsonSchema(_FLAG)]
Number = Annotated[float, Field(strict=True)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(_Body):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(_Body):
    """An image, inside the request: no address is ever fetched."""

    url: str = Field(
        pattern=r"^data:image/[a-z0-9.+-]+;base64,",
        json_schema_extra=_words("the image itself, as data:image/png;base64,…"),
    )
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(_Body):
    """An image for a model that sees."""

    type: Literal["image_url"]
    image_url: ImageUrl


class RefusalPart(_Body):
    """What an assistant refused to say, from an earlier answer."""

    type: Literal["refusal"]
    refusal: str


Part = Annotated[TextPart | ImagePart | RefusalPart, Field(discriminator="type")]


class FunctionCall(_Body):
    """Which function was called, with what arguments (JSON, as a string)."""

    name: Name
    arguments: str = ""


class ToolCall(_Body):
    """A call that an assistant made."""

    id: str = Field(min_length=1, max_length=256)
    type: Literal["function"] = "function"
    function: FunctionCall


class MessageBody(_Body):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: (
        str
        | Annotated[
            Many[Part], Field(max_length=MAX_PARTS, json_schema_extra=_words(f"a list of at most {MAX_PARTS} content parts"))
        ]
        | None
    ) = None
    name: str | None = Field(None, max_length=256)
    tool_calls: Many[ToolCall] | None = Field(None, max_length=MAX_TOOLS)
    tool_call_id: str | None = Field(None, max_length=256)
    reasoning_content: str | None = Field(None, description="what an assistant thought; its template decides about it")
    reasoning: str | None = Field(None, description="another name for reasoning_content")


class FunctionDefinition(_Body):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: Flag | None = None


class Tool(_Body):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: FunctionDefinition


class NamedFunction(_Body):
    """The name of a function."""

    name: Name


class NamedTool(_Body):
    """The tool that the model must call."""

    model_config = ConfigDict(json_schema_extra=_words("an object that names a function"))

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(_Body):
    """The schema that an answer must fit."""

    name: str = Field("answer", max_length=64)
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: Flag | None = None


class PlainFormat(_Body):
    """Text as it comes, or any JSON object."""

    type: Literal["text", "json_object"]


class SchemaFormat(_Body):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


_Stop = Annotated[str, Field(min_length=1, max_length=1024)]
_FewStops = Annotated[Many[_Stop], Field(max_length=MAX_STOPS)]
_Stops = Annotated[_FewStops, BeforeValidator(_one_or_many, json_schema_input_type=_Stop | _FewStops)]
_Biases = Annotated[
    dict[Annotated[str, Field(pattern=r"^[0-9]{1,9}$")], Annotated[Number, Field(ge=-100, le=100)]],
    BeforeValidator(_few),
    Field(
        json_schema_extra=_words(
            f"an object of at most {MAX_BIASES} entries, from a token's id to a number from -100 to 100"
        )
    ),
]


_Tools = Annotated[Many[Tool], Field(max_length=MAX_TOOLS, json_schema_extra=_words(f"a list of at most {MAX_TOOLS} tools"))]
_Modalities = Annotated[Many[Literal["text"]], Field(max_length=1, json_schema_extra=_words('the list ["text"]'))]


_WORD = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_KWARGS: dict[str, Any] = {
    "type": "object",
    "maxProperties": MAX_KWARGS,
    "propertyNames": {"pattern": _WORD},
    "additionalProperties": {"type": ["boolean", "number", "string"]},
    "x-allowed": f"an object of at most {MAX_KWARGS} entries, from a name to true, false, a number or a text",
}
_Kwargs = Annotated[
    dict[Annotated[str, Field(pattern=_WORD)], StrictBool | StrictInt | StrictFloat | StrictStr],
    Field(max_length=MAX_KWARGS),
    BeforeValidator(_few),
    WithJsonSchema(_KWARGS),
]


class StreamOptions(_Body):
    """What a stream shall carry besides text."""

    include_usage: Flag | None = None


_Collection = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
_COLLECTIONS: dict[str, Any] = {
    "anyOf": [
        {"type": "array", "maxItems": MAX_COLLECTIONS, "items": {"type": "string", "minLength": 1, "maxLength": MAX_NAME}},
        {"type": "string", "maxLength": MAX_NAME},
    ],
    "x-allowed": f"a list of at most {MAX_COLLECTIONS} names, each of 1 to {MAX_NAME} characters, or a string with commas",
}
_Collections = Annotated[
    Many[_Collection], Field(max_length=MAX_COLLECTIONS), BeforeValidator(_names), WithJsonSchema(_COLLECTIONS)
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
_TEXT = BeforeValidator(_number)  # stands behind _WHOLE, so that it comes before
_TopK = Annotated[int, Field(strict=True, ge=1, le=50), _WHOLE, _TEXT, WithJsonSchema(_TOP_K)]
_MinScore = Annotated[Number, Field(ge=0, le=1), _TEXT, WithJsonSchema(_MIN_SCORE)]


class Metadata(_Body):
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


class ChatBody(_Body):
    """A request for a chat completion."""

    messages: Many[MessageBody] = Field(
        min_length=1,
        max_length=MAX_MESSAGES,
        description="the conversation, oldest first",
        json_schema_extra=_words(f"a list of 1 to {MAX_MESSAGES} messages"),
    )
    metadata: Metadata | None = Field(None, description="parameters of the Local Chat API")
    model: str | None = Field(None, max_length=256, description="model to answer with; the default is the configured one")
    stream: Flag | None = Field(None, description="whether to stream; the default depends on the route")
    stream_options: StreamOptions | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(None, description="randomness")
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(strict=True, ge=0, le=100_000), _WHOLE] | None = None
    min_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[Number, Field(gt=0, le=2)] | None = Field(None, description="llama.cpp's; 1 is none")
    max_tokens: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), _WHOLE] | None = Field(
        None, description="most tokens to generate"
    )
    max_completion_tokens: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), _WHOLE] | None = Field(
        None, description="the newer name of max_tokens; it wins"
    )
    stop: _Stops | None = Field(None, description="texts that end the answer; they are not part of it")
    seed: Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1), _WHOLE] | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=128), _WHOLE] | None = Field(
        None, description="answers to give, at most the engine's slots"
    )
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    logit_bias: _Biases | None = Field(None, description="what is added to the logits of tokens")
    logprobs: Flag | None = None
    top_logprobs: Annotated[int, Field(strict=True, ge=0, le=20), _WHOLE] | None = Field(None, description="needs logprobs")
    tools: _Tools | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = Field(
        None, description="needs tools, save none and auto"
    )
    parallel_tool_calls: Flag | None = None
    response_format: Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    chat_template_kwargs: _Kwargs | None = Field(
        None, description='what the chat template is told besides, such as {"enable_thinking": false}'
    )
    modalities: _Modalities | None = None
