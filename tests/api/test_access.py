"""Who gets in: every route with every kind of credential, and two owners on every route (`security.md` rows 4, 5, 8, 16)."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.api.people import ANN, EVE, WRONG, People, people, settled
from tests.api.raw import answer_of, connect, exchange, head
from tests.api.uploads import KIND
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, Answer, asks, has_both_shapes

from mecum.api.linger import SECONDS
from mecum.api.needs import need_of

SECRET = "xylophone"  # in everything of ann's, and in nothing of eve's
CANARY = "canary-in-a-prompt"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("access") / "home", keepalive=0.2) as known:
        yield known
        kept = known.server.log.read_text() + "".join(
            path.read_bytes().decode("latin-1") for path in known.server.home.glob("mecum.db*")
        )
        for text in (*known.keys.values(), known.token, WRONG):
            assert text not in kept
            assert text[3:-4] not in kept
        assert CANARY not in kept


@pytest.fixture(scope="module")
def routes(known: People) -> list[tuple[str, str]]:
    """Every method and path that there is, with ids of nothing in it."""
    paths = known.ask(ANN, "GET", "/openapi.json").json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    hidden = [("POST", "/v1/responses"), ("POST", "/v1/completions"), ("GET", "/openapi.json"), ("GET", "/nowhere")]
    return [(method, path.replace("{", "x").replace("}", "x")) for method, path in found + hidden]


def tells(answer: Answer, *words: str) -> None:
    """Check an answer to somebody without a good key."""
    error = has_both_shapes(answer, 401)
    assert (error["code"], error["param"]) == ("invalid_api_key", None)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["connection"] == "close"
    assert all(word in error["message"] for word in words), error["message"]


# ---- every route, every credential

BAD = {
    "missing": (None, "asks for an API key", "Bearer mk-", "mecum keys create"),
    "wrong": (WRONG, "not known", "mecum keys create"),
    "expired": ("expired", "expired on 20", "mecum keys create"),
    "revoked": ("revoked", "was revoked", "mecum keys create"),
    "malformed": ("a b", "malformed", "Bearer mk-"),
}


@pytest.mark.parametrize("kind", BAD)
def test_without_a_good_key_nothing_answers(known: People, routes: list[tuple[str, str]], kind: str) -> None:
    who, *words = BAD[kind]
    for method, path in routes:
        answer = known.ask(who, method, path, {} if method != "GET" else None)
        if need_of(path) == "nothing":
            assert answer.status == 200, path
        else:
            tells(answer, *words)


@pytest.mark.parametrize("path", ["/", "/docs", "/static/app.js", "/static/styles/base.css", "/livez", "/readyz"])
def test_the_page_and_the_state_are_open(known: People, path: str) -> None:
    for who in (None, WRONG, "revoked", ANN):
        assert known.ask(who, "GET", path).status == 200


def test_health_tells_strangers_the_state_alone(known: People) -> None:
    for who in (None, WRONG, "revoked", "expired"):
        assert known.data(who, "GET", "/api/kernel2/health") == {"status": "ok"}
    for who in (ANN, "only admin", known.token):
        assert set(known.data(who, "GET", "/api/kernel2/health")) > {"status", "engine", "model", "version"}


@pytest.mark.parametrize("scope", ["chat", "documents", "admin"])
def test_a_key_opens_what_it_is_for(known: People, routes: list[tuple[str, str]], scope: str) -> None:
    for method, path in routes:
        need = need_of(path)
        if (method, path) in (("POST", "/api/keys/open"), ("GET", "/api/documents/events"), ("GET", "/api/backup")):
            continue  # the first would end all this, the others have tests of their own
        answer = known.ask(f"only {scope}", method, path, {} if method != "GET" else None)
        if need in ("nothing", "any key", scope):
            assert answer.status not in (401, 403), path
        else:
            error = has_both_shapes(answer, 403)
            assert error["code"] == "insufficient_scope"
            assert f"'{need}'" in error["message"]


def test_the_token_of_this_machine_opens_everything(known: People) -> None:
    for path in ("/v1/models", "/api/documents", "/api/keys", "/api/audit", "/openapi.json"):
        assert known.ask(known.token, "GET", path).status == 200
    assert known.data(known.token, "GET", "/api/kernel2/username") == {"username": "local"}
    assert known.data(ANN, "GET", "/api/kernel2/username") == {"username": ANN}


def test_other_ways_to_send_a_key_open_nothing(known: People) -> None:
    key = known.keys[ANN]
    for headers in (
        {"Authorization": key},
        {"Authorization": f"Basic {key}"},
        {"Authorization": f"Token {key}"},
        {"x-api-key": key},
        {"api-key": key},
        {"Cookie": f"key={key}"},
        {"Proxy-Authorization": f"Bearer {key}"},
        {"X-Forwarded-User": "local", "X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
    ):
        tells(known.ask(None, "GET", "/v1/models", headers=headers))
    for query in (f"?api_key={key}", f"?key={key}", f"?access_token={key}"):
        tells(known.ask(None, "GET", f"/v1/models{query}"))
    ours = ("Host", "localhost"), ("Connection", "close")
    twice = [*ours, ("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]
    assert exchange(known.server.port, head("GET", "/v1/models", twice)).status == 401
    assert known.ask(None, "GET", "/v1/models", headers={"authorization": f"bearer {key}"}).status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE", "PROPFIND"])
def test_no_method_goes_around_it(known: People, method: str) -> None:
    for path in ("/v1/models", "/api/documents", "/api/keys", "/api/nowhere"):
        assert known.ask(None, method, path).status == 401
        assert known.ask("only chat", method, path).status != 401


@pytest.mark.parametrize(
    "path",
    [
        "//api/keys",
        "/api//keys",
        "/./api/keys",
        "/api/keys/",
        "/%61pi/keys",
        "/static/../api/keys",
        "/static/%2e%2e/api/keys",
    ],
)
def test_no_spelling_goes_around_it(known: People, path: str) -> None:
    answer = known.ask(None, "GET", path)
    assert answer.status in (401, 404)
    assert b"hint" not in answer.body


def test_a_strange_host_is_refused_with_a_good_key_too(known: People) -> None:
    assert has_both_shapes(known.ask(ANN, "GET", "/v1/models", headers={"Host": "evil.example"}), 403)["code"] == "forbidden"


# ---- what is not let in costs nothing


def test_nothing_of_a_body_is_waited_for(known: People) -> None:
    """Who has no key is told so at once, whatever they say they will send."""
    for extra, ends in ([("Content-Length", "200000000")], False), ([("Transfer-Encoding", "chunked")], True):
        with connect(known.server.port, timeout=5) as connection:
            began = time.monotonic()
            connection.send(head("POST", "/api/documents", [("Host", "localhost"), ("Content-Type", KIND), *extra]))
            assert connection.read_until(b"}}").startswith(b"HTTP/1.1 401 ")
            assert time.monotonic() - began < 1
            if ends:
                assert connection.read_to_end() == b""
                assert time.monotonic() - began < SECONDS + 2


def test_who_sends_a_large_body_may_read_the_refusal(known: People) -> None:
    """OpenAI's client does: it goes on to read when its writing fails."""
    for path, size in ((V1, 3_000_000), ("/api/documents", 20_000_000)):
        headers = {"Host": "localhost", "Content-Type": KIND, "Content-Length": str(size)}
        with connect(known.server.port) as connection:
            with contextlib.suppress(OSError):
                connection.send(head("POST", path, headers) + b"x" * size)
            tells(answer_of(connection.read_until(b"}}")))


_raw = st.binary(max_size=200).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", b"Bearer ", b"bearer mk-", b"Basic "]), _raw)
@example(b"Bearer ", b"'")
@example(b"Bearer ", b"' OR '1'='1' --")
@example(b"Bearer ", b'"; DROP TABLE keys; --')
@example(b"Bearer ", b"mk-\x00" + b"A" * 42)
@example(b"Bearer ", b"x" * 65_536)
@example(b"", b"\xff" * 65_536)
@example(b"Bearer ", b"%s%n%x\\x00")
def test_whatever_stands_in_the_header(known: People, scheme: bytes, value: bytes) -> None:
    request = (
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: " + scheme + value + b"\r\n\r\n"
    )
    answer = exchange(known.server.port, request)
    assert answer.status in (400, 401)  # 400: no HTTP
    has_both_shapes(answer, answer.status)


def test_after_all_that_the_keys_are_there(known: People) -> None:
    assert known.ask(ANN, "GET", "/v1/models").status == 200
    assert {key["name"] for key in known.data(ANN, "GET", "/api/keys")} >= {ANN, EVE, "only chat", "revoked"}


# ---- two owners


@pytest.fixture(scope="module")
def anns(known: People) -> dict[str, str]:
    """What is ann's: a document, its passage, a role."""
    body = {
        "documents": [{"path": f"{SECRET}.md", "title": SECRET, "text": f"# {SECRET}\n\nThe {SECRET} was serviced in May."}]
    }
    (document,) = known.data(ANN, "POST", "/api/documents", body, status=202)
    settled(known, ANN, document["id"])
    (passage,) = known.data(ANN, "GET", f"/api/documents/{document['id']}/passages")["items"]
    role = known.data(ANN, "POST", "/api/kernel2/roles", {"name": SECRET, "system_prompt": SECRET, "description": SECRET})
    return {"document": document["id"], "passage": passage["id"], "role": role["uuid"], "path": f"{SECRET}.md"}


def add(known: People, who: str, path: str, text: str, **fields: str) -> dict[str, Any]:
    """Add a document, and return it as it is then."""
    body = {"documents": [{"path": path, "text": text, **fields}]}
    (document,) = known.data(who, "POST", "/api/documents", body, status=202)
    return dict(document)


def everything(known: People, who: str, anns: dict[str, str]) -> dict[str, Any]:
    """What somebody sees of what is ann's."""
    one = f"/api/documents/{anns['document']}"
    paths = [one, f"{one}/passages", f"{one}/file", f"/api/kernel2/roles/{anns['role']}"]
    return {path: (answer.status, answer.body) for path in paths for answer in [known.ask(who, "GET", path)]}


def test_anothers_ids_are_unknown(known: People, anns: dict[str, str]) -> None:
    before = everything(known, ANN, anns)
    assert all(status == 200 for status, _ in before.values())
    assert all(status == 404 for status, _ in everything(known, EVE, anns).values())
    one, role = f"/api/documents/{anns['document']}", f"/api/kernel2/roles/{anns['role']}"
    for method, path, body in (
        ("DELETE", one, None),
        ("PATCH", one, {"path": "mine.md"}),
        ("GET", f"{one}/passages?around={anns['passage']}", None),
        ("HEAD", one, None),
        ("DELETE", f"/api/documents?path={anns['path']}", None),
        ("DELETE", f"/api/memories/file/{anns['path']}", None),
        ("PUT", role, {"name": "mine"}),
        ("PATCH", role, {"is_active": False}),
        ("DELETE", role, None),
        *(("POST", route, {**asks("hi"), "metadata": {"role_id": anns["role"]}}) for route in CHAT_ROUTES),
    ):
        answer = known.ask(EVE, method, path, body)
        unknown = known.ask(EVE, method, path.replace(anns["document"], "0" * 32).replace(anns["role"], "0" * 32), body)
        assert answer.status == unknown.status == 404, (method, path)
        assert SECRET not in answer.body.decode().replace(anns["path"], "")  # the path is eve's own word here
    assert everything(known, ANN, anns) == before


def test_lists_and_searches_are_ones_own(known: People, anns: dict[str, str]) -> None:
    found = {"query": f"When was the {SECRET} serviced?"}
    assert known.data(ANN, "POST", "/api/knowledge/search", found)["hits"]
    asked = {**asks(f"When was the {SECRET[:4]} thing serviced in May?"), "metadata": {"enable_l0_retrieval": True}}
    for method, path, body in (
        ("GET", "/api/documents", None),
        ("GET", "/api/documents/list", None),
        ("GET", "/api/documents/counts", None),
        ("GET", "/api/documents/facets", None),
        ("GET", "/api/kernel2/roles", None),
        ("POST", "/api/knowledge/search", {"query": "serviced in May"}),
        ("POST", "/api/knowledge/search", {"query": "serviced in May", "mode": "vector", "min_score": 0}),
        *(("POST", route, {**asked, "stream": stream}) for route in CHAT_ROUTES for stream in (False, True)),
    ):
        answer = known.ask(EVE, method, path, body)
        assert answer.status == 200
        assert SECRET not in answer.body.decode(), (method, path)
        assert anns["document"] not in answer.body.decode()
    assert known.data(EVE, "GET", "/api/documents")["total"] == 0
    assert sum(known.data(EVE, "GET", "/api/documents/counts")["documents"].values()) == 0


def test_a_cursor_of_anothers_list_leads_nowhere(known: People, anns: dict[str, str]) -> None:
    add(known, ANN, "zz.md", SECRET)
    cursor = known.data(ANN, "GET", "/api/documents?limit=1")["next_cursor"]
    answer = known.ask(EVE, "GET", f"/api/documents?limit=1&cursor={cursor}")
    assert SECRET not in answer.body.decode()
    assert "zz.md" not in answer.body.decode()


def test_events_are_ones_own(known: People) -> None:
    headers = [("Host", "localhost"), ("Authorization", f"Bearer {known.keys[EVE]}")]
    with connect(known.server.port) as connection:
        connection.send(head("GET", "/api/documents/events", headers))
        connection.read_until(b'"counts"')
        (document,) = known.data(
            ANN, "POST", "/api/documents", {"documents": [{"path": "new.md", "text": SECRET}]}, status=202
        )
        settled(known, ANN, document["id"])
        (mine,) = known.data(EVE, "POST", "/api/documents", {"documents": [{"path": "eves.md", "text": "mine"}]}, status=202)
        heard = connection.read_until(mine["id"].encode())
    assert document["id"].encode() not in heard
    assert b"new.md" not in heard


def test_the_same_name_is_each_owners_own(known: People, anns: dict[str, str]) -> None:
    eves = add(known, EVE, anns["path"], "something else of eve's")
    assert eves["id"] != anns["document"]
    role = known.data(EVE, "POST", "/api/kernel2/roles", {"name": SECRET, "uuid": anns["role"]})
    assert role["system_prompt"] == ""
    assert known.data(EVE, "DELETE", f"/api/memories/file/{anns['path']}") == {"removed": 1}
    assert known.data(EVE, "DELETE", f"/api/kernel2/roles/{anns['role']}")["name"] == SECRET
    assert known.data(EVE, "POST", "/api/forget", {"all": True})["removed"] >= 0
    assert known.data(ANN, "GET", f"/api/documents/{anns['document']}")["path"] == anns["path"]
    assert known.data(ANN, "GET", f"/api/kernel2/roles/{anns['role']}")["system_prompt"] == SECRET


def test_a_new_owner_has_the_first_roles(known: People) -> None:
    names = [role["name"] for role in known.data(EVE, "GET", "/api/kernel2/roles")]
    assert names == ["Librarian", "Editor", "Tutor"]


# ---- nothing of a key, or of a prompt, is written anywhere (`known` looks when all is over)


def test_a_canary(known: People) -> None:
    assert known.ask(ANN, "POST", KERNEL2, asks(CANARY)).status == 200
    assert known.ask(WRONG, "POST", KERNEL2, asks(CANARY)).status == 401
    assert known.ask(ANN, "GET", f"/v1/models/{known.keys[EVE][:0]}x").status == 404
    answers = [known.ask(ANN, "GET", path).body.decode() for path in ("/api/keys", "/api/audit", "/api/kernel2/health")]
    for text in known.keys.values():
        assert not any(text in answer for answer in answers)


def test_ids_of_keys_cannot_be_guessed(known: People) -> None:
    assert all(len(json.dumps(ident)) == 38 and ident[14] == "4" for ident in known.ids.values())  # a random UUID: 122 bits
