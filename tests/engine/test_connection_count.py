"""Counting a prompt's tokens: by llama.cpp's route, by vLLM's, or not at all."""

from __future__ import annotations

import pytest
from tests.engine.servers import PROMPT, Exchange, Handler, answers, closes, connected, serving

from mecum.errors import EngineDown, InvalidRequest, MecumError, ModelLoading, QueueFull


def counts(routes: dict[str, Handler]) -> Handler:
    async def handler(exchange: Exchange) -> None:
        await routes.get(exchange.path, answers(404, b'{"detail":"Not Found"}'))(exchange)

    return handler


LLAMA, VLLM = "/v1/chat/completions/input_tokens", "/tokenize"


@pytest.mark.parametrize(
    ("routes", "tokens", "asked"),
    [
        ({LLAMA: answers(200, b'{"input_tokens": 7}')}, 7, [LLAMA, LLAMA]),
        ({VLLM: answers(200, b'{"count": 7, "max_model_len": 100, "tokens": [1]}')}, 7, [LLAMA, VLLM, VLLM]),
        ({}, None, [LLAMA, VLLM]),
        ({LLAMA: answers(200, b'{"error": "Unexpected endpoint or method."}')}, None, [LLAMA, VLLM]),  # LM Studio
        ({LLAMA: answers(405), VLLM: answers(405)}, None, [LLAMA, VLLM]),
        ({LLAMA: answers(500), VLLM: answers(422)}, None, [LLAMA, VLLM, LLAMA, VLLM]),  # the chat itself will tell
    ],
    ids=["llama.cpp", "vLLM", "neither", "LM Studio", "wrong method", "broken"],
)
async def test_counting_asks_only_where_there_is_an_answer(
    routes: dict[str, Handler], tokens: int | None, asked: list[str]
) -> None:
    async with serving(counts(routes)) as server, connected(server.url) as connection:
        assert await connection.count(PROMPT) == tokens
        assert await connection.count(PROMPT) == tokens
    assert [request.path for request in server.requests] == asked
    assert server.requests[0].json == {"model": "one", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("handler", "expected"), [(closes, EngineDown), (answers(503), ModelLoading), (answers(429), QueueFull)]
)
async def test_counting_says_so_when_the_server_is_away_or_busy(handler: Handler, expected: type[MecumError]) -> None:
    async with serving(handler) as server, connected(server.url) as connection:
        with pytest.raises(expected):
            await connection.count(PROMPT)


async def test_our_own_llama_cpp_tells_why_it_cannot_count() -> None:
    template = answers(400, b'{"error": {"message": "Conversation roles must alternate", "code": 400}}')
    async with serving(template) as server, connected(server.url, llama=True) as connection:
        with pytest.raises(InvalidRequest, match="alternate"):
            await connection.count(PROMPT)
    async with serving(answers(404)) as server, connected(server.url, llama=True) as connection:
        assert await connection.count(PROMPT) is None
    assert [request.path for request in server.requests] == [LLAMA]
