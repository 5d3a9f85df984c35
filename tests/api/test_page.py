"""`docs/documents.md` is true: its commands are run in order, and every route of the library is on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.api.uploads import DOCUMENTS, add, call, data, file
from tests.api.whole import Whole

from mecum.api.documents import WAIT
from mecum.api.items import MAX_METADATA
from mecum.api.labels import LONGEST
from mecum.api.parse import PATIENCE

PAGE = (Path(__file__).parents[2] / "docs" / "documents.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
ADDRESS = "localhost:8002"


def _commands(block: str) -> list[str]:
    """The commands of a block: those that follow each other begin a line each."""
    return re.split(r"\n(?=curl )", block.strip())


def _run(command: str, server: Whole, folder: Path, document: str) -> str:
    """Run a command of the page as it stands, but for the address, and for a stream that has no end."""
    command = command.replace(ADDRESS, f"localhost:{server.port}").replace("curl ", "curl --fail -sS ", 1)
    if "/events" in command:
        command = f"timeout 2 {command} || [ $? = 124 ]"
    environment = {**os.environ, "ID": document}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, (command, done.stderr, done.stdout)
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="the page's commands are curl's")
def test_its_commands(library: Whole, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Harvest\n\nThe harvest was good.")
    (tmp_path / "report.txt").write_text("The winter was long.")
    (document,) = add(library, file("kept.txt", "some words"))
    told: dict[str, str] = {}
    for block in BLOCKS:
        for command in _commands(block):
            told[command] = _run(command, library, tmp_path, document["id"])
    assert (tmp_path / "kept.txt").read_text() == "some words"
    assert (tmp_path / "library.tar").stat().st_size > 10_000
    answers = [json.loads(output) for output in told.values() if output.startswith("{")]
    assert all(answer.get("success", True) for answer in answers)
    (searched,) = [
        answer["data"]
        for command, output in told.items()
        if "knowledge/search" in command
        for answer in [json.loads(output)]
    ]
    assert [hit["path"] for hit in searched["hits"]] == ["ideas/1.md"]
    assert data(call(library, "GET", DOCUMENTS))["total"] == 0  # the last one forgets


def test_every_route_is_on_it(library: Whole) -> None:
    document = call(library, "GET", "/openapi.json").json()
    routes = [
        (path, method)
        for path, methods in document["paths"].items()
        for method in methods
        if {"documents", "library"} & set(methods[method]["tags"])
    ]
    commands = [command for block in BLOCKS for command in _commands(block)]
    for path, method in routes:
        pattern = re.compile(f"{ADDRESS}{re.escape(path.replace('{document_id}', '$ID'))}(?=[ ?'\"]|$)", re.M)
        assert any(pattern.search(command) and _method(command) == method for command in commands), (method, path)


def _method(command: str) -> str:
    """The method that curl takes."""
    named = re.search(r"-X (\w+)", command)
    return named[1].lower() if named else "post" if re.search(r" -[dF] ", command) else "get"


def test_its_numbers() -> None:
    assert f"after {WAIT:g} s as they are" in PAGE
    assert f"up to {LONGEST:,} characters" in PAGE
    assert f"up to {MAX_METADATA // 1024} KiB" in PAGE
    assert (PATIENCE, "eight times that together" in PAGE) == (8, True)
