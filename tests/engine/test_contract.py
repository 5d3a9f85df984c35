"""What every engine promises (`mecum.engine.base`): one suite over the scripted one, a server elsewhere, and llama.cpp."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from tests.engine.forgotten import forgotten_generators

from mecum.app.build import build
from mecum.engine.base import Engine, Model
from mecum.engine.embedded import Embedded
from mecum.engine.scripted import Scripted
from mecum.engine.several import Several
from mecum.engine.upstream import Upstream
from mecum.errors import ContextTooLong, EngineDown, ModelInUse, NotFound, UnsupportedParameter
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Delta, Message, Prompt, Sampling, Usage

pytestmark = pytest.mark.asyncio(loop_scope="module")
START = 60  # seconds, with a model to load on a busy machine
LONG = "Count from one to a hundred: one, two, three, four, five, six, seven, eight, nine, ten,"  # its answer is long


@pytest.fixture(scope="module")
def mecum(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server elsewhere: mecum's own API over the scripted engine, in a thread with a loop of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = build(Settings(home=tmp_path_factory.mktemp("mecum")), engine=Scripted(slots=4, delay=0.005))
    server = uvicorn.Server(uvicorn.Config(app.asgi, lifespan="off", ws="none", log_config=None))

    async def serve() -> None:
        await app.start()
        await server.serve(sockets=[listener])
        await app.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server.should_exit = True
    thread.join()


@contextlib.asynccontextmanager
async def running(kind: str, home: Path, url: str) -> AsyncIterator[Engine]:
    engine: Engine
    if kind == "scripted":
        engine = Scripted()
    elif kind == "upstream":
        engine = Upstream(EngineSettings(base_url=url, concurrency=4))
    else:
        # One thread: on a busy machine several wait for each other more than they work.
        settings = Settings(home=home, engine=EngineSettings(slots=4, context=1024, threads=1))
        engine = Embedded(settings) if kind == "embedded" else Several(settings)
    try:
        await engine.start()
        async with asyncio.timeout(START):
            await engine.ready()
        yield engine
    finally:
        await engine.aclose()


KINDS = ["scripted", "upstream", *(pytest.param(kind, marks=pytest.mark.real_model) for kind in ("embedded", "several"))]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mecum: str
) -> AsyncIterator[Engine]:
    async with running(request.param, tmp_path_factory.mktemp("home"), mecum) as engine:
        yield engine


def model_of(engine: Engine) -> Model:
    return engine.status().models[0]


def asks(engine: Engine, text: str = "Say hello.", **sampling: object) -> Prompt:
    options = {"temperature": 0.0, "max_tokens": 8, **sampling}
    return Prompt(model_of(engine).name, (Message("user", text),), Sampling(**options))  # type: ignore[arg-type]


async def answer(engine: Engine, prompt: Prompt) -> list[Delta]:
    async with asyncio.timeout(START), contextlib.aclosing(await engine.chat(prompt)) as reply:
        return [delta async for batch in reply for delta in batch]


def text(deltas: list[Delta], choice: int = 0) -> str:
    return "".join(delta.content or "" for delta in deltas if delta.choice == choice)


def check_rules(deltas: list[Delta], choices: int = 1) -> Usage:
    """Check what `Reply` promises, and return the usage."""
    assert sorted(delta.choice for delta in deltas if delta.finish_reason) == list(range(choices))
    assert [delta for delta in deltas if delta.usage] == deltas[-1:]
    assert all(delta._replace(usage=None) == Delta() for delta in deltas if delta.usage)
    usage = deltas[-1].usage
    assert usage
    return usage


async def test_a_ready_engine_says_what_it_has(engine: Engine) -> None:
    status = engine.status()
    assert (status.state, status.reason, status.retry_after) == ("ready", None, None)
    model = status.models[0]
    assert model.name
    assert model.fingerprint
    assert model.context
    assert model.slots == 4


async def test_an_answer(engine: Engine) -> None:
    deltas = await answer(engine, asks(engine))
    usage = check_rules(deltas)
    assert text(deltas)
    assert usage.prompt_tokens > 0
    assert 0 < usage.completion_tokens <= 8


async def test_max_tokens_end_in_length(engine: Engine) -> None:
    deltas = await answer(engine, asks(engine, LONG, max_tokens=3))
    assert check_rules(deltas).completion_tokens == 3
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["length"]


async def test_a_stop_string_never_shows(engine: Engine) -> None:
    whole = text(await answer(engine, asks(engine, LONG)))
    stop = whole.split()[2]
    deltas = await answer(engine, asks(engine, LONG, stop=(stop,)))
    assert text(deltas) == whole[: whole.index(stop)]
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]


async def test_several_choices(engine: Engine) -> None:
    deltas = await answer(engine, asks(engine, LONG, n=2, max_tokens=3))
    assert check_rules(deltas, choices=2).completion_tokens == 6
    assert text(deltas, 0)
    assert text(deltas, 1)


async def test_answers_at_the_same_time(engine: Engine) -> None:
    answers = await asyncio.gather(*(answer(engine, asks(engine, LONG)) for _ in range(4)))
    assert all(check_rules(deltas).completion_tokens == 8 for deltas in answers)


@pytest.mark.parametrize("batches", [0, 1, 2])
async def test_closing_half_way_and_twice(engine: Engine, batches: int) -> None:
    async with asyncio.timeout(START):
        reply = await engine.chat(asks(engine, LONG, max_tokens=500))
        iterator = aiter(reply)
        for _ in range(batches):
            await anext(iterator)
        await reply.aclose()
        await reply.aclose()
        with contextlib.suppress(StopAsyncIteration):
            batch = await anext(iterator)
            raise AssertionError(f"a closed reply went on: {batch}")
    check_rules(await answer(engine, asks(engine)))


async def test_closing_half_way_leaves_no_generator_behind(engine: Engine) -> None:
    with forgotten_generators() as forgotten:
        reply = await engine.chat(asks(engine, LONG, max_tokens=500))
        async for _ in reply:
            break
        await reply.aclose()
        del reply
    assert forgotten == []


async def test_cancelling_while_it_opens(engine: Engine) -> None:
    for turns in range(4):
        opening = asyncio.create_task(engine.chat(asks(engine, LONG)))
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await opening).aclose()
    check_rules(await answer(engine, asks(engine)))


async def test_counting_agrees_with_the_usage(engine: Engine) -> None:
    tokens = await engine.count(asks(engine, LONG))
    assert tokens is None or tokens == check_rules(await answer(engine, asks(engine, LONG))).prompt_tokens


async def test_a_prompt_that_is_too_long(engine: Engine) -> None:
    context = model_of(engine).context
    assert context
    prompt = asks(engine, "word " * (context + 1))
    assert (tokens := await engine.count(prompt)) is None or tokens > context
    with pytest.raises(ContextTooLong) as caught:
        await engine.chat(prompt)
    assert caught.value.param == "messages"
    assert caught.value.context == context


async def test_a_conversation(engine: Engine) -> None:
    turns = (Message("system", "Be short."), Message("user", "Hi."), Message("assistant", "Hello."), Message("user", "Bye."))
    prompt = Prompt(model_of(engine).name, turns, Sampling(max_tokens=4))
    check_rules(await answer(engine, prompt))


async def test_zero_means_zero(engine: Engine) -> None:
    """Temperature 0 without the cache is the same text each time; left out by mistake, it would not be."""
    prompt = replace(asks(engine, "Tell me a story.", seed=0), cache=False)
    assert text(await answer(engine, prompt)) == text(await answer(engine, prompt))


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_stopped(kind: str, tmp_path: Path, mecum: str) -> None:
    async with running(kind, tmp_path, mecum) as engine:
        prompt = asks(engine)
        await engine.aclose()
        assert engine.status().state == "stopped"
        with pytest.raises(EngineDown):
            await engine.chat(prompt)
        with pytest.raises(EngineDown):
            await engine.ready()


async def test_a_use_of_a_model(engine: Engine) -> None:
    await engine.refresh()
    name = model_of(engine).name
    await engine.load(name)
    for _ in range(2):
        use = engine.use(name)
        async with asyncio.timeout(START):
            await use.ready()
        found = engine.status().named(name)
        assert found
        assert (found.load, found.reason) == ("loaded", None)
        check_rules(await answer(engine, asks(engine)))
        with pytest.raises((ModelInUse, UnsupportedParameter)):  # it is used, or is not the engine's to unload
            await engine.unload(name)
        use.leave()
        use.leave()


async def test_a_model_that_is_not_there(engine: Engine) -> None:
    """An engine with one model may answer with it whatever the name; else it says that there is none."""
    prompt = asks(engine)
    with contextlib.suppress(NotFound):
        check_rules(await answer(engine, Prompt("none such", prompt.messages, prompt.sampling)))
