"""A model that looks like one and is none: the server says so in the engine's own words and ends."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.engine.ggufs import Gguf
from tests.faults.server import PATIENCE, check_error, listening, running

pytestmark = pytest.mark.real_model
SLOW = """#!/bin/sh
case "$1" in
--version) echo "version: 1 (x)" ;;
--help) echo "--api-key-file FNAME" ;;
*) sleep 2; echo "E load: bad tensor" >&2; exit 1 ;;
esac
"""


async def test_it_ends_with_5_and_the_engines_own_lines(home: Path) -> None:
    model = home / "garbage.gguf"
    model.write_bytes(Gguf().build())  # the header is in order; what it describes is not a whole model
    async with running(home, "--model", str(model), ready=False) as server:
        began = time.monotonic()
        assert await asyncio.to_thread(server.process.wait, PATIENCE) == 5
        assert time.monotonic() - began < 5 + 10  # promised within 5 s of the load's beginning; Python starts twice before
    sentence = next(line for line in server.log.read_text().splitlines() if line.startswith("mecum: "))
    assert "while it loaded the model" in sentence
    assert "\n  | " in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


async def test_who_asked_meanwhile_is_told(home: Path) -> None:
    program = home / "llama-server"
    program.write_text(SLOW)
    program.chmod(0o755)
    async with running(home, ready=False, engine__binary=program, server__header_wait=30) as server:
        await listening(server)
        async with server.ask("Hello.") as response:
            body = await response.json()
        assert response.status == 503
        check_error(body, "", streamed=False)
        assert "bad tensor" in body["message"]
        assert await asyncio.to_thread(server.process.wait, PATIENCE) == 5
    assert "  | E load: bad tensor" in server.log.read_text()
