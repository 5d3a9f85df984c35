"""openai-python 3: sync, async, `.stream()`, `.parse()`, tools, errors and retries, against the scripted engine."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from openai import AsyncOpenAI, DefaultHttpxClient, OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import BaseModel
from tests.clients.server import Server

BORDERS = "a😀👨‍👩‍👧漢字é\u0301~"
BASES = ("/v1", "/api/kernel2")
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Person(BaseModel):
    name: str
    age: int


def says(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


@pytest.fixture(params=BASES)
def client(request: pytest.FixtureRequest, scripted: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=scripted.url + request.param, api_key="none", max_retries=0, timeout=30) as made:
        yield made


@pytest.fixture(params=BASES)
async def aclient(request: pytest.FixtureRequest, scripted: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=scripted.url + request.param, api_key="none", max_retries=0, timeout=30) as made:
        yield made


# ---- plain and streamed


def test_plain(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="scripted", messages=says("!words 5"))
    assert answer.choices[0].message.content == "word1 word2 word3 word4 word5"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "scripted"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5
    assert answer.system_fingerprint


async def test_plain_async(aclient: AsyncOpenAI) -> None:
    answer = await aclient.chat.completions.create(model="scripted", messages=says("hi"))
    assert answer.choices[0].message.content == "You said: hi"


def test_streamed(client: OpenAI) -> None:
    with client.chat.completions.create(model="scripted", messages=says(f"!chars {BORDERS}"), stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == BORDERS
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


async def test_streamed_async(aclient: AsyncOpenAI) -> None:
    stream = await aclient.chat.completions.create(model="scripted", messages=says("!wait 1\n!say hi"), stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "hi"


def test_streamed_with_usage(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="scripted", messages=says("!words 5"), stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 5


def test_stream_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(model="scripted", messages=says("!words 3")) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= set(kinds)
    assert final.choices[0].message.content == "word1 word2 word3"
    assert final.choices[0].finish_reason == "stop"


async def test_stream_helper_async(aclient: AsyncOpenAI) -> None:
    async with aclient.chat.completions.stream(model="scripted", messages=says("!words 3")) as stream:
        text = "".join([event.delta async for event in stream if event.type == "content.delta"])
        final = await stream.get_final_completion()
    assert text == final.choices[0].message.content == "word1 word2 word3"


def test_leaving_a_stream_early(client: OpenAI) -> None:
    with client.chat.completions.create(model="scripted", messages=says("!pause 0.01\n!words 999"), stream=True) as stream:
        next(iter(stream))
    assert client.chat.completions.create(model="scripted", messages=says("hi")).choices


# ---- shapes of answers


def test_parse(client: OpenAI) -> None:
    answer = client.chat.completions.parse(model="scripted", messages=says("who?"), response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="text", age=1)


async def test_parse_async(aclient: AsyncOpenAI) -> None:
    answer = await aclient.chat.completions.parse(model="scripted", messages=says("who?"), response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="text", age=1)


def test_parse_streamed(client: OpenAI) -> None:
    with client.chat.completions.stream(model="scripted", messages=says("who?"), response_format=Person) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.parsed == Person(name="text", age=1)


def test_an_answer_cut_short_is_told(client: OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model="scripted", messages=says('!json {"na\n!finish length'), response_format=Person)


def test_tools(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="scripted", messages=says('!tool weather {"city": "Köln"}\n!tool weather {"city": "Bonn"}'), tools=[WEATHER]
    )
    calls = answer.choices[0].message.tool_calls or []
    assert [json.loads(call.function.arguments)["city"] for call in calls if call.type == "function"] == ["Köln", "Bonn"]
    assert answer.choices[0].finish_reason == "tool_calls"


def test_tools_streamed(client: OpenAI) -> None:
    script = '!tool weather {"city": "Köln"}\n!tool weather {"city": "Bonn"}'
    with client.chat.completions.stream(model="scripted", messages=says(script), tools=[WEATHER]) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_completion().choices[0].message
    assert kinds.count("tool_calls.function.arguments.done") == 2
    parsed = [call.function.parsed_arguments for call in message.tool_calls or []]
    assert parsed == [{"city": "Köln"}, {"city": "Bonn"}]


@pytest.mark.parametrize("named", [True, False])
def test_a_forced_tool(client: OpenAI, named: bool) -> None:
    answer = client.chat.completions.create(
        model="scripted",
        messages=says("hi"),
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}} if named else "required",
    )
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"city": "text"}


def test_the_turn_after_a_tool(client: OpenAI) -> None:
    asked = client.chat.completions.create(
        model="scripted", messages=says('!tool weather {"city": "Köln"}'), tools=[WEATHER]
    )
    message = asked.choices[0].message
    assert message.tool_calls
    answer = client.chat.completions.create(
        model="scripted",
        messages=[
            {"role": "developer", "content": "be brief"},
            *says("weather?"),
            message.model_dump(exclude_none=True),  # type: ignore[list-item] # as the SDK's guide has it
            {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "rain"},
        ],
        tools=[WEATHER],
    )
    assert answer.choices[0].message.content == "You said: weather?"


def test_logprobs_n_and_stop(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="scripted", messages=says("!chars ab END c"), logprobs=True, top_logprobs=1, n=2, stop=["END"], seed=1
    )
    assert [choice.message.content for choice in answer.choices] == ["ab ", "ab "]
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert [entry.token for entry in logprobs.content or []] == ["a", "b", " "]


def test_max_completion_tokens(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="scripted", messages=says("!words 9"), max_completion_tokens=4)
    assert answer.choices[0].message.content == "word1 word2 word3 word4"
    assert answer.choices[0].finish_reason == "length"


def test_content_parts(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    )
    assert answer.choices[0].message.content == "You said: hi"


def test_models(scripted: Server) -> None:
    with OpenAI(base_url=f"{scripted.url}/v1", api_key="none") as client:
        assert [model.id for model in client.models.list()] == ["scripted"]
        assert client.models.retrieve("scripted").id == "scripted"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("nobody")


# ---- metadata, both ways that `docs/clients.md` names


def test_metadata(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="scripted", messages=says("hi"), metadata={"role_id": "nobody"})
    assert caught.value.code == "role_not_found"
    answer = client.chat.completions.create(
        model="scripted", messages=says("hi"), extra_body={"metadata": {"enable_l0_retrieval": True}}
    )
    assert answer.model_dump()["retrieval"]["status"] == "empty"


def test_sources_in_a_stream_break_nothing(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="scripted", messages=says("hi"), extra_body={"metadata": {"enable_l0_retrieval": "true"}}
    ) as stream:
        assert stream.get_final_completion().choices[0].message.content == "You said: hi"


# ---- embeddings


@pytest.fixture
def embeddings(scripted: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{scripted.url}/v1", api_key="none", max_retries=0, timeout=30) as made:
        yield made


def test_embeddings(embeddings: OpenAI) -> None:
    """Without an encoding the SDK asks for base64 and unpacks it itself."""
    texts = ["the red fox", "a blue whale", "the red fox"]
    packed = embeddings.embeddings.create(model="mecum", input=texts)
    plain = embeddings.embeddings.create(model="mecum", input=texts, encoding_format="float")
    assert [one.index for one in packed.data] == [0, 1, 2]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert len(one.embedding) == 64
        assert one.embedding == pytest.approx(other.embedding)
    assert packed.data[0].embedding == packed.data[2].embedding != packed.data[1].embedding
    assert (packed.usage.prompt_tokens, packed.model) == (9, "scripted")


async def test_embeddings_async(scripted: Server) -> None:
    async with AsyncOpenAI(base_url=f"{scripted.url}/v1", api_key="none", max_retries=0, timeout=30) as client:
        found = await client.embeddings.create(model="mecum", input="the red fox", dimensions=64)
    assert len(found.data[0].embedding) == 64


def test_embeddings_that_are_refused(embeddings: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        embeddings.embeddings.create(model="text-embedding-3-small", input="x")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length"):
        embeddings.embeddings.create(model="mecum", input=[[1, 2], [3]])


# ---- errors and retries


@pytest.mark.parametrize(
    ("script", "error", "code"),
    [
        ("!refuse 400", openai.BadRequestError, "invalid_request"),
        ("!refuse 429", openai.RateLimitError, "queue_full"),
        ("!refuse 500", openai.InternalServerError, "internal_error"),
        ("!refuse 502", openai.InternalServerError, "engine_error"),
        ("!refuse 503", openai.InternalServerError, "model_loading"),
        ("word " * 9000, openai.BadRequestError, "context_length_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_errors_have_their_type(
    client: OpenAI, script: str, error: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(error) as caught:
        client.chat.completions.create(model="scripted", messages=says(script), stream=stream)
    assert caught.value.code == code
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"] in caught.value.message
    assert caught.value.request_id


def test_an_unknown_model(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9", messages=says("hi"))
    assert (caught.value.code, caught.value.param, caught.value.type) == (
        "model_not_found",
        "model",
        "invalid_request_error",
    )


async def test_errors_async(aclient: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await aclient.chat.completions.create(model="gpt-9", messages=says("hi"), stream=True)


def test_a_stream_that_breaks_off_raises(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="scripted", messages=says("!say one\n!wait 0.1\n!break"), stream=True)
    text: list[str] = []
    with pytest.raises(openai.APIError, match="broke off") as caught:
        text.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == ["", "one"]
    assert caught.value.code == "engine_error"


async def test_a_stream_that_breaks_off_raises_async(aclient: AsyncOpenAI) -> None:
    async with aclient.chat.completions.stream(model="scripted", messages=says("!say one\n!wait 0.1\n!break")) as stream:
        with pytest.raises(openai.APIError, match="broke off"):
            await stream.until_done()


class _Counting:
    """A client that retries as openai-python does by default, and counts what it sends."""

    def __init__(self, server: Server, *, retries: int = 2) -> None:
        self.sent = 0
        hooks = {"request": [self._count]}
        self.client = OpenAI(
            base_url=f"{server.url}/v1",
            api_key="none",
            max_retries=retries,
            http_client=DefaultHttpxClient(event_hooks=hooks),
        )

    def _count(self, request: object) -> None:
        self.sent += 1


@pytest.mark.parametrize("script", ["!refuse 400", "!refuse 500"])
def test_what_will_fail_again_is_sent_once(scripted: Server, script: str) -> None:
    counting = _Counting(scripted)
    with counting.client as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="scripted", messages=says(script))
    assert counting.sent == 1


def test_retry_after_is_waited_for(scripted: Server) -> None:
    counting = _Counting(scripted, retries=1)
    started = time.monotonic()
    with counting.client as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="scripted", messages=says("!refuse 503"))
    assert counting.sent == 2
    assert time.monotonic() - started >= 2.9  # the scripted engine says 3 seconds


def test_too_many_requests_say_when_to_come_back(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="scripted", messages=says("!refuse 429"))
    assert caught.value.response.headers["retry-after"] == "7"
    assert "x-should-retry" not in caught.value.response.headers
