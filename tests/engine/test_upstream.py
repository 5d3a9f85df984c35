"""What is told of a server elsewhere, however it behaves; and that nothing in a request decides where requests go."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.engine.chunks import chunk, say
from tests.engine.servers import HELLO, PROMPT, SOON, Exchange, Handler, answers, closes, hello, serving, silent

from mecum.engine import upstream as module
from mecum.engine.base import Status
from mecum.engine.upstream import Upstream
from mecum.errors import EngineDown, EngineError, EngineRefused, MecumError, ModelLoading, QueueFull
from mecum.settings.schema import EngineSettings, ModelSettings
from mecum.types import Delta, Prompt, Sampling


@contextlib.asynccontextmanager
async def upstream(url: str, **options: Any) -> AsyncIterator[Upstream]:
    engine = Upstream(EngineSettings(base_url=url, **options))
    try:
        yield engine
    finally:
        await engine.aclose()


async def ask(engine: Upstream, prompt: Prompt = PROMPT) -> list[Delta]:
    async with contextlib.aclosing(await engine.chat(prompt)) as reply:
        return [delta async for batch in reply for delta in batch]


def listing(*rows: object) -> Handler:
    return answers(200, json.dumps({"object": "list", "data": rows}).encode())


async def look(handler: Handler, **options: Any) -> Status:
    """Return the status after one look at a server; an error of it is in `reason`."""
    async with serving(handler) as server, upstream(f"{server.url}/v1", **options) as engine, asyncio.timeout(SOON):
        with contextlib.suppress(MecumError):
            await engine.ready()
        return engine.status()


# Models


async def test_the_first_model_is_the_default() -> None:
    status = await look(hello)
    assert (status.state, status.kind, status.reason, status.retry_after) == ("ready", "upstream", None, None)
    assert [model.name for model in status.models] == ["one", "two"]
    assert [model.context for model in status.models] == [100, None]
    assert len({model.fingerprint for model in status.models}) == 2


async def test_names_and_sampling_of_one_model_hold_here_too() -> None:
    own = {"two": ModelSettings(aliases=("small",), top_p=0.5, context=512)}
    async with serving(hello) as server:
        engine = Upstream(EngineSettings(base_url=f"{server.url}/v1"), own)
        await engine.ready()
        await engine.aclose()
    one, two = engine.status().models
    assert (one.aliases, one.defaults) == ((), Sampling())
    assert (two.aliases, two.defaults, two.context) == (("small",), Sampling(top_p=0.5), None)
    plain = (await look(hello)).models
    assert one.fingerprint == plain[0].fingerprint
    assert two.fingerprint != plain[1].fingerprint


async def test_the_chosen_model_is_the_default_listed_or_not() -> None:
    assert [model.name for model in (await look(hello, upstream_model="two")).models] == ["two", "one"]
    assert [model.name for model in (await look(hello, upstream_model="three")).models] == ["three", "one", "two"]


async def test_a_server_without_a_list_needs_a_name() -> None:
    for none in (answers(404, b'{"detail":"Not Found"}'), answers(404, b"no /v1/models"), answers(405), listing()):
        assert [model.name for model in (await look(none, upstream_model="mine")).models] == ["mine"]
        status = await look(none)
        assert status.state == "restarting"
        assert "engine.upstream_model" in (status.reason or "")


async def test_as_many_at_work_as_the_settings_say() -> None:
    assert {model.slots for model in (await look(hello, concurrency=7)).models} == {7}


@pytest.mark.parametrize(
    ("row", "context"),
    [
        ({"max_model_len": 4096}, 4096),  # vLLM
        ({"meta": {"n_ctx": 2048, "n_ctx_train": 9}}, 2048),  # llama-server
        ({"context_length": 1024}, 1024),  # mecum, OpenRouter
        ({"meta": None}, None),
        ({"meta": "x", "max_model_len": "4096"}, None),
        ({"max_model_len": 0, "context_length": -1}, None),
    ],
)
async def test_the_context_that_a_server_tells(row: dict[str, Any], context: int | None) -> None:
    assert (await look(listing({"id": "m", **row}))).models[0].context == context


@pytest.mark.parametrize("base", ["/v1", "/v1/", "/api/openai/v1", "", "/"])
async def test_paths_lie_under_the_base_url(base: str) -> None:
    async with serving(hello) as server, upstream(server.url + base) as engine:
        await engine.ready()
        assert await engine.count(PROMPT) is None
        assert await ask(engine) == HELLO
    prefix = base.rstrip("/")
    root = prefix.removesuffix("/v1")
    paths = ["/models", "/chat/completions/input_tokens", None, "/chat/completions"]
    assert [request.path for request in server.requests] == [f"{root}/tokenize" if p is None else prefix + p for p in paths]


async def test_the_key_is_sent_without_the_line_end_of_its_file() -> None:
    async with serving(hello) as server, upstream(server.url, api_key=SecretStr("secret\n")) as engine:
        await engine.ready()
    assert server.requests[0].headers["authorization"] == "Bearer secret"


async def test_nothing_in_a_request_decides_where_it_goes() -> None:
    async with serving(hello) as elsewhere, serving(hello) as server, upstream(f"{server.url}/v1") as engine:
        for name in (f"{elsewhere.url}/v1", "../../other", "\r\nHost: other", "//other/"):
            assert await ask(engine, Prompt(name, PROMPT.messages, PROMPT.sampling)) == HELLO
        assert [request.path for request in server.requests] == ["/v1/chat/completions"] * 4
        assert [request.json["model"] for request in server.requests][1:3] == ["../../other", "\r\nHost: other"]
        assert {request.headers["host"] for request in server.requests} == {f"127.0.0.1:{server.port}"}
        assert elsewhere.requests == []


# Faults


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (closes, EngineDown),
        (answers(401), EngineRefused),
        (answers(400, b'{"error": {"message": "API key not valid."}}'), EngineRefused),  # Google's word for 401
        (answers(500, b"<html>"), EngineError),
        (answers(200, b"<html>"), EngineError),
        (answers(200, b"[]"), EngineError),
        (answers(503, b'{"error": {"message": "Loading model"}}'), ModelLoading),
        (listing(), EngineDown),
    ],
    ids=["closes", "key", "Google's key", "500", "HTML", "a list", "loading", "no model"],
)
async def test_a_server_that_cannot_be_used(handler: Handler, expected: type[MecumError]) -> None:
    async with serving(handler) as server, upstream(server.url) as engine, asyncio.timeout(SOON):
        with pytest.raises(expected) as caught:
            await engine.ready()
        status = engine.status()
        assert (status.state, status.reason, status.models) == ("restarting", caught.value.message, ())
        assert status.retry_after


async def test_a_server_that_only_limits_how_often_we_look_stays_ready() -> None:
    busy = False

    async def handler(exchange: Exchange) -> None:
        await (answers(429) if busy else hello)(exchange)

    async with serving(handler) as server, upstream(server.url) as engine:
        with contextlib.suppress(QueueFull):
            await engine.ready()
        busy = True
        await engine.ready()
        assert engine.status().state == "ready"


async def test_nobody_there_and_then_somebody() -> None:
    there = False

    async def handler(exchange: Exchange) -> None:
        await (hello if there else closes)(exchange)

    async with serving(handler) as server, upstream(server.url) as engine:
        assert engine.status().state == "starting"
        with pytest.raises(EngineDown):
            await engine.ready()
        with pytest.raises(EngineDown):
            await engine.chat(PROMPT)
        assert engine.status().state == "restarting"
        there = True
        await engine.ready()
        assert engine.status().state == "ready"
        assert await ask(engine) == HELLO


async def test_a_server_that_goes_away_is_noticed_at_the_next_chat() -> None:
    async with contextlib.AsyncExitStack() as stack:
        engine = await stack.enter_async_context(upstream("http://127.0.0.1:1"))
        async with serving(hello) as server:
            engine = await stack.enter_async_context(upstream(server.url))
            await engine.ready()
        with pytest.raises(EngineDown):
            await engine.chat(PROMPT)
        assert engine.status().state == "restarting"
        assert [model.name for model in engine.status().models] == ["one", "two"]


async def test_it_looks_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.02)
    monkeypatch.setattr(module, "REFRESH", 0.02)
    there = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await (hello if there.is_set() else answers(200, b'{"data": 5}'))(exchange)

    async def until(state: str) -> None:
        async with asyncio.timeout(SOON):
            while engine.status().state != state:  # noqa: ASYNC110 # a state has no event
                await asyncio.sleep(0.01)

    async with serving(handler) as server, upstream(server.url) as engine:
        await engine.start()
        await until("restarting")
        there.set()
        await until("ready")
        there.clear()
        await until("restarting")


async def test_the_servers_fingerprint_marks_the_model() -> None:
    fingerprints = iter(["fp_1", "fp_1", "fp_2"])

    async def handler(exchange: Exchange) -> None:
        if exchange.path.endswith("/models"):
            return await hello(exchange)
        await exchange.begin()
        await exchange.event(say("a", "stop", system_fingerprint=next(fingerprints)))
        return await exchange.chunk(b"")

    async with serving(handler) as server, upstream(server.url) as engine:
        await engine.ready()
        marks = [engine.status().models]
        for _ in range(3):
            await ask(engine)
            marks.append(engine.status().models)
    ones = [models[0].fingerprint for models in marks]
    assert len({ones[0], ones[1], ones[3]}) == 3
    assert ones[1] == ones[2]
    assert len({models[1].fingerprint for models in marks}) == 1


# Closing


async def test_closing_ends_all_looking_and_asking() -> None:
    async with serving(silent) as server, asyncio.timeout(SOON):
        engine = Upstream(EngineSettings(base_url=server.url))
        await engine.start()
        chat = asyncio.create_task(engine.chat(PROMPT))
        await asyncio.sleep(0.05)
        await engine.aclose()
        with pytest.raises(EngineDown):
            await chat
        for call in (engine.ready(), engine.chat(PROMPT), engine.count(PROMPT)):
            with pytest.raises(EngineDown):
                await call
        assert engine.status().state == "stopped"
        await engine.aclose()


async def test_closing_what_was_never_started() -> None:
    engine = Upstream(EngineSettings(base_url="http://127.0.0.1:1"))
    await engine.aclose()
    assert engine.status().state == "stopped"


# Nonsense

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 5) | st.sampled_from(["", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "id", "meta", "n_ctx", "max_model_len", "created", "owned_by"]), inner)
    ),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(body=JSON | st.fixed_dictionaries({"data": st.lists(JSON, max_size=3)}))
def test_whatever_a_list_of_models_holds(body: object) -> None:
    async def ready() -> None:
        async with serving(answers(200, json.dumps(body).encode())) as server, upstream(server.url) as engine:
            try:
                await engine.ready()
            except EngineError:
                return
            models = engine.status().models
            assert models
            assert all(isinstance(model.name, str) and model.name and isinstance(model.owned_by, str) for model in models)

    asyncio.run(ready())


async def test_an_answer_of_another_shape_is_no_reason_to_forget_the_models() -> None:
    async def handler(exchange: Exchange) -> None:
        if exchange.path.endswith("/models"):
            return await hello(exchange)
        await exchange.begin()
        return await exchange.event(chunk("x"))

    async with serving(handler) as server, upstream(server.url) as engine:
        await engine.ready()
        with pytest.raises(EngineError):
            await ask(engine)
        await engine.ready()
        assert len(engine.status().models) == 2
