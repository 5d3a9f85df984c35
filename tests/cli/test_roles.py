"""`mecum roles` as people and scripts use it, with a running server and without one."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.cli import commands
from tests.cli.inside import mecum
from tests.clients.server import Server, serving

from mecum.cli.main import program

PAGE = (Path(__file__).parents[2] / "docs" / "roles.md").read_text(encoding="utf-8")
GROUPS: dict[str, Any] = {name: typer.main.get_command(program()).commands[name] for name in ("roles", "import")}  # type: ignore[attr-defined]
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serving(home, "--demo", env={"MECUM_LIBRARY_EMBEDDER": "none"}) as server:
        yield server


def roles(home: Path, *arguments: object, code: int = 0, **environ: str) -> Done:
    """Run `mecum roles`, which must end with that code."""
    done = mecum("roles", *arguments, MECUM_HOME=str(home), MECUM_LIBRARY_EMBEDDER="none", **environ)
    assert done.returncode == code, done.stderr
    return done


def listed(home: Path) -> dict[str, Any]:
    return {role["name"]: role for role in json.loads(roles(home, "list", "--json").stdout)["roles"]}


# ---- with a server


def test_a_role_is_made_shown_changed_and_deleted(server: Server, home: Path, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("You guide.\nKindly.")
    made = roles(
        home, "create", "Guide", "--description", "shows the way", "--prompt-file", prompt, "--icon", "🧭", "--no-docs",
        "--collection", "maps", "--collection", "trips", "--model", "tiny", "--temperature", "0.5",
    )  # fmt: skip
    guide = listed(home)["Guide"]
    assert made.stdout == f'Made "Guide" ({guide["uuid"]}). Speak as it: mecum chat --role {guide["uuid"]}\n'
    assert guide["system_prompt"] == "You guide.\nKindly."
    assert (guide["enable_l0_retrieval"], guide["collections"], guide["model"], guide["temperature"]) == (
        *(False, ["maps", "trips"], "tiny", 0.5),
    )
    shown = roles(home, "show", "guide").stdout
    assert shown.endswith("\n\nYou guide.\nKindly.\n")
    assert "only when asked to" in shown
    assert json.loads(roles(home, "show", guide["uuid"], "--json").stdout) == guide
    roles(home, "edit", "Guide", "--name", "Scout", "--inactive", "--docs")
    scout = listed(home)["Scout"]
    assert (scout["uuid"], scout["is_active"], scout["enable_l0_retrieval"]) == (guide["uuid"], False, True)
    assert scout["model"] == "tiny"
    assert roles(home, "delete", "Scout").stdout == f'Deleted "Scout" ({guide["uuid"]}).\n'
    assert "Scout" not in listed(home)


def test_it_is_the_servers_role_at_once(server: Server, home: Path) -> None:
    uuid = json.loads(roles(home, "show", "Tutor", "--json").stdout)["uuid"]
    done = commands.mecum("ask", "--role", uuid, "Hi", MECUM_HOME=str(home))
    assert (done.returncode, done.stdout) == (0, "You said: Hi\n")


def test_alone_it_lists(server: Server, home: Path) -> None:
    done = roles(home)
    assert [line.split("  ")[0] for line in done.stdout.splitlines()][:3] == ["Librarian", "Editor", "Tutor"]
    assert done.stdout == roles(home, "list").stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "Nobody"], 2, "There is no role 'Nobody'"),
        (["delete", "Tutor", "Nobody"], 2, "There is no role 'Nobody'"),
        (["create"], 2, "Name the role"),
        (["create", "Tutor"], 2, "There is a role of this name already"),
        (["create", "X", "--temperature", "3"], 2, "--temperature"),
        (["create", "X", "--prompt", "p", "--prompt-file", "f"], 2, "once"),
        (["create", "X", "--prompt-file", "nothing.txt"], 2, "cannot be read"),
        (["create", "x" * 101], 2, "1 to 100 characters"),
        (["edit", "Tutor"], 2, "EDITOR=nano"),
        (["export"], 2, "Name one role, or all"),
        (["export", "Tutor", "--all", "x"], 2, "Name one role, or all"),
        (["import", "nothing.toml"], 2, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    server: Server, home: Path, arguments: list[str], code: int, message: str
) -> None:
    done = roles(home, *arguments, code=code, VISUAL="", EDITOR="")
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert {"Librarian", "Editor", "Tutor"} <= set(listed(home))


def test_a_role_travels_as_a_file(server: Server, home: Path, tmp_path: Path) -> None:
    text = roles(home, "export", "Tutor").stdout
    assert tomllib.loads(text)["system_prompt"].startswith("You are a patient tutor.")
    assert '"""\nYou are a patient tutor.' in text
    files = [tmp_path / "tutor.toml", tmp_path / "tutor.json"]
    for file in files:
        roles(home, "export", "Tutor", file)
        assert "is there already" in roles(home, "export", "Tutor", file, code=2).stderr
    assert json.loads(files[1].read_text())["name"] == "Tutor"
    before = listed(home)
    assert roles(home, "import", *files).stdout.count("Unchanged") == 2
    assert listed(home) == {**before, "Tutor": {**before["Tutor"], "update_time": listed(home)["Tutor"]["update_time"]}}
    elsewhere = tmp_path / "elsewhere"
    roles(elsewhere, "delete", "Tutor")
    assert "Made" in roles(elsewhere, "import", files[0]).stdout
    there = listed(elsewhere)["Tutor"]
    assert {**there, "id": 0, "create_time": "", "update_time": ""} == {
        **before["Tutor"],
        "id": 0,
        "create_time": "",
        "update_time": "",
    }


def test_a_clash_of_names_is_told_and_can_be_settled(server: Server, home: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text('name = "Tutor"\nuuid = "role_a1b2c3"\nsystem_prompt = "new"\n')
    two.write_text('name = "Two"\n')
    done = roles(home, "import", one, two, code=2)
    assert f"{one}: There is a role of this name already" in done.stderr
    assert 'Made "Two"' in done.stdout
    uuid = listed(home)["Tutor"]["uuid"]
    assert f'Changed "Tutor" ({uuid}).' in roles(home, "import", "--replace", one).stdout
    assert listed(home)["Tutor"]["system_prompt"] == "new"
    two.write_text('name = "Two"\nmodel = "m"\n')
    assert 'Changed "Two"' in roles(home, "import", two).stdout
    assert 'Unchanged: "Two"' in roles(home, "import", two).stdout
    roles(home, "delete", "Two")


def test_a_bad_file_stops_before_anything_is_done(server: Server, home: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('name = "Good"\n')
    bad.write_text('name = "Bad"\nsystem_promt = "x"\n')
    assert "system_promt" in roles(home, "import", good, bad, code=2).stderr
    assert "Good" not in listed(home)


def test_all_roles_are_exported_at_once(server: Server, home: Path, tmp_path: Path) -> None:
    for name in ("CON", "a/b", "../x", "A b"):
        roles(home, "create", name)
    folder = tmp_path / "out" / "roles"
    roles(home, "export", "--all", folder)
    found = {file.name: tomllib.loads(file.read_text())["name"] for file in folder.iterdir()}
    uuid = listed(home)["A b"]["uuid"]
    assert found["role-con.toml"] == "CON"
    assert found["x.toml"] == "../x"
    assert (found["a-b.toml"], found[f"a-b-{uuid}.toml"]) == ("a/b", "A b")
    assert set(found.values()) == set(listed(home))
    assert "is there already" in roles(home, "export", "--all", folder, code=2).stderr
    roles(home, "delete", "CON", "a/b", "../x", "A b")


def test_an_editor_changes_a_role(server: Server, home: Path, tmp_path: Path) -> None:
    roles(home, "create", "Draft", "--prompt", "one\ntwo", "--model", "m")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i -e s/two/three/ -e "/^model/d" "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    roles(home, "edit", "Draft", EDITOR=str(editor))
    draft = listed(home)["Draft"]
    assert (draft["system_prompt"], draft["model"]) == ("one\nthree", None)
    assert "nothing was changed" in roles(home, "edit", "Draft", EDITOR="true").stderr
    assert "nothing was changed" in roles(home, "edit", "Draft", EDITOR="false", code=2).stderr
    editor.write_text('#!/bin/sh\necho "nmae = 1" >> "$1"\n')
    lost = roles(home, "edit", "Draft", EDITOR=str(editor), code=2).stderr
    (kept,) = re.findall(r"what you wrote is in (\S+)$", lost, re.MULTILINE)
    assert "nmae = 1" in Path(kept).read_text()
    Path(kept).unlink()
    Path(kept).parent.rmdir()
    roles(home, "delete", "Draft")


def test_names_cannot_steer_the_terminal(server: Server, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(
        json.dumps({"name": "\x1b[31mred\nline", "uuid": "esc", "description": "\x9bx", "system_prompt": "a\x1b]0;b"})
    )
    roles(home, "import", file)
    for output in (roles(home).stdout, roles(home, "show", "esc").stdout, roles(home, "delete", "esc").stdout):
        assert "\x1b" not in output
        assert "\x9b" not in output


# ---- without one


def test_without_a_server_it_works_alone_and_leaves_no_process(tmp_path: Path) -> None:
    done = commands.mecum("roles", MECUM_HOME=str(tmp_path), MECUM_LIBRARY_EMBEDDER="none")
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == ["Librarian", "Editor", "Tutor"]
    roles(tmp_path, "delete", "Librarian", "Editor", "Tutor")
    done = roles(tmp_path)
    assert (done.stdout, "there are no roles" in done.stderr) == ("", True)
    roles(tmp_path, "create", "Mine")
    assert set(listed(tmp_path)) == {"Mine"}


# ---- the page


def _names(parameter: Any) -> str:
    metavar = f" {parameter.metavar}" if parameter.metavar else ""
    return " / ".join([*parameter.opts, *parameter.secondary_opts]) + metavar


@pytest.mark.parametrize("path", [f"{group} {name}" for group, found in GROUPS.items() for name in found.commands])
def test_the_page_has_every_command_with_its_options(path: str) -> None:
    group, name = path.split()
    section = PAGE.partition(f"### mecum {path}\n")[2].partition("\n#")[0]
    told = dict(re.findall(r"^\| `(-[^`]*)` \| (.*) \|$", section, re.MULTILINE))
    given = [one for one in GROUPS[group].commands[name].params if one.param_type_name == "option"]
    assert told == {_names(option): option.help for option in given if "--help" not in option.opts}
