"""Documents are added over HTTP: files and texts, one by one and in batches."""

from __future__ import annotations

import hashlib
import json
import time

import pytest
from tests.api.uploads import DOCUMENTS, add, call, data, field, file, paths, query, states, texts, upload
from tests.api.whole import Whole
from tests.clients.wire import has_both_shapes, request

from mecum.types import Json

NOTE = "# Harvest\n\nThe harvest of 1987 was good.\n"
FIELDS = {
    "id", "path", "title", "collection", "kind", "size", "state", "passages", "error", "metadata", "date", "created",
    "updated", "sha256", "container", "container_id",
}  # fmt: skip


# ---- adding


def test_a_file(library: Whole) -> None:
    began = time.time()
    (document,) = add(library, file("notes/harvest.md", NOTE))
    assert set(document) == FIELDS
    assert len(document["id"]) == 32
    assert (document["path"], document["title"], document["collection"]) == ("notes/harvest.md", "Harvest", "default")
    assert (document["kind"], document["size"], document["state"]) == ("markdown", len(NOTE), "ready")
    assert document["sha256"] == hashlib.sha256(NOTE.encode()).hexdigest()
    assert (document["passages"], document["error"], document["date"], document["metadata"]) == (1, None, None, {})
    assert (document["container"], document["container_id"]) == (False, None)
    assert began - 1 < document["created"] <= document["updated"] < time.time() + 1


def test_it_is_acknowledged_before_it_is_read(library: Whole) -> None:
    (document,) = data(upload(library, file("a.txt", "some words")), 202)
    assert document["state"] in ("queued", "processing")
    assert document["id"]


def test_several_files_with_common_fields(library: Whole) -> None:
    added = add(
        library,
        field("collection", "mine"),
        field("path", "/home/ann/a.txt"),
        field("date", "86400.5"),
        file("a.txt", "first"),
        file("b.txt", "second", name="whatever"),
        field("metadata", '{"year": 1987, "tags": ["x"]}'),
    )
    assert [(one["path"], one["date"]) for one in added] == [("/home/ann/a.txt", 86400.5), ("b.txt", None)]
    assert all(one["collection"] == "mine" and one["metadata"] == {"year": 1987, "tags": ["x"]} for one in added)


def test_a_title_for_one_file(library: Whole) -> None:
    (document,) = add(library, file("a.md", NOTE), field("title", "My harvest"))
    assert document["title"] == "My harvest"
    error = has_both_shapes(upload(library, file("a.md", NOTE), file("b.md", NOTE), field("title", "x")), 400)
    assert error["param"] == "title"


def test_when_a_file_was_changed(library: Whole) -> None:
    (first, second) = add(
        library, field("modified_ns", "1700000000123456789"), file("a.txt", "words"), file("b.txt", "more")
    )
    assert first["metadata"] == {"file": {"modified_ns": 1700000000123456789, "size": 5}}
    assert second["metadata"] == {}


def test_texts_as_json(library: Whole) -> None:
    document = {"path": "a/b.md", "text": NOTE, "title": "T", "collection": "c", "metadata": {"a": [1]}, "date": 86400}
    full, plain = texts(library, document, {"path": "x.txt", "text": "plain words"})
    assert {name: full[name] for name in ("path", "title", "collection", "metadata", "date")} == {
        name: document[name] for name in ("path", "title", "collection", "metadata", "date")
    }
    assert full["kind"] == "markdown"
    assert (plain["title"], plain["collection"], plain["metadata"], plain["state"]) == ("x.txt", "default", {}, "ready")
    assert request(library.url, "GET", f"{DOCUMENTS}/{full['id']}/file").body == NOTE.encode()


def test_the_same_path_is_the_same_document(library: Whole) -> None:
    (first,) = add(library, file("a.txt", "old words"))
    (again,) = add(library, file("a.txt", "old words"))
    (changed,) = add(library, file("a.txt", "new words"))
    (other,) = add(library, file("a.txt", "new words"), field("collection", "other"))
    assert first["id"] == again["id"] == changed["id"] != other["id"]
    assert first["sha256"] == again["sha256"] != changed["sha256"]
    assert paths(library) == ["a.txt", "a.txt"]


def test_two_files_of_the_same_content(library: Whole) -> None:
    """The bytes are kept once, and go with the last document that has them."""
    one, two = add(library, file("a.txt", "the same"), file("b.txt", "the same"))
    assert one["id"] != two["id"]
    kept = library.home / "files" / one["sha256"][:2] / one["sha256"]
    assert kept.read_bytes() == b"the same"
    data(call(library, "DELETE", f"{DOCUMENTS}/{one['id']}"))
    assert request(library.url, "GET", f"{DOCUMENTS}/{two['id']}/file").body == b"the same"
    data(call(library, "DELETE", f"{DOCUMENTS}/{two['id']}"))
    assert not kept.exists()


@pytest.mark.parametrize(
    "name", ["../../x.txt", "/etc/x", "C:\\Windows\\x.txt", "\\\\server\\share\\x", "NUL", "日本.md", "a;b=c.txt"]
)
def test_names_are_labels(library: Whole, name: str) -> None:
    (document,) = add(library, file(name, "some words"))
    assert document["path"] == name
    assert paths(library, path_prefix=name) == [name]
    (same,) = texts(library, {"path": name, "text": "some words"})
    assert same["id"] == document["id"]


def test_a_mailbox_is_a_document_of_documents(library: Whole) -> None:
    mails = "".join(
        f"From ann@example.org Thu Jan  1 00:00:00 1970\nMessage-ID: <{n}@x>\nSubject: Mail {n}\n\nAbout number {n}.\n\n"
        for n in (1, 2)
    )
    (box,) = add(library, file("x.mbox", mails))
    assert (box["container"], box["container_id"], box["state"], box["passages"]) == (True, None, "ready", 2)
    parts = [one for one in data(call(library, "GET", DOCUMENTS))["items"] if one["id"] != box["id"]]
    assert [(one["container"], one["container_id"]) for one in parts] == [(False, box["id"])] * 2
    answer = request(library.url, "GET", f"{DOCUMENTS}/{parts[0]['id']}/file")
    assert answer.body == mails.encode()
    assert 'filename="x.mbox"' in answer.headers["content-disposition"]


# ---- items that cannot be taken


def test_a_bad_item_disturbs_no_other(library: Whole) -> None:
    bad, good = texts(library, {"path": "", "text": "x"}, {"path": "a.txt", "text": "words"})
    assert bad == {
        "id": None,
        "path": "",
        "state": "failed",
        "error": {"code": "invalid_request", "message": "path must not be empty."},
    }
    assert good["state"] == "ready"
    bad, good, large = data(upload(library, file("a\0b", "x"), file("b.txt", "words"), file("c", b"x" * 1_100_000)), 202)
    assert (bad["id"], bad["path"], bad["state"]) == (None, "a\0b", "failed")
    assert (large["id"], large["error"]["code"]) == (None, "body_too_large")
    assert "library.max_upload_mb" in large["error"]["message"]
    assert good["id"]
    assert paths(library) == ["a.txt", "b.txt"]


def test_a_file_that_holds_nothing_to_read_is_a_document_that_says_so(library: Whole) -> None:
    broken, empty = add(library, file("a.pdf", b"%PDF-1.7 and then nothing"), file("b.txt", ""))
    assert (broken["state"], empty["state"]) == ("failed", "no_text")
    for document in (broken, empty):
        assert document["error"]["code"]
        assert len(document["error"]["message"]) > 10


def test_when_all_fail(library: Whole) -> None:
    error = has_both_shapes(call(library, "POST", DOCUMENTS, {"documents": [{"path": "a\nb", "text": "x"}]}), 400)
    assert (error["param"], error["message"]) == ("path", "path must not hold control characters or line breaks.")
    bad = {"documents": [{"path": "", "text": "x"}, {"path": "x" * 1025, "text": "x"}]}
    error = has_both_shapes(call(library, "POST", DOCUMENTS, bad), 400)
    assert error["message"] == "None of the 2 documents could be added. The first: path must not be empty."
    error = has_both_shapes(upload(library, file("a.txt", b"x" * 1_100_000)), 413)
    assert error["code"] == "body_too_large"
    has_both_shapes(upload(library, file("a.txt", b"x" * 1_100_000), file("", "x")), 400)
    assert paths(library) == []


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"title": "x\0"}, "title", "title must not hold control characters"),
        ({"collection": "x\n"}, "collection", "collection must not hold control characters"),
        ({"collection": ""}, "collection", "collection must not be empty"),
        ({"collection": "x" * 129}, "collection", "1 to 128 characters"),
        ({"metadata": {"a": "x" * 70_000}}, "metadata", "64 KiB"),
    ],
)
def test_what_may_not_be_said_of_a_text(library: Whole, fields: Json, param: str, message: str) -> None:
    error = has_both_shapes(call(library, "POST", DOCUMENTS, {"documents": [{"path": "a", "text": "x", **fields}]}), 400)
    assert error["param"] == param
    assert message in error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": [{"path": "a"}]}, "documents.0.text"),
        ({"documents": [{"path": "a", "text": 1}]}, "documents.0.text"),
        ({"documents": [{"path": "a", "text": "x", "date": True}]}, "documents.0.date"),
        ({"documents": [{"path": "a", "text": "x", "date": 1e12}]}, "documents.0.date"),
        ({"documents": [{"path": "a", "text": "x", "metadata": []}]}, "documents.0.metadata"),
        ({"documents": [{"path": "a", "text": "x"}] * 1001}, "documents"),
    ],
)
def test_bodies_of_another_shape(library: Whole, body: Json, param: str) -> None:
    assert has_both_shapes(call(library, "POST", DOCUMENTS, body), 400)["param"] == param
    assert paths(library) == []


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/x-www-form-urlencoded", "application/pdf", "multipart/mixed; boundary=x"]
)
def test_other_kinds_of_bodies(library: Whole, kind: str) -> None:
    error = has_both_shapes(request(library.url, "POST", DOCUMENTS, b"x", {"Content-Type": kind}), 415)
    assert "multipart/form-data" in error["message"]


# ---- waiting


@pytest.mark.parametrize("until", ["searchable", "ready"])
def test_waiting(library: Whole, until: str) -> None:
    added = add(library, *(file(f"{n}.txt", f"words of number {n}") for n in range(40)), wait=until)
    assert set(states(added)) <= ({"ready"} if until == "ready" else {"searchable", "ready"})
    assert [one["path"] for one in added] == [f"{n}.txt" for n in range(40)]


def test_waiting_for_something_else(library: Whole) -> None:
    error = has_both_shapes(upload(library, file("a", "x"), query="?wait=never"), 400)
    assert (error["param"], error["message"]) == ("wait", 'wait must be "searchable" or "ready".')
    has_both_shapes(upload(library, file("a", "x"), query="?Wait=ready"), 400)
    assert paths(library) == []


# ---- privacy


def test_nothing_of_a_document_reaches_the_log(library: Whole) -> None:
    canary = "xylophone-canary"
    body = json.dumps(
        {"documents": [{"path": f"{canary}.md", "text": canary, "title": canary, "metadata": {canary: canary}}]}
    )
    call(library, "POST", f"{DOCUMENTS}?wait=ready", body.encode())
    add(library, file(f"{canary}.txt", canary), field("collection", canary))
    upload(library, file(f"{canary}\0", canary), field(canary, canary))
    call(library, "POST", "/api/knowledge/search", {"query": canary})
    call(library, "POST", "/v1/embeddings", {"input": canary, "model": canary})
    call(library, "GET", DOCUMENTS + query(path_prefix=canary))
    call(library, "DELETE", DOCUMENTS + query(path=f"{canary}.md"))
    assert canary not in library.log.read_text()
