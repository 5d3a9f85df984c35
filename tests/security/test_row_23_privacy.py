"""Row 23: what people write ends up in a log. `tests/observe/test_log.py` has the log itself, `tests/keys/test_ring.py` what
is kept of a key, `tests/engine/test_embedded.py` (`test_no_prompt_reaches_its_output`) the engine's own lines.

A canary stands in everything that somebody can send, the answers are errors as often as not, and the log is at its most
talkative. Invariants: it is in no line of the log, no other owner's answer, no name of a file, no argument or variable of a
process; a prompt is in no file at all; files are 0600 and folders 0700.
"""

from __future__ import annotations

import json
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil
import pytest
from tests.api.people import ANN, EVE, People, people, settled
from tests.api.raw import connect, exchange, head
from tests.api.uploads import KIND, field, file, form
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, asks
from tests.engine.embedder.tiny import Tiny
from tests.knowledge.extract import files
from tests.security.routes import ENDLESS, JSON, SHUTS_OTHERS_OUT, Routes

from mecum.engine.embedder import graph
from mecum.engine.embedder.weights import read
from mecum.engine.identity import Hashes

CANARY: Final = "Zq7canary"
SAID: Final = f"{CANARY} said"  # to a model: kept nowhere
SENT: Final = f"{CANARY} sent"  # with whatever there is to send


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A server that has seen the canary in every way, and is still at work."""
    home = tmp_path_factory.mktemp("privacy") / "home"
    home.mkdir(mode=0o700)  # as the program makes it
    with people(home, keepalive=0.2, header_wait=0.5) as known:
        documents(known)
        chats(known)
        everywhere(known, Routes(known.ask(ANN, "GET", "/openapi.json").json()))
        nonsense(known)
        time.sleep(0.2)
        yield known


def documents(known: People) -> None:
    """Added, read, failed, renamed, searched, removed."""
    body = {
        "path": f"{CANARY}.md",
        "title": CANARY,
        "collection": CANARY,
        "metadata": {CANARY: CANARY},
        "text": f"# {CANARY}\n\nThe {CANARY} sings in May.",
    }
    (one,) = known.data(ANN, "POST", "/api/documents?wait=ready", {"documents": [body]}, status=202)
    assert one["state"] == "ready"
    broken = [(f"{CANARY}.pdf", files.pdf([CANARY])[:150]), (f"{CANARY}.docx", b"PK\x03\x04" + CANARY.encode())]
    sent = form(field("metadata", json.dumps({"x": CANARY})), *(file(name, data) for name, data in broken))
    for two in known.ask(ANN, "POST", "/api/documents", sent, {"Content-Type": KIND}).json()["data"]:
        assert settled(known, ANN, two["id"])["state"] == "failed"
    known.data(ANN, "PATCH", f"/api/documents/{one['id']}", {"path": f"renamed/{CANARY}.md"})
    for mode in ("hybrid", "keyword", "vector"):
        assert known.data(ANN, "POST", "/api/knowledge/search", {"query": f"{CANARY} in May", "mode": mode})["hits"]
    known.ask(ANN, "POST", "/api/memories/file", form(file(f"{CANARY} old.md", CANARY)), {"Content-Type": KIND})
    known.ask(ANN, "DELETE", f"/api/memories/file/{quote(f'{CANARY} old.md')}")
    known.ask(ANN, "DELETE", f"/api/memories/file/{quote(f'{CANARY} none.md')}")
    known.ask(ANN, "DELETE", f"/api/documents?path={CANARY}-none")


def chats(known: People) -> None:
    """Answered, grounded, refused, crashed, broken off, left."""
    role = {"name": CANARY, "system_prompt": CANARY, "description": CANARY, "icon": CANARY}
    uuid = known.data(ANN, "POST", "/api/kernel2/roles", role)["uuid"]
    scripts = ["", "!refuse 500", "!refuse 400", "!refuse 503", "!break", "!say a\n!break", "!tool f {}", "!reason"]
    for script in scripts:
        for path in CHAT_ROUTES:
            for stream in (True, False):
                body = {
                    **asks(f"{SAID}\n{script}", stream=stream, stop=[SAID], user=SAID),
                    "metadata": {"role_id": uuid, "enable_l0_retrieval": True, "min_score": 0},
                }
                known.ask(ANN, "POST", path, body)
    function = {"name": CANARY, "description": SAID, "parameters": {"type": SAID}}
    tools = {"tools": [{"type": "function", "function": function}]}
    for fields in (tools, {**tools, "tool_choice": "required"}, {"model": SAID}, {"temperature": SAID}):
        known.ask(ANN, "POST", V1, asks(SAID, **fields))
    known.ask(ANN, "POST", "/v1/embeddings", {"input": SAID, "model": SAID})
    body = json.dumps(asks(f"{SAID}\n!wait 5")).encode()
    headers = {"Host": "localhost", "Authorization": f"Bearer {known.keys[ANN]}", "Content-Type": JSON}
    with connect(known.server.port) as connection:
        connection.send(head("POST", KERNEL2, {**headers, "Content-Length": str(len(body))}) + body)
        time.sleep(0.1)


def everywhere(known: People, routes: Routes) -> None:
    """In every text of every body, every parameter, every header; with every key that there is."""
    headers = dict.fromkeys(("User-Agent", "Referer", "X-Test", "Cookie", "Accept", "Range", "If-None-Match"), SENT)
    for route in routes.documented():
        if route.path in (ENDLESS, SHUTS_OTHERS_OUT, "/api/backup"):
            continue
        body = routes.body(route, SENT) if JSON in route.takes else None
        query = "&".join(f"{name}={quote(SENT)}" for name in (*route.query, "q"))
        for who in (ANN, f"mk-{CANARY}"):
            known.ask(who, route.method, f"{route.at(lambda _: SENT)}?{query}", body, headers)
            known.ask(who, route.method, route.at(), json.dumps(body).encode()[:-9] + SENT.encode() if body else None)


def nonsense(known: People) -> None:
    """What is no request, from strangers."""
    known.ask(ANN, "GET", f"/{CANARY}/{CANARY}")
    known.ask(None, "GET", f"/{known.keys[ANN]}/v1/models")  # who takes a key for a part of the address
    known.ask(ANN, "GET", "/v1/models", None, {"Host": CANARY})
    known.ask(ANN, "GET", "/v1/models", None, {"Origin": f"http://{CANARY}"})
    for raw in (f"{CANARY} / HTTP/9\r\n\r\n", f"GET / HTTP/1.1\r\n{CANARY}\r\n\r\n", f"GET /{CANARY}"):
        with connect(known.server.port) as connection:
            connection.send(raw.encode())
            time.sleep(0.05)
    exchange(known.server.port, head("GET", f"http://{CANARY}/x", {"Host": "localhost", "Connection": "close"}))
    part = f'--x\r\nContent-Disposition: form-data; name="{CANARY}"; filename="{CANARY}\0"\r\n\r\n'
    for content in (part, f"--{CANARY}"):
        known.ask(ANN, "POST", "/api/documents", content.encode(), {"Content-Type": "multipart/form-data; boundary=x"})


def test_no_line_of_the_log_has_it(used: People) -> None:
    log = used.server.log.read_text()
    assert "mecum.access" in log
    assert "RuntimeError" in log, "a crash was among it"
    told = [line for line in log.splitlines() if CANARY in line]
    assert [line for line in told if f" GET /{CANARY}/{CANARY} " not in line] == []  # an address of one word is one
    for key in (*used.keys.values(), used.token):
        assert key not in log
        assert key[3:-4] not in log


def test_a_prompt_is_kept_nowhere(used: People) -> None:
    """Not in the database, its log, the files, the caches; nor beside them."""
    for path in used.server.home.parent.rglob("*"):
        assert CANARY not in path.name
        assert not path.is_file() or SAID.encode() not in path.read_bytes(), path
    for folder in ("/tmp", "/var/tmp"):
        assert not [path for path in Path(folder).glob("*") if CANARY in path.name]


def test_other_owners_are_told_nothing_of_it(used: People, routes: Routes) -> None:
    for route in routes.documented():
        if route.method == "GET" and route.path not in (ENDLESS, "/api/backup", "/api/keys", "/api/audit"):
            answer = used.ask(EVE, "GET", route.at())
            assert CANARY not in answer.body.decode(), route
            assert CANARY not in str(answer.headers), route
    audit = used.ask(EVE, "GET", "/api/audit?limit=1000").body.decode()
    assert CANARY not in audit
    for path in ("/metrics", "/debug", "/stats", "/api/metrics", "/v1/usage", "/api/kernel2/metrics"):
        assert used.ask(EVE, "GET", path).status == 404


def test_no_process_shows_it(used: People) -> None:
    server = psutil.Process(used.server.process.pid)
    for member in (server, *server.children(recursive=True)):
        shown = json.dumps([member.cmdline(), member.environ()])
        assert CANARY not in shown
        assert not [key for key in (*used.keys.values(), used.token) if key in shown]


def test_nobody_else_may_look_into_the_files(used: People) -> None:
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in (used.server.home, *used.server.home.rglob("*"))}
    assert len(modes) > 8
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
    assert not [path for path in modes if path.is_symlink()]


def test_errors_quote_nothing_of_a_body(used: People, routes: Routes) -> None:
    """What is wrong is said in our words; a field's name that the sender chose is the most that comes back."""
    for route in routes.taking(JSON):
        body = routes.body(route, SENT)
        for name in body:
            wrong = {**body, name: {"x": [SENT]}}
            answer = used.ask(ANN, route.method, route.at(), wrong)
            if answer.status == 400:
                assert SENT not in answer.json()["error"]["message"], (route, name)
    broken = used.ask(ANN, "POST", V1, f'{{"messages": {SENT}'.encode())
    assert re.search("not valid JSON", broken.json()["error"]["message"])
    assert SENT not in broken.body.decode()


def test_nor_into_what_is_kept_beside_them(tmp_path: Path) -> None:
    """The caches of a real engine and embedder, which this server has not: they name the user's files."""
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    Hashes(tmp_path / "cache").remember([model], "0" * 64)
    weights = tmp_path / "tiny.bin"
    weights.write_bytes(Tiny().file())
    graph.cached(read(weights), tmp_path / "cache" / "e5.graph")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"models.json", "e5.graph"}
    for path in (tmp_path / "cache").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
