"""`mecum keys` and `mecum audit` as people and scripts use them, with a running server and without one."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.cli import commands
from tests.cli.inside import mecum
from tests.clients.server import Server, serving

from mecum.cli import words
from mecum.cli.main import program
from mecum.errors import InvalidRequest

PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text(encoding="utf-8")
GROUP: Any = typer.main.get_command(program()).commands["keys"]  # type: ignore[attr-defined]
QUIET = {"MECUM_LIBRARY_EMBEDDER": "none", "MECUM_ENGINE_SCRIPTED": "1"}
KEY = re.compile(r"mk-[A-Za-z0-9_-]{43}\n")
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    home = tmp_path_factory.mktemp("home")
    with serving(home, "--demo", env={"MECUM_LIBRARY_EMBEDDER": "none"}) as server:
        yield server, home


def run(home: Path, *arguments: object, code: int = 0) -> Done:
    """Run a command, which must end with that code."""
    done = mecum(*arguments, MECUM_HOME=str(home), **QUIET)
    assert done.returncode == code, done.stderr
    return done


def make(home: Path, *arguments: object) -> str:
    """Make a key, and return its text: all that is on stdout."""
    done = run(home, "keys", "create", *arguments)
    assert KEY.fullmatch(done.stdout)
    return done.stdout.strip()


def listed(home: Path) -> list[dict[str, Any]]:
    return list(json.loads(run(home, "keys", "list", "--json").stdout)["keys"])


def status(server: Server, key: str | None, path: str = "/v1/models") -> int:
    request = urllib.request.Request(server.url + path, headers={} if key is None else {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


# ---- with a server


def test_what_is_done_holds_at_once(served: tuple[Server, Path]) -> None:
    server, home = served
    assert status(server, None) == 200
    key = make(home, "laptop")
    other = make(home, "other")
    assert [status(server, one) for one in (None, key, other)] == [401, 200, 200]
    assert status(server, key, "/api/keys") == 403
    assert "opens nothing" in run(home, "keys", "revoke", "laptop").stdout
    assert [status(server, one) for one in (None, key, other)] == [401, 401, 200]
    opened = run(home, "keys", "open")
    assert 'Revoked "other"' in opened.stdout
    assert [status(server, one) for one in (None, key)] == [200, 200]
    assert {one["state"] for one in listed(home)} == {"revoked"}


def test_the_commands_go_on_working_when_keys_are_asked_for(served: tuple[Server, Path]) -> None:
    server, home = served
    make(home, "closed")
    try:
        assert status(server, None) == 401
        assert run(home, "ask", "hello", "--no-docs").stdout.strip() == "You said: hello"
        run(home, "documents")
        run(home, "roles", "list")
        assert "ready" in run(home, "status").stdout
    finally:
        run(home, "keys", "open")


# ---- without one


def test_a_key_is_made_shown_and_revoked(home: Path) -> None:
    assert "no keys" in run(home, "keys").stderr
    before = time.time()
    done = run(home, "keys", "create", "eve's phone", "--owner", "eve", "--scopes", "chat, admin", "--expires", "2d",
               "--rate", 5, "--concurrency", 2)  # fmt: skip
    assert 'made the key "eve\'s phone" of eve, for chat and admin, 5 requests a minute, 2 at once, until' in done.stderr
    assert "shown this once" in done.stderr
    assert "from now on every request needs a key" in done.stderr
    (key,) = listed(home)
    assert (key["owner"], key["scopes"], key["rate"], key["concurrency"]) == ("eve", ["chat", "admin"], 5, 2)
    assert before + 2 * 86_400 <= key["expires"] <= time.time() + 2 * 86_400
    assert done.stdout.strip().endswith(key["hint"])
    text = run(home, "keys", "list").stdout
    assert "eve's phone  eve  chat,admin  …" in text
    assert done.stdout.strip() not in text
    second = run(home, "keys", "create", "second", "--json")
    assert "from now on" not in second.stderr
    assert json.loads(second.stdout)["key"].startswith("mk-")
    run(home, "keys", "revoke", key["id"], "second")
    assert {one["state"] for one in listed(home)} == {"revoked"}
    assert run(home, "keys", "open").stdout.startswith("No key is asked for any more")


def test_what_cannot_be_done_is_said(home: Path) -> None:
    make(home, "one")
    for arguments, told in (
        (["create", "one"], "a key of this name"),
        (["create", "two", "--scopes", "root"], "scopes"),
        (["create", "two", "--owner", "a/b"], "owner"),
        (["create", "two", "--expires", "soon"], "--expires"),
        (["create", "two", "--expires", "2020-01-01"], "future"),
        (["revoke", "one", "nobody"], "There is no key 'nobody'"),
    ):
        done = run(home, "keys", *arguments, code=2)
        assert told in done.stderr
        assert not done.stdout
    assert [(key["name"], key["state"]) for key in listed(home)] == [("one", "good")]


def test_an_expired_key_and_its_successor_have_one_name(home: Path) -> None:
    make(home, "phone", "--expires", "1m")
    run(home, "keys", "revoke", "phone")
    make(home, "phone")
    run(home, "keys", "revoke", "phone")  # the one that is good
    assert "There is no key 'phone'" in run(home, "keys", "revoke", "phone", code=2).stderr


def test_the_audit_log(home: Path) -> None:
    assert "nothing was done" in run(home, "audit").stderr
    make(home, "eve", "--owner", "eve")
    (key,) = listed(home)
    run(home, "keys", "revoke", "eve")
    lines = run(home, "audit").stdout.splitlines()
    assert [line.split("  ")[1:] for line in lines] == [
        ["local", "key.created", "ok", key["id"]],
        ["local", "key.revoked", "ok", key["id"]],
    ]
    entries = json.loads(run(home, "audit", "--json", "--limit", 1).stdout)["entries"]
    assert [(one["what"], one["targets"]) for one in entries] == [("key.revoked", [key["id"]])]
    assert len(run(home, "audit", "--since", "1h").stdout.splitlines()) == 2
    assert not run(home, "audit", "--since", "2100-01-01").stdout
    assert "--since" in run(home, "audit", "--since", "long ago", code=2).stderr


def test_a_process_does_the_same(home: Path) -> None:
    done = commands.mecum("keys", "create", "laptop", "--home", home, **QUIET)
    assert done.returncode == 0, done.stderr
    assert KEY.fullmatch(done.stdout)


# ---- the words, and the page


def test_lengths_of_time() -> None:
    now = time.time()
    for text, seconds in (("5m", 300), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)):
        assert abs(words.later(text, "--expires") - now - seconds) < 5
        assert abs(now - words.ago(text, "--since") - seconds) < 5
    assert words.later("2030-01-02", "x") - words.ago("2030-01-02", "x") == pytest.approx(86_400, abs=0.01)
    for text in ("", "d", "-1d", "1y", "1.5h", "٣d", "soon"):
        with pytest.raises(InvalidRequest):
            words.later(text, "--expires")


@pytest.mark.parametrize("name", GROUP.commands)
def test_the_page_has_every_command_with_its_options(name: str) -> None:
    section = PAGE.partition(f"### mecum keys {name}\n")[2].partition("\n#")[0]
    told = dict(re.findall(r"^\| `(-[^`]*)` \| (.*) \|$", section, re.MULTILINE))
    given = [one for one in GROUP.commands[name].params if one.param_type_name == "option"]
    assert told == {_names(option): option.help for option in given if "--help" not in option.opts}


def _names(option: Any) -> str:
    return " / ".join([*option.opts, *option.secondary_opts]) + (f" {option.metavar}" if option.metavar else "")
