"""schemathesis on every route of a server that asks for a key: with one, and without (`docs/keys.md`)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from os import environ
from pathlib import Path

import pytest
from tests.api.people import People, people

SOAK = "MECUM_SOAK" in environ
ENDLESS = "/api/documents/events"
OPENS = "/api/keys/open"  # whoever asks it ends what all the others are about


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("fuzz") / "home", body_timeout=2, header_wait=0.5) as known:
        yield known


def run(known: People, folder: Path, who: str | None, *more: str, examples: int, phases: str) -> str:
    """Let it ask everything, and return what it says."""
    document = folder / "openapi.json"
    document.write_text(json.dumps(known.ask(known.token, "GET", "/openapi.json").json()))
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", known.server.url, "--no-color",
        "--warnings", "off", "--phases", phases, "--exclude-checks", "positive_data_acceptance", "--continue-on-failure",
        "--no-shrink", "--generation-deterministic", "--max-examples", str(examples), "--request-timeout", "10",
        "--exclude-path", ENDLESS, "--exclude-path", OPENS,
        *more, *(("--header", f"Authorization: Bearer {who}") if who else ()),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=3000 if SOAK else 110, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    return done.stdout


def test_with_a_key(known: People, tmp_path: Path) -> None:
    """Among its checks: an operation that says it needs a key refuses who has none, and who has another.

    The token of this machine is used, for a key it would find among the answers, and revoke.
    """
    said = run(known, tmp_path, known.token, examples=200 if SOAK else 1, phases="examples,fuzzing")
    paths = known.ask(known.token, "GET", "/openapi.json").json()["paths"]
    chosen = sum(len(methods) for path, methods in paths.items() if path not in (ENDLESS, OPENS))
    assert f"Tested: {chosen}\n" in said
    assert all("security" in operation for methods in paths.values() for operation in methods.values())


def test_what_test_fuzz_leaves_out(known: People, tmp_path: Path) -> None:
    """The routes of keys would close the open server that it asks."""
    ours = ("--include-path-regex", "^/api/(keys|audit)")
    said = run(known, tmp_path, known.token, *ours, examples=200 if SOAK else 4, phases="examples,coverage,fuzzing")
    assert "Tested: 4\n" in said


def test_without_one(known: People, tmp_path: Path) -> None:
    run(known, tmp_path, None, examples=50 if SOAK else 1, phases="examples,fuzzing")
    assert known.ask(None, "GET", "/v1/models").status == 401
    assert known.ask(known.token, "GET", "/v1/models").status == 200
