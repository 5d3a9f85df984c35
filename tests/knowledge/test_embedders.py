"""One embedder takes the place of another: the old index answers meanwhile, and a server that is down is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.engine.embedder.vectors import embedding
from tests.knowledge.libraries import ANN, add, opened, put

from mecum.engine.embedder.base import Embedded, Kind, Vectors
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.engine.embedder.upstream import UpstreamEmbedder
from mecum.knowledge import speakers
from mecum.knowledge.library import Library
from mecum.knowledge.speakers import Speakers
from mecum.settings.schema import LibrarySettings
from mecum.store.sqlite import Sqlite
from mecum.types import Query

NOTES = {"fox.md": "The red fox sleeps in its den.", "whale.md": "The blue whale sings in the sea."}


class Held(ScriptedEmbedder):
    """An embedder that waits to be let go before it embeds passages, and remembers its questions."""

    def __init__(self, identity: str, dimension: int = 64) -> None:
        super().__init__(identity=identity, dimension=dimension)
        self.go = asyncio.Event()
        self.asked: list[str] = []
        self.closed = False

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        await self.go.wait()
        return await super().embed_passages(texts)

    async def embed_query(self, text: str) -> Vectors:
        self.asked.append(text)
        return await super().embed_query(text)

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


class Slow(Held):
    """One that embeds no text but questions until it is let go."""

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        await self.go.wait()
        return await super().embed(texts, kind)


async def fill(home: Path) -> None:
    async with opened(home) as library:
        for path, text in NOTES.items():
            await add(library, path, text)


async def found(library: Library, question: str = "red fox") -> tuple[str, list[str]]:
    retrieval = await library.search(Query(text=question, min_score=0.0), ANN)
    return retrieval.mode, [hit.path for hit in retrieval.hits]


async def test_the_old_index_answers_until_the_new_one_is_whole(tmp_path: Path) -> None:
    await fill(tmp_path)
    new, old, stranger = Held("scripted-2", 32), Held("scripted-1"), Held("scripted-3")
    async with opened(tmp_path, new, others=lambda: [stranger, old]) as library:
        assert await found(library) == ("hybrid", ["fox.md", "whale.md"])
        assert old.asked[0] == "red fox"
        assert stranger.closed
        assert not old.closed
        counts = await library.counts(ANN)
        assert (counts.rebuilding, counts.without_vector, counts.passages) == (True, 2, 2)
        late = await put(library, "late.md", "A late red fox.")
        new.go.set()
        await library.wait([late.id], ANN, until="ready", timeout=60)
        await library.settled()
        assert not (await library.counts(ANN)).rebuilding
        assert old.closed
        mode, paths = await found(library)
        assert (mode, paths[-1]) == ("hybrid", "whale.md")
        assert new.asked[0] == "red fox"


async def test_the_files_of_other_embedders_are_read_in_a_thread(tmp_path: Path) -> None:
    await fill(tmp_path)
    new, old = Held("scripted-2", 32), Held("scripted-1")
    looked_in: list[threading.Thread] = []

    def others() -> list[Held]:
        looked_in.append(threading.current_thread())
        return [old]

    async with opened(tmp_path, new, others=others) as library:
        assert (await found(library))[0] == "hybrid"
        new.go.set()
        assert looked_in
        assert threading.main_thread() not in looked_in


async def test_without_the_old_embedder_keywords_answer_until_the_new_index_is_whole(tmp_path: Path) -> None:
    await fill(tmp_path)
    new = Held("scripted-2", 32)
    async with opened(tmp_path, new) as library:
        assert (await found(library))[0] == "keyword"
        new.go.set()
        await library.settled()
        assert (await found(library))[0] == "hybrid"


async def test_a_switch_back_before_the_new_index_is_whole_costs_nothing(tmp_path: Path) -> None:
    await fill(tmp_path)
    library = Library(Sqlite(tmp_path), Held("scripted-2", 32))
    await library.start()
    assert (await library.counts(ANN)).rebuilding
    await library.aclose()
    old = Held("scripted-1")
    async with opened(tmp_path, old) as library:
        assert (await found(library))[0] == "hybrid"
        counts = await library.counts(ANN)
        assert (counts.rebuilding, counts.without_vector) == (False, 0)
        old.go.set()


async def test_a_server_that_is_down_is_waited_for_and_nothing_is_lost(tmp_path: Path) -> None:
    gone = contextlib.AsyncExitStack()
    where, _ = await gone.enter_async_context(embedding())
    embedder = UpstreamEmbedder(LibrarySettings(embedder_url=f"{where.url}/v1"), retry=0.05)
    async with opened(tmp_path, embedder) as library:
        await add(library, "fox.md", NOTES["fox.md"])
        assert (await found(library))[0] == "hybrid"
        await gone.aclose()
        whale = await put(library, "whale.md", NOTES["whale.md"])
        (whale,) = await library.wait([whale.id], ANN, until="searchable", timeout=60)
        assert await found(library, "blue whale") == ("keyword", ["whale.md"])
        (whale,) = await library.wait([whale.id], ANN, until="ready", timeout=60)  # searchable is as far as it gets
        assert whale.state == "searchable"
        async with embedding(port=where.port):
            await embedder.usable()
            (whale,) = await library.wait([whale.id], ANN, until="ready", timeout=60)
            assert whale.state == "ready"
            assert await found(library, "blue whale") == ("hybrid", ["whale.md", "fox.md"])


async def test_a_server_that_is_down_at_the_start_leaves_the_old_index_as_it_is(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with embedding() as (where, _):
        url, port = f"{where.url}/v1", where.port
    embedder = UpstreamEmbedder(LibrarySettings(embedder_url=url), retry=0.05)
    old = Held("scripted-1")
    async with opened(tmp_path, embedder, others=lambda: [old]) as library:
        assert (await found(library))[0] == "hybrid"
        assert not (await library.counts(ANN)).rebuilding
        async with embedding(port=port):
            await embedder.usable()
            await library.settled()
            assert (await found(library))[0] == "hybrid"
            assert old.closed


@pytest.mark.parametrize("shift", [0.0, 0.6])
async def test_what_is_near_is_measured_of_each_embedder(tmp_path: Path, shift: float) -> None:
    """All vectors of a server lie near each other, or not: what has nothing to do with the question is told all the same."""

    def vector(text: str) -> list[float]:
        values = [0.0] * 512
        for word in text.lower().replace(".", "").replace("?", "").split():
            values[sum(ord(c) * (n + 1) * 131 for n, c in enumerate(word)) % 511] += 1.0
        length = sum(value * value for value in values) ** 0.5 or 1.0
        return [value / length * (1 - shift) ** 0.5 for value in values[:-1]] + [shift**0.5]

    async with embedding(vector=vector) as (where, _):
        embedder = UpstreamEmbedder(LibrarySettings(embedder_url=f"{where.url}/v1"))
        async with opened(tmp_path, embedder) as library:
            for path, text in NOTES.items():
                await add(library, path, text)
            hit = await library.search(Query(text="Where does the red fox sleep?"), ANN)
            miss = await library.search(Query(text="Which train leaves Vienna at noon tomorrow?"), ANN)
            assert hit.mode == miss.mode == "hybrid"
            assert [one.path for one in hit.hits][:1] == ["fox.md"]
            assert miss.status == "empty"


async def test_sentences_are_waited_for_a_little_and_not_as_long_as_work_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speakers, "PATIENCE", 0.05)
    slow = Slow("scripted-1")
    await slow.start()
    assert await Speakers(Sqlite(tmp_path), slow).sentences(["The fox sleeps."], "scripted-1") is None
    slow.go.set()
    assert await Speakers(Sqlite(tmp_path), slow).sentences(["The fox sleeps."], "scripted-1") is not None


async def test_the_vectors_of_sentences_are_remembered_and_are_those_of_the_index(tmp_path: Path) -> None:
    class Counted(Held):
        passages = 0

        async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
            self.passages += len(texts)
            assert kind == "passage"
            return await super().embed(texts, kind)

    store, new, old = Sqlite(tmp_path), Counted("scripted-2", 32), Counted("scripted-1")
    for one in (new, old):
        one.go.set()
        await one.start()
    both = Speakers(store, new)
    both.former = old
    texts = ["The fox sleeps.", "The whale sings.", "The fox sleeps."]
    for _ in range(2):
        rows = await both.sentences(texts, "scripted-1")
        assert rows is not None
        assert (rows.shape, new.passages, old.passages) == ((3, 64), 0, 2)
        assert (rows[0] == rows[2]).all()
    assert await both.sentences(texts, "scripted-3") is None
    await old.aclose()
    assert await both.sentences(["Another."], "scripted-1") is None
    assert (await both.sentences(texts, "scripted-1")) is not None
