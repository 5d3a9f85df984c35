"""The bodies that clients send, as OpenAI's protocol and the Local Chat API have them.

Unknown fields are tolerated; known ones are checked strictly and then honoured, or listed here as accepted and ignored.
Ranges are OpenAI's: https://platform.openai.com/docs/api-reference/chat/create. These models are also what `/openapi.json`
documents and what the messages of `faults` are made from; `x-allowed` says what JSON Schema cannot say in words.
A list ends at its first fault and an object's size is checked first: a body of a million faults costs no more than one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from mecum.api.fields import MAX_ENTRIES, WHOLE, Body, Flag, Many, Name, Number, few, one_or_many, words
from mecum.api.metadata import Metadata

MAX_MESSAGES = 4096
MAX_PARTS = 4096
MAX_STOPS = 16
MAX_TOOLS = 128


class TextPart(Body):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(Body):
    """An image, inside the request: no address is ever fetched."""

    url: str = Field(
        pattern=r"^data:image/[a-z0-9.+-]+;base64,",
        json_schema_extra=words("the image itself, as data:image/png;base64,…"),
    )
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Body):
    """An image for a model that sees."""

    type: Literal["image_url"]
    image_url: ImageUrl


class RefusalPart(Body):
    """What an assistant refused to say, from an earlier answer."""

    type: Literal["refusal"]
    refusal: str


Part = Annotated[TextPart | ImagePart | RefusalPart, Field(discriminator="type")]


class FunctionCall(Body):
    """Which function was called, with what arguments (JSON, as a string)."""

    name: Name
    arguments: str = ""


class ToolCall(Body):
    """A call that an assistant made."""

    id: str = Field(min_length=1, max_length=256)
    type: Literal["function"] = "function"
    function: FunctionCall


class MessageBody(Body):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: (
        str
        | Annotated[
            Many[Part], Field(max_length=MAX_PARTS, json_schema_extra=words(f"a list of at most {MAX_PARTS} content parts"))
        ]
        | None
    ) = None
    name: str | None = Field(None, max_length=256)
    tool_calls: Many[ToolCall] | None = Field(None, max_length=MAX_TOOLS)
    tool_call_id: str | None = Field(None, max_length=256)
    reasoning_content: str | None = Field(None, description="what an assistant thought; its template decides about it")
    reasoning: str | None = Field(None, description="another name for reasoning_content")


class FunctionDefinition(Body):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: Flag | None = None


class Tool(Body):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: FunctionDefinition


class NamedFunction(Body):
    """The name of a function."""

    name: Name


class NamedTool(Body):
    """The tool that the model must call."""

    model_config = ConfigDict(json_schema_extra=words("an object that names a function"))

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(Body):
    """The schema that an answer must fit."""

    name: str = Field("answer", max_length=64)
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: Flag | None = None


class PlainFormat(Body):
    """Text as it comes, or any JSON object."""

    type: Literal["text", "json_object"]


class SchemaFormat(Body):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


_Stop = Annotated[str, Field(min_length=1, max_length=1024)]
_FewStops = Annotated[Many[_Stop], Field(max_length=MAX_STOPS)]
_Stops = Annotated[_FewStops, BeforeValidator(one_or_many, json_schema_input_type=_Stop | _FewStops)]
_Biases = Annotated[
    dict[Annotated[str, Field(pattern=r"^[0-9]{1,9}$")], Annotated[Number, Field(ge=-100, le=100)]],
    BeforeValidator(few),
    Field(
        json_schema_extra=words(
            f"an object of at most {MAX_ENTRIES} entries, from a token's id to a number from -100 to 100"
        )
    ),
]


_Tools = Annotated[Many[Tool], Field(max_length=MAX_TOOLS, json_schema_extra=words(f"a list of at most {MAX_TOOLS} tools"))]
_Modalities = Annotated[Many[Literal["text"]], Field(max_length=1, json_schema_extra=words('the list ["text"]'))]


class TemplateKwargs(Body):
    """What a chat template is told besides: of llama.cpp's and vLLM's parameter, what switches thoughts on or off."""

    enable_thinking: Flag | None = Field(None, description="whether to think first (templates of Qwen3, GLM and others)")
    thinking: Flag | None = Field(None, description="the same, where a template calls it so (DeepSeek's, Granite's)")


class StreamOptions(Body):
    """What a stream shall carry besides text."""

    include_usage: Flag | None = None


class ChatBody(Body):
    """A request for a chat completion."""

    messages: Many[MessageBody] = Field(
        min_length=1,
        max_length=MAX_MESSAGES,
        description="the conversation, oldest first",
        json_schema_extra=words(f"a list of 1 to {MAX_MESSAGES} messages"),
    )
    metadata: Metadata | None = Field(None, description="parameters of the Local Chat API")
    model: str | None = Field(None, max_length=256, description="model to answer with; the default is the configured one")
    stream: Flag | None = Field(None, description="whether to stream; the default depends on the route")
    stream_options: StreamOptions | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(None, description="randomness")
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(strict=True, ge=0, le=100_000), WHOLE] | None = None
    min_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[Number, Field(gt=0, le=2)] | None = Field(None, description="llama.cpp's; 1 is none")
    max_tokens: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE] | None = Field(
        None, description="most tokens to generate"
    )
    max_completion_tokens: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE] | None = Field(
        None, description="the newer name of max_tokens; it wins"
    )
    stop: _Stops | None = Field(None, description="texts that end the answer; they are not part of it")
    seed: Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1), WHOLE] | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=128), WHOLE] | None = Field(
        None, description="answers to give, at most the engine's slots"
    )
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    logit_bias: _Biases | None = Field(None, description="what is added to the logits of tokens")
    logprobs: Flag | None = None
    top_logprobs: Annotated[int, Field(strict=True, ge=0, le=20), WHOLE] | None = Field(None, description="needs logprobs")
    tools: _Tools | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = Field(
        None, description="needs tools, save none and auto"
    )
    parallel_tool_calls: Flag | None = None
    response_format: Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    chat_template_kwargs: TemplateKwargs | None = None
    modalities: _Modalities | None = None
