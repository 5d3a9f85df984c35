"""`mecum import second-me`, from a folder with Second Me's own schema to answers of our own routes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from tests.cli import commands, inside
from tests.cli.second_me_folder import Folder
from tests.clients.server import Server, serving
from tests.clients.wire import KERNEL2, asks, post, request

NONE = {"MECUM_LIBRARY_EMBEDDER": "none"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("home"), "--demo", env=NONE) as server:
        yield server


@pytest.fixture
def server(program: Server) -> Iterator[Server]:
    """A server that still has its first roles, and nothing else."""
    yield program
    post(program.url, "/api/forget", {"all": True})
    for role in get(program, "/api/kernel2/roles"):
        if role["name"] not in ("Librarian", "Editor", "Tutor"):
            request(program.url, "DELETE", f"/api/kernel2/roles/{role['uuid']}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """What Second Me leaves: roles, files, texts, notes, and things that do not come along."""
    folder = Folder(tmp_path / "second-me")
    folder.put("roles", uuid="role_a1b2c3", name="Skipper", system_prompt="You sail.", icon="⛵", enable_l0_retrieval=1)
    folder.put("roles", uuid="role_t7t7t7", name="Tutor", system_prompt="You teach.", is_active=0)
    folder.upload(1, "boats.md", "# Boats\n\nThe ketch Aurora was launched in 1931.")
    folder.upload(2, "gone.txt", "deleted", status="deleted")
    folder.put("document", id=3, name="scan.pdf", title="Scan", raw_content="The mast is of spruce.")
    folder.put("document", id=4, name="lost.pdf")
    folder.put("document", id=5, name="key.txt", url="../../../secret.txt")
    (tmp_path / "secret.txt").write_text("outside of the folder")
    folder.put("l1_bios", version=1, content="You …", content_third_view="She restores wooden boats.")
    folder.put("loads", id="1", name="Ann", description="Shipwright.", instance_password="hunter2")
    return folder


def bring(home: Path | str, folder: Folder, *arguments: str, code: int = 0) -> CompletedProcess[str]:
    done = inside.mecum("import", "second-me", folder.path, *arguments, MECUM_HOME=str(home), **NONE)
    assert done.returncode == code, done.stderr
    return done


def home_of(server: Server) -> Path:
    return server.log.parent


def get(server: Server, path: str) -> Any:
    answer = request(server.url, "GET", path)
    assert answer.status == 200, answer.body
    return answer.json()["data"]


def documents(server: Server) -> dict[str, Any]:
    return {one["path"]: one for one in get(server, "/api/documents")["items"]}


def same(document: Any) -> tuple[Any, ...]:
    return tuple(document[name] for name in ("id", "sha256", "title", "metadata", "date", "created"))


def test_roles_documents_and_notes_come_along(server: Server, folder: Folder) -> None:
    done = bring(home_of(server), folder)
    assert done.stdout.splitlines() == [
        "roles      2 made, 0 there already",
        "documents  4 added, 0 there already",
        "left out   3 things",
        "  gone.txt: it was deleted in Second Me",
        "  lost.pdf: its file is not in the folder, and there is no text of it",
        "  key.txt: its file is not in the folder, and there is no text of it",
    ]
    assert done.stderr == "mecum: mecum documents --collection second-me shows how far they are.\n"
    found = documents(server)
    assert set(found) == {"boats.md", "scan.pdf.txt", "Second Me notes/Biography.md", "Second Me notes/Profile.md"}
    assert {one["collection"] for one in found.values()} == {"second-me"}
    assert (found["boats.md"]["title"], found["scan.pdf.txt"]["title"]) == ("Title of boats.md", "Scan")
    assert found["boats.md"]["metadata"] == {"second_me_id": 1}
    assert found["boats.md"]["date"] > 1.7e9
    roles = {role["uuid"]: role for role in get(server, "/api/kernel2/roles")}
    assert roles["role_a1b2c3"]["name"] == "Skipper"
    assert (roles["role_t7t7t7"]["name"], roles["role_t7t7t7"]["is_active"]) == ("Tutor (Second Me)", False)


def test_a_second_time_nothing_is_sent_or_changed(server: Server, folder: Folder) -> None:
    bring(home_of(server), folder)
    before = documents(server)
    changed = json.dumps({"system_prompt": "You sail well."}).encode()
    request(server.url, "PUT", "/api/kernel2/roles/role_a1b2c3", changed, {"Content-Type": "application/json"})
    roles = get(server, "/api/kernel2/roles")
    report = json.loads(bring(home_of(server), folder, "--json").stdout)
    assert (report["roles_made"], report["documents_added"], report["failed"]) == ([], [], [])
    assert report["roles_there"] == ["Skipper", "Tutor"]
    assert set(report["documents_there"]) == set(before)
    assert [one["label"] for one in report["left_out"]] == ["gone.txt", "lost.pdf", "key.txt"]
    assert get(server, "/api/kernel2/roles") == roles
    assert {path: same(one) for path, one in documents(server).items()} == {path: same(one) for path, one in before.items()}
    folder.upload(6, "more.txt", "more")
    folder.file("boats.md", "# Boats\n\nchanged")
    assert "documents  2 added, 3 there already" in bring(home_of(server), folder).stdout


def test_its_callers_go_on_with_their_ids_and_get_its_documents(server: Server, folder: Folder) -> None:
    bring(home_of(server), folder)
    post(server.url, "/api/documents?wait=searchable", {"documents": [{"path": "x", "text": "x"}]})
    body = asks("When was the ketch Aurora launched?", metadata={"role_id": "role_a1b2c3"}, stream=False)
    answer = post(server.url, KERNEL2, body).json()
    assert answer["retrieval"]["status"] == "ok"
    assert [source["path"] for source in answer["sources"]] == ["boats.md"]


def test_what_is_refused_costs_no_other_and_ends_with_1(server: Server, folder: Folder) -> None:
    folder.put("roles", uuid="role/../x", name="Odd", system_prompt="x")
    folder.put("roles", uuid="role_long", name="Long", system_prompt="x" * 32_769)
    folder.put("document", id=9, name="big.txt", title="x" * 500, raw_content="fine")
    done = bring(home_of(server), folder, code=1)
    assert "roles      2 made" in done.stdout
    assert "documents  5 added" in done.stdout
    assert "  Odd: uuid must be an id of 1 to 128 letters" in done.stdout
    assert "  Long: system_prompt must be a string of at most 32768 characters" in done.stdout


def test_nothing_from_outside_comes_along(server: Server, folder: Folder) -> None:
    (folder.raw / "link.txt").symlink_to(folder.path.parent / "secret.txt")
    folder.put("document", id=9, name="link.txt")
    bring(home_of(server), folder)
    hits = post(server.url, "/api/knowledge/search", {"query": "outside of the folder", "min_score": 0}).json()["data"][
        "hits"
    ]
    assert all("outside" not in hit["text"] for hit in hits)
    store = b"".join(
        file.read_bytes() for file in home_of(server).rglob("*") if file.is_file() and file.name != "stderr.txt"
    )
    assert b"outside of the folder" not in store
    assert b"hunter2" not in store


def test_another_collection_may_be_named(server: Server, folder: Folder) -> None:
    bring(home_of(server), folder, "--collection", "old")
    assert {one["collection"] for one in documents(server).values()} == {"old"}


def test_labels_cannot_steer_the_terminal(server: Server, folder: Folder) -> None:
    folder.put("document", id=9, name="\x1b[31mred\n.pdf", title="a\x1b]0;b\n", raw_content="x")
    folder.put("document", id=10, name="\x1b[31mlost\n.pdf")
    done = bring(home_of(server), folder)
    assert "\x1b" not in done.stdout
    assert "[31mred.pdf.txt" in documents(server)


def test_without_a_server_it_is_searchable_when_the_command_ends(tmp_path: Path, folder: Folder) -> None:
    home = tmp_path / "home"
    assert "documents  4 added" in bring(home, folder).stdout
    done = commands.mecum("search", "ketch Aurora", "--json", MECUM_HOME=str(home), **NONE)
    assert done.returncode == 0, done.stderr
    assert "launched in 1931" in done.stdout


def test_it_must_be_second_mes_folder(tmp_path: Path) -> None:
    done = commands.mecum("import", "second-me", tmp_path, MECUM_HOME=str(tmp_path / "home"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no data/sqlite/lpm.db" in done.stderr
    assert not (tmp_path / "home" / "mecum.db").exists()
