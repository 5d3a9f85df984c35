"""The bodies that clients send, as OpenAI's protocol and the Local Chat API have them.

Unknown fields are tolerated; known ones are checked strictly and then honoured, or listed here as accepted and ignored.
Ranges are OpenAI's: https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_MESSAGES = 4096
MAX_STOPS = 16
MAX_TOOLS = 128

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


def _boolean(value: object) -> object:
    """Return what a client means that can send strings only, or numbers."""
    meanings = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, str):
        return meanings.get(value.strip().lower(), value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value in (0, 1):
        return bool(value)
    return value


def _number(value: object) -> object:
    """Refuse true and false where a number belongs: Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 # pydantic reports a ValueError, a TypeError it does not
    return value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Flag = Annotated[bool, BeforeValidator(_boolean)]
Number = Annotated[float, BeforeValidator(_number), Field(strict=True)]
Integer = Annotated[int, BeforeValidator(_number), Field(strict=True)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(_Body):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(_Body):
    """An image, inside the request: no address is ever fetched."""

    url: str = Field(pattern=r"^data:image/[a-z0-9.+-]+;base64,")
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
    content: str | list[Part] | None = None
    name: str | None = Field(None, max_length=256)
    tool_calls: list[ToolCall] | None = Field(None, max_length=MAX_TOOLS)
    tool_call_id: str | None = Field(None, max_length=256)

    @model_validator(mode="after")
    def _whole(self) -> MessageBody:
        if self.content is None and self.role != "assistant":
            raise ValueError(f"a {self.role} message needs content")
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("a tool message needs tool_call_id, the id of the call that it answers")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only assistant messages have tool_calls")
        return self


class FunctionDefinition(_Body):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Body):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: FunctionDefinition


class NamedFunction(_Body):
    """The name of a function."""

    name: Name


class NamedTool(_Body):
    """The tool that the model must call."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(_Body):
    """The schema that an answer must fit."""

    name: str = Field("answer", max_length=64)
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class PlainFormat(_Body):
    """Text as it comes, or any JSON object."""

    type: Literal["text", "json_object"]


class SchemaFormat(_Body):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


class StreamOptions(_Body):
    """What a stream shall carry besides text."""

    include_usage: Flag | None = None


class Metadata(_Body):
    """The Local Chat API's own parameters. Booleans may come as strings or as 0 and 1."""

    enable_l0_retrieval: Flag | None = Field(None, description="whether to answer from the user's own documents")
    role_id: str | None = Field(None, max_length=128, description="id of the role to speak as; empty means none")
    truncation: Literal["auto", "off"] | None = Field(
        None, description="auto: drop the oldest turns of a chat that is too long"
    )


class ChatBody(_Body):
    """A request for a chat completion."""

    messages: list[MessageBody] = Field(min_length=1, max_length=MAX_MESSAGES, description="the conversation, oldest first")
    metadata: Metadata | None = Field(None, description="parameters of the Local Chat API")
    model: str | None = Field(None, max_length=256, description="model to answer with; the default is the configured one")
    stream: Flag | None = Field(None, description="whether to stream; the default depends on the route")
    stream_options: StreamOptions | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    top_k: Annotated[Integer, Field(ge=0, le=100_000)] | None = None
    min_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[Integer, Field(ge=1, le=2**31 - 1)] | None = None
    max_completion_tokens: Annotated[Integer, Field(ge=1, le=2**31 - 1)] | None = None
    stop: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=1024)]],
            BeforeValidator(_one_or_many),
            Field(max_length=MAX_STOPS),
        ]
        | None
    ) = None
    seed: Annotated[Integer, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    n: Annotated[Integer, Field(ge=1, le=128)] | None = None
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[Annotated[str, Field(pattern=r"^\d{1,9}$")], Annotated[Number, Field(ge=-100, le=100)]] | None = Field(
        None, max_length=1024
    )
    logprobs: Flag | None = None
    top_logprobs: Annotated[Integer, Field(ge=0, le=20)] | None = None
    tools: list[Tool] | None = Field(None, max_length=MAX_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: Flag | None = None
    response_format: Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    modalities: list[Literal["text"]] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ChatBody:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs to be true")
        if self.tool_choice not in (None, "none", "auto") and not self.tools:
            raise ValueError("tool_choice needs tools")
        return self
