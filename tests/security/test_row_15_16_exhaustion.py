"""Rows 15 and 16: one request that ends or stops the server, or that takes what others need.

`tests/api/test_fuzz.py` fuzzes the chat routes and the whole of `/openapi.json` and has the worst bodies one by one,
`tests/api/test_parse.py` has every cap of the chat routes, `tests/app/test_protocol.py` heads that do not end.
Invariants, on every route that takes a body: whatever is sent, no 5xx, no exit, and nobody else waits for it (10,000 bodies
in `make soak`); what is too large, too deep, too many or too slow is refused before it costs anything; who has no key is
refused before a byte of the body is read.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from os import environ
from pathlib import Path
from typing import Final

import psutil
import pytest
from tests.api.people import ANN, WRONG, People, people
from tests.api.raw import answer_of, exchange, head
from tests.api.server import Running
from tests.api.test_fuzz import Watched
from tests.api.uploads import KIND, field, file, form
from tests.clients.wire import CHAT_ROUTES, Answer, asks, check_shapes, has_both_shapes, post, request
from tests.security.mutants import Mutants
from tests.security.routes import ENDLESS, JSON, SHUTS_OTHERS_OUT, Route, Routes

from mecum.api.parse import MAX_DEPTH, MAX_VALUES

ROOT: Final = Path(__file__).parents[2]
SOAK: Final = "MECUM_SOAK" in environ
BODIES: Final = 10_000 if SOAK else 200
STALL: Final = 0.25  # seconds, of which `make test` cannot tell whether others made it (`rulings.md` 31) …
LONG: Final = 1.0  # … and these are long in any case
KEYS: Final = "/api/keys"  # the first one shuts the open server: fuzzed at the closed one
MIB: Final = 1024 * 1024


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """An open server in a process of its own, whose loop is watched; it reads documents."""
    command = [sys.executable, "-m", "tests.api.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        try:
            yield Watched(process.stdout.readline().strip(), process)
        finally:
            process.communicate(timeout=20)  # the end of its input ends it
    assert process.returncode == 0


def sent(url: str, route: Route, body: bytes, headers: dict[str, str]) -> Answer:
    """Send it, and check that the answer is what was asked for, or says what is wrong with the request."""
    answer = request(url, route.method, route.at(), body, headers)
    assert answer.status in (200, 202) or 400 <= answer.status < 500, (route, body[:2000], answer.body)
    if answer.status >= 400:
        has_both_shapes(answer, answer.status)
    return answer


# ---- row 15


@pytest.mark.alone
@pytest.mark.timeout(3000 if SOAK else 120)
def test_no_body_ends_or_stops_the_server(
    watched: Watched, routes: Routes, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """A batch that stalled the loop is sent again, body by body: what does it each time is at fault, else the machine."""
    taking = [route for route in routes.documented() if route.takes and route.path != KEYS]
    assert {route.method for route in taking} >= {"POST", "PUT", "PATCH"}
    mutants = iter(Mutants(routes, taking, seed=15))
    worst = repeated = 0.0
    statuses: dict[int, int] = {}
    watched.stall()
    for _ in range(BODIES // 100):
        batch = list(islice(mutants, 100))
        for one in batch:
            status = sent(watched.url, *one).status
            statuses[status] = statuses.get(status, 0) + 1
        stalled = watched.stall()
        worst = max(worst, stalled)
        if stalled > STALL:
            repeated = max(repeated, *(again(watched, *one) for one in batch))
    record_testsuite_property("fuzzed bodies", BODIES)
    record_testsuite_property("their statuses", statuses)
    record_testsuite_property("longest stall of the loop, s", round(worst, 3))
    record_testsuite_property("longest stall that a body makes again, s", round(repeated, 3))
    assert repeated < (STALL if SOAK else LONG)
    assert statuses.get(400, 0) > BODIES / 5
    assert statuses.get(200, 0) + statuses.get(202, 0) > BODIES / 20


def again(watched: Watched, route: Route, body: bytes, headers: dict[str, str]) -> float:
    """The stall that a body makes each time."""
    least = LONG
    for _ in range(3):
        watched.stall()
        sent(watched.url, route, body, headers)
        least = min(least, watched.stall())
        if least < STALL / 5:
            break
    return least


def _odd(*fields: tuple[str, str], path: str = "/api/documents", method: str = "GET") -> bytes:
    return head(method, path, [("Host", "localhost"), *fields, ("Connection", "close")])


_CHUNKED = ("Transfer-Encoding", "chunked"), ("Content-Type", JSON)
_ONE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEADS: Final = {  # as large as a head may be
    "many headers": _odd(*[("x", "y")] * 20_000),
    "parameters": _odd(path="/api/documents?" + "kind=a&" * 30_000),
    "a long path": _odd(path="/v1/models/" + "a/" * 100_000),
    "cookies": _odd(("Cookie", "a=b;" * 50_000)),
    "ranges": _odd(("Range", "bytes=" + ",".join(f"{n}-" for n in range(30_000))), path="/static/app.js"),
    "tags": _odd(("If-None-Match", ",".join(['"x"'] * 40_000)), path="/"),
    "parameters of a type": _odd(("Content-Type", "multipart/form-data; " + "a=b;" * 50_000), method="POST"),
    "quotes of a boundary": _odd(("Content-Type", 'multipart/form-data; boundary="' + '\\"' * 90_000), method="POST"),
    "two lengths": _odd(("Content-Length", "5"), ("Content-Length", "6"), method="POST") + b"hello",
    "length and chunks": _odd(("Content-Length", "5"), *_CHUNKED, method="POST") + b"0\r\n\r\n",
    "a huge length": _odd(("Content-Length", "9" * 40), ("Content-Type", JSON), method="POST"),
    "tiny chunks": _odd(*_CHUNKED, method="POST") + b"1\r\n \r\n" * 100_000 + b"0\r\n\r\n",
    "trailers": _odd(*_CHUNKED, method="POST") + b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 40_000 + b"\r\n",
    "a chunk's extension": _odd(*_CHUNKED, method="POST") + b"2;" + b"a" * 200_000 + b"\r\n{}\r\n0\r\n\r\n",
    "requests ahead": _ONE * 5_000 + _ONE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
}


@pytest.mark.parametrize("name", HEADS)
def test_no_head_stops_the_server(watched: Watched, name: str) -> None:
    watched.stall()
    try:
        answer = exchange(int(watched.url.rpartition(":")[2]), HEADS[name])
    except ConnectionError:  # closed in the middle of it
        answer = None
    assert answer is None or answer.status < 500
    assert watched.stall() < LONG
    assert request(watched.url, "GET", "/livez").status == 200


def test_bodies_of_the_administrators_routes(known: People, routes: Routes) -> None:
    """To the closed server: with its token, and by somebody else."""
    taking = [route for route in routes.documented() if route.path == KEYS and route.takes]
    for route, body, headers in islice(Mutants(routes, taking, seed=4), 1000 if SOAK else 60):
        for who in (known.token, "only chat"):
            answer = known.ask(who, route.method, route.at(), body, headers)
            assert answer.status < 500, (body, answer.body)
            if answer.status == 200:
                known.data(known.token, "DELETE", f"/api/keys/{answer.json()['data']['id']}")


def test_what_the_document_promises_with_a_key(tmp_path: Path) -> None:
    """schemathesis, as the administrator of a closed server; as nobody, `tests/api/test_access.py` asks every route."""
    with people(tmp_path / "home") as known:
        some = r"^/api/(keys|audit|keys/\{key_id\})$"
        chosen = rf"^(?!{SHUTS_OTHERS_OUT}$|{ENDLESS}$)" if SOAK else some
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{known.server.url}/openapi.json", "--no-color"),
            *("--header", f"Authorization: Bearer {known.token}", "--include-path-regex", chosen, "--warnings", "off"),
            *("--exclude-checks", "positive_data_acceptance,ignored_auth", "--continue-on-failure", "--no-shrink"),
            *("--generation-deterministic", "--max-examples", "300" if SOAK else "2", "--request-timeout", "10"),
            *("--phases", "examples,coverage,fuzzing" if SOAK else "examples,fuzzing"),
        ]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3000, check=False)
        assert run.returncode == 0, run.stdout[-6000:] + run.stderr
        assert known.ask(known.token, "GET", "/openapi.json").status == 200


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_schemas_are_bounded(server: Running, path: str) -> None:
    deep: dict[str, object] = {}
    for _ in range(33):
        deep = {"x": deep}
    for schema in (deep, {"enum": ["x" * 65 * 1024]}):
        tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
        format_ = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
        for fields in ({"tools": tools}, {"response_format": format_}):
            has_both_shapes(post(server.url, path, asks("hi", **fields)), 400)
    assert server.engine.prompts == []


# ---- row 16


FRAMINGS: Final = ("Content-Length", "Transfer-Encoding")


def framed(port: int, route: Route, kind: str, body: bytes, framing: str) -> Answer:
    """Send a body with its length, or in chunks, and return the answer."""
    fields = {"Host": "localhost", "Content-Type": kind, "Connection": "close"}
    if framing == "Content-Length":
        return exchange(port, head(route.method, route.at(), {**fields, framing: str(len(body))}) + body)
    chunks = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    return exchange(port, head(route.method, route.at(), {**fields, framing: "chunked"}) + chunks)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_cap_holds_on_every_route(server: Running, routes: Routes, framing: str) -> None:
    large = b'{"x": "' + b"a" * (2 * MIB) + b'"}'
    deep = b'{"x": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"
    many = b'{"x": [' + b"0," * MAX_VALUES + b"0]}"
    for route in routes.taking(JSON):
        for body, status in ((large, 413), (deep, 400), (many, 400)):
            has_both_shapes(framed(server.port, route, JSON, body, framing), status)
        for encoding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
            packed = {"Content-Type": JSON, "Content-Encoding": encoding}
            has_both_shapes(request(server.url, route.method, route.at(), b"\x1f\x8b", packed), 415)
    assert server.engine.prompts == []


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_upload_is_counted_while_it_comes(server: Running, routes: Routes, framing: str) -> None:
    """Not by what it says of its length; what is over the limit is dropped, and nothing of it stays."""
    for route in routes.taking("multipart/form-data"):
        large, many = form(file("large.bin", b"x" * (MIB + 1))), form(*[file("a", "x")] * 1001)
        deep = form(field("metadata", b'{"x": ' + b"[" * 100 + b"]" * 100 + b"}"), file("a.txt", "x"))
        for body, status in ((large, 413), (deep, 400), *([(many, 400)] if framing == FRAMINGS[0] else [])):
            has_both_shapes(framed(server.port, route, KIND, body, framing), status)
        fields = {"Host": "localhost", "Content-Type": KIND, "Content-Length": str(2**40), "Connection": "close"}
        assert exchange(server.port, head(route.method, route.at(), fields)).status == 413
    assert not list((server.home / "files").rglob("new-*"))


def test_slow_bodies_end(server: Running, routes: Routes) -> None:
    """All at once: the beginning of each body comes, and then nothing, or a byte now and then. They have 1 s here."""
    slow: list[tuple[Route, socket.socket]] = []
    for route in routes.documented():
        for taken in route.takes:
            kind, start = (JSON, b'{"mess') if taken == JSON else (KIND, form(file("a", ""))[:60])
            for framing, piece in (("5000", start), ("chunked", b"%x\r\n" % len(start) + start + b"\r\n")):
                fields = {"Host": "localhost", "Content-Type": kind, FRAMINGS[framing == "chunked"]: framing}
                connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
                connection.sendall(head(route.method, route.at(), fields) + piece)
                slow.append((route, connection))
    began = time.monotonic()
    assert len(slow) >= 18
    assert request(server.url, "GET", "/livez").status == 200  # meanwhile
    for _ in range(3):
        time.sleep(0.2)
        for _, connection in slow[::2]:  # those with a length
            connection.sendall(b"a")
    for route, connection in slow:
        with connection:
            data = b""
            while piece := connection.recv(65536):
                data += piece
            assert has_both_shapes(answer_of(data), 400)["code"] == "body_too_slow", route
    assert time.monotonic() - began < 4
    assert server.engine.prompts == []


def test_who_has_no_key_costs_nothing(known: People, routes: Routes) -> None:
    """Refused at once, though all that came is the head of a request that promises a lot."""
    temporary = known.server.home / "files"
    before = {path.name for path in temporary.iterdir()}
    waiting: list[tuple[Route, socket.socket]] = []
    for route in routes.documented():
        for kind in route.takes:
            for key in (None, WRONG):
                fields = {
                    "Host": "localhost",
                    "Content-Type": KIND if kind != JSON else JSON,
                    "Content-Length": str(190 * MIB),
                }
                fields |= {"Authorization": f"Bearer {key}"} if key else {}
                connection = socket.create_connection(("127.0.0.1", known.server.port), timeout=10)
                connection.sendall(head(route.method, route.at(), fields))
                waiting.append((route, connection))
    began = time.monotonic()
    for route, connection in waiting:
        data = b""
        while b"}}" not in data:
            data += (piece := connection.recv(65536))
            assert piece, route
        check_shapes(answer_of(data[: data.index(b"}}") + 2]).json(), 401)
        connection.close()
    assert time.monotonic() - began < 2
    assert {path.name for path in temporary.iterdir()} == before


def test_many_connections_leave_room_for_one_more(known: People) -> None:
    """Three hundred that begin a request and never finish it."""
    opened = [socket.create_connection(("127.0.0.1", known.server.port), timeout=10) for _ in range(300)]
    try:
        for connection in opened:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX: ")
        began = time.monotonic()
        assert known.ask(ANN, "POST", CHAT_ROUTES[0], asks("hi")).status == 200
        assert time.monotonic() - began < 3
        assert psutil.Process(known.server.process.pid).memory_info().rss < 512 * MIB
    finally:
        for connection in opened:
            connection.close()
