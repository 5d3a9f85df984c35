"""What `mecum.store.index.VectorIndex` promises."""

from __future__ import annotations

import numpy as np
import pytest
from tests.store.library import ALL, DIMENSION, EMBEDDER, OWNER, add, embed, new, passages, unit, vector, with_vectors

from mecum.errors import StoreError
from mecum.store.sqlite import Sqlite
from mecum.store.values import Filter, Stamp


async def test_a_document_is_ready_when_all_its_vectors_are_there_and_not_before(store: Sqlite) -> None:
    await store.vectors.use(EMBEDDER, DIMENSION)
    document = await add(store, "a.txt", "one", "two")
    texts = await store.vectors.missing(EMBEDDER, 10)
    assert [text.text for text in texts] == ["one", "two"]
    for text, done in zip(texts, ((), (document.id,)), strict=True):
        assert await store.vectors.stage(EMBEDDER, [text.hash], unit([vector(text.text)])) == 1
        published = await store.vectors.publish(EMBEDDER, [text.hash])
        assert tuple(one.id for one in published) == done
        assert await with_vectors(store) == [*done, *done]
    found = await store.documents.get(OWNER, document.id)
    assert found is not None
    assert found.state == "ready"
    assert await store.vectors.missing(EMBEDDER, 10) == ()


async def test_the_same_text_is_embedded_once(store: Sqlite) -> None:
    await add(store, "a.txt", "same", "same", "own")
    assert await embed(store) == 2
    assert (await add(store, "b.txt", "same")).state == "ready"
    document = await store.documents.put(new("a.txt", "changed"))
    again = await store.documents.index(document.id, document.content_hash, passages("own", "same", "fresh"))
    assert again is not None
    assert again.state == "searchable"
    assert [text.text for text in await store.vectors.missing(EMBEDDER, 10)] == ["fresh"]


async def test_vectors_of_a_text_that_is_gone_are_not_kept(store: Sqlite) -> None:
    await store.vectors.use(EMBEDDER, DIMENSION)
    document = await add(store, "a.txt", "one")
    (text,) = await store.vectors.missing(EMBEDDER, 10)
    await store.documents.delete(OWNER, [document.id])
    assert await store.vectors.stage(EMBEDDER, [text.hash], unit([vector("one")])) == 0


async def test_vectors_come_back_as_they_went_in(store: Sqlite) -> None:
    await add(store, "a.txt", "one", "two", date=3.0)
    await add(store, "b.txt", "three")
    await embed(store)
    changes = await store.vectors.changes(None, 0)
    expected = np.stack([vector(EMBEDDER + text) for text in ("one", "two", "three")])
    assert np.abs(changes.vectors.astype(np.float32) - expected).max() < 1e-3
    assert changes.dates[:2].tolist() == [3.0, 3.0]
    assert np.isnan(changes.dates[2])
    assert len(set(changes.documents.tolist())) == 2


async def test_changes_tell_what_is_void_and_what_is_new(store: Sqlite) -> None:
    first = await add(store, "a.txt", "one")
    await embed(store)
    start = await store.vectors.changes(None, 0)
    assert start.whole
    second = await add(store, "b.txt", "two")
    await embed(store)
    await store.documents.delete(OWNER, [first.id])
    then = await store.vectors.changes(EMBEDDER, start.seq)
    assert not then.whole
    assert set(start.documents.tolist()) <= set(then.dropped)
    found = await store.keywords.found([int(key) for key in then.passages], ALL)
    assert [one.passage.document_id for one in found] == [second.id]
    quiet = await store.vectors.changes(EMBEDDER, then.seq)
    assert (quiet.seq, quiet.dropped, quiet.passages.size) == (then.seq, (), 0)


async def test_another_embedder_builds_beside_the_old_one_and_takes_over_at_once(store: Sqlite) -> None:
    document = await add(store, "a.txt", "one")
    await add(store, "b.txt", "two")
    await embed(store)
    assert await store.vectors.use("toy-2", 4) == Stamp(EMBEDDER, DIMENSION, "toy-2")
    assert not await store.vectors.swap("toy-2")  # nothing is there yet
    assert (await store.documents.counts(OWNER)).without_vector == 2
    assert (await store.vectors.changes(EMBEDDER, 0)).vectors.shape == (2, DIMENSION)
    await embed(store, "toy-2", dimension=4)
    assert (await store.vectors.changes(EMBEDDER, 0)).vectors.shape == (2, DIMENSION)
    assert await store.vectors.swap("toy-2")
    assert await store.vectors.stamp() == Stamp("toy-2", 4, None)
    changes = await store.vectors.changes(EMBEDDER, 5)
    assert (changes.identity, changes.whole, changes.vectors.shape) == ("toy-2", True, (2, 4))
    found = await store.documents.get(OWNER, document.id)
    assert found is not None
    assert found.state == "ready"


async def test_what_came_while_another_embedder_built_is_in_both_indexes(store: Sqlite) -> None:
    await add(store, "a.txt", "one")
    await embed(store)
    await embed(store, "toy-2", dimension=4)
    late = await add(store, "late.txt", "late")
    assert late.state == "searchable"
    assert not await store.vectors.swap("toy-2")
    await embed(store, "toy-2", dimension=4)
    assert await store.vectors.swap("toy-2")
    found = await store.documents.get(OWNER, late.id)
    assert found is not None
    assert found.state == "ready"


async def test_turning_back_to_the_old_embedder_drops_the_half_built_index(store: Sqlite) -> None:
    await add(store, "a.txt", "one")
    await embed(store)
    await embed(store, "toy-2", dimension=4)
    assert await store.vectors.use(EMBEDDER, DIMENSION) == Stamp(EMBEDDER, DIMENSION, None)
    assert len(await with_vectors(store)) == 1
    with pytest.raises(StoreError):
        await store.vectors.missing("toy-2", 1)


async def test_vectors_of_another_size_are_refused(store: Sqlite) -> None:
    await store.vectors.use(EMBEDDER, DIMENSION)
    await add(store, "a.txt", "one")
    (text,) = await store.vectors.missing(EMBEDDER, 1)
    with pytest.raises(ValueError, match="8 numbers"):
        await store.vectors.stage(EMBEDDER, [text.hash], unit([[1, 2, 3]]))


async def test_keys_follow_the_filter(store: Sqlite) -> None:
    await add(store, "notes/a.md", "one", kind="md")
    await add(store, "b.txt", "two", collection="work")
    assert (await store.vectors.keys(ALL)).size == 2
    assert (await store.vectors.keys(Filter(OWNER, collections=("work",)))).size == 1
    assert (await store.vectors.keys(Filter(OWNER, path_prefix="notes/", kinds=("md",)))).size == 1
