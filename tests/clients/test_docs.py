"""`docs/clients.md` is true: every block of code on it is run, with nothing changed but the address."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.clients.driver import QUIET
from tests.clients.install import NODE
from tests.clients.server import Server, clean_environment
from tests.clients.wire import asks, post, request

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
BLOCKS = {title: (kind, code) for title, kind, code in re.findall(r"^## ([^\n]+)\n```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)}
ADDRESS = "http://localhost:8002"
HELLO = "You said: Hello!"


def block(title: str, server: Server) -> str:
    """Return a block's code with the server's address in it."""
    _, code = BLOCKS[title]
    assert ADDRESS in code
    return code.replace(ADDRESS, server.url)


def start(program: Path | str, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**clean_environment(), **QUIET}
    return subprocess.Popen([str(program), *arguments], cwd=cwd, env=environment, text=True, encoding="utf-8", **pipes)


def printed(process: subprocess.Popen[str]) -> str:
    with process:
        try:
            output, errors = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    return output


def test_every_block_is_run_here() -> None:
    python = {"openai-python", *OTHER_PYTHON, *EMBEDDINGS}
    assert {title for title, (kind, _) in BLOCKS.items() if kind == "python"} == python
    assert {title for title, (kind, _) in BLOCKS.items() if kind == "js"} == set(JAVASCRIPT)
    assert PAGE.count("```") == 2 * len(BLOCKS)


def test_openai_python(scripted: Server) -> None:
    assert printed(start(sys.executable, "-c", block("openai-python", scripted))) == HELLO


OTHER_PYTHON = ("LangChain", "LlamaIndex", "LiteLLM")
EMBEDDINGS = ("Embeddings: openai-python", "Embeddings: LangChain")
JAVASCRIPT = ("openai-node", "AI SDK: @ai-sdk/openai-compatible", "AI SDK: @ai-sdk/openai")


def test_other_python_clients(scripted: Server, other_python: Path) -> None:
    """They are slow to import, so they run side by side."""
    processes = {title: start(other_python, "-c", block(title, scripted)) for title in OTHER_PYTHON}
    assert {title: printed(process) for title, process in processes.items()} == dict.fromkeys(OTHER_PYTHON, HELLO)


def test_embeddings(scripted: Server, other_python: Path) -> None:
    for program, title in zip((sys.executable, other_python), EMBEDDINGS, strict=True):
        assert printed(start(program, "-c", block(title, scripted))) == "64\n"  # the scripted embedder's


@pytest.mark.parametrize("title", JAVASCRIPT)
def test_node_clients(scripted: Server, node: Path, title: str) -> None:
    code = block(title, scripted)
    assert printed(start(node, "--input-type=module", "--eval", code, cwd=NODE)) == HELLO


def test_continue(scripted: Server) -> None:
    """Continue is an editor's extension: what its settings lead to is sent."""
    model: dict[str, Any] = yaml.safe_load(block("Continue", scripted))["models"][0]
    assert (model["provider"], model["apiBase"]) == ("openai", f"{scripted.url}/v1")
    body = asks("!wait 0.5\n!say hi", model=model["model"], stream=True, max_tokens=2048)
    answer = post(
        scripted.url, "/v1/chat/completions", body, {"Authorization": f"Bearer {model['apiKey']}", "api-key": "none"}
    )
    assert answer.text() == "hi"
    assert answer.comments
    assert b"\n: ping" not in answer.body  # Continue takes such a comment for the end


def test_open_webui(scripted: Server) -> None:
    """Open WebUI lists the models of the base URL, and streams with the one that is chosen."""
    assert f"{ADDRESS}/v1`" in PAGE.partition("## Open WebUI")[2]
    headers = {"Authorization": "Bearer none"}
    (model,) = request(scripted.url, "GET", "/v1/models", headers=headers).json()["data"]
    body = asks("hi", model=model["id"], stream=True, stream_options={"include_usage": True})
    assert post(scripted.url, "/v1/chat/completions", body, headers).text() == "You said: hi"
