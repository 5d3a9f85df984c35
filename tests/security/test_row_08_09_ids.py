"""Rows 8 and 9: somebody else's id, known or guessed. `tests/api/test_access.py` has two owners on every route by hand.

Invariants: on every route with an id in its path, for every method, another owner's id is answered as one that nobody has,
byte for byte but for the id, and does nothing; an id of ours carries 122 random bits or more.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest
from tests.api.people import ANN, EVE, People, settled
from tests.clients.wire import CHAT_ROUTES, KERNEL2, asks
from tests.security.routes import JSON, Route, Routes

WORD: Final = "marimba"  # in all that is ann's, in nothing of eve's
UNKNOWN: Final = "0" * 32


@pytest.fixture(scope="module")
def anns(known: People) -> dict[str, str]:
    """One of each that has an id, by the name that it has in a path; a key and a model are nobody's own."""
    mail = (
        f"From a@x Tue Feb  3 09:12:00 2026\nFrom: a@x\nSubject: {WORD}\nMessage-ID: <{WORD}@x>\n\nThe {WORD} is here.\n\n"
    )
    body = {"documents": [{"path": f"{WORD}.md", "text": f"The {WORD} is tuned."}, {"path": f"{WORD}.mbox", "text": mail}]}
    note, box = known.data(ANN, "POST", "/api/documents?wait=ready", body, status=202)
    settled(known, ANN, note["id"])
    settled(known, ANN, box["id"])
    parts = known.data(ANN, "GET", f"/api/documents?path_prefix={WORD}.mbox%23")["items"]
    (passage,) = known.data(ANN, "GET", f"/api/documents/{note['id']}/passages")["items"]
    role = known.data(ANN, "POST", "/api/kernel2/roles", {"name": WORD, "system_prompt": WORD})
    return {
        "document_id": note["id"],
        "uuid": role["uuid"],
        "filename": f"{WORD}.md",
        "container": box["id"],
        "part": parts[0]["id"],
        "passage": passage["id"],
        "chat": known.ask(ANN, "POST", KERNEL2, asks("hi", stream=False)).json()["id"].removeprefix("chatcmpl-"),
    }


NOBODYS: Final = {
    "model": "models are the server's",
    "name": "so they are here",
    "key_id": "keys are the administrator's, whoever's they are",
}


def of_owners(routes: Routes) -> Iterator[Route]:
    """The routes with the id of something that has an owner."""
    for route in routes.documented():
        if route.names and not set(route.names) <= set(NOBODYS):
            yield route


def test_every_kind_of_id_is_known_here(routes: Routes, anns: dict[str, str]) -> None:
    """A new one has to be thought of."""
    named = {name for route in routes.documented() for name in route.names}
    assert named <= {*anns, *NOBODYS}


@pytest.mark.parametrize("kind", ["document_id", "container", "part"])
def test_anothers_id_is_nobodys(known: People, routes: Routes, anns: dict[str, str], kind: str) -> None:
    ids = {**anns, "document_id": anns[kind]}
    tried = 0
    for route in of_owners(routes):
        body = routes.body(route, "taken", optional=False) if JSON in route.takes else None
        for method in dict.fromkeys((route.method, "HEAD" if route.method == "GET" else route.method)):
            answer = known.ask(EVE, method, route.at(ids.__getitem__), body)
            unknown = known.ask(EVE, method, route.at(lambda _: UNKNOWN), body)
            assert answer.status == unknown.status == 404, (method, route)
            assert _told(answer.body, ids) == _told(unknown.body, ids), (method, route)
            tried += 1
    assert tried >= 12
    for path in (f"/api/documents/{ids['document_id']}", f"/api/kernel2/roles/{anns['uuid']}"):
        assert known.ask(ANN, "GET", path).status == 200
    passages = known.data(ANN, "GET", f"/api/documents/{anns['document_id']}/passages")["items"]
    assert WORD in passages[0]["text"]


def _told(body: bytes, ids: dict[str, str]) -> bytes:
    for ident in (*ids.values(), UNKNOWN):
        body = body.replace(ident.encode(), b"ID")
    return body


def test_ids_in_bodies_and_parameters(known: People, anns: dict[str, str]) -> None:
    """A role of another's is none, a passage of another's no place in a document of one's own, a container no filter."""
    for path in CHAT_ROUTES:
        asked = {
            **asks("hi"),
            "metadata": {"role_id": anns["uuid"], "collections": ["default"], "enable_l0_retrieval": True},
        }
        assert known.ask(EVE, "POST", path, asked).json()["error"]["code"] == "role_not_found"
    (own,) = known.data(
        EVE, "POST", "/api/documents?wait=ready", {"documents": [{"path": "own.md", "text": "x"}]}, status=202
    )
    answer = known.ask(EVE, "GET", f"/api/documents/{own['id']}/passages?around={anns['passage']}")
    assert answer.status == 404
    for query in (f"cursor={anns['document_id']}", f"path_prefix={WORD}", "collection=default", "kind=markdown"):
        assert WORD not in known.ask(EVE, "GET", f"/api/documents?{query}").body.decode()
    found = known.data(EVE, "POST", "/api/knowledge/search", {"query": WORD, "path_prefix": WORD, "min_score": 0})
    assert found["hits"] == []
    taken = known.data(EVE, "POST", "/api/kernel2/roles", {"name": "eve's", "uuid": anns["uuid"]})
    assert taken["system_prompt"] == ""
    assert known.data(ANN, "GET", f"/api/kernel2/roles/{anns['uuid']}")["system_prompt"] == WORD
    known.data(EVE, "DELETE", f"/api/kernel2/roles/{anns['uuid']}")
    assert known.data(ANN, "GET", f"/api/kernel2/roles/{anns['uuid']}")["name"] == WORD


def test_an_id_is_random(known: People, anns: dict[str, str]) -> None:
    for name, ident in anns.items():
        if name == "filename":
            continue
        assert re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", ident), name


def test_ids_have_nothing_in_common(known: People) -> None:
    """Each of the 32 digits takes all its values about as often: no counter, no time, no machine's name in them."""
    many = {"documents": [{"path": f"many/{number}.md", "text": f"number {number}"} for number in range(200)]}
    ids = [one["id"] for one in known.data(ANN, "POST", "/api/documents", many, status=202)]
    assert len(set(ids)) == 200
    bits = sum(_entropy([ident[place] for ident in ids]) for place in range(32))
    assert bits > 115  # of 128; 200 ids show no more
    known.data(ANN, "DELETE", "/api/documents?path=many")


def _entropy(values: list[str]) -> float:
    return -sum(count / len(values) * math.log2(count / len(values)) for count in Counter(values).values())


def test_tool_calls_and_requests_have_random_ids_too(known: People) -> None:
    answer = known.ask(ANN, "POST", KERNEL2, asks("hi", stream=False))
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", answer.json()["id"])
