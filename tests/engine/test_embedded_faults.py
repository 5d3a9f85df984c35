"""llama.cpp that cannot load, hangs, or is to end with a server that was killed: with real children."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.engines import running
from tests.engine.ggufs import LLAMA, Gguf
from tests.engine.waiting import gone, until, wait_gone

from mecum.engine.embedded import Embedded
from mecum.engine.machine import Machine
from mecum.engine.models import locate
from mecum.engine.supervisor import Policy
from mecum.errors import EngineDown, EngineStartError
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Message, Prompt, Sampling

pytestmark = pytest.mark.real_model
TINY = EngineSettings(context=512, slots=1, threads=1)
HELLO = Prompt("m", (Message("user", "Hello."),), Sampling(max_tokens=3))


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        yield Path(folder)


async def test_a_stopped_one_is_noticed_and_replaced(home: Path) -> None:
    quick = Policy(silence_timeout=3, poll=0.5, answer=2)
    async with running(home, TINY, policy=quick) as engine:
        first = engine.status().pid
        assert first
        os.kill(first, signal.SIGSTOP)
        await until(lambda: engine.status().restarts == 1, 15)
        assert gone(first)
        await asyncio.wait_for(engine.ready(), 60)
        assert engine.status().pid not in (None, first)


PARENT = """
import asyncio, sys
from pathlib import Path
from mecum.engine.embedded import Embedded
from mecum.settings.schema import EngineSettings, Settings
async def main():
    engine = Embedded(Settings(home=Path(sys.argv[1]), engine=EngineSettings(context=512, slots=1)))
    await engine.start()
    while not engine.status().pid:
        await asyncio.sleep(0.001)
    if sys.argv[2] == "ready":
        await engine.ready()
    print(engine.status().pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["loading", "ready"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_server_is_killed(home: Path, when: str, how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(home), when], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(how)
        wait_gone(child)


async def test_what_cannot_load_is_reported_with_the_engines_own_words(home: Path) -> None:
    strange = home / "strange.gguf"
    strange.write_bytes(Gguf(values={**LLAMA, "general.architecture": ("str", "lxama")}).build())
    async with running(home, EngineSettings(model=str(strange)), wait=False) as engine:
        began = time.monotonic()
        with pytest.raises(EngineStartError, match="unknown model architecture: 'lxama'") as told:
            await engine.ready()
        assert time.monotonic() - began < 5
        assert any("lxama" in line for line in told.value.lines)
        assert engine.status().state == "failed"
        assert "lxama" in (engine.status().reason or "")
        with pytest.raises(EngineDown, match="lxama"):
            await engine.chat(HELLO)


async def refusal(home: Path, model: str | None, machine: Machine | None = None) -> str:
    engine = Embedded(Settings(home=home, engine=EngineSettings(model=model)), machine=machine)
    with pytest.raises(EngineStartError) as refused:
        await engine.start()
    assert engine.status().state == "stopped"
    with pytest.raises(EngineDown):
        await engine.ready()
    await engine.aclose()
    return refused.value.message


async def test_a_start_that_cannot_succeed_fails_at_once(home: Path) -> None:
    cut = home / "cut.gguf"
    with locate(None, home).open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))
    script = home / "script.gguf"
    script.write_text("#!/bin/sh\n")
    assert "no model file gone.gguf" in await refusal(home, "gone.gguf")
    assert "is a folder" in await refusal(home, str(home))
    assert "is cut off: it has 3,000,000 bytes" in await refusal(home, str(cut))
    assert "not a GGUF" in await refusal(home, str(script))
    told = await refusal(home, None, Machine(cores=2, memory=300_000_000))
    assert "needs about" in told
    assert "0.3 GB are free" in told
