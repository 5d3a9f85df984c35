"""openai-python without a good key raises its own error, with our sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from tests.clients.server import Server, serving
from tests.clients.wire import Json, post, request

from mecum.app.home import running

HI: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


def make(url: str, token: str, **fields: object) -> Json:
    answer = post(url, "/api/keys", fields, {"Authorization": f"Bearer {token}"})
    assert answer.status == 200, answer.body
    made: Json = answer.json()["data"]
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server that asks for a key, and keys of every kind."""
    home = tmp_path_factory.mktemp("keys")
    with serving(home, "--demo", env={"MECUM_LIBRARY_EMBEDDER": "scripted"}) as server:
        found = running(home)
        assert found
        ends = time.time() + 0.5
        keys = {
            "good": make(server.url, found.token, name="good"),
            "expired": make(server.url, found.token, name="expired", expires=ends),
            "revoked": make(server.url, found.token, name="revoked"),
            "limited": make(server.url, found.token, name="limited", rate=1),
            "documents": make(server.url, found.token, name="documents", scopes=["documents"]),
        }
        ident = keys["revoked"]["id"]
        request(server.url, "DELETE", f"/api/keys/{ident}", headers={"Authorization": f"Bearer {found.token}"})
        time.sleep(max(0.0, ends - time.time()))
        yield server, {name: key["key"] for name, key in keys.items()} | {"wrong": "sk-proj-abc", "missing": ""}


FAULTS = [("wrong", "not known here"), ("expired", "expired on"), ("revoked", "was revoked"), ("missing", "API key")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "message"), FAULTS)
def test_its_own_error(server: tuple[Server, dict[str, str]], kind: str, message: str, *, stream: bool) -> None:
    where, keys = server
    headers = {"Authorization": openai.omit} if kind == "missing" else None  # else it always sends one
    with (
        OpenAI(base_url=f"{where.url}/v1", api_key=keys[kind] or "none", max_retries=2) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="mecum", messages=HI, stream=stream, extra_headers=headers)
    error = caught.value
    assert error.status_code == 401
    assert error.code == "invalid_api_key"
    assert message in error.message
    assert "mecum keys create" in error.message


async def test_its_own_error_in_async_and_with_a_large_chat(server: tuple[Server, dict[str, str]]) -> None:
    where, keys = server
    async with AsyncOpenAI(base_url=f"{where.url}/v1", api_key=keys["wrong"], max_retries=0) as client:
        for size in (10, 3_000_000):
            with pytest.raises(openai.AuthenticationError, match="not known here"):
                await client.chat.completions.create(model="mecum", messages=[{"role": "user", "content": "x" * size}])


def test_a_good_key_and_what_it_is_not_for(server: tuple[Server, dict[str, str]]) -> None:
    where, keys = server
    with OpenAI(base_url=f"{where.url}/v1", api_key=keys["good"]) as client:
        assert client.models.list().data
        assert client.chat.completions.create(model="mecum", messages=HI).choices[0].message.content == "You said: hi"
    with (
        OpenAI(base_url=f"{where.url}/v1", api_key=keys["documents"]) as client,
        pytest.raises(openai.PermissionDeniedError, match="lacks the scope 'chat'"),
    ):
        client.chat.completions.create(model="mecum", messages=HI)


def test_a_limit_is_its_own_error_too(server: tuple[Server, dict[str, str]]) -> None:
    where, keys = server
    with OpenAI(base_url=f"{where.url}/v1", api_key=keys["limited"], max_retries=0) as client:
        first = client.chat.completions.with_raw_response.create(model="mecum", messages=HI)
        assert first.headers["x-ratelimit-remaining-requests"] == "0"
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="mecum", messages=HI)
    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
