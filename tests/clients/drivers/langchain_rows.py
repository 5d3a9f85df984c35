"""langchain-openai's rows."""

from __future__ import annotations

from typing import Any

import openai
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel
from rows import BORDERS, BREAKS, GROUNDED, SEPARATORS, WEATHER, main, raised, run


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class weather(BaseModel):  # noqa: N801 - the class's name is the tool's
    """Look up the weather."""

    city: str


def chat(url: str, **options: Any) -> ChatOpenAI:
    settings = {"base_url": f"{url}/v1", "api_key": "none", "model": "scripted", "max_retries": 0, **options}
    return ChatOpenAI(**settings)


def told(message: BaseMessage) -> dict[str, Any]:
    return {
        "text": message.content,
        "usage": getattr(message, "usage_metadata", None),
        "meta": message.response_metadata,
        "calls": getattr(message, "tool_calls", None),
    }


def streamed(model: Any, text: str) -> dict[str, Any]:
    chunks = list(model.stream(text))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    return told(whole)


async def astreamed(url: str) -> str:
    return "".join([str(chunk.content) async for chunk in chat(url).astream("!words 3")])


def conversation(url: str) -> dict[str, Any]:
    call = {"name": "weather", "args": {"city": "Köln"}, "id": "call_1"}
    messages = [
        SystemMessage("be brief"),
        HumanMessage("weather?"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("rain", tool_call_id="call_1"),
        SystemMessage("late"),
        HumanMessage([{"type": "text", "text": "thanks"}]),
    ]
    return told(chat(url).bind_tools([weather]).invoke(messages))


def fails(url: str, text: str, *, stream: bool = False, **options: Any) -> Any:
    model = chat(url, **options)
    return raised(openai.OpenAIError, lambda: streamed(model, text) if stream else told(model.invoke(text)))


def embedded(url: str) -> dict[str, Any]:
    # Without the last setting it sends token ids, for which it fetches a table from elsewhere.
    model = OpenAIEmbeddings(base_url=f"{url}/v1", api_key="none", model="mecum", check_embedding_ctx_length=False)
    return {"documents": model.embed_documents(["the red fox", "a blue whale"]), "query": model.embed_query("the red fox")}


ROWS = {
    "plain": lambda url: told(chat(url).invoke("!words 5")),
    "plain_async": lambda url: told(run(chat(url).ainvoke("hi"))),
    "kernel2": lambda url: told(chat(url, base_url=f"{url}/api/kernel2").invoke("hi")),
    "stream": lambda url: streamed(chat(url), "!wait 1\n!words 5"),
    "stream_async": lambda url: run(astreamed(url)),
    "stream_usage": lambda url: streamed(chat(url, stream_usage=True), "!words 5"),
    "unicode": lambda url: streamed(chat(url), f"!chars {BORDERS}"),
    "separators": lambda url: streamed(chat(url), SEPARATORS),
    "tools": lambda url: told(chat(url).bind_tools([weather]).invoke(WEATHER)),
    "tools_streamed": lambda url: streamed(chat(url).bind_tools([weather]), WEATHER),
    "tool_required": lambda url: told(chat(url).bind_tools([weather], tool_choice="any").invoke("hi")),
    "tool_named": lambda url: told(chat(url).bind_tools([weather], tool_choice="weather").invoke("hi")),
    "conversation": conversation,
    "schema": lambda url: chat(url).with_structured_output(Person).invoke("who?").model_dump(),
    "schema_by_tool": lambda url: (
        chat(url).with_structured_output(Person, method="function_calling").invoke("who?").model_dump()
    ),
    "logprobs": lambda url: told(chat(url, logprobs=True, top_logprobs=1).invoke("!say one two")),
    "several": lambda url: [g.text for g in chat(url, n=2).generate([[HumanMessage("!say one")]]).generations[0]],
    "stop": lambda url: told(chat(url, stop=["END"]).invoke("!chars one END two")),
    "max_tokens": lambda url: told(chat(url, max_tokens=3).invoke("!words 9")),
    "metadata": lambda url: fails(url, "hi", extra_body={"metadata": {"role_id": "nobody"}}),
    "grounded": lambda url: streamed(chat(url, extra_body={"metadata": {"enable_l0_retrieval": True}}), GROUNDED),
    "metadata_lost": lambda url: fails(url, "hi", model_kwargs={"metadata": {"role_id": "nobody"}}),
    "embeddings": embedded,
    "error_400": lambda url: fails(url, "!refuse 400"),
    "error_404": lambda url: fails(url, "hi", model="gpt-9"),
    "error_429": lambda url: fails(url, "!refuse 429"),
    "error_500": lambda url: fails(url, "!refuse 500", max_retries=2),
    "error_503": lambda url: fails(url, "!refuse 503"),
    "error_long": lambda url: fails(url, "word " * 9000),
    "error_before_stream": lambda url: fails(url, "!refuse 503", stream=True),
    "breaks": lambda url: fails(url, BREAKS, stream=True),
    "real": lambda url: streamed(chat(url, model="mecum", max_tokens=12), "Say hello."),
}

main(ROWS)
