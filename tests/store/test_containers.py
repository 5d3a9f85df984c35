"""Files that hold several documents: their parts are documents, and go where the file goes."""

from __future__ import annotations

import pytest
from tests.store.library import ALL, OWNER, add, embed, new, passages, sha, texts_of

from mecum.errors import InvalidRequest
from mecum.store.sqlite import Sqlite
from mecum.store.values import About, Document, Failure, NewPart

MAILBOX = About("mbox")


def part(name: str, *texts: str, title: str = "", date: float | None = None) -> NewPart:
    text = "\n".join(texts)
    return NewPart(name, sha(name + text), len(text), About("eml", title, date), tuple(passages(*texts)))


async def mailbox(store: Sqlite, *parts: NewPart, content: str = "one", path: str = "x.mbox") -> Document:
    box = await store.documents.put(new(path, content, kind=""))
    assert await store.documents.add_parts(box.id, box.content_hash, parts) is not None
    closed = await store.documents.close_parts(box.id, box.content_hash, MAILBOX, [one.name for one in parts])
    assert closed is not None
    return closed


async def paths(store: Sqlite) -> list[str]:
    return [document.path for document in (await store.documents.list(ALL)).items]


async def test_parts_are_documents_of_their_own_and_name_their_container(store: Sqlite) -> None:
    box = await mailbox(store, part("1", "first mail", title="Hello", date=5.0), part("2", "second", "mail"))
    assert (box.state, box.kind, box.container, box.passages, box.title) == ("searchable", "mbox", True, 3, "x.mbox")
    assert await paths(store) == ["x.mbox", "x.mbox#1", "x.mbox#2"]
    mail = await store.documents.find(OWNER, "default", "x.mbox#1")
    assert mail is not None
    assert (mail.title, mail.kind, mail.date, mail.parent, mail.container) == ("Hello", "eml", 5.0, box.id, False)
    assert await texts_of(store, "second") == ["second"]
    assert await store.documents.claim(10) == ()  # nothing of it waits to be read


async def test_a_container_is_ready_when_its_parts_are(store: Sqlite) -> None:
    box = await mailbox(store, part("1", "first"), part("2", "second"))
    await embed(store)
    assert {document.state for document in (await store.documents.list(ALL)).items} == {"ready"}
    await store.documents.delete(OWNER, [box.id])
    assert await paths(store) == []
    assert await texts_of(store, "first", "second") == []


async def test_new_content_keeps_parts_of_the_same_name_and_drops_the_others(store: Sqlite) -> None:
    await mailbox(store, part("1", "first"), part("2", "second"))
    kept = await store.documents.find(OWNER, "default", "x.mbox#2")
    await mailbox(store, part("2", "second anew"), part("3", "third"), content="two")
    assert await paths(store) == ["x.mbox", "x.mbox#2", "x.mbox#3"]
    now = await store.documents.find(OWNER, "default", "x.mbox#2")
    assert now is not None
    assert kept is not None
    assert now.id == kept.id
    assert await texts_of(store, "second") == ["second anew"]


async def test_a_container_that_becomes_a_plain_document_or_fails_has_no_parts(store: Sqlite) -> None:
    await mailbox(store, part("1", "first"))
    plain = await add(store, "x.mbox", "just text")
    assert (plain.container, await paths(store)) == (False, ["x.mbox"])
    await mailbox(store, part("1", "first"), content="again")
    box = await store.documents.put(new("x.mbox", "broken"))
    await store.documents.fail(box.id, box.content_hash, Failure("damaged", "It is damaged."))
    assert await paths(store) == ["x.mbox"]
    assert await texts_of(store, "first") == []


async def test_a_plain_document_that_becomes_a_container_answers_with_its_parts(store: Sqlite) -> None:
    await add(store, "x.mbox", "just text")
    box = await mailbox(store, part("1", "first"), content="two")
    assert (box.container, box.passages) == (True, 1)
    assert await texts_of(store, "just", "first") == ["first"]


async def test_parts_follow_a_rename(store: Sqlite) -> None:
    box = await mailbox(store, part("1", "first"))
    await add(store, "old.mbox#1", "somebody else's")
    await store.documents.rename(OWNER, box.id, "old.mbox")
    assert await paths(store) == ["old.mbox", "old.mbox#1"]
    assert await texts_of(store, "first") == ["first"]


async def test_a_part_takes_the_place_of_a_document_of_that_path(store: Sqlite) -> None:
    await add(store, "x.mbox#1", "a document by that name")
    await mailbox(store, part("1", "first"))
    assert await paths(store) == ["x.mbox", "x.mbox#1"]
    assert await texts_of(store, "name") == []


async def test_what_was_read_of_old_content_is_dropped(store: Sqlite) -> None:
    box = await store.documents.put(new("x.mbox", "one"))
    await store.documents.put(new("x.mbox", "two"))
    assert await store.documents.add_parts(box.id, box.content_hash, [part("1", "first")]) is None
    assert await store.documents.close_parts(box.id, box.content_hash, MAILBOX, ["1"]) is None
    assert await paths(store) == ["x.mbox"]


async def test_under_names_a_folder_s_documents_without_parts(store: Sqlite) -> None:
    box = await mailbox(store, part("1", "first"), path="/notes/x.mbox")
    note = await add(store, "/notes/a.txt", "note")
    await add(store, "/notes2/b.txt", "other")
    assert await store.documents.under(OWNER, "/notes/") == (note.id, box.id)
    assert await store.documents.under(OWNER, "/notes/a.txt") == (note.id,)
    mail = await store.documents.find(OWNER, "default", "/notes/x.mbox#1")
    assert mail is not None
    assert await store.documents.under(OWNER, "/notes/x.mbox#1") == (mail.id,)
    assert await store.documents.under(OWNER, "/notes", "elsewhere") == ()
    assert await store.documents.under("ann", "/notes") == ()


async def test_the_original_of_a_part_is_the_container(store: Sqlite, tmp_path_factory) -> None:
    content = store.documents.temporary()
    content.write_text("the mailbox")
    box = await store.documents.put(new("x.mbox", "the mailbox"), content)
    await store.documents.add_parts(box.id, box.content_hash, [part("1", "first")])
    await store.documents.close_parts(box.id, box.content_hash, MAILBOX, ["1"])
    mail = await store.documents.find(OWNER, "default", "x.mbox#1")
    assert mail is not None
    original = await store.documents.original(OWNER, mail.id)
    assert original is not None
    assert original.read_text() == "the mailbox"
    assert await store.documents.original("ann", mail.id) is None


async def test_a_part_has_its_path_from_its_container(store: Sqlite) -> None:
    box = await mailbox(store, part("1", "first"))
    mail = await store.documents.find(OWNER, "default", "x.mbox#1")
    assert mail is not None
    for path in ("y", "x.mbox"):
        with pytest.raises(InvalidRequest, match="Rename the file"):
            await store.documents.rename(OWNER, mail.id, path)
    assert await store.documents.rename(OWNER, box.id, "z") is not None
    assert await paths(store) == ["z", "z#1"]


async def test_a_part_that_is_given_a_content_is_a_document_of_its_own(store: Sqlite) -> None:
    await mailbox(store, part("1", "first"), part("2", "second"))
    await embed(store)
    mine = await _put(store, "x.mbox#1", "my own")
    assert (mine.parent, mine.state) == (None, "queued")
    original = await store.documents.original(OWNER, mine.id)
    assert original is not None
    assert original.read_text() == "my own"
    assert await store.documents.index(mine.id, mine.content_hash, passages("my own")) is not None
    assert await store.check() == ()
    await mailbox(store, part("2", "second"), content="two")
    assert await paths(store) == ["x.mbox", "x.mbox#1", "x.mbox#2"]


async def test_the_original_of_a_document_that_a_part_replaces_goes_with_it(store: Sqlite) -> None:
    await _put(store, "x.mbox#1", "my own")
    await mailbox(store, part("1", "first"))
    assert await store.check() == ()
    await _put(store, "y.mbox#1", "my own")
    box = await store.documents.find(OWNER, "default", "x.mbox")
    assert box is not None
    await store.documents.rename(OWNER, box.id, "y.mbox")
    assert await paths(store) == ["y.mbox", "y.mbox#1"]
    assert await store.check() == ()


async def _put(store: Sqlite, path: str, text: str) -> Document:
    content = store.documents.temporary()
    content.write_text(text)
    return await store.documents.put(new(path, text), content)


async def test_what_was_given_comes_before_what_was_read(store: Sqlite) -> None:
    given = await store.documents.put(new("/n/a.md", "x", title="Mine", kind="", metadata={"a": 1}))
    plain = await store.documents.put(new("/n/b.md", "x", kind="", date=3.0))
    assert plain.title == "b.md"
    about = About("markdown", "Its own", 9.0, {"a": 2, "b": 3})
    first = await store.documents.index(given.id, given.content_hash, passages("x"), about)
    second = await store.documents.index(plain.id, plain.content_hash, passages("x"), about)
    assert first is not None
    assert second is not None
    assert (first.title, first.kind, first.metadata) == ("Mine", "markdown", {"a": 1, "b": 3})
    assert (second.title, second.date) == ("Its own", 9.0)
    again = await store.documents.put(new("/n/b.md", "x", kind="", date=4.0))  # touched, nothing more
    assert (again.title, again.date, again.kind, again.state) == ("Its own", 9.0, "markdown", "searchable")


async def test_another_way_to_cut_queues_everything_once(store: Sqlite) -> None:
    await mailbox(store, part("1", "first"))
    await add(store, "a.txt", "note")
    assert await store.documents.requeue("2") == 2
    assert await store.documents.requeue("2") == 0
    assert [one.path for one in await store.documents.claim(10)] == ["x.mbox", "a.txt"]
    assert await texts_of(store, "first") == ["first"]  # which answers meanwhile


async def test_claims_are_bounded_by_size(store: Sqlite) -> None:
    await store.documents.put(new("large", "x", size=100))
    await store.documents.put(new("small", "y", size=10))
    assert [one.path for one in await store.documents.claim(5, at_most=10)] == ["small"]
    assert [one.path for one in await store.documents.claim(5, over=10)] == ["large"]
