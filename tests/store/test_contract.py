"""What `mecum.store.base` promises of documents and keywords, on the store that is built in."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.library import ALL, OWNER, add, embed, new, passages, sha, texts_of, with_vectors

from mecum.errors import InvalidRequest
from mecum.store.sqlite import Sqlite
from mecum.store.values import Facets, Failure, Filter, NewPassage


async def test_a_new_document_is_queued_and_has_an_id_nobody_guesses(store: Sqlite) -> None:
    document = await store.documents.put(new("a.txt", "hello", title="A", size=5, metadata={"x": [1]}, date=7.5))
    assert document.state == "queued"
    assert len(document.id) == 32  # hex digits: 128 random bits
    assert (document.title, document.size, document.metadata, document.date) == ("A", 5, {"x": [1]}, 7.5)
    assert await store.documents.get(OWNER, document.id) == document
    assert await store.documents.find(OWNER, "default", "a.txt") == document


async def test_the_same_content_again_changes_nothing(store: Sqlite) -> None:
    first = await add(store, "a.txt", "hello")
    again = await store.documents.put(new("a.txt", "hello"))
    assert (again.id, again.state, again.passages) == (first.id, "searchable", 1)


async def test_new_content_keeps_the_id_and_answers_with_the_old_until_it_is_indexed(store: Sqlite) -> None:
    first = await add(store, "a.txt", "old words")
    queued = await store.documents.put(new("a.txt", "new words"))
    assert (queued.id, queued.state) == (first.id, "queued")
    assert await texts_of(store, "old") == ["old words"]
    await store.documents.index(queued.id, queued.content_hash, passages("new words"))
    assert await texts_of(store, "old") == []
    assert await texts_of(store, "new") == ["new words"]


async def test_a_result_for_content_that_is_no_longer_there_is_dropped(store: Sqlite) -> None:
    first = await store.documents.put(new("a.txt", "one"))
    await store.documents.put(new("a.txt", "two"))
    assert await store.documents.index(first.id, first.content_hash, passages("one")) is None
    assert await store.documents.fail(first.id, first.content_hash, Failure("x", "x")) is None
    assert await store.documents.index("0" * 32, sha("one"), passages("one")) is None
    assert await store.keywords.size() == 0


async def test_unchanged_passages_keep_their_ids_and_order_follows_the_text(store: Sqlite) -> None:
    first = await add(store, "a.txt", "same", "same", "first", "second")
    before = {one.text: one.id for one in await store.documents.passages(OWNER, first.id)}
    document = await store.documents.put(new("a.txt", "changed"))
    await store.documents.index(document.id, document.content_hash, passages("zero", "second", "first", "same"))
    after = await store.documents.passages(OWNER, first.id)
    assert [one.text for one in after] == ["zero", "second", "first", "same"]
    assert [one.position for one in after] == [0, 1, 2, 3]
    assert {one.id for one in after if one.text in ("first", "second")} == {before["first"], before["second"]}
    assert [one.text for one in await store.documents.passages(OWNER, first.id, start=1, limit=2)] == ["second", "first"]


async def test_a_passage_keeps_its_place_and_its_surroundings(store: Sqlite) -> None:
    document = await store.documents.put(new("a.pdf", "x", date=5.0))
    part = NewPassage("text", "text results", context="§ Results", place={"page": 4, "heading": "Results"}, date=9.0)
    await store.documents.index(document.id, document.content_hash, [part, *passages("more")])
    first, second = await store.documents.passages(OWNER, document.id)
    assert (first.context, first.place, first.date) == ("§ Results", {"page": 4, "heading": "Results"}, 9.0)
    assert await store.documents.passage(OWNER, first.id) == first
    found = await store.keywords.around([(document.id, 0), (document.id, 1), (document.id, 2)], ALL)
    assert [(one.passage, one.date) for one in found] == [(first, 9.0), (second, 5.0)]


async def test_a_deleted_document_answers_no_more(store: Sqlite) -> None:
    document = await add(store, "a.txt", "words")
    await embed(store)
    keys = [match.key for match in await store.keywords.matching(["words"], ALL, 5)]
    assert await store.documents.delete(OWNER, [document.id, document.id, "0" * 32]) == 1
    assert await store.documents.get(OWNER, document.id) is None
    assert await store.keywords.matching(["words"], ALL, 5) == ()
    assert await store.keywords.found(keys, ALL) == ()  # also where the hit was found before
    assert await with_vectors(store) == []


async def test_no_text_and_failures_say_why_and_have_no_passages(store: Sqlite) -> None:
    empty = await add(store, "empty.txt")
    assert empty.state == "no_text"
    broken = await add(store, "broken.pdf", "words")
    failed = await store.documents.fail(broken.id, broken.content_hash, Failure("broken_file", "It cannot be read."))
    assert failed is not None
    assert (failed.state, failed.error, failed.passages) == ("failed", Failure("broken_file", "It cannot be read."), 0)
    assert await texts_of(store, "words") == []
    again = await store.documents.put(new("broken.pdf", "words"))  # a second try of the same bytes
    assert (again.state, again.error) == ("queued", None)


async def test_claims_are_in_order_and_come_back_after_a_crash(store: Sqlite) -> None:
    ids = [(await store.documents.put(new(f"{number}.txt", str(number)))).id for number in range(3)]
    assert [one.id for one in await store.documents.claim(2)] == ids[:2]
    assert [one.id for one in await store.documents.claim(2)] == ids[2:]
    assert await store.documents.claim() == ()
    assert await store.documents.unclaim() == 3
    assert [(one.id, one.state) for one in await store.documents.claim(3)] == [(one, "processing") for one in ids]


async def test_a_rename_keeps_id_text_and_vectors_and_replaces_what_was_there(store: Sqlite) -> None:
    document = await add(store, "a.txt", "words")
    other = await add(store, "b.txt", "other")
    await embed(store)
    renamed = await store.documents.rename(OWNER, document.id, "b.txt")
    assert renamed is not None
    assert (renamed.id, renamed.path, renamed.state) == (document.id, "b.txt", "ready")
    assert await store.documents.get(OWNER, other.id) is None
    assert await store.vectors.missing("toy-1", 10) == ()
    assert await with_vectors(store) == [document.id]
    assert await store.documents.rename(OWNER, "0" * 32, "c.txt") is None


async def test_everything_by_id_is_somebodys_own(store: Sqlite) -> None:
    document = await add(store, "a.txt", "words")
    passage = (await store.documents.passages(OWNER, document.id))[0]
    stranger, theirs = "eve", Filter("eve")
    keys = [match.key for match in await store.keywords.matching(["words"], ALL, 5)]
    assert await store.documents.get(stranger, document.id) is None
    assert await store.documents.find(stranger, "default", "a.txt") is None
    assert await store.documents.passages(stranger, document.id) == ()
    assert await store.documents.passage(stranger, passage.id) is None
    assert await store.documents.original(stranger, document.id) is None
    assert await store.documents.rename(stranger, document.id, "b.txt") is None
    assert await store.documents.delete(stranger, [document.id]) == 0
    assert (await store.documents.list(theirs)).total == 0
    assert (await store.documents.counts(stranger)).documents == {}
    assert await store.documents.facets(stranger) == Facets({}, {})
    assert await store.keywords.matching(["words"], theirs, 5) == ()
    assert await store.keywords.found(keys, theirs) == ()
    assert await store.keywords.around([(document.id, 0)], theirs) == ()
    assert (await store.vectors.keys(theirs)).size == 0
    assert (await add(store, "a.txt", "words", owner=stranger)).id != document.id
    assert await texts_of(store, "words") == ["words"]  # one's own, though both match


async def test_facets_are_counted_by_collection_and_by_kind(store: Sqlite) -> None:
    await add(store, "a.txt", "one")
    await add(store, "b.md", "two", kind="markdown")
    await add(store, "c.txt", "three", collection="garden")
    assert await store.documents.facets(OWNER) == Facets({"default": 2, "garden": 1}, {"markdown": 1, "txt": 2})


async def test_lists_have_pages_filters_and_a_total(store: Sqlite) -> None:
    for number in range(7):
        await add(store, f"notes/{number}.md", f"text {number}", kind="md", date=float(number))
    await add(store, "x.pdf", "text", kind="pdf", collection="work")
    first = await store.documents.list(ALL, limit=5)
    second = await store.documents.list(ALL, limit=5, cursor=first.next_cursor)
    assert [one.path for one in (*first.items, *second.items)] == [*(f"notes/{number}.md" for number in range(7)), "x.pdf"]
    assert (first.total, second.next_cursor) == (8, None)
    for where, number in (
        (Filter(OWNER, collections=("work",)), 1),
        (Filter(OWNER, path_prefix="notes/"), 7),
        (Filter(OWNER, path_prefix="notes/%"), 0),
        (Filter(OWNER, kinds=("pdf", "docx")), 1),
        (Filter(OWNER, since=2.0, until=4.0), 3),
    ):
        assert (await store.documents.list(where)).total == number
        assert len(await texts_of(store, "text", where=where)) == number
    assert (await store.documents.list(ALL, states=("failed",))).items == ()
    with pytest.raises(InvalidRequest):
        await store.documents.list(ALL, cursor="no%cursor")


COMPOSED, APART = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))  # as keyboards and macOS spell it


@pytest.mark.parametrize("name", [COMPOSED, APART])
async def test_a_filter_finds_every_spelling_of_a_name_unless_it_is_exact(store: Sqlite, name: str) -> None:
    await add(store, f"{COMPOSED}/a.txt", "text one", collection=COMPOSED)
    await add(store, f"{APART}/b.txt", "text two", collection=APART)
    await add(store, "Muller/c.txt", "text three", collection="Muller")
    await embed(store)
    for where in (Filter(OWNER, collections=(name,)), Filter(OWNER, path_prefix=f"{name}/")):
        assert (await store.documents.list(where)).total == 2
        assert set(await texts_of(store, "text", where=where)) == {"text one", "text two"}
        assert (await store.vectors.keys(where)).size == 2
        only = replace(where, exact=True)
        assert await texts_of(store, "text", where=only) == ["text one" if name == COMPOSED else "text two"]


async def test_under_takes_another_spelling_where_there_is_nothing_in_that_one(store: Sqlite) -> None:
    apart = await add(store, f"{APART}/a.txt", "one", collection=APART)
    assert await store.documents.under(OWNER, COMPOSED, COMPOSED) == (apart.id,)
    assert await store.documents.under(OWNER, f"{COMPOSED}/a.txt") == (apart.id,)
    composed = await add(store, f"{COMPOSED}/b.txt", "two")
    assert await store.documents.under(OWNER, COMPOSED) == (composed.id,)
    assert await store.documents.under(OWNER, APART) == (apart.id,)


async def test_a_filter_finds_what_others_matches_would_crowd_out(store: Sqlite) -> None:
    await add(store, "all.txt", *(f"apple apple apple {number}" for number in range(100)))
    await add(store, "mine.txt", "an apple among many other words that make it a worse match", collection="mine")
    assert len(await texts_of(store, "apple", where=Filter(OWNER, collections=("mine",)))) == 1


async def test_more_and_rarer_words_rank_higher(store: Sqlite) -> None:
    await add(store, "a.txt", "common word here", "common rare here", "common thing here", "nothing of it")
    assert await texts_of(store, "common", "rare") == ["common rare here", "common word here", "common thing here"]
    assert dict(await store.keywords.frequencies(["common", "rare", "absent"])) == {"common": 3, "rare": 1, "absent": 0}


@pytest.mark.parametrize("token", ['"', "AND", "NEAR(", "a*", "'; DROP TABLE documents; --", "\x00", "-x"])
async def test_no_token_is_taken_for_syntax(store: Sqlite, token: str) -> None:
    await add(store, "a.txt", "words")
    assert await texts_of(store, token, "words") == ["words"]


async def test_keywords_are_made_anew_for_another_tokeniser(store: Sqlite) -> None:
    await add(store, "a.txt", "Hello There")
    assert await store.keywords.stamp() is None
    assert await store.keywords.rebuild("2", lambda text: text.strip()[::-1].lower()) == 1
    assert await store.keywords.stamp() == "2"
    assert await texts_of(store, "olleh") == ["Hello There"]
    assert await texts_of(store, "hello") == []


async def test_originals_are_kept_once_and_go_with_their_last_document(store: Sqlite, tmp_path: Path) -> None:
    async def put(path: str, text: str) -> str:
        (tmp_path / "upload").write_text(text)
        return (await store.documents.put(new(path, text), tmp_path / "upload")).id

    first, second = await put("a.txt", "bytes"), await put("b.txt", "bytes")
    original = await store.documents.original(OWNER, first)
    assert original is not None
    assert original.read_text() == "bytes"
    assert original.stat().st_mode & 0o777 == 0o600
    assert original == await store.documents.original(OWNER, second)
    await store.documents.delete(OWNER, [first])
    assert original.exists()
    assert await put("b.txt", "other bytes") == second
    assert not original.exists()
    assert not (tmp_path / "upload").exists()


async def test_a_word_that_was_asked_for_in_vain_is_found_once_it_is_there(store: Sqlite) -> None:
    for number in range(20):
        await add(store, f"{number}.txt", "words")
    assert await store.keywords.frequencies(["mild"]) == {"mild": 0}
    await add(store, "new.txt", "mild")
    assert await store.keywords.frequencies(["mild"]) == {"mild": 1}


@pytest.mark.parametrize(
    "cursor", ["x", "WyJhIiwgMWUyMF0", "WyJhIiwgLTFd", "WzEsIDFd", "WyJhIiwgOTIyMzM3MjAzNjg1NDc3NTgwOF0", "bnVsbA"]
)
async def test_a_made_up_cursor_is_refused(store: Sqlite, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        await store.documents.list(ALL, cursor=cursor)
