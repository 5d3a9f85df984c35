"""Documents over HTTP: listed, shown, renamed, removed. How they are added: `test_adding`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.api.uploads import DOCUMENTS, add, call, data, file, paths, query, texts
from tests.api.whole import Whole
from tests.clients.wire import has_both_shapes

NOTE = "# Harvest\n\nThe harvest of 1987 was good.\n"


# ---- listing


def test_paging(library: Whole) -> None:
    names = [f"{number:02}.txt" for number in range(25)]
    texts(library, *({"path": name, "text": "x"} for name in reversed(names)))
    seen: list[str] = []
    cursor = None
    while True:
        page = data(call(library, "GET", DOCUMENTS + query(limit=10, **({"cursor": cursor} if cursor else {}))))
        assert set(page) == {"items", "next_cursor", "total"}
        assert page["total"] == 25
        seen += [one["path"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == names
    assert len(data(call(library, "GET", DOCUMENTS))["items"]) == 25


def test_filters(library: Whole) -> None:
    texts(
        library,
        {"path": "a/1.md", "text": NOTE, "collection": "one", "date": 100},
        {"path": "a/2.txt", "text": "words", "collection": "two", "date": 200},
        {"path": "b/3.txt", "text": "", "collection": "two"},
    )
    assert paths(library, collection="two") == ["a/2.txt", "b/3.txt"]
    assert paths(library, collection=["one", "two"]) == ["a/1.md", "a/2.txt", "b/3.txt"]
    assert paths(library, collection="none") == []
    assert paths(library, kind="markdown") == ["a/1.md"]
    assert paths(library, state="ready") == ["a/1.md", "a/2.txt"]
    assert paths(library, state=["no_text", "failed"]) == ["b/3.txt"]
    assert paths(library, path_prefix="a/") == ["a/1.md", "a/2.txt"]
    assert paths(library, since=150) == ["a/2.txt"]
    assert paths(library, until=150) == ["a/1.md"]
    assert paths(library, since=100, until=200, collection="two") == ["a/2.txt"]
    assert data(call(library, "GET", DOCUMENTS + query(collection="two", limit=1)))["total"] == 2


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=WyJhIl0", "cursor"),
        ("cursor=%00", "cursor"),
        ("state=done", "state"),
        ("kind=", "kind"),
        ("since=now", "since"),
        ("since=2&until=1", "until"),
        ("colection=x", None),
    ],
)
def test_what_the_list_refuses(library: Whole, parameters: str, param: str | None) -> None:
    assert has_both_shapes(call(library, "GET", f"{DOCUMENTS}?{parameters}"), 400)["param"] == param


def test_counts(library: Whole) -> None:
    texts(library, {"path": "a.md", "text": NOTE}, {"path": "b.txt", "text": ""})
    assert data(call(library, "GET", f"{DOCUMENTS}/counts")) == {
        "documents": {"queued": 0, "processing": 0, "searchable": 0, "ready": 1, "no_text": 1, "failed": 0},
        "passages": 1,
        "without_vector": 0,
        "embedder": {
            "state": "ready",
            "reason": None,
            "identity": "scripted-1",
            "model": "scripted",
            "rebuilding": False,
        },
    }


def test_facets(library: Whole) -> None:
    texts(library, {"path": "a.md", "text": NOTE}, {"path": "b.txt", "text": NOTE, "collection": "garden"})
    found = data(call(library, "GET", f"{DOCUMENTS}/facets"))
    assert found == {"collections": {"default": 1, "garden": 1}, "kinds": {"markdown": 1, "text": 1}}


# ---- one document


def test_one(library: Whole) -> None:
    (document,) = add(library, file("a.md", NOTE))
    assert data(call(library, "GET", f"{DOCUMENTS}/{document['id']}")) == document


def test_passages(library: Whole) -> None:
    text = "\n\n".join(f"# Part {n}\n\nSomething about number {n}. " + "More words follow here. " * 40 for n in range(12))
    (document,) = add(library, file("a.md", text))
    path = f"{DOCUMENTS}/{document['id']}/passages"
    every = data(call(library, "GET", path))["items"]
    assert len(every) == document["passages"] >= 12
    assert [one["position"] for one in every] == list(range(len(every)))
    assert set(every[0]) == {"id", "position", "text", "context", "place", "date"}
    assert every[0]["place"]["heading"] == "Part 0"
    assert data(call(library, "GET", path + query(start=3, limit=2)))["items"] == every[3:5]
    assert data(call(library, "GET", path + query(start=1000)))["items"] == []
    around = data(call(library, "GET", path + query(around=every[6]["id"], limit=5)))["items"]
    assert around == every[4:9]
    assert data(call(library, "GET", path + query(around=every[0]["id"], limit=3)))["items"] == every[:3]


def test_a_passage_that_is_gone(library: Whole) -> None:
    one, other = add(library, file("a.md", NOTE), file("b.md", "# Other\n\nSomething else."))
    (theirs,) = data(call(library, "GET", f"{DOCUMENTS}/{other['id']}/passages"))["items"]
    path = f"{DOCUMENTS}/{one['id']}/passages"
    for passage in ("nothing", theirs["id"]):
        error = has_both_shapes(call(library, "GET", path + query(around=passage)), 404)
        assert (error["code"], error["param"]) == ("document_not_found", "around")
    assert has_both_shapes(call(library, "GET", path + query(around="x", start=1)), 400)["param"] == "start"


def test_rename(library: Whole) -> None:
    (document,) = add(library, file("a.txt", "words"))
    renamed = data(call(library, "PATCH", f"{DOCUMENTS}/{document['id']}", {"path": "/new/b.txt"}))
    assert (renamed["id"], renamed["path"], renamed["state"]) == (document["id"], "/new/b.txt", "ready")
    assert paths(library) == ["/new/b.txt"]
    for body in ({}, {"path": ""}, {"path": 1}, {"path": "a\0"}, {"path": "x" * 1025}):
        assert has_both_shapes(call(library, "PATCH", f"{DOCUMENTS}/{document['id']}", body), 400)["param"] == "path"


def test_remove(library: Whole) -> None:
    one, two = add(library, file("a.txt", "words"), file("b.txt", "more"))
    assert data(call(library, "DELETE", f"{DOCUMENTS}/{one['id']}")) == {"removed": 1}
    assert paths(library) == ["b.txt"]
    assert has_both_shapes(call(library, "GET", f"{DOCUMENTS}/{one['id']}"), 404)["code"] == "document_not_found"
    assert data(call(library, "GET", f"{DOCUMENTS}/{two['id']}"))


def test_remove_by_path(library: Whole) -> None:
    names = ("/a/1.txt", "/a/b/2.txt", "/ab.txt", "/c%.txt")
    texts(library, *({"path": name, "text": "x"} for name in names))
    texts(library, {"path": "/a/1.txt", "text": "x", "collection": "other"})
    assert data(call(library, "DELETE", DOCUMENTS + query(path="/a", collection="other"))) == {"removed": 1}
    assert data(call(library, "DELETE", DOCUMENTS + query(path="/a"))) == {"removed": 2}
    assert paths(library) == ["/ab.txt", "/c%.txt"]
    error = has_both_shapes(call(library, "DELETE", DOCUMENTS + query(path="/a")), 404)
    assert error["code"] == "document_not_found"
    assert data(call(library, "DELETE", DOCUMENTS + query(path="/c%.txt"))) == {"removed": 1}


@pytest.mark.parametrize("parameters", ["", "?path=", "?colection=x&path=/", "?path=/&path=/ab.txt", "?collection=x"])
def test_removing_needs_one_plain_path(library: Whole, parameters: str) -> None:
    texts(library, {"path": "/ab.txt", "text": "x"})
    has_both_shapes(call(library, "DELETE", DOCUMENTS + parameters), 400)
    assert paths(library) == ["/ab.txt"]


@pytest.mark.parametrize("document_id", ["x", "0" * 32, "%00", "x" * 3000, quote("é'; --"), "..%2f..", "counts%00"])
@pytest.mark.parametrize("route", ["GET ", "GET /passages", "GET /file", "DELETE ", "PATCH "])
def test_ids_that_there_are_not(library: Whole, route: str, document_id: str) -> None:
    method, rest = route.split(" ")
    body: Any = {"path": "x"} if method == "PATCH" else None
    error = has_both_shapes(call(library, method, f"{DOCUMENTS}/{document_id}{rest}", body), 404)
    assert error["code"] in ("document_not_found", "not_found")
    assert len(error["message"]) < 400
