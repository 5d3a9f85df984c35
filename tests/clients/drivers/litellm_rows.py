"""The rows of LiteLLM's client."""

from __future__ import annotations

from typing import Any

import litellm
import openai
from pydantic import BaseModel
from rows import BORDERS, BREAKS, SEPARATORS, WEATHER, main, raised, run


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}


def options(url: str, text: str, given: dict[str, Any]) -> dict[str, Any]:
    base = {"model": "openai/scripted", "api_base": f"{url}/v1", "api_key": "none", "max_retries": 0}
    return {**base, "messages": [{"role": "user", "content": text}], **given}


def plain(url: str, text: str, **given: Any) -> dict[str, Any]:
    return dict(litellm.completion(**options(url, text, given)).model_dump())


async def aplain(url: str) -> str:
    answer = await litellm.acompletion(**options(url, "hi", {}))
    return str(answer.choices[0].message.content)


def streamed(url: str, text: str, **given: Any) -> dict[str, Any]:
    chunks = list(litellm.completion(**options(url, text, {"stream": True, **given})))
    whole = litellm.stream_chunk_builder(chunks)
    deltas = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return {**whole.model_dump(), "deltas": deltas}


async def astreamed(url: str) -> str:
    stream = await litellm.acompletion(**options(url, "!words 3", {"stream": True}))
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


def fails(url: str, text: str, *, stream: bool = False, **given: Any) -> Any:
    return raised(openai.OpenAIError, lambda: (streamed if stream else plain)(url, text, **given))


ROWS = {
    "plain": lambda url: plain(url, "!words 5"),
    "plain_async": lambda url: run(aplain(url)),
    "kernel2": lambda url: plain(url, "hi", api_base=f"{url}/api/kernel2"),
    "stream": lambda url: streamed(url, "!wait 1\n!words 5"),
    "stream_async": lambda url: run(astreamed(url)),
    "stream_usage": lambda url: streamed(url, "!words 5", stream_options={"include_usage": True}),
    "unicode": lambda url: streamed(url, f"!chars {BORDERS}"),
    "separators": lambda url: streamed(url, SEPARATORS),
    "reasoning": lambda url: streamed(url, "!reason let me see\n!say yes"),
    "tools": lambda url: plain(url, WEATHER, tools=[TOOL]),
    "tools_streamed": lambda url: streamed(url, WEATHER, tools=[TOOL]),
    "tool_required": lambda url: plain(url, "hi", tools=[TOOL], tool_choice="required"),
    "schema": lambda url: plain(url, "who?", response_format=Person),
    "length": lambda url: streamed(url, "!words 9", max_tokens=3),
    "filtered": lambda url: streamed(url, "!say one\n!finish content_filter"),
    "stop": lambda url: streamed(url, "!chars one END two", stop=["END"]),
    "metadata": lambda url: fails(url, "hi", extra_body={"metadata": {"role_id": "nobody"}}),
    "error_400": lambda url: fails(url, "!refuse 400"),
    "error_404": lambda url: fails(url, "hi", model="openai/gpt-9"),
    "error_429": lambda url: fails(url, "!refuse 429"),
    "error_500": lambda url: fails(url, "!refuse 500"),
    "error_503": lambda url: fails(url, "!refuse 503"),
    "error_long": lambda url: fails(url, "word " * 9000),
    "error_before_stream": lambda url: fails(url, "!refuse 503", stream=True),
    "breaks": lambda url: fails(url, BREAKS, stream=True),
    "real": lambda url: streamed(url, "Say hello.", model="openai/mecum", max_tokens=12),
}

main(ROWS)
