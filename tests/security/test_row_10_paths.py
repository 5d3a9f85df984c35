"""Row 10: a name that is a path. `tests/api/test_labels.py` has the helper, `tests/knowledge/test_folder.py` links,
`tests/cli/test_backup.py` names in an archive, `tests/cli/test_second_me.py` paths in another program's database.

Invariants, by whichever way a name comes: it is kept as it was sent, or refused everywhere alike; what is stored lies in the
data directory under the hash of its bytes; nothing outside is read, written or removed, and nothing of ours is served.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest
from tests.api.people import ANN, People
from tests.api.raw import exchange, head
from tests.api.uploads import KIND, field, file, form
from tests.clients.wire import Answer, request
from tests.security.routes import ENDLESS, JSON, SHUTS_OTHERS_OUT, Routes

CANARY: Final = "the canary outside"
NAMES: Final = [
    *("../canary.txt", "../../../../../../etc/passwd", "..", ".", "/etc/passwd", "//etc/passwd", "./../canary.txt"),
    *("..\\..\\canary.txt", "C:\\Windows\\win.ini", "C:canary.txt", "\\\\server\\share\\x", "\\\\?\\C:\\x"),
    *("CON", "nul.txt", "COM1.md", "aux", "PRN.pdf", "a:stream", "x.txt::$DATA", "a.", "a ", "~root/.ssh/id_rsa"),
    *("%2e%2e%2fcanary.txt", "..%c0%afcanary.txt", "..%252fcanary.txt", "\u2025/canary", "\uff0e\uff0e/canary"),
    *("mecum.db", "../mecum.db", "secret", "run.json", "files/../../canary.txt", "-rf", "$(id)", ".mecumignore"),
]
REFUSED: Final = ["a\0b", "../\0", "a\nb", "\x1b[2J", "", " ", "x" * 1025]


@pytest.fixture(scope="module")
def house(known: People) -> Iterator[People]:
    """The server, with something to find beside its data directory."""
    root = known.server.home.parent
    (root / "canary.txt").write_text(CANARY)
    yield known
    assert {path.name for path in root.iterdir()} == {"canary.txt", "home", known.server.log.name}
    assert (root / "canary.txt").read_text() == CANARY


def kept(house: People) -> None:
    """Check that what is stored is named by its content."""
    folder = house.server.home / "files"
    for path in folder.rglob("*"):
        if path.is_file():
            assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{64}", path.relative_to(folder).as_posix()), path
            assert path.name == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {path.name for path in house.server.home.iterdir()} <= {
        *("mecum.db", "mecum.db-wal", "mecum.db-shm", "files", "lock", "run.json", "secret", "cache", "models", "run"),
    }


def added(answer: Answer) -> str | None:
    """The path of the document that was made, None: it was refused."""
    if answer.status == 400:
        return None
    assert answer.status in (200, 202), answer.body
    data: Any = answer.json()["data"]
    one = data[0] if isinstance(data, list) else data
    return str(one["path"])


def every_way(house: People, name: str, text: str) -> dict[str, str | None]:
    """Add a document by that name in each way that there is, and return what its path became."""
    asked = {"documents": [{"path": name, "text": text}]}
    renamed = house.data(ANN, "POST", "/api/documents", {"documents": [{"path": "to rename", "text": text}]}, status=202)
    ways = {
        "JSON": house.ask(ANN, "POST", "/api/documents", asked),
        "rename": house.ask(ANN, "PATCH", f"/api/documents/{renamed[0]['id']}", {"path": name}),
    }
    if not re.search(r'["\r\n]', name):  # what a header cannot hold is another test's
        with_name, with_path = form(file(name, text)), form(field("path", name), file("x", text))
        ways["filename"] = house.ask(ANN, "POST", "/api/documents", with_name, {"Content-Type": KIND})
        ways["path"] = house.ask(ANN, "POST", "/api/documents", with_path, {"Content-Type": KIND})
        ways["Second Me"] = house.ask(ANN, "POST", "/api/memories/file", with_name, {"Content-Type": KIND})
    return {way: added(answer) for way, answer in ways.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_label_whichever_way_it_comes(house: People, name: str) -> None:
    assert set(every_way(house, name, f"named {name}").values()) == {name}
    answer = house.ask(ANN, "GET", f"/api/documents?path_prefix={quote(name, safe='')}")
    (one,) = [one for one in answer.json()["data"]["items"] if one["path"] == name]
    download = house.ask(ANN, "GET", f"/api/documents/{one['id']}/file")
    assert download.body == f"named {name}".encode()
    told = download.headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="[^"/\\]*"; filename\*=UTF-8\'\'[^/\\ ]*', told)
    assert house.ask(ANN, "DELETE", f"/api/documents?path={quote(name, safe='')}").status == 200
    kept(house)


@pytest.mark.parametrize("name", REFUSED, ids=repr)
def test_what_no_name_has_is_refused_everywhere(house: People, name: str) -> None:
    assert set(every_way(house, name, "x").values()) == {None}
    kept(house)


@pytest.mark.parametrize("name", [*NAMES, "../\0"])
def test_in_every_path_and_parameter(house: People, routes: Routes, name: str) -> None:
    for route in routes.documented():
        if route.path in (ENDLESS, SHUTS_OTHERS_OUT, "/api/backup") or not (route.names or route.query):
            continue
        body = routes.body(route, name, optional=False) if JSON in route.takes else None
        query = "&".join(f"{one}={quote(name, safe='')}" for one in route.query)
        answer = house.ask(ANN, route.method, f"{route.at(lambda _: name)}?{query}", body)
        assert answer.status < 500, route
        assert CANARY not in answer.body.decode()
        assert "root:" not in answer.body.decode()


@pytest.mark.parametrize("prefix", ["/static/", "/static/vendor/", "/v1/models/", "/docs/", "/"])
def test_static_files_are_those_of_the_page(house: People, prefix: str) -> None:
    """Sent byte by byte: clients tidy such paths up."""
    ours = ["api/urls.py", "../../api/urls.py", "../__init__.py", "%2e%2e/%2e%2e/__init__.py", "..%2f..%2f__init__.py"]
    for name in (*NAMES[:10], *ours, "....//....//etc/passwd", "%00", "\\..\\x", "vendor/README.md/../../../__init__.py"):
        for target in (name, name.replace("/", "%2f"), name.replace("..", "%2e%2e")):
            path = prefix + target.replace(" ", "%20")
            answer = exchange(house.server.port, head("GET", path, [("Host", "localhost"), ("Connection", "close")]))
            assert answer.status in (400, 401, 403, 404, 405), path
            for secret in (CANARY, "root:", "from __future__", "SQLite format"):
                assert secret not in answer.body.decode("latin-1")


def test_names_in_other_fields_are_texts(house: People) -> None:
    """A collection, a title, a role's name and id, a key's name, a model: none of them is opened either."""
    for name in NAMES:
        document = {"path": "fields", "text": "x", "title": name, "collection": name, "metadata": {name: name}}
        house.data(ANN, "POST", "/api/documents", {"documents": [document]}, status=202)
        role = house.data(ANN, "POST", "/api/kernel2/roles", {"name": name, "icon": name, "collections": [name]})
        house.data(ANN, "DELETE", f"/api/kernel2/roles/{role['uuid']}")
        given = house.ask(ANN, "POST", "/api/kernel2/roles", {"name": name, "uuid": name})
        assert given.status in (200, 400)
        if given.status == 200:
            assert house.ask(ANN, "DELETE", f"/api/kernel2/roles/{quote(name, safe='')}").status in (200, 404)
        for route in ("/api/kernel2/chat", "/v1/embeddings"):
            answer = house.ask(
                ANN, "POST", route, {"messages": [{"role": "user", "content": "hi"}], "input": "x", "model": name}
            )
            assert answer.status in (200, 404)
    kept(house)


def test_forms_with_several_names(house: People) -> None:
    """RFC 5987's second spelling of a filename is not read; what the first says is the label."""
    for disposition in (
        'form-data; name="file"; filename="a.txt"; filename*=UTF-8\'\'..%2f..%2fcanary.txt',
        'form-data; name="../../x"; filename="a.txt"',
        'form-data; name="file"; filename="a.txt"; filename="../canary.txt"',
    ):
        answer = house.ask(ANN, "POST", "/api/documents", form((disposition, b"x")), {"Content-Type": KIND})
        assert added(answer) in ("a.txt", "../canary.txt"), disposition
    kept(house)


def test_the_servers_own_files_are_nobodys(house: People) -> None:
    for name in ("mecum.db", "run.json", "secret", "lock", "files"):
        for path in (f"/{name}", f"/static/{name}", f"/static/../{name}", f"/api/documents/{name}/file"):
            answer = request(house.server.url, "GET", path, None, {"Authorization": f"Bearer {house.keys[ANN]}"})
            assert answer.status == 404, path
    assert json.loads((house.server.home / "run.json").read_text())["token"] == house.token
