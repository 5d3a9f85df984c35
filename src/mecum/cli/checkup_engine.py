"""What `mecum doctor` looks at of the engine: the model, the memory, llama.cpp, or the server that answers in their place.

llama.cpp is native code built for many machines, so it is tried in a child: what ends there ends no doctor. No check raises
(`tests/cli/test_doctor.py`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

from mecum.app.home import Home, Running
from mecum.cli import alone, client
from mecum.cli.checkup import Finding, failed
from mecum.cli.question import Question
from mecum.engine.aliases import default_model
from mecum.engine.command import Binary
from mecum.engine.gguf import Header
from mecum.engine.inventory import Inventory
from mecum.engine.machine import Machine
from mecum.engine.plan import OVERHEAD, make_plan, token_bytes
from mecum.engine.process import environment
from mecum.engine.upstream import Upstream
from mecum.errors import EngineStartError, MecumError
from mecum.settings.models import engine_for
from mecum.settings.schema import EngineSettings, Settings
from mecum.settings.wording import show

_IMPORT = 60  # seconds for a child to load llama.cpp's libraries from a slow disk
_REACH = 15  # seconds for a server elsewhere
_REINSTALL = "Install it again (pip install --force-reinstall xllamacpp), or set engine.binary or engine.base_url."
_OTHER_MODEL = "Name a GGUF file: --model FILE, or engine.model."


async def engine(settings: Settings, running: Running | None) -> AsyncIterator[Finding]:
    """Look at what would generate the text."""
    wanted = settings.engine
    if wanted.scripted:
        yield Finding("engine", "ok", "scripted, without a model")
    elif wanted.base_url:
        yield await _elsewhere(wanted)
    else:
        for finding in _model(settings, running):
            yield finding
        yield await _program(wanted) if wanted.binary else _wheel()


def _model(settings: Settings, running: Running | None) -> Iterator[Finding]:
    """Look at the model file, and whether it fits the memory."""
    try:
        entry = Inventory(settings.home, lambda: default_model(settings)).default()
    except MecumError as error:
        yield failed("model", error, _OTHER_MODEL)
        return
    except OSError as error:
        yield Finding("model", "fail", f"The model cannot be read: {error.strerror}.", _OTHER_MODEL)
        return
    starter = "" if settings.engine.model else ", the starter model: small, weak in its answers"
    trained = entry.header.number("context_length")
    facts = [f"{entry.size / 1e6:,.0f} MB", *([f"trained for {trained:,} tokens"] if trained else [])]
    yield Finding("model", "ok", f"{entry.name}, {', '.join(facts)}{starter} ({entry.file})")
    if running:
        yield Finding("memory", "ok", "the running server has what it needs")
    else:
        yield _memory(entry.header, entry.size, engine_for(settings, entry.known_as))


def _memory(header: Header, weights: int, settings: EngineSettings) -> Finding:
    machine = Machine.here()
    try:
        plan = make_plan(header, weights, settings, machine)
    except EngineStartError as error:
        return failed("memory", error, "Choose a smaller model.")
    need = weights + plan.slots * plan.context * token_bytes(header) + OVERHEAD
    found = f"{plan.slots} times {plan.context:,} tokens take {need / 1e9:.1f} GB of {machine.memory / 1e9:.1f} GB free"
    if plan.context * 2 <= (header.number("context_length") or 0) and not settings.context:
        return Finding("memory", "warn", f"{found}: less context than the model has.", "End other programs, or add memory.")
    return Finding("memory", "ok", found)


def _wheel() -> Finding:
    """Import llama.cpp in a child, as the engine would."""
    command = [sys.executable, "-I", "-c", "import importlib.metadata as m, xllamacpp; print(m.version('xllamacpp'))"]
    try:
        done = subprocess.run(  # noqa: S603 # our own words only
            command, env=environment(os.environ), capture_output=True, text=True, timeout=_IMPORT, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("llama.cpp", "fail", f"it does not load within {_IMPORT} s.", _REINSTALL)
    if done.returncode == 0:
        return Finding("llama.cpp", "ok", f"xllamacpp {done.stdout.strip()}")
    if done.returncode == -signal.SIGILL:
        fix = "Set engine.binary to a llama-server built for this processor, or engine.base_url to a server elsewhere."
        return Finding("llama.cpp", "fail", "this processor lacks instructions that the wheel was built with.", fix)
    last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    return Finding("llama.cpp", "fail", f"{last.rstrip('.')}.", _REINSTALL)


async def _program(settings: EngineSettings) -> Finding:
    assert settings.binary is not None  # noqa: S101 # the caller has looked
    try:
        return Finding("llama.cpp", "ok", f"{(await Binary.examine(settings.binary)).version} ({settings.binary})")
    except MecumError as error:
        return failed("llama.cpp", error, "Set engine.binary to a llama-server.")


async def _elsewhere(settings: EngineSettings) -> Finding:
    """Ask the server elsewhere for its models."""
    upstream, url = Upstream(settings), show(settings.base_url)
    fix = "Start that server, or correct engine.base_url (--engine-url) and engine.api_key."
    try:
        async with asyncio.timeout(_REACH):
            await upstream.ready()
    except TimeoutError:
        return Finding("engine", "fail", f"{url} does not answer within {_REACH} s.", fix)
    except MecumError as error:
        return Finding("engine", "fail", f"{url}: {error.message}", fix)
    finally:
        await upstream.aclose()
    known = upstream.status().models
    return Finding("engine", "ok", f"{url} answers with {known[0].name}, {len(known)} model{'s' * (len(known) != 1)} in all")


async def answer(settings: Settings, running: Running | None) -> Finding:
    """Ask for one token: of the running server, else of an engine started for it."""
    question = Question(text="Hello.", max_tokens=1, docs=False)
    began = time.monotonic()
    try:
        if running:
            async with aclosing(client.ask(running, question)) as pieces:
                whole = [piece async for piece in pieces]
        else:
            with Home(settings.home):
                async with aclosing(alone.ask(settings, question)) as pieces:
                    whole = [piece async for piece in pieces]
    except MecumError as error:
        lines = f" ({error.lines[-1]})" if isinstance(error, EngineStartError) and error.lines else ""
        return Finding("answer", "fail", error.message + lines, "Mend what else is wrong here; the server's log says more.")
    how = "by the running server" if running else "with the model's loading"
    finished = any(piece.finish_reason for piece in whole)
    found = f"within {time.monotonic() - began:.1f} s, {how}"
    return Finding("answer", "ok" if finished else "fail", found if finished else "it did not end.")
