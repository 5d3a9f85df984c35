"""The routes of Second Me that are aliases of ours."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from tests.clients.server import Server, serving
from tests.clients.wire import Answer, has_both_shapes, post, request

from mecum.api.personas import RoleBody
from mecum.api.second_me import PAGE
from mecum.types import Json


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("home"), "--demo", env={"MECUM_LIBRARY_EMBEDDER": "none"}) as program:
        yield program


@pytest.fixture
def server(program: Server) -> Iterator[Server]:
    """The program, without any documents."""
    yield program
    send(program, "/api/forget", {"all": True})


def form(*files: tuple[str, bytes], field: str = "file") -> tuple[bytes, dict[str, str]]:
    """Return a form as Second Me's client sends one."""
    parts = b"".join(
        f'--B\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: text/plain\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    )
    return parts + b"--B--\r\n", {"Content-Type": "multipart/form-data; boundary=B"}


def upload(server: Server, name: str = "a.txt", content: bytes = b"words about boats") -> Answer:
    return request(server.url, "POST", "/api/memories/file", *form((name, content)))


def send(server: Server, path: str, body: Json) -> None:
    answer = post(server.url, path, body)
    assert answer.status in (200, 202), answer.body


def data(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    body = answer.json()
    assert (body["success"], body["code"], body["message"]) == (True, 0, "success")
    return body["data"]


def listed(server: Server) -> list[Json]:
    found: list[Json] = data(request(server.url, "GET", "/api/documents/list"))
    return found


def read(server: Server, document_id: str) -> Json:
    """Return the document once it has been read."""
    deadline = time.monotonic() + 20
    while True:
        (found,) = [one for one in listed(server) if one["id"] == document_id]
        if found["extract_status"] != "INITIALIZED":
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_whose_server_it_is(server: Server) -> None:
    assert data(request(server.url, "GET", "/api/kernel2/username")) == {"username": "local"}


def test_a_file_is_uploaded_listed_and_removed(server: Server) -> None:
    made = data(upload(server))
    assert (made["name"], made["path"], made["collection"], made["document_size"]) == ("a.txt", "a.txt", "default", 17)
    found = read(server, made["id"])
    assert (found["extract_status"], found["state"]) == ("SUCCESS", "searchable")
    ours = data(request(server.url, "GET", f"/api/documents/{made['id']}"))
    assert found == {**found, **ours}
    assert data(request(server.url, "DELETE", "/api/memories/file/a.txt")) == {"removed": 1}
    assert listed(server) == []
    assert has_both_shapes(request(server.url, "DELETE", "/api/memories/file/a.txt"), 404)["code"] == "document_not_found"


def test_the_same_name_again_is_new_content(server: Server) -> None:
    first, second = data(upload(server)), data(upload(server, content=b"other"))
    assert (first["id"], second["document_size"]) == (second["id"], 5)
    assert len(listed(server)) == 1


@pytest.mark.parametrize("name", ["../x.txt", "/etc/passwd", "C:\\x.txt", "a b/ü.txt"])
def test_a_name_is_a_label(server: Server, name: str) -> None:
    made = data(upload(server, name.replace("\\", "\\\\")))
    assert listed(server)[0]["name"] == made["name"]
    assert data(request(server.url, "DELETE", f"/api/memories/file/{quote(made['name'], safe='')}")) == {"removed": 1}


def test_only_its_own_document_is_removed(server: Server) -> None:
    for name in ("notes", "notes/a.txt", "notes2"):
        upload(server, name)
    send(server, "/api/documents", {"documents": [{"path": "notes", "text": "x", "collection": "other"}]})
    assert data(request(server.url, "DELETE", "/api/memories/file/notes")) == {"removed": 1}
    assert [(one["name"], one["collection"]) for one in listed(server)] == [
        *(("notes", "other"), ("notes/a.txt", "default"), ("notes2", "default")),
    ]


def test_the_list_is_whole_however_long(server: Server) -> None:
    for number in (PAGE, PAGE + 1):
        body = {"documents": [{"path": f"{one:04}.txt", "text": "x"} for one in range(number)]}
        send(server, "/api/documents", body)
        assert [one["name"] for one in listed(server)] == [one["path"] for one in body["documents"]]


def test_what_is_wrong_is_said(server: Server) -> None:
    path = "/api/memories/file"
    assert has_both_shapes(request(server.url, "POST", path, b"{}", {"Content-Type": "application/json"}), 415)
    body, headers = form(("a.txt", b"x"))
    assert has_both_shapes(request(server.url, "POST", path, body, {**headers, "Content-Encoding": "gzip"}), 415)
    assert has_both_shapes(request(server.url, "POST", path, *form()), 400)
    assert has_both_shapes(request(server.url, "POST", path, *form(("", b"x"))), 400)
    assert "one file" in has_both_shapes(request(server.url, "POST", path, *form(("a", b"x"), ("b", b"y"))), 400)["message"]
    assert has_both_shapes(request(server.url, "GET", path), 405)
    assert listed(server) == []


def test_answers_fit_the_document(server: Server) -> None:
    document = request(server.url, "GET", "/openapi.json").json()

    def fits(name: str, answer: Answer) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(answer.json())

    fits("MemoryAnswer", upload(server))
    fits("MemoryList", request(server.url, "GET", "/api/documents/list"))
    fits("UsernameAnswer", request(server.url, "GET", "/api/kernel2/username"))
    fits("Removed", request(server.url, "DELETE", "/api/memories/file/a.txt"))


def test_what_the_document_promises(server: Server, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "--no-color", "--warnings", "off",
        "--include-path-regex", "^/api/(memories|kernel2/username|documents/list)", "--phases", "examples,coverage,fuzzing",
        "--exclude-checks", "positive_data_acceptance", "--continue-on-failure", "--no-shrink",
        "--generation-deterministic", "--max-examples", "10", "--request-timeout", "10",
    ]  # fmt: skip
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr
    assert "Tested: 4" in run.stdout


def test_the_page_has_every_route_and_every_field(server: Server) -> None:
    page = (Path(__file__).parents[2] / "docs" / "roles.md").read_text(encoding="utf-8")
    paths = request(server.url, "GET", "/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            if {"roles", "Second Me"} & set(operation["tags"]):
                assert f"{method.upper()} {path}`" in page or f"`{method.upper()}` or `PATCH {path}`" in page
    told = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))))
    assert set(RoleBody.model_fields) | {"id", "create_time", "update_time"} <= told
