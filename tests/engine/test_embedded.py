"""llama.cpp with the starter model in a child of ours: what it answers, who may ask it, and what happens when it dies."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
import pytest_asyncio
from tests.engine.engines import running
from tests.engine.waiting import until

from mecum.engine.child import Child
from mecum.engine.embedded import Answer, Embedded
from mecum.engine.models import locate
from mecum.engine.process import Process
from mecum.errors import ContextTooLong, EngineError, MecumError
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Delta, Message, Prompt, Sampling

pytestmark = [pytest.mark.real_model, pytest.mark.asyncio(loop_scope="module")]
CANARY = "quokka-parade-7391"
NO_END = {"0": -100, "2": -100}  # the starter's end tokens: such an answer goes on to max_tokens
SMALL = EngineSettings(context=4096, threads=1)  # one thread waits for no other: beside busy programs that is quickest


def ask(text: str, *, tokens: int = 3, endless: bool = False, **sampling: object) -> Prompt:
    chosen = Sampling(temperature=0, max_tokens=tokens, logit_bias=NO_END if endless else None, **sampling)  # type: ignore[arg-type]
    return Prompt("smollm2-135m-instruct", (Message("user", text),), chosen)


def long_text(words: int) -> str:
    """About four tokens a word, no text the beginning of another."""
    return " ".join(f"{number * 7919 % 1000}" for number in range(words, 2 * words))


async def read(reply: Answer) -> list[Delta]:
    try:
        return [delta async for batch in reply for delta in batch]
    finally:
        await reply.aclose()


def text(deltas: Sequence[Delta]) -> str:
    return "".join(delta.content or "" for delta in deltas)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(home: Path) -> AsyncIterator[Embedded]:
    before = dict(os.environ)
    os.environ |= {"MECUM_ENGINE_API_KEY": CANARY, "HF_TOKEN": CANARY}
    async with running(home, SMALL) as engine:
        os.environ.clear()
        os.environ.update(before)
        yield engine


def child_of(engine: Embedded) -> Child:
    assert engine._child
    return engine._child


def process_of(engine: Embedded) -> Process:
    running = child_of(engine)._running
    assert running
    return running.process


def socket_of(engine: Embedded) -> Path:
    running = child_of(engine)._running
    assert running
    assert running.place.socket
    return running.place.socket


async def slots_at_work(engine: Embedded) -> int:
    connector = aiohttp.UnixConnector(str(socket_of(engine)))
    running = child_of(engine)._running
    assert running
    headers = {"Authorization": f"Bearer {running.place.key}"}
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        session.get("http://x/slots") as answer,
    ):
        return sum(slot["is_processing"] for slot in await answer.json())


async def test_it_answers(engine: Embedded) -> None:
    deltas = await read(await engine.chat(ask("What is the capital of France?", tokens=8)))
    assert text(deltas).strip()
    assert sum(delta.finish_reason is not None for delta in deltas) == 1
    assert deltas[-1].usage
    assert deltas[-1].usage.completion_tokens <= 8


async def test_it_tells_what_it_runs(engine: Embedded) -> None:
    status = engine.status()
    assert (status.state, status.kind, status.reason, status.retry_after) == ("ready", "embedded", None, None)
    assert status.version.startswith("xllamacpp 2")
    (model,) = status.models
    starter = locate(None, Path("/nowhere")).stat()
    assert model.name == "smollm2-135m-instruct"
    assert (model.context, model.slots) == (4096, 4)
    assert (model.size, model.created) == (starter.st_size, int(starter.st_mtime))
    assert model.traits.system_role
    assert not model.traits.alternation
    assert not model.traits.tools
    assert not model.traits.images


async def test_the_fingerprint_becomes_exact_and_is_remembered(engine: Embedded, home: Path) -> None:
    await until((home / "cache" / "models.json").exists, 30)
    again = Embedded(Settings(home=home, engine=SMALL))
    await again.start()
    remembered = again.status().models[0].fingerprint
    await again.aclose()
    assert engine.status().models[0].fingerprint == remembered


async def test_it_counts_and_refuses_what_is_too_long(engine: Embedded) -> None:
    counted = await engine.count(ask("Hello."))
    usage = (await read(await engine.chat(ask("Hello."))))[-1].usage
    assert usage
    assert counted == usage.prompt_tokens > 10
    with pytest.raises(ContextTooLong) as refused:
        await engine.chat(ask(long_text(4096)))
    assert refused.value.context == 4096
    assert (refused.value.prompt_tokens or 0) > 4096


async def test_only_we_can_reach_it(engine: Embedded) -> None:
    socket = socket_of(engine)
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert not psutil.Process(process_of(engine).pid).net_connections("inet")
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with session.post("http://x/v1/chat/completions", json={"messages": []}, headers=headers) as answer:
                assert answer.status == 401


async def test_its_process_knows_no_secret(engine: Embedded) -> None:
    child = psutil.Process(process_of(engine).pid)
    running = child_of(engine)._running
    assert running
    seen = " ".join([*child.cmdline(), *child.environ(), *child.environ().values()])
    assert running.place.key not in seen
    assert CANARY not in seen
    assert "MECUM" not in seen


async def test_no_prompt_reaches_its_output(engine: Embedded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pattern = {"type": "object", "properties": {"a": {"type": "string", "pattern": f"{CANARY}(?=x)"}}}
    schema = {"type": "json_schema", "json_schema": {"name": CANARY, "schema": pattern}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": CANARY}}}
    prompts = [
        ask(CANARY),
        ask("Hi.", stop=(CANARY,)),
        ask("Hi.", response_format=schema),
        ask("Hi.", tools=(tool,)),
        ask(f"{CANARY} " * 2000),
        Prompt("m", (Message("user", ({"type": CANARY},)),), Sampling(max_tokens=2)),
        Prompt("m", (Message("assistant", CANARY), Message("tool", CANARY, tool_call_id=CANARY)), Sampling(max_tokens=2)),
    ]
    heard = process_of(engine).activity()[0]
    for prompt in prompts:
        try:
            await read(await engine.chat(prompt))
        except MecumError:
            continue
    await until(lambda: process_of(engine).activity()[0] > heard)  # it does say something: the pattern, in plain text
    assert CANARY not in "".join(process_of(engine).lines)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("beside", [0, 2])
async def test_who_leaves_while_the_prompt_is_read_frees_the_slot(engine: Embedded, beside: int) -> None:
    """Also beside busy streams, whose results keep llama.cpp's own check for closed connections from ever running."""
    async with streams(engine, beside):
        began = time.monotonic()
        await read(await engine.chat(ask(long_text(40), tokens=1)))  # as many tokens as llama.cpp takes at a time
        batch = time.monotonic() - began
        reply = await engine.chat(ask(long_text(900 + beside)))  # about 3,600 tokens: 28 times that
        await asyncio.sleep(0.5)
        await reply.aclose()
        await until_at_work(engine, beside, 2 + 5 * batch)
    await until_at_work(engine, 0, 2 + 5 * batch)


async def test_who_leaves_while_reading_frees_the_slot(engine: Embedded) -> None:
    async with streams(engine, 2):
        assert await slots_at_work(engine) == 2
    await until_at_work(engine, 0, 5)


@asynccontextmanager
async def streams(engine: Embedded, count: int) -> AsyncIterator[None]:
    """Answers that flow until the block ends."""
    replies = [await engine.chat(ask(f"Tell story {number}.", tokens=3500, endless=True)) for number in range(count)]
    for reply in replies:
        await anext(aiter(reply))
    readers = [asyncio.create_task(read(reply)) for reply in replies]
    try:
        yield
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def until_at_work(engine: Embedded, slots: int, seconds: float) -> None:
    """Wait until so many slots work. Asked gently: every look goes through the engine's own queue."""
    deadline = time.monotonic() + seconds
    await asyncio.sleep(0.5)
    while (found := await slots_at_work(engine)) > slots:
        assert time.monotonic() < deadline, f"{found} slots are at work, {slots} should be"
        await asyncio.sleep(1.2)


async def test_killed_in_the_middle_it_says_so_and_comes_back(engine: Embedded) -> None:
    before = engine.status()
    reply = await engine.chat(ask("Tell me a long story.", tokens=3000, endless=True))
    async for _ in reply:
        break
    assert before.pid
    os.kill(before.pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(EngineError):
        await read(reply)
    assert time.monotonic() - began < 2
    assert text(await read(await asyncio.wait_for(engine.chat(ask("Hello.")), 60)))
    after = engine.status()
    assert after.restarts == before.restarts + 1
    assert after.pid != before.pid
    assert len(list((socket_of(engine).parent.parent).iterdir())) == 1
