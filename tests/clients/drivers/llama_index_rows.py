"""The rows of LlamaIndex's OpenAILike."""

from __future__ import annotations

from typing import Any

import openai
from llama_index.core.llms import ChatMessage, ChatResponse, MessageRole
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from rows import BORDERS, BREAKS, SEPARATORS, WEATHER, main, raised, run


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


def weather(city: str) -> str:
    """Look up the weather."""
    return city


TOOL = FunctionTool.from_defaults(weather)


def llm(url: str, **options: Any) -> OpenAILike:
    settings = {"api_base": f"{url}/v1", "api_key": "none", "model": "scripted", "max_retries": 0, **options}
    return OpenAILike(**{"is_chat_model": True, "is_function_calling_model": True, **settings})


def says(text: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.SYSTEM, content="be brief"), ChatMessage(role=MessageRole.USER, content=text)]


def told(model: OpenAILike, response: ChatResponse) -> dict[str, Any]:
    calls = model.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    return {
        "text": response.message.content,
        "calls": [{"name": call.tool_name, "args": call.tool_kwargs} for call in calls],
        "extra": response.additional_kwargs,
    }


def chat(url: str, text: str, **options: Any) -> dict[str, Any]:
    model = llm(url, **options)
    return told(model, model.chat(says(text)))


def streamed(url: str, text: str, **options: Any) -> dict[str, Any]:
    model = llm(url, **options)
    responses = list(model.stream_chat(says(text)))
    return {**told(model, responses[-1]), "deltas": "".join(response.delta or "" for response in responses)}


async def astreamed(url: str) -> str:
    responses = await llm(url).astream_chat(says("!words 3"))
    return "".join([response.delta or "" async for response in responses])


def with_tools(url: str, text: str, **options: Any) -> dict[str, Any]:
    model = llm(url)
    return told(model, model.chat_with_tools([TOOL], user_msg=text, **options))


def tools_streamed(url: str) -> dict[str, Any]:
    model = llm(url)
    return told(model, list(model.stream_chat_with_tools([TOOL], user_msg=WEATHER))[-1])


def completed(url: str, **options: Any) -> Any:
    return raised(openai.OpenAIError, lambda: llm(url, **options).complete("hi").text)


def fails(url: str, text: str, *, stream: bool = False, **options: Any) -> Any:
    return raised(openai.OpenAIError, lambda: (streamed if stream else chat)(url, text, **options))


ROWS = {
    "plain": lambda url: chat(url, "!words 5"),
    "plain_async": lambda url: str(run(llm(url).achat(says("hi"))).message.content),
    "kernel2": lambda url: chat(url, "hi", api_base=f"{url}/api/kernel2"),
    "complete": completed,
    "complete_without_chat": lambda url: completed(url, is_chat_model=False),
    "stream": lambda url: streamed(url, "!wait 1\n!words 5"),
    "stream_async": lambda url: run(astreamed(url)),
    "stream_usage": lambda url: streamed(url, "!words 5", additional_kwargs={"stream_options": {"include_usage": True}}),
    "unicode": lambda url: streamed(url, f"!chars {BORDERS}"),
    "separators": lambda url: streamed(url, SEPARATORS),
    "tools": lambda url: with_tools(url, WEATHER, allow_parallel_tool_calls=True),
    "tool_required": lambda url: with_tools(url, "hi", tool_required=True),
    "tools_streamed": tools_streamed,
    "schema": lambda url: (
        llm(url, should_use_structured_outputs=True).as_structured_llm(Person).chat(says("who?")).raw.model_dump()
    ),
    "max_tokens": lambda url: chat(url, "!words 9", max_tokens=3),
    "metadata": lambda url: fails(url, "hi", additional_kwargs={"extra_body": {"metadata": {"role_id": "nobody"}}}),
    "error_400": lambda url: fails(url, "!refuse 400"),
    "error_404": lambda url: fails(url, "hi", model="gpt-9"),
    "error_429": lambda url: fails(url, "!refuse 429"),
    "error_503": lambda url: fails(url, "!refuse 503"),
    "error_before_stream": lambda url: fails(url, "!refuse 503", stream=True),
    "breaks": lambda url: fails(url, BREAKS, stream=True),
    "real": lambda url: streamed(url, "Say hello.", model="mecum", max_tokens=12),
}

main(ROWS)
