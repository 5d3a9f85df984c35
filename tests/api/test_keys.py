"""The routes of API keys: made, listed, revoked; the server closed and opened; limits; and what the audit log says of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.api.people import People
from tests.api.raw import connect, head
from tests.api.uploads import KIND, data, file, form
from tests.api.whole import whole
from tests.clients.wire import KERNEL2, asks, has_both_shapes

FIELDS = {
    *("id", "name", "owner", "scopes", "hint", "state", "created", "expires", "revoked", "last_used", "rate", "concurrency"),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with whole(tmp_path_factory.mktemp("keys") / "home") as server:
        yield People(server)


@pytest.fixture
def known(program: People) -> Iterator[People]:
    """The server, open, without a key that is good."""
    program.keys.clear()
    program.ids.clear()
    program.ask(program.token, "POST", "/api/keys/open", None)
    yield program
    program.ask(program.token, "POST", "/api/keys/open", None)


def deeds(known: People, **filters: Any) -> list[dict[str, Any]]:
    """The audit log, the last first."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return list(known.data(known.token, "GET", f"/api/audit?{query}")["items"])


# ---- a key's life


def test_a_key_is_shown_once(known: People) -> None:
    began = time.time()
    answer = known.ask(None, "POST", "/api/keys", {"name": "laptop"})
    made = data(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert set(made) == {*FIELDS, "key"}
    assert made["key"].startswith("mk-")
    assert made["hint"] == made["key"][-4:]
    assert (made["owner"], made["scopes"], made["state"]) == ("local", ["chat", "documents"], "good")
    assert began <= made["created"] <= time.time()
    listed = known.ask(known.token, "GET", "/api/keys")
    assert made["key"] not in listed.body.decode()
    (found,) = [key for key in data(listed) if key["id"] == made["id"]]
    assert set(found) == FIELDS


def test_closed_from_the_first_key_on_until_it_is_opened(known: People) -> None:
    for who in (None, "mk-whatever", "a b"):  # while open, whatever is sent is passed over
        assert known.ask(who, "GET", "/v1/models").status == 200
    known.make("first")
    assert known.ask(None, "GET", "/v1/models").status == 401
    assert known.ask("first", "GET", "/v1/models").status == 200
    known.data(known.token, "DELETE", f"/api/keys/{known.ids['first']}")
    for who in (None, "first"):
        assert known.ask(who, "GET", "/v1/models").status == 401
    assert known.data(known.token, "POST", "/api/keys/open") == []
    for who in (None, "first"):
        assert known.ask(who, "GET", "/v1/models").status == 200


def test_opening_revokes_what_is_good(known: People) -> None:
    known.make("one")
    known.make("two", owner="eve")
    revoked = known.data(known.token, "POST", "/api/keys/open")
    assert [(key["name"], key["state"]) for key in revoked] == [("one", "revoked"), ("two", "revoked")]
    known.make("three")
    for who in ("one", "two"):
        assert "revoked" in has_both_shapes(known.ask(who, "GET", "/v1/models"), 401)["message"]


def test_a_key_ends_when_it_was_said(known: People) -> None:
    ends = time.time() + 1.5
    known.make("short", expires=ends)
    assert known.ask("short", "GET", "/v1/models").status == 200
    time.sleep(max(0.0, ends - time.time()))
    assert "expired" in has_both_shapes(known.ask("short", "GET", "/v1/models"), 401)["message"]
    (found,) = [key for key in known.data(known.token, "GET", "/api/keys") if key["id"] == known.ids["short"]]
    assert (found["state"], found["expires"], found["revoked"]) == ("expired", ends, None)
    assert ends - 2 < found["last_used"] < ends
    known.make("short")  # the name is free again


def test_all_that_was_made_while_open_is_locals(known: People) -> None:
    body = {"documents": [{"path": "open.md", "text": "made while open"}]}
    (document,) = known.data(None, "POST", "/api/documents", body, status=202)
    known.make("mine")
    known.make("eves", owner="eve")
    assert known.data("mine", "GET", f"/api/documents/{document['id']}")["path"] == "open.md"
    assert known.ask("eves", "GET", f"/api/documents/{document['id']}").status == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a", "owner": ""}, "owner"),
        ({"name": "a", "owner": "a/b"}, "owner"),
        ({"name": "a", "owner": "-a"}, "owner"),
        ({"name": "a", "owner": "a\n"}, "owner"),
        ({"name": "a", "scopes": []}, "scopes"),
        ({"name": "a", "scopes": ["root"]}, "scopes"),
        ({"name": "a", "scopes": "chat,root"}, "scopes"),
        ({"name": "a", "expires": time.time() - 1}, "expires"),
        ({"name": "a", "expires": "tomorrow"}, "expires"),
        ({"name": "a", "rate": 0}, "rate"),
        ({"name": "a", "rate": 10_001}, "rate"),
        ({"name": "a", "rate": True}, "rate"),
        ({"name": "a", "concurrency": 1.5}, "concurrency"),
        ({"name": "a", "expire": 5}, None),
        ({"name": "a", "Rate": 5}, None),
    ],
)
def test_what_cannot_be_made_is_told_and_changes_nothing(known: People, fields: dict[str, Any], param: str | None) -> None:
    error = has_both_shapes(known.ask(None, "POST", "/api/keys", fields), 400)
    assert error["param"] == param
    assert known.ask(None, "GET", "/v1/models").status == 200  # still open


def test_a_name_is_taken_once(known: People) -> None:
    known.make("laptop", scopes="chat, admin")
    error = has_both_shapes(known.ask("laptop", "POST", "/api/keys", {"name": "laptop", "owner": "eve"}), 409)
    assert (error["code"], error["param"]) == ("name_taken", "name")
    assert has_both_shapes(known.ask("laptop", "DELETE", "/api/keys/nobody"), 404)["code"] == "key_not_found"


def test_a_revoked_key_is_refused_while_it_is_used(known: People) -> None:
    """Forty at once, and none of them after the answer that it is revoked."""
    known.make("busy")

    def ask(_: int) -> tuple[float, int]:
        began = time.monotonic()
        return began, known.ask("busy", "GET", "/v1/models").status

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(40)]
        known.data(known.token, "DELETE", f"/api/keys/{known.ids['busy']}")
        revoked = time.monotonic()
        asking += [pool.submit(ask, number) for number in range(20)]
        answers = [one.result() for one in asking]
    assert {status for _, status in answers} <= {200, 401}
    assert {status for began, status in answers if began > revoked} == {401}


# ---- limits

LIMITS = [f"x-ratelimit-{name}-requests" for name in ("limit", "remaining", "reset")]


def test_so_often_in_a_minute(known: People) -> None:
    known.make("bound", rate=3, scopes=["chat"])
    known.make("free")
    told = [known.ask("bound", "GET", path) for path in ("/v1/models", "/v1/nowhere", "/api/keys", "/v1/models")]
    assert [answer.status for answer in told] == [200, 404, 403, 200]
    assert [[answer.headers[name] for name in LIMITS[:2]] for answer in told] == [["3", left] for left in "2110"]
    assert all(0 < float(answer.headers[LIMITS[2]].removesuffix("s")) <= 60 for answer in told)
    refused = known.ask("bound", "POST", KERNEL2, asks("hi"))
    assert has_both_shapes(refused, 429)["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert [refused.headers[name] for name in LIMITS[:2]] == ["3", "0"]
    for path in ("/livez", "/api/kernel2/health", "/"):
        assert known.ask("bound", "GET", path).status == 200
    assert not set(LIMITS) & set(known.ask("free", "GET", "/v1/models").headers)
    assert known.ask(None, "GET", "/v1/models").status == 401


def test_so_many_at_once(known: People) -> None:
    known.make("bound", concurrency=1, scopes=["chat"])
    body = json.dumps(asks("!silent 20")).encode()
    sent = {"Host": "localhost", "Authorization": f"Bearer {known.keys['bound']}", "Content-Type": "application/json"}
    with connect(known.server.port) as connection:
        connection.send(head("POST", KERNEL2, {**sent, "Content-Length": str(len(body))}) + body)
        _until(lambda: known.ask("bound", "GET", "/v1/models").status == 429)
        refused = known.ask("bound", "GET", "/v1/models")
        assert refused.headers["retry-after"] == "1"
        assert "1 request at work" in has_both_shapes(refused, 429)["message"]
    _until(lambda: known.ask("bound", "GET", "/v1/models").status == 200)  # the client has left


def _until(met: Any) -> None:
    deadline = time.monotonic() + 10
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ---- the audit log


def test_every_change_is_in_the_log(known: People) -> None:
    since = time.time() - 0.001
    known.make("ann", owner="ann", scopes=["chat", "documents"])
    key = known.ids["ann"]
    added = known.ask(
        "ann", "POST", "/api/documents", form(file("My secret.md", "a"), file("b.md", "b")), {"Content-Type": KIND}
    )
    first, second = [one["id"] for one in data(added, 202)]
    known.data("ann", "PATCH", f"/api/documents/{first}", {"path": "Another secret.md"})
    known.data("ann", "DELETE", "/api/documents?path=Another%20secret.md")
    known.data("ann", "DELETE", f"/api/documents/{second}")
    known.ask("ann", "DELETE", f"/api/documents/{second}")
    role = known.data("ann", "POST", "/api/kernel2/roles", {"name": "My secret role"})["uuid"]
    known.data("ann", "PATCH", f"/api/kernel2/roles/{role}", {"system_prompt": "secret"})
    known.data("ann", "DELETE", f"/api/kernel2/roles/{role}")
    known.ask("ann", "POST", KERNEL2, asks("secret"))
    known.ask("ann", "GET", "/api/audit")
    known.data(known.token, "DELETE", f"/api/keys/{key}")
    known.ask("ann", "GET", "/v1/models")
    mine, anns = {"id": None, "name": None}, {"id": key, "name": "ann"}
    answer = known.ask(known.token, "GET", f"/api/audit?since={since - 60}")
    assert "secret" not in answer.body.decode()
    found = [
        one
        for one in data(answer)["items"][::-1]
        if one["time"] >= since or one["what"] in ("sign_in.failed", "access.refused")
    ]
    told = [(one["what"], (one["key"] or mine)["id"], one["targets"], one["count"], one["outcome"]) for one in found]
    assert told[:10] == [
        ("key.created", None, [key], 1, "ok"),
        ("documents.added", key, [first, second], 2, "ok"),
        ("document.renamed", key, [first], 1, "ok"),
        ("documents.removed", key, [first], 1, "ok"),
        ("documents.removed", key, [second], 1, "ok"),
        ("documents.removed", key, [second], 1, "document_not_found"),
        ("role.created", key, [role], 1, "ok"),
        ("role.changed", key, [role], 1, "ok"),
        ("role.deleted", key, [role], 1, "ok"),
        ("key.revoked", None, [key], 1, "ok"),
    ]
    assert ("sign_in.failed", key, [], 1, "revoked") in told
    assert ("access.refused", key, [], 1, "insufficient_scope") in told
    assert found[1]["key"] == anns
    assert found[1]["owner"] == "ann"


def test_many_failed_sign_ins_are_a_row(known: People) -> None:
    known.make("one")
    for _ in range(30):
        known.ask("mk-nothing", "GET", "/v1/models")
    rows = [one for one in deeds(known, limit=1000) if (one["what"], one["outcome"]) == ("sign_in.failed", "unknown")]
    assert len(rows) <= 2
    assert sum(row["count"] for row in rows) >= 30
    assert all(row["owner"] is None and row["key"] is None and row["time"] % 60 == 0 for row in rows)


def test_the_log_comes_page_by_page(known: People) -> None:
    for number in range(7):
        known.make(f"key {number}")
    whole_log = deeds(known, limit=1000)
    first = known.data(known.token, "GET", "/api/audit?limit=3")
    second = known.data(known.token, "GET", f"/api/audit?limit=1000&cursor={first['next_cursor']}")
    assert first["items"] + second["items"] == whole_log
    assert second["next_cursor"] is None
    assert deeds(known, until=1) == []
    for query in ("limit=0", "cursor=x", "since=x", "what=x"):
        assert known.ask(known.token, "GET", f"/api/audit?{query}").status == 400
